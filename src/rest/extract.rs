//! Path ids and JSON bodies, read strictly; every refusal is an [`ApiError`].

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::error::{ApiError, ErrorCode};
use super::json;
use super::state::RestState;
use crate::biometric::{FaceId, FaceIdError};

/// Most bytes of a JSON body.
pub(super) const JSON_BYTES_MAX: usize = 64 * 1024;

/// The `external_id` of the path, percent-decoded; any text, it need not exist.
#[derive(Debug)]
pub(super) struct CollectionPath(pub(super) String);

/// The `external_id` and `face_id` of the path.
#[derive(Debug)]
pub(crate) struct FacePath {
    pub(crate) collection: String,
    pub(crate) face_id: FaceId,
}

/// A JSON object as request body.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

impl FromRequestParts<RestState> for CollectionPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &RestState) -> Result<Self, ApiError> {
        let Path(name) = Path::from_request_parts(parts, state).await?;
        Ok(Self(name))
    }
}

impl FromRequestParts<RestState> for FacePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &RestState) -> Result<Self, ApiError> {
        let Path((collection, face_id)): Path<(String, String)> =
            Path::from_request_parts(parts, state).await?;
        let face_id =
            face_id.parse().map_err(|error: FaceIdError| ApiError::invalid("face_id", error))?;
        Ok(Self { collection, face_id })
    }
}

impl<T: DeserializeOwned> FromRequest<RestState> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(mut request: Request, state: &RestState) -> Result<Self, ApiError> {
        if !has_media_type(request.headers(), "application/json") {
            return Err(unsupported("application/json"));
        }
        if declares_more_than(JSON_BYTES_MAX, request.headers()) {
            return Err(too_large());
        }
        DefaultBodyLimit::max(JSON_BYTES_MAX).apply(&mut request);
        let read = Bytes::from_request(request, state);
        let read = tokio::time::timeout(state.limits().body_timeout, read).await;
        let bytes =
            read.map_err(|_| body_timeout())?.map_err(|rejection| unreadable(&rejection))?;
        json::object(&bytes).map(Self)
    }
}

/// Whether the body is declared to be too long, which spares both sides the transfer: most clients
/// with a large body ask before they send it.
pub(super) fn declares_more_than(bytes_max: usize, headers: &HeaderMap) -> bool {
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let declared = declared.and_then(|text| text.parse::<u64>().ok());
    declared.is_some_and(|bytes| bytes > bytes_max as u64)
}

/// Whether the body is declared to be of this media type, whatever its parameters.
pub(super) fn has_media_type(headers: &HeaderMap, expected: &str) -> bool {
    let declared = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let declared = declared.and_then(|text| text.split(';').next());
    declared.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(expected))
}

/// The body must be of another media type.
pub(super) fn unsupported(expected: &str) -> ApiError {
    let message = format!("send the body as Content-Type: {expected}");
    ApiError::new(ErrorCode::UnsupportedMediaType, message)
}

/// The body did not arrive in time.
pub(super) fn body_timeout() -> ApiError {
    ApiError::new(ErrorCode::RequestTimeout, "the request body did not arrive in time")
}

fn unreadable(rejection: &BytesRejection) -> ApiError {
    if rejection.status() == ErrorCode::RequestTooLarge.status() {
        return too_large();
    }
    ApiError::invalid("body", "could not be read to its end")
}

fn too_large() -> ApiError {
    let message = format!("the body has more than {JSON_BYTES_MAX} bytes");
    ApiError::new(ErrorCode::RequestTooLarge, message)
}
