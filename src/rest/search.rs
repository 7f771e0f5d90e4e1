//! Handlers of one-to-many search: by an enrolled face, by an image.

use axum::Json;
use axum::extract::State;
use bytes::Bytes;

use super::access::ReadAccess;
use super::body::SearchBody;
use super::error::ApiError;
use super::extract::{CollectionPath, FacePath};
use super::form::{Form, FormParts, FormShape};
use super::parameters::Parameters;
use super::state::RestState;
use crate::engine::{Exactness, IdentifyRequest, ProbeSource, Tenant};

/// Matches returned unless the caller says otherwise.
const RESULTS: usize = 10;
/// Most matches returned.
const RESULTS_MAX: usize = 100;

/// The parameters both searches have; one takes them from the query, the other from the form.
#[derive(Debug, Clone, Copy)]
struct SearchBounds {
    max_results: usize,
    threshold: Option<f32>,
}

impl SearchBounds {
    fn of(parameters: &Parameters) -> Result<Self, ApiError> {
        Ok(Self {
            max_results: parameters.integer("max_results", 1..=RESULTS_MAX)?.unwrap_or(RESULTS),
            threshold: parameters.fraction("threshold")?,
        })
    }
}

/// The form of [`by_image`].
#[derive(Debug)]
pub(super) struct SearchForm {
    image: Bytes,
    bounds: SearchBounds,
}

impl FormShape for SearchForm {
    const IMAGES: &'static [&'static str] = &["image"];
    const TEXTS: &'static [&'static str] = &["max_results", "threshold"];

    fn from_parts(parts: &mut FormParts) -> Result<Self, ApiError> {
        Ok(Self { image: parts.image("image")?, bounds: SearchBounds::of(&parts.texts)? })
    }
}

/// `POST /collections/{external_id}/search-by-face/{face_id}`
pub(super) async fn by_face(
    State(state): State<RestState>,
    ReadAccess(tenant): ReadAccess,
    path: FacePath,
    parameters: Parameters,
) -> Result<Json<SearchBody>, ApiError> {
    let bounds = SearchBounds::of(&parameters)?;
    search(&state, &tenant, &path.collection, ProbeSource::Face(path.face_id), bounds).await
}

/// `POST /collections/{external_id}/search-by-image`
pub(super) async fn by_image(
    State(state): State<RestState>,
    ReadAccess(tenant): ReadAccess,
    CollectionPath(collection): CollectionPath,
    Form(SearchForm { image, bounds }): Form<SearchForm>,
) -> Result<Json<SearchBody>, ApiError> {
    search(&state, &tenant, &collection, ProbeSource::Image(image), bounds).await
}

async fn search(
    state: &RestState,
    tenant: &Tenant,
    collection: &str,
    probe: ProbeSource,
    bounds: SearchBounds,
) -> Result<Json<SearchBody>, ApiError> {
    let threshold = bounds.threshold.unwrap_or(state.limits().default_threshold);
    let limit = bounds.max_results;
    let request = IdentifyRequest {
        probe,
        limit,
        threshold: Some(threshold),
        only: None,
        exactness: Exactness::default(),
    };
    let found = tenant.identify(collection, request).await?;
    Ok(Json(SearchBody::new(found, threshold)))
}
