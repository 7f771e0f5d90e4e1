//! Handlers of enrolled faces: index, list, describe, delete.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;

use super::access::{FaceAccess, ReadAccess};
use super::body::{FaceBody, FacePageBody, IndexBody};
use super::collections::{PAGE_ITEMS, PAGE_ITEMS_MAX};
use super::cursor;
use super::error::ApiError;
use super::extract::{CollectionPath, FacePath};
use super::form::{Form, FormParts, FormShape};
use super::idempotency::{Fingerprint, IdempotencyKey, Receipt};
use super::parameters::Parameters;
use super::replay::IndexedImage;
use super::state::RestState;
use crate::biometric::AttributeSet;
use crate::engine::{EngineError, EnrollmentDraft, QualityFilter, TemplateSource, Tenant};

/// Longest external id in characters.
const EXTERNAL_ID_CHARS_MAX: usize = 255;
/// Most faces one image may add.
const FACES_PER_IMAGE_MAX: usize = 100;

/// The form of [`index`].
#[derive(Debug)]
pub(super) struct IndexForm {
    image: Bytes,
    external_face_id: Option<String>,
    external_image_id: Option<String>,
    attributes: AttributeSet,
    max_faces: usize,
    quality_filter: QualityFilter,
}

impl FormShape for IndexForm {
    const IMAGES: &'static [&'static str] = &["image"];
    const TEXTS: &'static [&'static str] =
        &["external_face_id", "external_image_id", "attributes", "max_faces", "quality_filter"];

    fn from_parts(parts: &mut FormParts) -> Result<Self, ApiError> {
        let image = parts.image("image")?;
        let texts = &parts.texts;
        let quality_filter = texts.text("quality_filter")?.map(str::parse).transpose()?;
        Ok(Self {
            image,
            external_face_id: texts.bounded_text("external_face_id", 1..=EXTERNAL_ID_CHARS_MAX)?,
            external_image_id: texts
                .bounded_text("external_image_id", 1..=EXTERNAL_ID_CHARS_MAX)?,
            attributes: texts.attributes()?,
            max_faces: texts.integer("max_faces", 1..=FACES_PER_IMAGE_MAX)?.unwrap_or(1),
            quality_filter: quality_filter.unwrap_or_default(),
        })
    }
}

impl IndexForm {
    fn fingerprint(&self, collection: &str) -> Fingerprint {
        let Self { image, external_face_id, external_image_id, .. } = self;
        let ids = format!("{external_face_id:?} {external_image_id:?}");
        let options = format!("{:?} {} {:?}", self.attributes, self.max_faces, self.quality_filter);
        let parts = [b"face", collection.as_bytes(), image, ids.as_bytes(), options.as_bytes()];
        Fingerprint::of(&parts)
    }
}

/// `POST /collections/{external_id}/faces`
pub(super) async fn index(
    State(state): State<RestState>,
    FaceAccess(tenant): FaceAccess,
    CollectionPath(collection): CollectionPath,
    key: IdempotencyKey,
    Form(form): Form<IndexForm>,
) -> Result<Response, ApiError> {
    let asked = form.fingerprint(&collection);
    let (owner, place) = (tenant.clone(), collection.clone());
    let work = |receipt| index_now(owner, place, form, receipt);
    let again = |kept: &str| {
        let kept: IndexedImage = serde_json::from_str(kept).map_err(ApiError::internal)?;
        Ok(IndexBody::from(kept.enrollment(&tenant.snapshot(), &collection)?))
    };
    state.answers().once(&tenant, key, asked, state.now(), work, again).await
}

async fn index_now(
    tenant: Tenant,
    collection: String,
    form: IndexForm,
    receipt: Option<Receipt>,
) -> Result<(StatusCode, IndexBody), ApiError> {
    let IndexForm { image, attributes, max_faces, quality_filter, .. } = form;
    let draft = EnrollmentDraft {
        source: TemplateSource::Image { image, attributes, max_faces, quality_filter },
        external_face_id: form.external_face_id,
        external_image_id: form.external_image_id,
        metadata: None,
    };
    let at = tenant.snapshot();
    let (mut changes, enrollments) = tenant.enrollment(&at, &collection, vec![draft]).await?;
    let enrollment = enrollments.into_iter().next();
    let enrollment = enrollment.ok_or_else(|| ApiError::internal("no outcome for the image"))?;
    let (kept, body) = (IndexedImage::of(&enrollment), IndexBody::from(enrollment));
    // The quality filter may refuse every face; then nothing is created.
    if !body.has_faces() {
        return Ok((StatusCode::OK, body));
    }
    if let Some(receipt) = receipt {
        receipt.leave(&tenant, &mut changes, &kept).await?;
    }
    tenant.write_new(&collection, changes).await?;
    Ok((StatusCode::CREATED, body))
}

/// `GET /collections/{external_id}/faces`
pub(super) async fn list(
    ReadAccess(tenant): ReadAccess,
    CollectionPath(collection): CollectionPath,
    parameters: Parameters,
) -> Result<Json<FacePageBody>, ApiError> {
    let limit = parameters.integer("limit", 1..=PAGE_ITEMS_MAX)?.unwrap_or(PAGE_ITEMS);
    let after = parameters.text("cursor")?.map(cursor::face_of).transpose()?;
    let image_id = parameters.bounded_text("external_image_id", 1..=EXTERNAL_ID_CHARS_MAX)?;
    let page = tenant.face_page(collection, image_id, after, limit).await?;
    Ok(Json(page.into()))
}

/// `GET /collections/{external_id}/faces/{face_id}`
pub(super) async fn describe(
    ReadAccess(tenant): ReadAccess,
    path: FacePath,
) -> Result<Json<FaceBody>, ApiError> {
    Ok(Json(tenant.snapshot().face(&path.collection, path.face_id)?.into()))
}

/// `DELETE /collections/{external_id}/faces/{face_id}`
pub(super) async fn remove(
    FaceAccess(tenant): FaceAccess,
    path: FacePath,
) -> Result<StatusCode, ApiError> {
    match tenant.remove_faces(&path.collection, vec![path.face_id]).await? {
        0 => Err(EngineError::FaceNotFound(path.face_id).into()),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}
