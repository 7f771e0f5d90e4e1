//! Keys, roles and tenants.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;

use super::super::auth::Peer;
use super::{Answer, Door, form, request};
use crate::engine::Role;
use crate::engine::keyring::Tier;

async fn with_authorization(door: &Door, values: &[&str]) -> Answer {
    let mut request = Request::builder().uri("/api/v2/collections");
    for value in values {
        request = request.header("authorization", *value);
    }
    door.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn without_a_key_the_answer_says_that_one_is_missing() {
    let door = Door::new();
    let answer = with_authorization(&door, &[]).await;
    answer.error(401, "missing_api_key");
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"likeness\"");
}

#[tokio::test]
async fn whatever_is_no_usable_bearer_key_is_refused() {
    let door = Door::new();
    let key = door.key.clone();
    let values = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        key.clone(),
        format!("Basic {key}"),
        format!("Bearer {key}0"),
        format!("Bearer {}", &key[..key.len() - 1]),
        format!("Bearer {}", key.to_uppercase()),
        format!("Bearer iksk_live_{}", "0".repeat(48)),
        "Bearer ' OR 1=1 --".to_owned(),
    ];
    for value in &values {
        let answer = with_authorization(&door, &[value]).await;
        let message = answer.error(401, "invalid_api_key");
        assert_eq!(message, "Invalid or revoked API key", "{value:?}");
        assert!(answer.header("www-authenticate").contains("invalid_token"));
    }
    let good = format!("Bearer {key}");
    with_authorization(&door, &[&good, &good]).await.error(401, "invalid_api_key");
    assert_eq!(with_authorization(&door, &[&good]).await.status, 200);
    assert_eq!(with_authorization(&door, &[&format!("bearer  {key}")]).await.status, 200);
}

#[tokio::test]
async fn a_revoked_key_stops_working_at_once() {
    let door = Door::new();
    door.get("/api/v2/collections").await.ok(200);
    let id = door.keyring.list().unwrap()[0].id.clone();
    door.keyring.revoke(&id).unwrap();
    door.get("/api/v2/collections").await.error(401, "invalid_api_key");
}

#[tokio::test]
async fn the_keys_of_a_suspended_tenant_are_told_so_and_nobody_else_is() {
    let door = Door::new();
    let acme = "acme".parse().unwrap();
    door.keyring.suspend(&acme).unwrap();
    door.get("/api/v2/collections").await.error(403, "account_inactive");
    with_authorization(&door, &["Bearer wrong"]).await.error(401, "invalid_api_key");
    let other = door.new_key("other", Role::Read, Tier::Unlimited);
    let asked = request(Method::GET, "/api/v2/collections", &other).body(Body::empty()).unwrap();
    door.send(asked).await.ok(200);
    door.keyring.resume(&acme).unwrap();
    door.get("/api/v2/collections").await.ok(200);
}

#[tokio::test]
async fn whoever_keeps_trying_keys_has_to_wait_and_holders_of_keys_do_not() {
    let door = Door::new();
    let try_from = async |address: [u8; 4], key: &str| {
        let asked = request(Method::GET, "/api/v2/collections", key);
        let peer = Peer(IpAddr::from(address));
        door.send(asked.extension(peer).body(Body::empty()).unwrap()).await
    };
    let mine = [192, 0, 2, 1];
    for attempt in 0..30 {
        try_from(mine, &format!("{attempt:020}")).await.error(401, "invalid_api_key");
    }
    let answer = try_from(mine, "another").await;
    answer.error(429, "rate_limited");
    assert_eq!(answer.header("retry-after"), "61");
    try_from([192, 0, 2, 2], "another").await.error(401, "invalid_api_key");
    try_from(mine, &door.key).await.ok(200);
    door.now_ms.store(60_000, Ordering::Relaxed);
    try_from(mine, "another").await.error(401, "invalid_api_key");
}

#[tokio::test]
async fn a_key_file_that_cannot_be_read_is_a_failure_that_names_no_file() {
    let door = Door::new();
    let path = door.directory.path().join("keys.json");
    std::fs::write(&path, "{").unwrap();
    let message = door.get("/api/v2/collections").await.error(500, "internal_error");
    assert!(!message.contains("keys"), "{message}");
}

