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

use axum::Router;
use axum::routing::{get, post};

use crate::rest::RestState;

/// The calls, for holders of a key.
pub(crate) fn routes() -> Router<RestState> {
    Router::new()
        .route("/api/likeness/v1/key", get(key::describe))
        .route("/api/likeness/v1/operating-points", get(operating_points::list))
        .route("/api/likeness/v1/sql", post(statement::run))
        .route(
            "/api/likeness/v1/collections/{external_id}/faces/{face_id}/thumbnail",
            get(thumbnail::show),
        )
}
