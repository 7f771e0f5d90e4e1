//! Extractors through which handlers get the caller's tenant, each naming what it will do there.
//!
//! There is no other way to a tenant, so no handler can forget the check. They run before the
//! body is read.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::auth::Caller;
use super::error::ApiError;
use super::state::RestState;
use crate::engine::{Action, Tenant};

/// The tenant of a caller who may look.
#[derive(Debug)]
pub(super) struct ReadAccess(pub(super) Tenant);

/// The tenant of a caller who may enrol and delete faces.
#[derive(Debug)]
pub(super) struct FaceAccess(pub(super) Tenant);

/// The tenant of a caller who may create and drop collections.
#[derive(Debug)]
pub(super) struct CollectionAccess(pub(super) Tenant);

impl FromRequestParts<RestState> for ReadAccess {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &RestState) -> Result<Self, ApiError> {
        tenant_for(parts, Action::Read).map(Self)
    }
}

impl FromRequestParts<RestState> for FaceAccess {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &RestState) -> Result<Self, ApiError> {
        tenant_for(parts, Action::ChangeFaces).map(Self)
    }
}

impl FromRequestParts<RestState> for CollectionAccess {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &RestState) -> Result<Self, ApiError> {
        tenant_for(parts, Action::ChangeCollections).map(Self)
    }
}

fn tenant_for(parts: &Parts, action: Action) -> Result<Tenant, ApiError> {
    let caller = parts.extensions.get::<Caller>().cloned();
    caller.ok_or_else(|| ApiError::internal("route without authentication"))?.tenant_for(action)
}
