//! Reads what is left of a refused upload, so that the refusal reaches the client.
//!
//! A client that is still sending when the server answers and closes sees a broken connection
//! instead of the answer. Within bounds, the rest is therefore read and thrown away first.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Error;
use axum::body::{Body, BodyDataStream, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header::EXPECT;
use axum::middleware::Next;
use axum::response::Response;
use futures::{Stream, StreamExt};
use parking_lot::Mutex;
use tokio::time::timeout;

/// Most bytes read for nothing; a client that sends more may miss its answer.
const LEFT_OVER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Longest time spent on them.
const LEFT_OVER_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for the next of them; a client that is silent for longer is not sending.
const LEFT_OVER_PAUSE: Duration = Duration::from_millis(500);

/// Passes the body on and reads to its end whatever the layers inside left of it.
pub(super) async fn drain(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let asks_first = request.headers().contains_key(EXPECT);
    let (parts, body) = request.into_parts();
    let upload = Upload::new(body);
    let request = Request::from_parts(parts, Body::from_stream(upload.clone()));
    let response = next.run(request).await;
    // A client that asks before it sends and got no go-ahead has sent nothing.
    if upload.has_begun() || !asks_first {
        upload.discard().await;
    }
    response
}

/// A request body that two may read, one after the other.
#[derive(Clone)]
struct Upload(Arc<Mutex<Source>>);

struct Source {
    stream: BodyDataStream,
    has_begun: bool,
    has_ended: bool,
}

impl Upload {
    fn new(body: Body) -> Self {
        let stream = body.into_data_stream();
        Self(Arc::new(Mutex::new(Source { stream, has_begun: false, has_ended: false })))
    }

    fn has_begun(&self) -> bool {
        self.0.lock().has_begun
    }

    async fn discard(mut self) {
        let mut left = LEFT_OVER_BYTES_MAX;
        let read = async {
            while let Ok(Some(Ok(chunk))) = timeout(LEFT_OVER_PAUSE, self.next()).await {
                left = left.saturating_sub(chunk.len());
                if left == 0 {
                    return;
                }
            }
        };
        // Either way the answer is sent now; only its chances of arriving differ.
        let _ = timeout(LEFT_OVER_TIMEOUT, read).await;
    }
}

impl Stream for Upload {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut source = self.0.lock();
        if source.has_ended {
            return Poll::Ready(None);
        }
        source.has_begun = true;
        let polled = source.stream.poll_next_unpin(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            source.has_ended = true;
        }
        polled
    }
}
