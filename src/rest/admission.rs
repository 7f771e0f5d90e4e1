//! Bounds on what runs at once and for how long. Excess is refused at once instead of queued.

use std::panic::AssertUnwindSafe;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;

use super::error::ApiError;
use super::state::RestState;

/// Serves the request if there is a place for it, within the time limit and surviving panics.
pub(super) async fn admit(
    State(state): State<RestState>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(_place) = state.requests().try_acquire() else {
        return no_place();
    };
    // A panic means a defect; it must cost its own request only.
    let served = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(state.limits().request_timeout, served).await {
        Ok(Ok(response)) => response,
        // Where it happened is in the log already; what it says may quote what was sent.
        Ok(Err(_said)) => ApiError::internal("a handler panicked").into_response(),
        Err(_elapsed) => {
            let message = "the request took too long; if it was a change, it may still happen";
            ApiError::overloaded(message).into_response()
        }
    }
}

/// Serves a request that carries images if there is a place for one; memory bounds their number.
pub(super) async fn admit_upload(
    State(state): State<RestState>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(_place) = state.uploads().try_acquire() else {
        return no_place();
    };
    next.run(request).await
}

fn no_place() -> Response {
    ApiError::overloaded("the server is busy; try again in a moment").into_response()
}
