//! Handlers of enrolled faces: index, list, describe, delete.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use utoipa::openapi::schema::Object;
use utoipa::{IntoParams, ToSchema};

use super::access::{FaceAccess, ReadAccess};
use super::body::{FaceBody, FacePageBody, IndexBody};
use super::cursor;
use super::error::ApiError;
use super::extract::{CollectionPath, FacePath};
use super::form::{Form, FormParts, FormShape};
use super::idempotency::{Fingerprint, IdempotencyKey, Receipt};
use super::openapi::schema;
use super::page::PageBounds;
use super::parameters::Parameters;
use super::replay::IndexedImage;
use super::state::RestState;
use crate::biometric::AttributeSet;
use crate::engine::{EngineError, EnrollmentDraft, QualityFilter, TemplateSource, Tenant};

/// Longest external id in characters.
const EXTERNAL_ID_CHARS_MAX: usize = 255;
/// Faces that one image adds unless the caller says otherwise.
const FACES_PER_IMAGE: usize = 1;
/// Most faces one image may add.
const FACES_PER_IMAGE_MAX: usize = 100;

/// An image whose faces are added.
#[derive(Debug, ToSchema)]
pub(super) struct IndexForm {
    #[schema(schema_with = schema::image)]
    image: Bytes,
    /// The caller's name for the person or record.
    #[schema(schema_with = external_id, required = false)]
    external_face_id: Option<String>,
    /// The caller's name for the image.
    #[schema(schema_with = external_id, required = false)]
    external_image_id: Option<String>,
    #[schema(schema_with = schema::attribute_set, required = false)]
    attributes: AttributeSet,
    /// How many of the largest faces are added.
    #[schema(schema_with = face_limit, required = false)]
    max_faces: usize,
    /// `auto` leaves out faces that are too small, blurred, dark, turned away or doubtful.
    #[schema(schema_with = quality_filter, required = false)]
    quality_filter: QualityFilter,
}

/// The parameter that only the listing of faces has.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
struct FaceFilter {
    /// Only faces of this image.
    #[param(schema_with = external_id, required = false)]
    external_image_id: Option<String>,
}

fn external_id() -> Object {
    schema::text(&(1..=EXTERNAL_ID_CHARS_MAX))
}

fn face_limit() -> Object {
    schema::integer(&(1..=FACES_PER_IMAGE_MAX), FACES_PER_IMAGE)
}

fn quality_filter() -> Object {
    schema::word(&["none", "auto"], "none")
}

impl FaceFilter {
    fn of(parameters: &Parameters) -> Result<Self, ApiError> {
        let text = parameters.bounded_text("external_image_id", 1..=EXTERNAL_ID_CHARS_MAX)?;
        Ok(Self { external_image_id: text })
    }
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
            max_faces: texts
                .integer("max_faces", 1..=FACES_PER_IMAGE_MAX)?
                .unwrap_or(FACES_PER_IMAGE),
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

/// Add the largest faces of an image to a collection
///
/// When the answer arrives they are on disk and searchable. When exactly one face was added, all
/// its fields also stand at the top level of the answer.
#[utoipa::path(
    post,
    path = "/api/v2/collections/{external_id}/faces",
    operation_id = "index_faces",
    tag = "collections",
    params(CollectionPath, IdempotencyKey),
    request_body(content = IndexForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The quality filter left out every face", body = IndexBody),
        (status = 201, description = "Faces were added", body = IndexBody),
    )
)]
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

/// List the faces of a collection, oldest first
#[utoipa::path(
    get,
    path = "/api/v2/collections/{external_id}/faces",
    operation_id = "list_faces",
    tag = "collections",
    params(CollectionPath, FaceFilter, PageBounds),
    responses((status = 200, description = "A page of them", body = FacePageBody))
)]
pub(super) async fn list(
    ReadAccess(tenant): ReadAccess,
    CollectionPath(collection): CollectionPath,
    parameters: Parameters,
) -> Result<Json<FacePageBody>, ApiError> {
    let PageBounds { limit, cursor } = PageBounds::of(&parameters)?;
    let after = cursor.as_deref().map(cursor::face_of).transpose()?;
    let FaceFilter { external_image_id } = FaceFilter::of(&parameters)?;
    let page = tenant.face_page(collection, external_image_id, after, limit).await?;
    Ok(Json(page.into()))
}

/// Describe a face
#[utoipa::path(
    get,
    path = "/api/v2/collections/{external_id}/faces/{face_id}",
    operation_id = "describe_face",
    tag = "collections",
    params(FacePath),
    responses((status = 200, description = "The face", body = FaceBody))
)]
pub(super) async fn describe(
    ReadAccess(tenant): ReadAccess,
    path: FacePath,
) -> Result<Json<FaceBody>, ApiError> {
    Ok(Json(tenant.snapshot().face(&path.collection, path.face_id)?.into()))
}

/// Delete a face
#[utoipa::path(
    delete,
    path = "/api/v2/collections/{external_id}/faces/{face_id}",
    operation_id = "delete_face",
    tag = "collections",
    params(FacePath),
    responses((status = 204, description = "It is gone"))
)]
pub(super) async fn remove(
    FaceAccess(tenant): FaceAccess,
    path: FacePath,
) -> Result<StatusCode, ApiError> {
    match tenant.remove_faces(&path.collection, vec![path.face_id]).await? {
        0 => Err(EngineError::FaceNotFound(path.face_id).into()),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}
