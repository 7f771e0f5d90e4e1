//! The outermost layer: gives each request an id and a log line, and each error its envelope.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::{Instrument, debug, error, info, info_span, warn};
use ulid::Ulid;
use utoipa::ToSchema;

use super::error::{ApiError, ErrorCode};
use super::state::RestState;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id taken over from a caller, in bytes.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// Serves the request inside a span of its own and finishes its response.
///
/// Logged are request id, method, route pattern, status, code and latency; never a path as sent
/// (it holds the caller's ids), a query, a header or a body.
pub(super) async fn observe(
    State(state): State<RestState>,
    request: Request,
    next: Next,
) -> Response {
    let id = RequestId::of(request.headers());
    let route = request.extensions().get::<MatchedPath>().map(label);
    let method = request.method().clone();
    let span = info_span!(
        "http",
        request_id = id.0,
        %method,
        route = route.as_deref().unwrap_or("none"),
    );
    async move {
        let start = Instant::now();
        let mut response = enveloped(next.run(request).await, &id);
        let headers = response.headers_mut();
        // Who is in which collection is nothing to keep copies of on the way.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(value) = HeaderValue::from_str(&id.0) {
            headers.insert(REQUEST_ID, value);
        }
        let took = start.elapsed();
        let route = route.as_deref().unwrap_or("none");
        state.traffic().count(route, &method, response.status(), took);
        let latency_ms = took.as_secs_f64() * 1000.0;
        info!(status = response.status().as_u16(), latency_ms, "request served");
        response
    }
    .instrument(span)
    .await
}

/// The route of a path. One that is spelt with an escaped colon is no other route.
fn label(path: &MatchedPath) -> String {
    path.as_str().replace("%3A", ":").replace("%3a", ":")
}

/// Names one request in the log and in its response.
struct RequestId(String);

impl RequestId {
    /// The id sent by the caller if it is short and harmless, else a new one.
    fn of(headers: &HeaderMap) -> Self {
        let harmless = |id: &&str| {
            (1..=REQUEST_ID_BYTES_MAX).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        let sent = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(harmless);
        Self(sent.map_or_else(|| format!("req_{}", Ulid::generate()), str::to_owned))
    }
}

/// Goes along with an error response that is a page for people, which stays as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForPeople;

/// Why a request was not served.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(super) struct Envelope<'a> {
    detail: Detail<'a>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ErrorDetail)]
struct Detail<'a> {
    /// For programs.
    code: ErrorCode,
    /// For people; may change.
    message: &'a str,
    #[serde(flatten)]
    #[schema(ignore)]
    more: &'a Map<String, Value>,
    /// Of 5xx: by which the operator finds the cause in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request_id: Option<&'a str>,
}

/// Puts every error response into the common envelope, those of the framework included.
fn enveloped(mut response: Response, id: &RequestId) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.extensions().get::<ForPeople>().is_some() {
        return response;
    }
    let error = response.extensions_mut().remove::<ApiError>();
    let error = error.unwrap_or_else(|| ApiError::of_status(status));
    let status = error.code().status();
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        error!(code = ?error.code(), cause = error.cause_chain(), "request failed");
    } else if status.is_server_error() {
        warn!(code = ?error.code(), cause = error.cause_chain(), "request turned away");
    } else {
        debug!(code = ?error.code(), message = error.message(), "request refused");
    }
    let request_id = status.is_server_error().then_some(id.0.as_str());
    let (message, more) = (error.message(), error.more());
    let detail = Detail { code: error.code(), message, more, request_id };
    // Strings and a few numbers cannot fail to become JSON; an empty body is the honest rest.
    let body = serde_json::to_vec(&Envelope { detail }).unwrap_or_default();
    replace_body(&mut response, status, body);
    response
}

fn replace_body(response: &mut Response, status: StatusCode, body: Vec<u8>) {
    *response.status_mut() = status;
    response.headers_mut().remove(CONTENT_LENGTH);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *response.body_mut() = Body::from(body);
}
