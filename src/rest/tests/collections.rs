//! Creating, listing, describing and deleting collections.

use axum::http::Method;
use serde_json::{Value, json};

use super::Door;

fn names(page: &Value) -> Vec<String> {
    let collections = page["collections"].as_array().unwrap();
    collections.iter().map(|one| one["external_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_collection_lives_from_creation_to_deletion() {
    let door = Door::new();
    let path = "/api/v2/collections/users";
    door.get(path).await.error(404, "collection_not_found");
    door.create("acme", "users").await;
    let described = door.get(path).await.ok(200);
    let created_at = described["created_at"].as_str().unwrap().to_owned();
    assert_eq!(
        described,
        json!({
            "external_id": "users", "description": null, "face_count": 0, "created_at": created_at
        })
    );
    let date = chrono::DateTime::parse_from_rfc3339(&created_at).unwrap();
    assert!(date.timestamp() > 1_700_000_000);
    assert!(created_at.ends_with('Z') && created_at.len() == "2026-01-31T23:59:59.123456Z".len());
    let deleted = door.call(Method::DELETE, path).await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    door.call(Method::DELETE, path).await.error(404, "collection_not_found");
    door.get(path).await.error(404, "collection_not_found");
}

#[tokio::test]
async fn without_models_a_new_collection_is_refused_with_the_way_out() {
    let door = Door::new();
    let answer = door.post_json("/api/v2/collections", r#"{"external_id":"a"}"#).await;
    let message = answer.error(503, "model_unavailable");
    assert!(message.contains("likeness models install"), "{message}");
    assert!(!message.contains("/secret"), "{message}");
}

#[tokio::test]
async fn a_bad_collection_request_is_refused_before_models_are_asked_for() {
    let door = Door::new();
    let long = format!(r#"{{"external_id":"{}"}}"#, "x".repeat(121));
    let wordy = format!(r#"{{"external_id":"a","description":"{}"}}"#, "x".repeat(1001));
    let bodies = [
        ("external_id", r"{}"),
        ("external_id", r#"{"external_id":""}"#),
        ("external_id", r#"{"external_id":5}"#),
        ("external_id", r#"{"external_id":null}"#),
        ("external_id", r#"{"external_id":"a\u0000b"}"#),
        ("external_id", r#"{"external_id":"a","external_id":"b"}"#),
        ("external_id", r#"{"external_id":"."}"#),
        ("external_id", r#"{"external_id":".."}"#),
        ("external_id", long.as_str()),
        ("description", r#"{"external_id":"a","description":7}"#),
        ("description", wordy.as_str()),
        ("description", r#"{"external_id":"a","description":"abc\u0000def"}"#),
        ("description", r#"{"external_id":"a","description":"\u001b[2J"}"#),
        ("object", r#"["a","b"]"#),
        ("object", r#""a""#),
        ("object", "null"),
        ("object", ""),
        ("JSON", r#"{"external_id":"a""#),
        ("JSON", r#"{"external_id":"a"} x"#),
        ("JSON", "{\"external_id\":\"\u{0}\"}"),
    ];
    for (named, body) in bodies {
        let answer = door.post_json("/api/v2/collections", body.to_owned()).await;
        let message = answer.error(400, "invalid_parameter");
        assert!(message.contains(named), "{body} was refused with {message:?}");
        assert!(!message.contains("eserialize"), "{message}");
    }
}

#[tokio::test]
async fn ids_with_slashes_spaces_and_any_script_work_percent_encoded() {
    let door = Door::new();
    let ids = [
        ("a/b", "a%2Fb"),
        ("../x", "..%2Fx"),
        ("größe", "gr%C3%B6%C3%9Fe"),
        ("日本", "%E6%97%A5%E6%9C%AC"),
        ("a b+c", "a%20b+c"),
        ("100%", "100%25"),
        ("q?x=1#y", "q%3Fx%3D1%23y"),
        ("faces:detect", "faces:detect"),
    ];
    for (id, encoded) in ids {
        door.create("acme", id).await;
        let described = door.get(&format!("/api/v2/collections/{encoded}")).await.ok(200);
        assert_eq!(described["external_id"], id);
        let faces = door.get(&format!("/api/v2/collections/{encoded}/faces")).await.ok(200);
        assert_eq!(faces, json!({ "faces": [], "next_cursor": null }));
    }
    let refused = door.get("/api/v2/collections/%FF%FE").await.error(400, "invalid_parameter");
    assert_eq!(refused, "external_id is not UTF-8 text");
}

#[tokio::test]
async fn pages_show_every_collection_once_in_name_order() {
    let door = Door::new();
    for number in 0..7 {
        door.create("acme", &format!("c{number}")).await;
    }
    door.create("other", "c3x").await;
    let mut seen = Vec::new();
    let mut path = "/api/v2/collections?limit=3".to_owned();
    loop {
        let page = door.get(&path).await.ok(200);
        seen.extend(names(&page));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/v2/collections?limit=3&cursor={cursor}");
    }
    assert_eq!(seen, ["c0", "c1", "c2", "c3", "c4", "c5", "c6"]);
    let whole = door.get("/api/v2/collections").await.ok(200);
    assert_eq!(names(&whole), seen);
    assert_eq!(whole["next_cursor"], Value::Null);
    let exact = door.get("/api/v2/collections?limit=7").await.ok(200);
    assert_eq!(exact["next_cursor"], Value::Null);
}

#[tokio::test]
async fn a_page_goes_on_behind_its_cursor_whatever_came_and_went() {
    let door = Door::new();
    for name in ["b", "d", "f", "h"] {
        door.create("acme", name).await;
    }
    let first = door.get("/api/v2/collections?limit=2").await.ok(200);
    assert_eq!(names(&first), ["b", "d"]);
    // Before the cursor, at it, and behind it.
    door.create("acme", "a").await;
    door.call(Method::DELETE, "/api/v2/collections/d").await;
    door.create("acme", "e").await;
    door.call(Method::DELETE, "/api/v2/collections/f").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = door.get(&format!("/api/v2/collections?limit=9&cursor={cursor}")).await.ok(200);
    assert_eq!(names(&second), ["e", "h"]);
}

#[tokio::test]
async fn a_limit_or_cursor_that_makes_no_sense_is_refused_by_name() {
    let door = Door::new();
    door.create("acme", "c").await;
    for listing in ["/api/v2/collections", "/api/v2/collections/c/faces"] {
        for limit in ["0", "201", "-1", "1.5", "x", "", "99999999999999999999999", "1&limit=1"] {
            let message = door.get(&format!("{listing}?limit={limit}")).await;
            assert!(message.error(400, "invalid_parameter").starts_with("limit "));
        }
        for cursor in ["", "x", "AAAA", "%00", "AWM", "AXh4", "..%2F..", "'%20OR%201=1", "%F0%9F"] {
            let answer = door.get(&format!("{listing}?cursor={cursor}")).await;
            assert!(answer.error(400, "invalid_parameter").starts_with("cursor "));
        }
        door.get(&format!("{listing}?limit=200&unknown=1&unknown=2")).await.ok(200);
    }
}
