//! `/readyz`: whether requests would be served.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use super::Door;
use crate::rest::RestLimits;

async fn asked(door: &Door) -> super::Answer {
    door.send(Request::get("/readyz").body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_server_is_ready_also_without_models_and_says_so_to_anybody() {
    let door = Door::new();
    let ready = asked(&door).await.ok(200);
    assert_eq!(ready, json!({ "status": "ready", "reads_images": false }));
}

#[tokio::test]
async fn a_server_without_room_for_requests_is_not() {
    let door = Door::with_limits(RestLimits { requests_max: 0, ..RestLimits::default() });
    asked(&door).await.error(503, "overloaded");
}