#[tokio::test]
async fn without_a_key_no_path_of_the_api_can_be_told_from_another() {
    let door = Door::new();
    for path in [
        "/api",
        "/api/",
        "/api/v1/session",
        "/api/v2",
        "/api/v2/",
        "/api/v2/nothing",
        "/api/v2/collections/x/faces",
        "/api/likeness/v1/nothing",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE, Method::OPTIONS] {
            let bare = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            door.send(bare).await.error(401, "missing_api_key");
        }
    }
}

#[tokio::test]
async fn each_role_may_do_what_it_is_for_and_no_more() {
    let door = Door::new();
    door.create("acme", "c").await;
    let face_id = door.enroll("acme", "c", [1.0, 0.0, 0.0, 0.0], "a", None).await;
    let face = format!("/api/v2/collections/c/faces/{face_id}");
    let search = format!("/api/v2/collections/c/search-by-face/{face_id}");
    let routes: [(Role, Method, &str); 12] = [
        (Role::Read, Method::POST, "/api/v2/faces:detect"),
        (Role::Read, Method::POST, "/api/v2/faces:compare"),
        (Role::Read, Method::GET, "/api/v2/collections"),
        (Role::Read, Method::GET, "/api/v2/collections/c"),
        (Role::Read, Method::GET, "/api/v2/collections/c/faces"),
        (Role::Read, Method::GET, &face),
        (Role::Read, Method::POST, &search),
        (Role::Read, Method::POST, "/api/v2/collections/c/search-by-image"),
        (Role::Write, Method::POST, "/api/v2/collections/c/faces"),
        (Role::Write, Method::DELETE, &face),
        (Role::Admin, Method::POST, "/api/v2/collections"),
        (Role::Admin, Method::DELETE, "/api/v2/collections/c"),
    ];
    for role in [Role::Read, Role::Write, Role::Admin] {
        let key = door.new_key("acme", role, Tier::Unlimited);
        for (needed, method, path) in &routes {
            let request = request(method.clone(), path, &key).body(Body::empty()).unwrap();
            let answer = door.send(request).await;
            if role >= *needed {
                assert_ne!(answer.status, 403, "{role} {method} {path}");
            } else {
                answer.error(403, "forbidden");
            }
        }
    }
}

#[tokio::test]
async fn a_tenant_cannot_tell_foreign_collections_from_absent_ones() {
    let door = Door::new();
    door.create("acme", "secret").await;
    let face_id = door.enroll("acme", "secret", [1.0, 0.0, 0.0, 0.0], "a", None).await;
    let stranger = door.new_key("other", Role::Admin, Tier::Unlimited);
    let routes = [
        (Method::GET, String::new()),
        (Method::DELETE, String::new()),
        (Method::GET, "/faces".to_owned()),
        (Method::GET, format!("/faces/{face_id}")),
        (Method::DELETE, format!("/faces/{face_id}")),
        (Method::POST, format!("/search-by-face/{face_id}")),
        (Method::POST, "/search-by-image".to_owned()),
        (Method::POST, "/faces".to_owned()),
    ];
    let (content_type, body) = form(&[("image", Some("a.jpg"), b"x")]);
    for (method, rest) in routes {
        let mut answers = Vec::new();
        for name in ["secret", "absent"] {
            let path = format!("/api/v2/collections/{name}{rest}");
            let request = request(method.clone(), &path, &stranger)
                .header("x-request-id", "same")
                .header("content-type", &content_type)
                .body(body.clone().into())
                .unwrap();
            let answer = door.send(request).await;
            let message = answer.error(404, "collection_not_found");
            let body = String::from_utf8(answer.body).unwrap().replace(name, "NAME");
            answers.push((message.replace(name, "NAME"), body, answer.headers));
        }
        assert_eq!(answers[0].0, answers[1].0);
        assert_eq!(answers[0].1, answers[1].1);
    }
    let list = request(Method::GET, "/api/v2/collections", &stranger).body(Body::empty()).unwrap();
    assert_eq!(door.send(list).await.ok(200), json!({ "collections": [], "next_cursor": null }));
    assert_eq!(door.get("/api/v2/collections/secret").await.ok(200)["face_count"], 1);
}
