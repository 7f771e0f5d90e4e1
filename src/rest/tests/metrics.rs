//! `/metrics`: who may read it, and what it says.

use axum::http::Method;

use super::{Body, Door, Role, Tier, request};

#[tokio::test]
async fn the_operator_reads_what_the_store_did() {
    let door = Door::new();
    door.create("acme", "users").await;
    door.engine.checkpoint().unwrap();
    let key = door.new_key("default", Role::Admin, Tier::Unlimited);
    let asked = request(Method::GET, "/metrics", &key).body(Body::empty()).unwrap();
    let answer = door.send(asked).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "text/plain; version=0.0.4; charset=utf-8")
    );
    let text = String::from_utf8(answer.body).unwrap();
    for line in [
        "likeness_storage_commit_batches_total 1",
        "likeness_storage_checkpoints_total 1",
        "likeness_storage_log_bytes 0",
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
