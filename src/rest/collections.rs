//! Handlers of collections: create, list, describe, delete.

use axum::Json;
use axum::http::StatusCode;

use super::access::{CollectionAccess, ReadAccess};
use super::body::{CollectionBody, CollectionPageBody, CollectionRequest};
use super::cursor;
use super::error::ApiError;
use super::extract::{CollectionPath, JsonBody};
use super::parameters::Parameters;
use crate::engine::{GalleryModel, GalleryRequest, Precision};

/// Items of a listing's page unless the caller says otherwise.
pub(super) const PAGE_ITEMS: usize = 50;
/// Most items of a listing's page.
pub(super) const PAGE_ITEMS_MAX: usize = 200;

/// `POST /collections`
pub(super) async fn create(
    CollectionAccess(tenant): CollectionAccess,
    JsonBody(request): JsonBody<CollectionRequest>,
) -> Result<(StatusCode, Json<CollectionBody>), ApiError> {
    let CollectionRequest { external_id: name, description } = request;
    let (model, precision) = (GalleryModel::Default, Precision::default());
    let request = GalleryRequest { name, description, model, precision };
    let gallery = tenant.create_gallery(request).await?;
    Ok((StatusCode::CREATED, Json(gallery.into())))
}

/// `GET /collections`
pub(super) async fn list(
    ReadAccess(tenant): ReadAccess,
    parameters: Parameters,
) -> Result<Json<CollectionPageBody>, ApiError> {
    let limit = parameters.integer("limit", 1..=PAGE_ITEMS_MAX)?.unwrap_or(PAGE_ITEMS);
    let after = parameters.text("cursor")?.map(cursor::collection_of).transpose()?;
    let galleries = tenant.snapshot().galleries(after.as_deref(), limit + 1);
    Ok(Json(CollectionPageBody::new(galleries, limit)))
}

/// `GET /collections/{external_id}`
pub(super) async fn describe(
    ReadAccess(tenant): ReadAccess,
    CollectionPath(name): CollectionPath,
) -> Result<Json<CollectionBody>, ApiError> {
    Ok(Json(tenant.snapshot().gallery(&name)?.into()))
}

/// `DELETE /collections/{external_id}`
pub(super) async fn remove(
    CollectionAccess(tenant): CollectionAccess,
    CollectionPath(name): CollectionPath,
) -> Result<StatusCode, ApiError> {
    tenant.drop_gallery(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}
