//! `GET /api/likeness/v1/collections/{external_id}/faces/{face_id}/thumbnail`: the small picture
//! that a collection keeps of a face.

use axum::http::HeaderName;
use axum::http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};

use crate::rest::{ApiError, Caller, ErrorCode, FacePath};

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Show the small picture that a collection keeps of a face
///
/// Any role may look at it; that it was looked at is recorded.
#[utoipa::path(
    get,
    path = "/api/likeness/v1/collections/{external_id}/faces/{face_id}/thumbnail",
    operation_id = "show_thumbnail",
    tag = "likeness",
    params(FacePath),
    responses((status = 200, description = "It", body = String, content_type = "image/jpeg"))
)]
pub(super) async fn show(caller: Caller, path: FacePath) -> Result<Response, ApiError> {
    let FacePath { collection, face_id } = path;
    let thumbnail = caller.tenant().thumbnail(&collection, face_id).await?;
    let picture = thumbnail.ok_or_else(|| {
        let message = format!("no thumbnail is kept of face {face_id}");
        ApiError::new(ErrorCode::ThumbnailNotFound, message)
    })?;
    // Nothing about the answer lets a browser keep it, guess at it, or give it to another site.
    let headers = [
        (CONTENT_TYPE, "image/jpeg"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (RESOURCE_POLICY, "same-origin"),
    ];
    Ok((headers, picture).into_response())
}
