//! Why a request was not served: status and code for programs, a message for people, the cause
//! for the log.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use axum::extract::path::ErrorKind as PathError;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::causes::with_causes;
use crate::engine::EngineError;
use crate::engine::ImageError;

/// The machine-readable reason of an error. Clients switch on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ErrorCode {
    MissingApiKey,
    InvalidApiKey,
    AccountInactive,
    Forbidden,
    RateLimited,
    InvalidParameter,
    InvalidAttributes,
    EmptyImage,
    InvalidImage,
    ImageTooLarge,
    RequestTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
    NotFound,
    MethodNotAllowed,
    CollectionNotFound,
    CollectionExists,
    RequestInProgress,
    IdempotencyKeyReused,
    FaceNotFound,
    ThumbnailNotFound,
    ModelMismatch,
    NoFaceDetected,
    NoFaceInSource,
    NoFaceInTarget,
    ModelUnavailable,
    StatementFailed,
    ReadOnly,
    AuditUnavailable,
    Overloaded,
    InternalError,
}

impl ErrorCode {
    /// The HTTP status that goes with the code.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::InvalidParameter
            | Self::InvalidAttributes
            | Self::EmptyImage
            | Self::InvalidImage
            | Self::StatementFailed => StatusCode::BAD_REQUEST,
            Self::MissingApiKey | Self::InvalidApiKey => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::AccountInactive => StatusCode::FORBIDDEN,
            Self::NotFound
            | Self::CollectionNotFound
            | Self::FaceNotFound
            | Self::ThumbnailNotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::CollectionExists | Self::ModelMismatch | Self::RequestInProgress => {
                StatusCode::CONFLICT
            }
            Self::ImageTooLarge | Self::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::IdempotencyKeyReused
            | Self::NoFaceDetected
            | Self::NoFaceInSource
            | Self::NoFaceInTarget => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ModelUnavailable | Self::ReadOnly | Self::AuditUnavailable | Self::Overloaded => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// The code for a refusal by the framework, of which only the status is known.
    fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::REQUEST_TIMEOUT => Self::RequestTimeout,
            StatusCode::PAYLOAD_TOO_LARGE => Self::RequestTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            status if status.is_client_error() => Self::InvalidParameter,
            _ => Self::InternalError,
        }
    }
}

