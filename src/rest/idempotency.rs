//! `Idempotency-Key`: a request that is repeated with the same key is answered as it was the first
//! time, without being carried out again.
//!
//! Kept are the answers of requests that created something, in memory. Beside that such a request
//! leaves a receipt with what it creates, of which its answer is made anew after a restart. What a
//! request means is compared, not its bytes, because the boundaries of a form differ each time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use ring::digest::{Context, SHA256};
use serde::Serialize;
use tracing::Instrument;

use super::error::{ApiError, ErrorCode};
use crate::causes::TaskError;
use crate::engine::{Changes, RECEIPT_KEPT, Tenant};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key in characters.
pub(super) const KEY_CHARS_MAX: usize = 255;
/// Answers kept of one tenant; with more, the oldest are made of their receipts when asked for.
const ANSWERS_MAX: usize = 1000;
/// Longest answer that is kept; the longest there is, of a hundred faces, is shorter.
const ANSWER_BYTES_MAX: usize = 128 * 1024;

/// The header of a request, if it has one.
#[derive(Debug, Clone)]
pub(super) struct IdempotencyKey(Option<String>);

/// What a request asks for, as far as two of them are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 32]);

/// What a request is to leave with what it creates.
#[derive(Debug)]
pub(super) struct Receipt {
    key: String,
    asked: Fingerprint,
}

/// The answers that are kept, of all tenants.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers(Arc<Mutex<HashMap<String, TenantAnswers>>>);

#[derive(Debug, Default)]
struct TenantAnswers {
    by_key: HashMap<String, Entry>,
    /// Keys in the order of their first use, and when that was.
    order: VecDeque<(Duration, String)>,
}

#[derive(Debug, Clone)]
struct Entry {
    asked: Fingerprint,
    /// None while the first request is being carried out.
    answer: Option<Answer>,
}

#[derive(Debug, Clone)]
struct Answer {
    status: StatusCode,
    body: Bytes,
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let mut values = parts.headers.get_all(KEY).iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        let is_fine = |text: &&str| {
            let is_printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            is_printable && (1..=KEY_CHARS_MAX).contains(&text.len())
        };
        let text = value.to_str().ok().filter(is_fine);
        match text {
            Some(text) if values.next().is_none() => Ok(Self(Some(text.to_owned()))),
            _ => {
                let why = format!("must be given once, as 1 to {KEY_CHARS_MAX} printable ASCII");
                Err(ApiError::invalid("Idempotency-Key", why + " characters"))
            }
        }
    }
}

impl Fingerprint {
    /// Of a request that is told from others by these parts.
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = Context::new(&SHA256);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(hasher.finish().as_ref());
        Self(hash)
    }
}

impl Receipt {
    /// Adds the receipt to the changes, with what the answer can be made of.
    ///
    /// # Errors
    /// When the store does not take it; then the changes must not be written.
    pub(super) async fn leave(
        &self,
        tenant: &Tenant,
        changes: &mut Changes,
        kept: &impl Serialize,
    ) -> Result<(), ApiError> {
        let kept = serde_json::to_string(kept).map_err(ApiError::internal)?;
        let text = format!("{}\n{kept}", hex::encode(self.asked.0));
        Ok(tenant.leave_receipt(changes, &self.key, text).await?)
    }

    /// What the answer can be made of, if the request was carried out before.
    ///
    /// # Errors
    /// `idempotency_key_reused`, or the store is damaged.
    fn kept(&self, tenant: &Tenant) -> Result<Option<String>, ApiError> {
        let Some(text) = tenant.receipt(&self.key)? else { return Ok(None) };
        let Some((asked, kept)) = text.split_once('\n') else {
            return Err(ApiError::internal("a receipt says nothing"));
        };
        if asked == hex::encode(self.asked.0) { Ok(Some(kept.to_owned())) } else { Err(reused()) }
    }
}

