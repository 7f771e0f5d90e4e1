//! Listing, describing and deleting enrolled faces.

use axum::http::Method;
use serde_json::{Value, json};

use super::Door;

const E0: [f32; 4] = [1.0, 0.0, 0.0, 0.0];

fn ids(page: &Value) -> Vec<String> {
    let faces = page["faces"].as_array().unwrap();
    faces.iter().map(|face| face["external_face_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_face_is_described_listed_counted_and_deleted() {
    let door = Door::new();
    door.create("acme", "c").await;
    let face_id = door.enroll("acme", "c", E0, "anna", Some("a.jpg")).await;
    let path = format!("/api/v2/collections/c/faces/{face_id}");
    let face = json!({
        "face_id": face_id.to_string(),
        "external_image_id": "a.jpg",
        "external_face_id": "anna",
        "bounding_box": null,
        "attributes": {},
    });
    assert_eq!(door.get(&path).await.ok(200), face);
    let listed = door.get("/api/v2/collections/c/faces").await.ok(200);
    assert_eq!(listed, json!({ "faces": [face], "next_cursor": null }));
    assert_eq!(door.get("/api/v2/collections/c").await.ok(200)["face_count"], 1);
    let deleted = door.call(Method::DELETE, &path).await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    door.call(Method::DELETE, &path).await.error(404, "face_not_found");
    door.get(&path).await.error(404, "face_not_found");
    assert_eq!(door.get("/api/v2/collections/c").await.ok(200)["face_count"], 0);
}

#[tokio::test]
async fn a_face_is_found_in_its_own_collection_only() {
    let door = Door::new();
    door.create("acme", "c").await;
    door.create("acme", "d").await;
    let face_id = door.enroll("acme", "c", E0, "anna", None).await;
    door.get(&format!("/api/v2/collections/d/faces/{face_id}")).await.error(404, "face_not_found");
    let elsewhere = format!("/api/v2/collections/x/faces/{face_id}");
    door.get(&elsewhere).await.error(404, "collection_not_found");
}

#[tokio::test]
async fn a_face_id_that_is_none_is_refused_by_name() {
    let door = Door::new();
    door.create("acme", "c").await;
    let bad = ["x", "f_", "f_01ARZ3NDEKTSV4RRFFQ69G5FAVX", "..%2F..%2Fetc", "%00", "f_1%27--"];
    for id in bad {
        let face = format!("/api/v2/collections/c/faces/{id}");
        let search = format!("/api/v2/collections/c/search-by-face/{id}");
        for (method, path) in
            [(Method::GET, &face), (Method::DELETE, &face), (Method::POST, &search)]
        {
            let message = door.call(method, path).await.error(400, "invalid_parameter");
            assert!(message.starts_with("face_id "), "{message}");
        }
    }
}

#[tokio::test]
async fn pages_show_every_face_once_oldest_first() {
    let door = Door::new();
    door.create("acme", "c").await;
    for number in 0..5 {
        door.enroll("acme", "c", E0, &number.to_string(), None).await;
    }
    let mut seen = Vec::new();
    let mut path = "/api/v2/collections/c/faces?limit=2".to_owned();
    loop {
        let page = door.get(&path).await.ok(200);
        seen.extend(ids(&page));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/v2/collections/c/faces?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["0", "1", "2", "3", "4"]);
}

#[tokio::test]
async fn a_page_of_faces_goes_on_behind_its_cursor_whatever_came_and_went() {
    let door = Door::new();
    door.create("acme", "c").await;
    let mut face_ids = Vec::new();
    for number in 0..4 {
        face_ids.push(door.enroll("acme", "c", E0, &number.to_string(), None).await);
    }
    let first = door.get("/api/v2/collections/c/faces?limit=2").await.ok(200);
    assert_eq!(ids(&first), ["0", "1"]);
    for gone in &face_ids[1..3] {
        door.call(Method::DELETE, &format!("/api/v2/collections/c/faces/{gone}")).await;
    }
    door.enroll("acme", "c", E0, "4", None).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let path = format!("/api/v2/collections/c/faces?cursor={cursor}");
    assert_eq!(ids(&door.get(&path).await.ok(200)), ["3", "4"]);
}

#[tokio::test]
async fn faces_can_be_listed_by_their_image() {
    let door = Door::new();
    door.create("acme", "c").await;
    let images =
        [("0", Some("a b/ü.jpg")), ("1", None), ("2", Some("a b/ü.jpg")), ("3", Some("x"))];
    for (face, image) in images {
        door.enroll("acme", "c", E0, face, image).await;
    }
    let list = "/api/v2/collections/c/faces?external_image_id=";
    let page = door.get(&format!("{list}a+b%2F%C3%BC.jpg&limit=1")).await.ok(200);
    assert_eq!(ids(&page), ["0"]);
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = door.get(&format!("{list}a%20b/%C3%BC.jpg&cursor={cursor}")).await.ok(200);
    assert_eq!((ids(&page), &page["next_cursor"]), (vec!["2".to_owned()], &Value::Null));
    assert_eq!(ids(&door.get(&format!("{list}absent")).await.ok(200)), Vec::<String>::new());
    let message = door.get(list).await.error(400, "invalid_parameter");
    assert!(message.starts_with("external_image_id "), "{message}");
}
