//! What is said below `/console` and `/docs` where there is no page: to people in a page, to
//! programs in the common envelope.

use axum::Router;
use axum::http::header::{ACCEPT, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use super::page::{HTML, Page};
use crate::rest::{ApiError, ErrorCode, ForPeople, RestState};

/// One route for all paths below each of the two.
pub(super) fn routes() -> Router<RestState> {
    Router::new().route("/console/{*path}", any(missing)).route("/docs/{*path}", any(missing))
}

async fn missing(headers: HeaderMap) -> Response {
    let wants = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut response = if wants.contains("text/html") {
        let page = Page::new(HTML, include_str!("missing.html").as_bytes());
        let mut response = (StatusCode::NOT_FOUND, page).into_response();
        response.extensions_mut().insert(ForPeople);
        response
    } else {
        ApiError::new(ErrorCode::NotFound, "there is nothing at this path").into_response()
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    response
}
