//! Searching by an enrolled face.

use axum::http::Method;
use serde_json::{Value, json};

use super::Door;

/// A unit vector at `degrees` from the first axis: cosines are cosines of angles.
fn at(degrees: f32) -> [f32; 4] {
    let (sin, cos) = degrees.to_radians().sin_cos();
    [cos, sin, 0.0, 0.0]
}

/// A collection with faces at growing angles from `probe`; returns the search path.
async fn collection(door: &Door) -> String {
    door.create("acme", "c").await;
    let probe = door.enroll("acme", "c", at(0.0), "probe", None).await;
    for degrees in [30, 10, 60, 20, 50] {
        door.enroll("acme", "c", at(degrees as f32), &degrees.to_string(), Some("p.jpg")).await;
    }
    format!("/api/v2/collections/c/search-by-face/{probe}")
}

async fn search(door: &Door, path: &str) -> Value {
    door.call(Method::POST, path).await.ok(200)
}

fn found(body: &Value) -> Vec<&str> {
    let matches = body["matches"].as_array().unwrap();
    matches.iter().map(|one| one["external_face_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_most_alike_come_first_and_the_probe_not_at_all() {
    let door = Door::new();
    let path = collection(&door).await;
    let body = search(&door, &path).await;
    // cos 50 degrees is 0.643, just below the default threshold of 0.65.
    assert_eq!(found(&body), ["10", "20", "30"]);
    assert_eq!(body["threshold"].to_string(), "0.65");
    assert_eq!(body["searched_face"], Value::Null);
    let first = &body["matches"][0];
    let similarity = first["similarity"].as_f64().unwrap();
    assert!((similarity - 0.9848).abs() < 1e-3, "{similarity}");
    let face_id = first["face_id"].as_str().unwrap();
    assert!(face_id.starts_with("f_"));
    assert_eq!(
        *first,
        json!({
            "face_id": face_id,
            "similarity": first["similarity"],
            "external_image_id": "p.jpg",
            "external_face_id": "10",
            "bounding_box": null,
        })
    );
}

#[tokio::test]
async fn threshold_and_max_results_come_from_the_query() {
    let door = Door::new();
    let path = collection(&door).await;
    let all = search(&door, &format!("{path}?threshold=0&max_results=100")).await;
    assert_eq!(found(&all), ["10", "20", "30", "50", "60"]);
    let two = search(&door, &format!("{path}?max_results=2")).await;
    assert_eq!(found(&two), ["10", "20"]);
    let strict = search(&door, &format!("{path}?threshold=0.93")).await;
    assert_eq!(found(&strict), ["10", "20"]);
    assert_eq!(strict["threshold"].to_string(), "0.93");
    assert_eq!(found(&search(&door, &format!("{path}?threshold=1")).await), Vec::<&str>::new());
}

#[tokio::test]
async fn bounds_that_make_no_sense_are_refused_by_name() {
    let door = Door::new();
    let path = collection(&door).await;
    for (name, values) in [
        ("max_results", ["0", "101", "-1", "1.5", "NaN", ""]),
        ("threshold", ["-0.1", "1.1", "NaN", "inf", "x", ""]),
    ] {
        for value in values {
            let answer = door.call(Method::POST, &format!("{path}?{name}={value}")).await;
            let message = answer.error(400, "invalid_parameter");
            assert!(message.starts_with(name), "{name}={value} was refused with {message:?}");
        }
        let twice = door.call(Method::POST, &format!("{path}?{name}=1&{name}=1")).await;
        twice.error(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn an_unknown_probe_is_not_found() {
    let door = Door::new();
    collection(&door).await;
    door.create("acme", "d").await;
    let foreign = door.enroll("acme", "d", at(0.0), "x", None).await;
    let path = format!("/api/v2/collections/c/search-by-face/{foreign}");
    door.call(Method::POST, &path).await.error(404, "face_not_found");
    let path = format!("/api/v2/collections/e/search-by-face/{foreign}");
    door.call(Method::POST, &path).await.error(404, "collection_not_found");
}
