//! What this server offers over HTTP beyond the facade, under `/api/likeness/v1`: whose key it is,
//! what similarities mean, thumbnails of faces, and SQL.
//!
//! The facade follows another service's contract and is not to be widened. These calls share its
//! keys, rates, limits and errors, and stand above both doors, because one of them answers SQL.

mod key;
mod operating_points;
mod statement;
#[cfg(test)]
mod tests;
mod thumbnail;

use std::sync::Arc;

use axum::routing::{get, post};
use axum::{Extension, Router};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Description;

use crate::rest::ErrorCode as Code;
use crate::rest::{JSON, KEYED, RefusalTable, RestState, declare_more, declare_refusals};
use crate::sql::SqlTraffic;

/// The calls, for holders of a key. Statements are counted in `traffic`.
pub(crate) fn routes(traffic: Arc<SqlTraffic>) -> Router<RestState> {
    Router::new()
        .route("/api/likeness/v1/key", get(key::describe))
        .route("/api/likeness/v1/operating-points", get(operating_points::list))
        .route("/api/likeness/v1/sql", post(statement::run).layer(Extension(traffic)))
        .route(
            "/api/likeness/v1/collections/{external_id}/faces/{face_id}/thumbnail",
            get(thumbnail::show),
        )
}

#[derive(OpenApi)]
#[openapi(
    paths(key::describe, operating_points::list, statement::run, thumbnail::show),
    components(schemas(statement::FailureBody)),
    security(("key" = [])),
    tags((name = "likeness", description = "What the facade has no words for"))
)]
struct Native;

const REFUSALS: RefusalTable = &[
    ("describe_key", &[KEYED]),
    ("list_operating_points", &[KEYED]),
    (
        "show_thumbnail",
        &[
            KEYED,
            &[Code::CollectionNotFound, Code::FaceNotFound, Code::ThumbnailNotFound],
            &[Code::AuditUnavailable],
        ],
    ),
    (
        "run_statement",
        &[
            KEYED,
            JSON,
            &[Code::StatementFailed, Code::Forbidden, Code::ReadOnly],
            &[Code::ModelUnavailable, Code::AuditUnavailable],
        ],
    ),
];

/// What programs are told about the calls.
pub(crate) fn description() -> Description {
    let mut description = Native::openapi();
    declare_refusals(&mut description, REFUSALS);
    declare_more(&mut description, "run_statement", "StatementErrorDetail");
    description
}
