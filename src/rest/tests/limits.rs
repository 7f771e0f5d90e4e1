//! Rate limits, concurrency and time limits.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Method, Request};
use axum::middleware::from_fn_with_state;
use futures::stream;
use tower::ServiceExt;

use super::{Answer, BOUNDARY, Door, request};
use crate::engine::Role;
use crate::engine::keyring::Tier;
use crate::rest::{RestLimits, admission, observe};

fn budget(answer: &Answer) -> [&str; 3] {
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"]
        .map(|name| answer.header(name))
}

async fn get(door: &Door, key: &str, path: &str) -> Answer {
    door.send(request(Method::GET, path, key).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn headers_count_down_and_the_window_after_the_last_request_begins_anew() {
    let door = Door::new();
    let key = door.new_key("acme", Role::Read, Tier::Standard);
    for left in (0..50).rev() {
        let answer = get(&door, &key, "/api/v2/collections").await;
        answer.ok(200);
        assert_eq!(budget(&answer), ["50", &left.to_string(), "1"]);
    }
    let refused = get(&door, &key, "/api/v2/collections").await;
    let message = refused.error(429, "rate_limited");
    assert_eq!(message, "API key rate limit exceeded");
    assert_eq!(budget(&refused), ["50", "0", "1"]);
    assert_eq!(refused.header("retry-after"), "1");
    let sibling = door.new_key("acme", Role::Read, Tier::Standard);
    get(&door, &sibling, "/api/v2/collections").await.ok(200);
    door.now_ms.store(1000, Ordering::Relaxed);
    get(&door, &key, "/api/v2/collections").await.ok(200);
}

#[tokio::test]
async fn the_minute_window_is_named_once_it_is_the_tighter_one() {
    let door = Door::new();
    let key = door.new_key("acme", Role::Read, Tier::Standard);
    for number in 0..600 {
        door.now_ms.store(number / 50 * 1000, Ordering::Relaxed);
        get(&door, &key, "/api/v2/collections").await.ok(200);
    }
    door.now_ms.store(20_000, Ordering::Relaxed);
    let refused = get(&door, &key, "/api/v2/collections").await;
    refused.error(429, "rate_limited");
    assert_eq!(budget(&refused), ["600", "0", "40"]);
    assert_eq!(refused.header("retry-after"), "40");
}

#[tokio::test]
async fn errors_count_and_carry_the_headers_too() {
    let door = Door::new();
    let key = door.new_key("acme", Role::Read, Tier::High);
    let calls = [
        (Method::GET, "/api/v2/collections/absent", 404),
        (Method::GET, "/api/v2/nothing", 404),
        (Method::GET, "/api/likeness/v1/nothing", 404),
        (Method::PUT, "/api/v2/collections", 405),
        (Method::GET, "/api/v2/collections?limit=0", 400),
        (Method::DELETE, "/api/v2/collections/absent", 403),
        (Method::POST, "/api/v2/faces:detect", 415),
    ];
    for ((method, path, status), left) in calls.into_iter().zip((0..200).rev()) {
        let answer = door.send(request(method, path, &key).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(budget(&answer), ["200", &left.to_string(), "1"]);
    }
}

#[tokio::test]
async fn without_a_window_all_three_headers_are_zero() {
    let door = Door::new();
    assert_eq!(budget(&door.get("/api/v2/collections").await), ["0", "0", "0"]);
    let refused = get(&door, "wrong", "/api/v2/collections").await;
    refused.error(401, "invalid_api_key");
    assert_eq!(budget(&refused), ["0", "0", "0"]);
    assert_eq!(budget(&door.get("/healthz").await), ["", "", ""]);
}

/// A form whose body never comes to an end.
fn stalled_form(key: &str) -> Request<Body> {
    request(Method::POST, "/api/v2/faces:detect", key)
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
        // Nothing was sent, so there is no left-over to wait for.
        .header("expect", "100-continue")
        .body(Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()))
        .unwrap()
}

#[tokio::test]
async fn an_upload_more_than_there_are_places_for_is_refused_at_once() {
    let door = Door::with_limits(RestLimits { uploads_max: 1, ..RestLimits::default() });
    let first = tokio::spawn(door.router().oneshot(stalled_form(&door.key)));
    while door.state.uploads().available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    let refused = door.send(stalled_form(&door.key)).await;
    refused.error(503, "overloaded");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(budget(&refused), ["0", "0", "0"]);
    // Requests without images are served meanwhile.
    door.get("/api/v2/collections").await.ok(200);
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!(door.state.uploads().available_permits(), 1);
}

#[tokio::test]
async fn a_request_more_than_there_are_places_for_is_refused_at_once() {
    let door = Door::with_limits(RestLimits { requests_max: 1, ..RestLimits::default() });
    let first = tokio::spawn(door.router().oneshot(stalled_form(&door.key)));
    while door.state.requests().available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    door.get("/api/v2/collections").await.error(503, "overloaded");
    door.get("/healthz").await.ok(200);
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    door.get("/api/v2/collections").await.ok(200);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_ends_in_a_timeout() {
    let body_timeout = Duration::from_millis(20);
    let door = Door::with_limits(RestLimits { body_timeout, ..RestLimits::default() });
    let message = stalled(&door).await.error(408, "request_timeout");
    assert!(message.contains("body"), "{message}");
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let request_timeout = Duration::from_millis(20);
    let door = Door::with_limits(RestLimits { request_timeout, ..RestLimits::default() });
    stalled(&door).await.error(503, "overloaded");
    assert_eq!(door.state.requests().available_permits(), door.state.limits().requests_max);
}

/// The answer to an upload that stalls.
async fn stalled(door: &Door) -> Answer {
    let parts = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"--"))]);
    let parts = futures::StreamExt::chain(parts, stream::pending());
    let request = request(Method::POST, "/api/v2/faces:detect", &door.key)
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(Body::from_stream(parts))
        .unwrap();
    door.send(request).await
}

#[tokio::test]
async fn a_panic_costs_its_own_request_only() {
    let door = Door::new();
    let defect = axum::routing::get(|| async {
        let indices: [u8; 0] = [];
        indices.first().expect("/secret/path").to_string()
    });
    let router = axum::Router::new()
        .route("/", defect)
        .layer(from_fn_with_state(door.state.clone(), admission::admit))
        .layer(from_fn_with_state(door.state.clone(), observe::observe));
    let request = || Request::builder().uri("/").body(Body::empty()).unwrap();
    for _ in 0..2 {
        let answer = Answer::of(router.clone().oneshot(request()).await.unwrap()).await;
        let message = answer.error(500, "internal_error");
        assert!(!message.contains("secret"), "{message}");
    }
    let places = door.state.requests().available_permits();
    assert_eq!(places, door.state.limits().requests_max);
}
