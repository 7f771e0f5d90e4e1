//! Routes only: which path and method leads to which handler, through which layers.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, VARY};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, any, get, post};
use axum::{Extension, Json, Router};
use serde_json::{Value, json};

use super::error::{ApiError, ErrorCode};
use super::side::SideRoutes;
use super::state::RestState;
use super::{admission, auth, collections, drain, faces, images, metrics, observe, search};

/// The whole HTTP surface as a service: `/api/v2`, `/metrics`, `/healthz`, `/`, and what is
/// `beside` them.
///
/// Every error it answers with, whoever raised it, is in the common envelope.
pub fn router(state: RestState, beside: SideRoutes) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/healthz", get(health))
        .route("/readyz", get(readiness))
        .method_not_allowed_fallback(method_not_allowed)
        .merge(beside.open)
        .merge(v2(&state, beside.keyed).layer(Extension(beside.metrics)))
        .fallback(not_found)
        .layer(from_fn(drain::drain))
        .layer(from_fn_with_state(state.clone(), observe::observe))
        .with_state(state)
}

fn v2(state: &RestState, keyed: Router<RestState>) -> Router<RestState> {
    let upload = |route: MethodRouter<RestState>| {
        route.route_layer(from_fn_with_state(state.clone(), admission::admit_upload))
    };
    let collection = "/api/v2/collections/{external_id}";
    let mut routes = Router::new();
    for (verb, route) in [("detect", post(images::detect)), ("compare", post(images::compare))] {
        let route = upload(route);
        // Some clients escape the colon, which means the same.
        for colon in [":", "%3A", "%3a"] {
            routes = routes.route(&format!("/api/v2/faces{colon}{verb}"), route.clone());
        }
    }
    routes
        .route("/metrics", get(metrics::metrics))
        .route("/api/v2/collections", post(collections::create).get(collections::list))
        .route(collection, get(collections::describe).delete(collections::remove))
        .route(&format!("{collection}/faces"), upload(post(faces::index)).get(faces::list))
        .route(
            &format!("{collection}/faces/{{face_id}}"),
            get(faces::describe).delete(faces::remove),
        )
        .route(&format!("{collection}/search-by-face/{{face_id}}"), post(search::by_face))
        .route(&format!("{collection}/search-by-image"), upload(post(search::by_image)))
        .merge(keyed)
        // Inside, so that callers without a key cannot tell which paths exist.
        .route("/api/v2", any(not_found))
        .route("/api/v2/", any(not_found))
        .route("/api/v2/{*path}", any(not_found))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(state.clone(), admission::admit))
        .layer(from_fn_with_state(state.clone(), auth::authenticate))
}

/// What there is; people who come with a browser are sent to the manual, which says it in prose.
async fn index(headers: HeaderMap) -> Response {
    let wants = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if wants.contains("text/html") {
        return ([(VARY, "Accept")], Redirect::to("/docs")).into_response();
    }
    let index = json!({
        "name": "LikenessDB",
        "version": env!("CARGO_PKG_VERSION"),
        "api": "/api/v2",
        "console": "/console",
        "docs": "/docs",
        "health": "/healthz",
    });
    ([(VARY, "Accept")], Json(index)).into_response()
}

/// Answers while the process serves requests; needs no key.
async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Whether requests would be served: 503 where changes would be refused, so that a balancer sends
/// them elsewhere. Without a model pack much still works, so that is only told.
async fn readiness(State(state): State<RestState>) -> Result<Json<Value>, ApiError> {
    let engine = state.engine();
    if engine.activity().read_only.is_some() {
        let message = "the store accepts no changes until the server is restarted";
        return Err(ApiError::new(ErrorCode::ReadOnly, message));
    }
    if state.requests().available_permits() == 0 {
        return Err(ApiError::overloaded("all places for requests are taken"));
    }
    Ok(Json(json!({ "status": "ready", "reads_images": engine.model().is_some() })))
}

async fn not_found() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "there is nothing at this path")
}

async fn method_not_allowed() -> ApiError {
    ApiError::new(ErrorCode::MethodNotAllowed, "this path does not take this method; see Allow")
}
