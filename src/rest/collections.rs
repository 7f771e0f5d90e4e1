//! Handlers of collections: create, list, describe, delete.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::access::{CollectionAccess, ReadAccess};
use super::body::{CollectionBody, CollectionPageBody, CollectionRequest};
use super::cursor;
use super::error::ApiError;
use super::extract::{CollectionPath, JsonBody};
use super::idempotency::{Fingerprint, IdempotencyKey, Receipt};
use super::page::PageBounds;
use super::parameters::Parameters;
use super::state::RestState;
use crate::engine::{GalleryModel, GalleryRequest, Precision, Tenant};

impl CollectionRequest {
    fn fingerprint(&self) -> Fingerprint {
        let description = self.description.as_deref().map(str::as_bytes);
        let flags = [u8::from(description.is_some()), u8::from(self.thumbnails())];
        let id = self.external_id.as_bytes();
        Fingerprint::of(&[b"collection", id, &flags, description.unwrap_or_default()])
    }
}

/// Create a collection
///
/// It is bound to the server's model pack.
#[utoipa::path(
    post,
    path = "/api/v2/collections",
    operation_id = "create_collection",
    tag = "collections",
    params(IdempotencyKey),
    request_body(content = CollectionRequest, content_type = "application/json"),
    responses((status = 201, description = "It was created", body = CollectionBody))
)]
pub(super) async fn create(
    State(state): State<RestState>,
    CollectionAccess(tenant): CollectionAccess,
    key: IdempotencyKey,
    JsonBody(request): JsonBody<CollectionRequest>,
) -> Result<Response, ApiError> {
    let (asked, name) = (request.fingerprint(), request.external_id.clone());
    let owner = tenant.clone();
    let work = |receipt| create_now(owner, request, receipt);
    // What it is by now is in the store.
    let again = |_: &str| Ok(CollectionBody::from(tenant.snapshot().gallery(&name)?));
    state.answers().once(&tenant, key, asked, state.now(), work, again).await
}

async fn create_now(
    tenant: Tenant,
    request: CollectionRequest,
    receipt: Option<Receipt>,
) -> Result<(StatusCode, CollectionBody), ApiError> {
    let thumbnails = request.thumbnails();
    let CollectionRequest { external_id: name, description, .. } = request;
    let (model, precision) = (GalleryModel::Default, Precision::default());
    let request = GalleryRequest { name: name.clone(), description, model, precision, thumbnails };
    let mut changes = tenant.creation(&tenant.snapshot(), request)?;
    if let Some(receipt) = receipt {
        receipt.leave(&tenant, &mut changes, &()).await?;
    }
    tenant.write(changes).await?;
    Ok((StatusCode::CREATED, tenant.snapshot().gallery(&name)?.into()))
}

/// List the collections by name
#[utoipa::path(
    get,
    path = "/api/v2/collections",
    operation_id = "list_collections",
    tag = "collections",
    params(PageBounds),
    responses((status = 200, description = "A page of them", body = CollectionPageBody))
)]
pub(super) async fn list(
    ReadAccess(tenant): ReadAccess,
    parameters: Parameters,
) -> Result<Json<CollectionPageBody>, ApiError> {
    let PageBounds { limit, cursor } = PageBounds::of(&parameters)?;
    let after = cursor.as_deref().map(cursor::collection_of).transpose()?;
    let galleries = tenant.snapshot().galleries(after.as_deref(), limit + 1);
    Ok(Json(CollectionPageBody::new(galleries, limit)))
}

/// Describe a collection
#[utoipa::path(
    get,
    path = "/api/v2/collections/{external_id}",
    operation_id = "describe_collection",
    tag = "collections",
    params(CollectionPath),
    responses((status = 200, description = "The collection", body = CollectionBody))
)]
pub(super) async fn describe(
    ReadAccess(tenant): ReadAccess,
    CollectionPath(name): CollectionPath,
) -> Result<Json<CollectionBody>, ApiError> {
    Ok(Json(tenant.snapshot().gallery(&name)?.into()))
}

/// Delete a collection with all its faces
#[utoipa::path(
    delete,
    path = "/api/v2/collections/{external_id}",
    operation_id = "delete_collection",
    tag = "collections",
    params(CollectionPath),
    responses((status = 204, description = "It is gone"))
)]
pub(super) async fn remove(
    CollectionAccess(tenant): CollectionAccess,
    CollectionPath(name): CollectionPath,
) -> Result<StatusCode, ApiError> {
    tenant.drop_gallery(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}
