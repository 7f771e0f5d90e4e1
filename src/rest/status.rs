//! Handlers of what the server says about itself, to anybody: what it is, whether it lives, whether
//! it is ready.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, VARY};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::{ApiError, ErrorCode};
use super::state::RestState;

/// What there is here.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Index)]
pub(super) struct IndexBody {
    name: &'static str,
    version: &'static str,
    api: &'static str,
    console: &'static str,
    docs: &'static str,
    openapi: &'static str,
    health: &'static str,
}

impl Default for IndexBody {
    fn default() -> Self {
        Self {
            name: "LikenessDB",
            version: env!("CARGO_PKG_VERSION"),
            api: "/api/v2",
            console: "/console",
            docs: "/docs",
            openapi: "/openapi.json",
            health: "/healthz",
        }
    }
}

/// That the process lives.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
pub(super) struct HealthBody {
    status: &'static str,
}

/// That requests would be served.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Readiness)]
pub(super) struct ReadinessBody {
    status: &'static str,
    /// Whether there is a model pack, without which images are refused.
    reads_images: bool,
}

/// Tell what there is
///
/// Browsers are sent to the manual, which says it in prose.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "index",
    tag = "operation",
    security(()),
    responses(
        (status = 200, description = "Product, version, and where to go on", body = IndexBody),
        (status = 303, description = "For those who accept `text/html`: to `/docs`"),
    )
)]
pub(super) async fn index(headers: HeaderMap) -> Response {
    let wants = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if wants.contains("text/html") {
        return ([(VARY, "Accept")], Redirect::to("/docs")).into_response();
    }
    ([(VARY, "Accept")], Json(IndexBody::default())).into_response()
}

/// Answer while the process serves requests
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "health",
    tag = "operation",
    security(()),
    responses((status = 200, description = "It does", body = HealthBody))
)]
pub(super) async fn health() -> Json<HealthBody> {
    Json(HealthBody { status: "ok" })
}

/// Tell whether requests would be served
///
/// 503 where changes would be refused, so that a balancer sends them elsewhere. Without a model
/// pack much still works, so that is only told.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readiness",
    tag = "operation",
    security(()),
    responses((status = 200, description = "They would", body = ReadinessBody))
)]
pub(super) async fn readiness(
    State(state): State<RestState>,
) -> Result<Json<ReadinessBody>, ApiError> {
    let engine = state.engine();
    if engine.activity().read_only.is_some() {
        let message = "the store accepts no changes until the server is restarted";
        return Err(ApiError::new(ErrorCode::ReadOnly, message));
    }
    if state.requests().available_permits() == 0 {
        return Err(ApiError::overloaded("all places for requests are taken"));
    }
    Ok(Json(ReadinessBody { status: "ready", reads_images: engine.model().is_some() }))
}
