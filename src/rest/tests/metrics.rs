//! `/metrics`: who may read it, and what it says.

use axum::http::Method;

use super::{Body, Door, Role, Tier, request};

#[tokio::test]
async fn the_operator_reads_what_the_store_did() {
    let door = Door::new();
    door.create("acme", "users").await;
    let a = door.enroll("acme", "users", [1.0, 0.0, 0.0, 0.0], "a", None).await;
    door.enroll("acme", "users", [0.0, 1.0, 0.0, 0.0], "b", None).await;
    door.engine.checkpoint().unwrap();
    let search = format!("/api/v2/collections/users/search-by-face/{a}");
    door.call(Method::POST, &search).await.ok(200);
    let route = "/api/v2/collections/{external_id}/search-by-face/{face_id}";
    let labels = format!("route=\"{route}\",method=\"POST\",status=\"200\"");
    // An escaped colon is counted as the same route.
    for path in ["/api/v2/faces%3Adetect", "/api/v2/faces:detect"] {
        door.call(Method::POST, path).await.error(415, "unsupported_media_type");
    }
    let detect = "likeness_http_requests_total{route=\"/api/v2/faces:detect\",method=\"POST\",\
                  status=\"415\"} 2";
    let counted = format!("likeness_http_requests_total{{{labels}}} 1");
    let key = door.new_key("default", Role::Admin, Tier::Unlimited);
    let asked = request(Method::GET, "/metrics", &key).body(Body::empty()).unwrap();
    let answer = door.send(asked).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "text/plain; version=0.0.4; charset=utf-8")
    );
    let text = String::from_utf8(answer.body).unwrap();
    for line in [
        "likeness_storage_commit_batches_total 3",
        "likeness_storage_checkpoints_total 1",
        "likeness_storage_log_bytes 0",
        "likeness_storage_faces 2",
        "likeness_storage_segments 1",
        "likeness_searches_total 1",
        "likeness_search_rows_total 1",
        "likeness_models_loaded 0",
        "likeness_audit_records 1",
        "likeness_http_rate_limited_total 0",
        &counted,
        detect,
        "likeness_storage_read_only 0",
        "# TYPE likeness_storage_checkpoints_total counter",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[tokio::test]
async fn nobody_else_reads_it() {
    let door = Door::new();
    door.get("/metrics").await.error(403, "forbidden");
    let key = door.new_key("default", Role::Write, Tier::Unlimited);
    let asked = request(Method::GET, "/metrics", &key).body(Body::empty()).unwrap();
    door.send(asked).await.error(403, "forbidden");
    let asked = request(Method::GET, "/metrics", "wrong").body(Body::empty()).unwrap();
    assert_eq!(door.send(asked).await.status, 401);
}
