//! Multipart forms with images, read part by part within bounds.

use axum::body::Bytes;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use bytes::BytesMut;

use super::error::{ApiError, ErrorCode};
use super::extract::{body_timeout, declares_more_than, has_media_type, unsupported};
use super::parameters::Parameters;
use super::state::RestState;
use crate::engine::IMAGE_BYTES_MAX;

/// Most bytes of a form beyond its images: texts, part headers, boundaries, unknown parts.
const OVERHEAD_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of one text part; the longest permitted one takes 1020.
const TEXT_BYTES_MAX: usize = 4096;
/// Most parts of a form.
const PARTS_MAX: usize = 32;

/// What the form of one route holds.
pub(super) trait FormShape: Sized {
    /// Names of its image parts.
    const IMAGES: &'static [&'static str];
    /// Names of its text parts. Parts of other names are ignored.
    const TEXTS: &'static [&'static str];

    /// Takes what it needs from the parts and says what is missing or wrong.
    fn from_parts(parts: &mut FormParts) -> Result<Self, ApiError>;
}

/// A form as request body.
#[derive(Debug)]
pub(super) struct Form<T>(pub(super) T);

/// The parts of a form that its shape names.
#[derive(Debug, Default)]
pub(super) struct FormParts {
    /// The texts.
    pub(super) texts: Parameters,
    images: Vec<(&'static str, Bytes)>,
}

impl FormParts {
    /// Takes the image `name` out; it must be there and not empty.
    pub(super) fn image(&mut self, name: &str) -> Result<Bytes, ApiError> {
        let position = self.images.iter().position(|(given, _)| *given == name);
        let Some(position) = position else {
            return Err(ApiError::invalid(name, "is missing; send the image as a file part"));
        };
        let (_, image) = self.images.swap_remove(position);
        if image.is_empty() {
            return Err(ApiError::new(ErrorCode::EmptyImage, format!("{name} is empty")));
        }
        Ok(image)
    }
}

impl<T: FormShape> FromRequest<RestState> for Form<T> {
    type Rejection = ApiError;

    async fn from_request(mut request: Request, state: &RestState) -> Result<Self, ApiError> {
        if !has_media_type(request.headers(), "multipart/form-data") {
            return Err(unsupported("multipart/form-data"));
        }
        let bytes_max = T::IMAGES.len() * IMAGE_BYTES_MAX + OVERHEAD_BYTES_MAX;
        if declares_more_than(bytes_max, request.headers()) {
            return Err(form_too_large(bytes_max));
        }
        DefaultBodyLimit::max(bytes_max).apply(&mut request);
        let form = Multipart::from_request(request, state).await;
        let form = form.map_err(|_| ApiError::invalid("body", "declares no multipart boundary"))?;
        let read = tokio::time::timeout(state.limits().body_timeout, read_parts::<T>(form)).await;
        let mut parts = read.map_err(|_| body_timeout())??;
        T::from_parts(&mut parts).map(Self)
    }
}

async fn read_parts<T: FormShape>(mut form: Multipart) -> Result<FormParts, ApiError> {
    let mut parts = FormParts::default();
    let mut count = 0;
    while let Some(field) = form.next_field().await.map_err(|error| broken(&error))? {
        count += 1;
        if count > PARTS_MAX {
            return Err(ApiError::invalid("body", format!("has more than {PARTS_MAX} parts")));
        }
        let given = field.name().unwrap_or_default();
        let named = |names: &'static [&'static str]| names.iter().find(|name| **name == given);
        if let Some(name) = named(T::IMAGES) {
            if parts.images.iter().any(|(other, _)| other == name) {
                return Err(ApiError::invalid(name, "is given more than once"));
            }
            parts.images.push((name, image(field, name).await?));
        } else if let Some(name) = named(T::TEXTS) {
            let text = text(field, name).await?;
            parts.texts.push(name, text);
        }
    }
    Ok(parts)
}

async fn image(mut field: Field<'_>, name: &str) -> Result<Bytes, ApiError> {
    let read = bounded(&mut field, IMAGE_BYTES_MAX).await?;
    read.ok_or_else(|| {
        let message = format!("{name} has more than {IMAGE_BYTES_MAX} bytes");
        ApiError::new(ErrorCode::ImageTooLarge, message)
    })
}

async fn text(mut field: Field<'_>, name: &str) -> Result<String, ApiError> {
    let Some(bytes) = bounded(&mut field, TEXT_BYTES_MAX).await? else {
        return Err(ApiError::invalid(name, format!("has more than {TEXT_BYTES_MAX} bytes")));
    };
    match str::from_utf8(&bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(ApiError::invalid(name, "is not UTF-8 text")),
    }
}

/// The bytes of a part, or none as soon as there are more than `bytes_max`.
async fn bounded(field: &mut Field<'_>, bytes_max: usize) -> Result<Option<Bytes>, ApiError> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
        if bytes.len() + chunk.len() > bytes_max {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes.freeze()))
}

fn broken(error: &MultipartError) -> ApiError {
    if error.status() == ErrorCode::ImageTooLarge.status() {
        let message = "the form is larger than its images may be together";
        return ApiError::new(ErrorCode::ImageTooLarge, message);
    }
    ApiError::invalid("body", "is not a complete multipart form")
}

fn form_too_large(bytes_max: usize) -> ApiError {
    let message = format!(
        "the form has more than {bytes_max} bytes; an image may have {IMAGE_BYTES_MAX} bytes"
    );
    ApiError::new(ErrorCode::ImageTooLarge, message)
}
