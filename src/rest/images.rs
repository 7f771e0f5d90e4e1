//! Handlers that look at images and store nothing: detect, compare.

use axum::Json;
use axum::extract::State;
use bytes::Bytes;

use super::access::ReadAccess;
use super::body::{ComparisonBody, DetectionBody};
use super::error::ApiError;
use super::form::{Form, FormParts, FormShape};
use super::state::RestState;
use crate::biometric::AttributeSet;

/// The form of [`detect`].
#[derive(Debug)]
pub(super) struct DetectForm {
    image: Bytes,
    attributes: AttributeSet,
}

impl FormShape for DetectForm {
    const IMAGES: &'static [&'static str] = &["image"];
    const TEXTS: &'static [&'static str] = &["attributes"];

    fn from_parts(parts: &mut FormParts) -> Result<Self, ApiError> {
        Ok(Self { image: parts.image("image")?, attributes: parts.texts.attributes()? })
    }
}

/// The form of [`compare`].
#[derive(Debug)]
pub(super) struct CompareForm {
    source_image: Bytes,
    target_image: Bytes,
    threshold: Option<f32>,
}

impl FormShape for CompareForm {
    const IMAGES: &'static [&'static str] = &["source_image", "target_image"];
    const TEXTS: &'static [&'static str] = &["threshold"];

    fn from_parts(parts: &mut FormParts) -> Result<Self, ApiError> {
        Ok(Self {
            source_image: parts.image("source_image")?,
            target_image: parts.image("target_image")?,
            threshold: parts.texts.fraction("threshold")?,
        })
    }
}

/// `POST /faces:detect`
pub(super) async fn detect(
    ReadAccess(tenant): ReadAccess,
    Form(DetectForm { image, attributes }): Form<DetectForm>,
) -> Result<Json<DetectionBody>, ApiError> {
    let detection = tenant.detect(image, attributes).await?;
    Ok(Json(DetectionBody::new(detection, attributes)))
}

/// `POST /faces:compare`
pub(super) async fn compare(
    State(state): State<RestState>,
    ReadAccess(tenant): ReadAccess,
    Form(form): Form<CompareForm>,
) -> Result<Json<ComparisonBody>, ApiError> {
    let threshold = form.threshold.unwrap_or(state.limits().default_threshold);
    let compared = tenant.compare(form.source_image, form.target_image, Some(threshold)).await?;
    Ok(Json(compared.into()))
}
