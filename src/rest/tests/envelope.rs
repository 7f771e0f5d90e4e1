//! Every refusal is in the common envelope, whoever refuses.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;

use super::{Door, request};

#[tokio::test]
async fn unknown_paths_are_not_found_in_the_envelope() {
    let door = Door::new();
    for path in [
        "/nothing",
        "/api",
        "/api/v1/session",
        "/api/v2",
        "/api/v2/",
        "/api/v2/faces",
        "/api/v2/faces:unknown",
        "/api/v2/collections/",
        "/api/v2/collections/a/b",
        "/api/v2/collections/a/b/c/d/e",
        "/api/v2/collections/a/faces/",
        "/api/v2/collections/a/search-by-face/",
        "/api/v2/../../etc/passwd",
        "/healthz/",
    ] {
        door.get(path).await.error(404, "not_found");
        door.call(Method::POST, path).await.error(404, "not_found");
    }
}

#[tokio::test]
async fn a_wrong_method_names_the_right_ones() {
    let door = Door::new();
    for (method, path, allowed) in [
        (Method::PUT, "/api/v2/collections", vec!["GET", "HEAD", "POST"]),
        (Method::GET, "/api/v2/faces:detect", vec!["POST"]),
        (Method::PATCH, "/api/v2/collections/a", vec!["DELETE", "GET", "HEAD"]),
        (Method::DELETE, "/api/v2/collections/a/faces", vec!["GET", "HEAD", "POST"]),
        (Method::OPTIONS, "/api/v2/collections/a/search-by-image", vec!["POST"]),
        (Method::POST, "/healthz", vec!["GET", "HEAD"]),
    ] {
        let answer = door.call(method, path).await;
        answer.error(405, "method_not_allowed");
        let mut named: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
        named.sort_unstable();
        assert_eq!(named, allowed, "{path}");
    }
}

#[tokio::test]
async fn a_wrong_content_type_is_unsupported() {
    let door = Door::new();
    for (path, wrong) in [
        ("/api/v2/collections", Some("text/plain")),
        ("/api/v2/collections", Some("multipart/form-data; boundary=x")),
        ("/api/v2/collections", None),
        ("/api/v2/faces:detect", Some("application/json")),
        ("/api/v2/faces:detect", Some("multipart/mixed; boundary=x")),
        ("/api/v2/faces:compare", Some("image/jpeg")),
        ("/api/v2/faces:compare", None),
        ("/api/v2/collections/c/faces", Some("application/x-www-form-urlencoded")),
    ] {
        let mut request = request(Method::POST, path, &door.key);
        if let Some(wrong) = wrong {
            request = request.header("content-type", wrong);
        }
        let answer = door.send(request.body(Body::from("{}")).unwrap()).await;
        answer.error(415, "unsupported_media_type");
    }
}

#[tokio::test]
async fn a_json_body_above_its_limit_is_too_large() {
    let door = Door::new();
    let padded = |spaces: usize| format!(r#"{{"external_id":"a"{}}}"#, " ".repeat(spaces));
    let answer = door.post_json("/api/v2/collections", padded(64 * 1024)).await;
    answer.error(413, "request_too_large");
    let below = door.post_json("/api/v2/collections", padded(64 * 1024 - 30)).await;
    below.error(503, "model_unavailable");
}

#[tokio::test]
async fn every_response_carries_a_request_id() {
    let door = Door::new();
    let fresh = door.get("/healthz").await;
    assert!(fresh.header("x-request-id").starts_with("req_"));
    assert_ne!(fresh.header("x-request-id"), door.get("/healthz").await.header("x-request-id"));
    let send = async |id: &[u8]| {
        let request = Request::builder().uri("/").header("x-request-id", id);
        door.send(request.body(Body::empty()).unwrap()).await.header("x-request-id").to_owned()
    };
    assert_eq!(send(b"trace-1.2_B").await, "trace-1.2_B");
    for hostile in [b"a b".as_slice(), b"", b"\xff", b"a\tstatus=200", &[b'x'; 65]] {
        assert!(send(hostile).await.starts_with("req_"));
    }
}

#[tokio::test]
async fn health_and_index_need_no_key() {
    let door = Door::new();
    let bare = |path: &str| Request::builder().uri(path).body(Body::empty()).unwrap();
    assert_eq!(door.send(bare("/healthz")).await.ok(200), json!({ "status": "ok" }));
    assert_eq!(door.send(bare("/")).await.ok(200)["api"], "/api/v2");
}

#[tokio::test]
async fn an_escaped_colon_means_a_colon() {
    let door = Door::new();
    for path in ["/api/v2/faces:detect", "/api/v2/faces%3Adetect", "/api/v2/faces%3acompare"] {
        door.call(Method::POST, path).await.error(415, "unsupported_media_type");
    }
}
