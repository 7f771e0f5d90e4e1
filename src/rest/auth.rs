//! Who calls: the API key, its rate limits, and the rights it carries.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::{ApiError, ErrorCode};
use super::rate::Budget;
use super::state::RestState;
use crate::engine::keyring::{Key, Login};
use crate::engine::{Action, Actor, Door, Tenant, TenantName};

/// Characters of a secret by which failed log-ins are counted: what all begin with and four more.
const NAME_CHARS: usize = 14;

/// The address that a request comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// The holder of a valid key.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    tenant: Tenant,
    key: Arc<Key>,
}

impl Caller {
    /// The key that the caller holds.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// The caller's tenant, for work that asks for the role by itself.
    pub(crate) fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The caller's tenant, if the key may do `action` there.
    pub(super) fn tenant_for(self, action: Action) -> Result<Tenant, ApiError> {
        if self.key.role.allows(action) {
            return Ok(self.tenant);
        }
        let message = format!("a key with role {} may not do this", self.key.role);
        Err(ApiError::new(ErrorCode::Forbidden, message))
    }
}

/// Lets holders of a valid key pass within their rate limits, and tells them where they stand.
pub(super) async fn authenticate(
    State(state): State<RestState>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let (response, budget) = match identify(&state, request.headers(), peer) {
        Ok((key, caller)) => {
            let decision = state.rates().admit(&key.id, key.tier, state.now());
            let response = if decision.admitted {
                request.extensions_mut().insert(caller);
                next.run(request).await
            } else {
                ApiError::rate_limited(decision.budget.reset_s).into_response()
            };
            (response, decision.budget)
        }
        // No key, no window to count in.
        Err(error) => (error.into_response(), Budget::default()),
    };
    with_budget(response, budget)
}

fn with_budget(mut response: Response, budget: Budget) -> Response {
    budget.write_to(response.headers_mut());
    response
}

fn identify(
    state: &RestState,
    headers: &HeaderMap,
    peer: Option<Peer>,
) -> Result<(Arc<Key>, Caller), ApiError> {
    let secret = bearer_token(headers)?;
    let key = match state.keyring().authenticate(secret).map_err(ApiError::internal)? {
        Login::Admitted(key) => key,
        Login::Suspended => {
            let message = "the account of this API key is suspended";
            return Err(ApiError::new(ErrorCode::AccountInactive, message));
        }
        Login::Refused => return Err(failed(state, secret, peer)),
    };
    let tenant = key.tenant.parse::<TenantName>().map_err(ApiError::internal)?;
    let tenant = state.engine().tenant(tenant).acting_as(Actor::holding(&key, Door::Rest));
    let caller = Caller { tenant, key: Arc::clone(&key) };
    Ok((key, caller))
}

/// What somebody is told who has no valid key, and whether too often. The holders of valid keys are
/// not kept waiting by those who share their address, a proxy's for instance.
fn failed(state: &RestState, secret: &str, peer: Option<Peer>) -> ApiError {
    let name: String = secret.chars().take(NAME_CHARS).collect();
    let (address, now) = (peer.map(|peer| peer.0), state.now());
    match state.logins().check(address, &name, now) {
        Ok(()) => {
            state.logins().failed(address, &name, now);
            invalid_key()
        }
        Err(throttled) => ApiError::too_many_log_ins(throttled.retry_after_s),
    }
}

fn bearer_token(headers: &HeaderMap) -> Result<&str, ApiError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        let message = "send the API key as `Authorization: Bearer <key>`";
        return Err(ApiError::new(ErrorCode::MissingApiKey, message));
    };
    if values.next().is_some() {
        return Err(invalid_key());
    }
    let (scheme, token) =
        value.to_str().ok().and_then(|text| text.trim().split_once(' ')).ok_or_else(invalid_key)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(invalid_key()) }
}

fn invalid_key() -> ApiError {
    ApiError::new(ErrorCode::InvalidApiKey, "Invalid or revoked API key")
}
