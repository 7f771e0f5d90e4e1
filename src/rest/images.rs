//! Handlers that look at images and store nothing: detect, compare.

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use utoipa::ToSchema;

use super::access::ReadAccess;
use super::body::{ComparisonBody, DetectionBody};
use super::error::ApiError;
use super::form::{Form, FormParts, FormShape};
use super::openapi::schema;
use super::state::RestState;
use crate::biometric::AttributeSet;

/// An image whose faces are looked for.
#[derive(Debug, ToSchema)]
pub(super) struct DetectForm {
    #[schema(schema_with = schema::image)]
    image: Bytes,
    #[schema(schema_with = schema::attribute_set, required = false)]
    attributes: AttributeSet,
}

impl FormShape for DetectForm {
    const IMAGES: &'static [&'static str] = &["image"];
    const TEXTS: &'static [&'static str] = &["attributes"];

    fn from_parts(parts: &mut FormParts) -> Result<Self, ApiError> {
        Ok(Self { image: parts.image("image")?, attributes: parts.texts.attributes()? })
    }
}

/// Two images to be compared.
#[derive(Debug, ToSchema)]
pub(super) struct CompareForm {
    #[schema(schema_with = schema::image)]
    source_image: Bytes,
    #[schema(schema_with = schema::image)]
    target_image: Bytes,
    #[schema(schema_with = schema::threshold, required = false)]
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

/// Find the faces of an image, largest first
///
/// An image without a face is no error.
#[utoipa::path(
    post,
    path = "/api/v2/faces:detect",
    operation_id = "detect_faces",
    tag = "detect",
    request_body(content = DetectForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "The faces", body = DetectionBody))
)]
pub(super) async fn detect(
    ReadAccess(tenant): ReadAccess,
    Form(DetectForm { image, attributes }): Form<DetectForm>,
) -> Result<Json<DetectionBody>, ApiError> {
    let detection = tenant.detect(image, attributes).await?;
    Ok(Json(DetectionBody::new(detection, attributes)))
}

/// Compare the largest faces of two images
///
/// If neither shows a face the answer is `no_face_in_source`.
#[utoipa::path(
    post,
    path = "/api/v2/faces:compare",
    operation_id = "compare_faces",
    tag = "compare",
    request_body(content = CompareForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "How alike they are", body = ComparisonBody))
)]
pub(super) async fn compare(
    State(state): State<RestState>,
    ReadAccess(tenant): ReadAccess,
    Form(form): Form<CompareForm>,
) -> Result<Json<ComparisonBody>, ApiError> {
    let threshold = form.threshold.unwrap_or(state.limits().default_threshold);
    let compared = tenant.compare(form.source_image, form.target_image, Some(threshold)).await?;
    Ok(Json(compared.into()))
}