/// A request that was not served.
///
/// As a response it is a bare status that carries this error along; `observe` writes the body,
/// because it knows the request id.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    code: ErrorCode,
    message: String,
    /// What programs may want to know beside the code.
    more: Map<String, Value>,
    retry_after_s: Option<u64>,
    /// For the log only; may name files and internals.
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl ApiError {
    /// An error whose message may be shown to the caller.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let more = Map::new();
        Self { code, message: message.into(), more, retry_after_s: None, cause: None }
    }

    /// The same error, telling more in further fields of the envelope's `detail`.
    pub(crate) fn with_more(self, more: Map<String, Value>) -> Self {
        Self { more, ..self }
    }

    /// The field or parameter `name` breaks a rule.
    pub(crate) fn invalid(name: &str, why: impl fmt::Display) -> Self {
        Self::new(ErrorCode::InvalidParameter, format!("{name} {why}"))
    }

    /// A malfunction. The caller learns nothing but the request id.
    pub(super) fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(ErrorCode::InternalError, "the server failed to answer this request")
            .caused_by(cause)
    }

    /// The server has more to do than it can; the same request may work in a moment.
    pub(super) fn overloaded(message: &str) -> Self {
        Self { retry_after_s: Some(1), ..Self::new(ErrorCode::Overloaded, message) }
    }

    /// The key made too many requests.
    pub(super) fn rate_limited(retry_after_s: u64) -> Self {
        let error = Self::new(ErrorCode::RateLimited, "API key rate limit exceeded");
        Self { retry_after_s: Some(retry_after_s), ..error }
    }

    /// The same request is being carried out.
    pub(super) fn in_progress() -> Self {
        let message = "the first request with this Idempotency-Key is still being carried out";
        Self { retry_after_s: Some(1), ..Self::new(ErrorCode::RequestInProgress, message) }
    }

    /// Too many keys that are none were tried.
    pub(super) fn too_many_log_ins(retry_after_s: u64) -> Self {
        let error = Self::new(ErrorCode::RateLimited, "too many failed log-ins");
        Self { retry_after_s: Some(retry_after_s), ..error }
    }

    /// What the framework meant by a bare status.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or("refused");
        Self::new(ErrorCode::of_status(status), reason.to_lowercase())
    }

    fn caused_by(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: Some(Arc::from(cause.into())), ..self }
    }

    pub(super) fn code(&self) -> ErrorCode {
        self.code
    }

    pub(super) fn more(&self) -> &Map<String, Value> {
        &self.more
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The cause and its sources in one line, for the log.
    pub(super) fn cause_chain(&self) -> String {
        self.cause.as_ref().map(|cause| with_causes(&**cause)).unwrap_or_default()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        let challenge = match self.code {
            ErrorCode::MissingApiKey => Some("Bearer realm=\"likeness\""),
            ErrorCode::InvalidApiKey => Some("Bearer realm=\"likeness\", error=\"invalid_token\""),
            _ => None,
        };
        if let Some(challenge) = challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        use ErrorCode as Code;
        let code = match &error {
            EngineError::GalleryNotFound(_) => Code::CollectionNotFound,
            EngineError::GalleryExists(_) => Code::CollectionExists,
            EngineError::FaceNotFound(_) | EngineError::NoFaceNamed(_) => Code::FaceNotFound,
            EngineError::InvalidValue { .. }
            | EngineError::SeveralFacesNamed(_)
            | EngineError::DimensionMismatch { .. }
            | EngineError::TooLarge(_) => Code::InvalidParameter,
            EngineError::ModelMismatch { .. } => Code::ModelMismatch,
            EngineError::Image(image) => return of_image(image),
            EngineError::NoFace => Code::NoFaceDetected,
            EngineError::NoFaceInSource => Code::NoFaceInSource,
            EngineError::NoFaceInTarget => Code::NoFaceInTarget,
            EngineError::ModelUnavailable(_) => {
                let way_out = "this server has no face models and cannot read images; its operator \
                               can install them with `likeness models install`";
                return Self::new(Code::ModelUnavailable, way_out).caused_by(error);
            }
            EngineError::ReadOnly(_) => {
                let way_out = "this server accepts no changes until it is restarted";
                return Self::new(Code::ReadOnly, way_out).caused_by(error);
            }
            EngineError::Unrecorded(_) => {
                let way_out = "this server cannot record what it would do, and therefore does not";
                return Self::new(Code::AuditUnavailable, way_out).caused_by(error);
            }
            EngineError::Cancelled => return Self::overloaded("the request was given up"),
            EngineError::Conflict | EngineError::TooMuchUncommitted(_) => {
                return Self::overloaded("others change the same; try again");
            }
            // Over REST nobody chooses the id of a face.
            EngineError::Internal(_) | EngineError::Damaged(_) | EngineError::FaceExists(_) => {
                return Self::internal(error);
            }
        };
        Self::new(code, error.to_string())
    }
}

fn of_image(error: &ImageError) -> ApiError {
    let code = match error {
        ImageError::Empty => ErrorCode::EmptyImage,
        ImageError::TooLarge { .. }
        | ImageError::TooManyPixels { .. }
        | ImageError::TooDeep { .. } => ErrorCode::ImageTooLarge,
        ImageError::Unsupported | ImageError::Truncated { .. } | ImageError::Malformed { .. } => {
            ErrorCode::InvalidImage
        }
    };
    ApiError::new(code, error.to_string())
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        let PathRejection::FailedToDeserializePathParams(failed) = rejection else {
            return Self::internal(rejection);
        };
        match failed.kind() {
            PathError::InvalidUtf8InPathParam { key } => Self::invalid(key, "is not UTF-8 text"),
            _ => Self::invalid("path", "cannot be read"),
        }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(_: QueryRejection) -> Self {
        Self::invalid("query", "cannot be read")
    }
}