impl Answers {
    /// Does `work`, or answers as it did the first time it was asked for under this key: `again`
    /// makes that answer of what `work` left on its receipt.
    ///
    /// With a key the work goes on when its caller leaves, so that whoever repeats the request
    /// finds what came of it.
    ///
    /// # Errors
    /// `idempotency_key_reused`, `request_in_progress`, and those of `work`, which are not kept.
    pub(super) async fn once<T, Work>(
        &self,
        tenant: &Tenant,
        key: IdempotencyKey,
        asked: Fingerprint,
        now: Duration,
        work: impl FnOnce(Option<Receipt>) -> Work,
        again: impl FnOnce(&str) -> Result<T, ApiError>,
    ) -> Result<Response, ApiError>
    where
        T: Serialize + Send + 'static,
        Work: Future<Output = Result<(StatusCode, T), ApiError>> + Send + 'static,
    {
        let Some(key) = key.0 else { return Ok(answer_of(work(None).await?)?.into_response()) };
        let owner = tenant.name().as_str();
        if let Some(answer) = self.claim(owner, &key, asked, now)? {
            return Ok(answer.replayed());
        }
        let receipt = Receipt { key: key.clone(), asked };
        let claim = Claim { answers: self.clone(), tenant: owner.to_owned(), key };
        if let Some(kept) = receipt.kept(tenant)? {
            let answer = answer_of((StatusCode::CREATED, again(&kept)?))?;
            claim.keep(answer.clone());
            return Ok(answer.replayed());
        }
        let work = work(Some(receipt));
        let work = async move {
            let answer = answer_of(work.await?)?;
            claim.keep(answer.clone());
            Ok::<_, ApiError>(answer)
        };
        let done = tokio::spawn(work.in_current_span()).await;
        let done = done.map_err(|ended| ApiError::internal(TaskError::from(&ended)))?;
        Ok(done?.into_response())
    }

    /// Reserves `key`, or says what was answered under it.
    fn claim(
        &self,
        tenant: &str,
        key: &str,
        asked: Fingerprint,
        now: Duration,
    ) -> Result<Option<Answer>, ApiError> {
        let mut tenants = self.0.lock();
        let answers = tenants.entry(tenant.to_owned()).or_default();
        answers.forget(now);
        match answers.by_key.get(key) {
            Some(entry) if entry.asked != asked => Err(reused()),
            Some(Entry { answer: Some(answer), .. }) => Ok(Some(answer.clone())),
            Some(Entry { answer: None, .. }) => Err(ApiError::in_progress()),
            None => {
                answers.by_key.insert(key.to_owned(), Entry { asked, answer: None });
                answers.order.push_back((now, key.to_owned()));
                Ok(None)
            }
        }
    }
}

impl TenantAnswers {
    /// Drops what is too old, and the oldest of too many.
    fn forget(&mut self, now: Duration) {
        while let Some((since, _)) = self.order.front() {
            let is_old = now.saturating_sub(*since) >= RECEIPT_KEPT;
            if !is_old && self.order.len() < ANSWERS_MAX {
                return;
            }
            if let Some((_, key)) = self.order.pop_front() {
                self.by_key.remove(&key);
            }
        }
    }
}

/// A key under which a request is being carried out. Dropped without an answer it is free again.
struct Claim {
    answers: Answers,
    tenant: String,
    key: String,
}

impl Claim {
    fn keep(&self, answer: Answer) {
        if answer.status != StatusCode::CREATED || answer.body.len() > ANSWER_BYTES_MAX {
            return;
        }
        let mut tenants = self.answers.0.lock();
        let entry = tenants.get_mut(&self.tenant).and_then(|all| all.by_key.get_mut(&self.key));
        if let Some(entry) = entry {
            entry.answer = Some(answer);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut tenants = self.answers.0.lock();
        let Some(answers) = tenants.get_mut(&self.tenant) else { return };
        if answers.by_key.get(&self.key).is_some_and(|entry| entry.answer.is_none()) {
            answers.by_key.remove(&self.key);
            answers.order.retain(|(_, key)| *key != self.key);
        }
    }
}

fn reused() -> ApiError {
    let message = "this Idempotency-Key was used for another request";
    ApiError::new(ErrorCode::IdempotencyKeyReused, message)
}

fn answer_of<T: Serialize>((status, body): (StatusCode, T)) -> Result<Answer, ApiError> {
    let body = serde_json::to_vec(&body).map_err(ApiError::internal)?;
    Ok(Answer { status, body: body.into() })
}

impl Answer {
    fn replayed(self) -> Response {
        let mut response = self.into_response();
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        response
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        (self.status, [(CONTENT_TYPE, json)], self.body).into_response()
    }
}
