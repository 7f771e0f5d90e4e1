//! What the log tells of a request, and what it must not.

use std::io::{self, Write};
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::http::Method;
use parking_lot::Mutex;
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Level};

use super::{Door, request};

/// While there is only one subscriber, tracing lets the thread that comes to an event first decide
/// for all threads whether it is of interest, and other tests have no subscriber. A second one that
/// takes everything makes it ask each time.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(tracing_subscriber::registry()));

/// Collects what is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn capture(&self, level: Level) -> DefaultGuard {
        LazyLock::force(&SECOND);
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_line_tells_route_status_and_latency_but_no_name_of_the_caller() {
    let door = Door::new();
    door.create("acme", "private").await;
    let log = Log::default();
    let guard = log.capture(Level::INFO);
    let path = "/api/v2/collections/private/faces?external_image_id=private";
    let request = request(Method::GET, path, &door.key).header("x-request-id", "trace-7");
    door.send(request.body(Body::empty()).unwrap()).await.ok(200);
    door.get("/api/v2/collections/private2").await.error(404, "collection_not_found");
    door.post_json("/api/v2/collections", r#"{"external_id":"private","x":}"#).await;
    drop(guard);
    let text = log.text();
    assert!(text.contains("request_id=\"trace-7\""), "{text}");
    assert!(text.contains("route=\"/api/v2/collections/{external_id}/faces\""), "{text}");
    assert!(text.contains("status=200") && text.contains("status=404"), "{text}");
    assert!(text.contains("latency_ms="), "{text}");
    assert!(!text.contains("private"), "{text}");
    assert!(!text.contains(&door.key), "{text}");
    assert_eq!(text.lines().count(), 3, "{text}");
}

#[tokio::test]
async fn the_cause_of_a_failure_is_for_the_log_alone() {
    let door = Door::new();
    let log = Log::default();
    let guard = log.capture(Level::INFO);
    let answer = door.post_json("/api/v2/collections", r#"{"external_id":"a"}"#).await;
    drop(guard);
    let message = answer.error(503, "model_unavailable");
    assert!(!message.contains("/secret/models"), "{message}");
    assert!(log.text().contains("/secret/models"), "{}", log.text());
    assert!(log.text().contains(answer.header("x-request-id")), "{}", log.text());
}
