//! Routes only: which path and method leads to which handler, through which layers.

use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, any, get, post};
use axum::{Extension, Router};

use super::error::{ApiError, ErrorCode};
use super::side::SideRoutes;
use super::state::RestState;
use super::{
    admission, auth, collections, drain, faces, images, metrics, observe, openapi, search, status,
};

/// The whole HTTP surface as a service: `/api/v2`, `/metrics`, `/healthz`, `/openapi.json`, `/`,
/// and what is `beside` them.
///
/// Every error it answers with, whoever raised it, is in the common envelope.
pub fn router(state: RestState, beside: SideRoutes) -> Router {
    Router::new()
        .route("/", get(status::index))
        .route("/healthz", get(status::health))
        .route("/readyz", get(status::readiness))
        .merge(openapi::route(&openapi::describe(beside.description)))
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
        .route("/api", any(not_found))
        .route("/api/", any(not_found))
        .route("/api/{*path}", any(not_found))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(state.clone(), admission::admit))
        .layer(from_fn_with_state(state.clone(), auth::authenticate))
}

async fn not_found() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "there is nothing at this path")
}

async fn method_not_allowed() -> ApiError {
    ApiError::new(ErrorCode::MethodNotAllowed, "this path does not take this method; see Allow")
}
