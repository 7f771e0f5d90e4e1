//! Extractors through which handlers get the caller's tenant, each naming what it will do there.
//!
//! There is no other way to a tenant, so no handler can forget the check. They run before the
//! body is read.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use super::auth::Caller;
use super::error::{ApiError, ErrorCode};
use super::state::RestState;
use crate::engine::{Action, Purpose, PurposeError, Tenant, TenantName};

/// The header by which callers say what a request is for; it goes to the audit log.
const PURPOSE: &str = "x-purpose";

/// The tenant of a caller who may look.
#[derive(Debug)]
pub(super) struct ReadAccess(pub(super) Tenant);

/// The tenant of a caller who may enrol and delete faces.
#[derive(Debug)]
pub(super) struct FaceAccess(pub(super) Tenant);

/// The tenant of a caller who may create and drop collections.
#[derive(Debug)]
pub(super) struct CollectionAccess(pub(super) Tenant);

/// Proof that the caller runs this server: an administrator of the first tenant.
#[derive(Debug)]
pub(super) struct OperatorAccess;

impl FromRequestParts<RestState> for OperatorAccess {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &RestState) -> Result<Self, ApiError> {
        let tenant = tenant_for(parts, Action::Maintain)?;
        if tenant.name().is_operator() {
            return Ok(Self);
        }
        let message = format!("only administrators of tenant {} may do this", TenantName::OPERATOR);
        Err(ApiError::new(ErrorCode::Forbidden, message))
    }
}

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

impl FromRequestParts<RestState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &RestState) -> Result<Self, ApiError> {
        caller(parts)
    }
}

fn tenant_for(parts: &Parts, action: Action) -> Result<Tenant, ApiError> {
    caller(parts)?.tenant_for(action)
}

fn caller(parts: &Parts) -> Result<Caller, ApiError> {
    let caller = parts.extensions.get::<Caller>().cloned();
    let caller = caller.ok_or_else(|| ApiError::internal("route without authentication"))?;
    caller.tenant().set_purpose(purpose(&parts.headers)?);
    Ok(caller)
}

/// What the caller says the request is for.
fn purpose(headers: &HeaderMap) -> Result<Option<Purpose>, ApiError> {
    let mut values = headers.get_all(PURPOSE).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ApiError::invalid("X-Purpose", "is given more than once"));
    }
    let text = str::from_utf8(value.as_bytes());
    let text = text.map_err(|_| ApiError::invalid("X-Purpose", "is not UTF-8 text"))?;
    text.parse().map(Some).map_err(|why: PurposeError| ApiError::invalid("X-Purpose", why))
}
