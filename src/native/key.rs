//! `GET /api/likeness/v1/key`: whose key it is and what it may do.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::Role;
use crate::engine::keyring::Tier;
use crate::rest::{Caller, RestState};

/// What the holder of a key may know of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KeyDescription)]
pub(super) struct KeyBody {
    name: String,
    tenant: String,
    role: Role,
    tier: Tier,
    /// Whether the server has a model pack, without which images are refused.
    reads_images: bool,
    /// Similarity from which search and compare count faces as the same unless told otherwise.
    #[schema(minimum = 0, maximum = 1)]
    default_threshold: f32,
}

/// Tell whose key this is and what it may do
#[utoipa::path(
    get,
    path = "/api/likeness/v1/key",
    operation_id = "describe_key",
    tag = "likeness",
    responses((status = 200, description = "What the holder of the key may know", body = KeyBody))
)]
pub(super) async fn describe(State(state): State<RestState>, caller: Caller) -> Json<KeyBody> {
    let key = caller.key();
    Json(KeyBody {
        name: key.name.clone(),
        tenant: key.tenant.clone(),
        role: key.role,
        tier: key.tier,
        reads_images: caller.tenant().reads_images(),
        default_threshold: state.limits().default_threshold,
    })
}
