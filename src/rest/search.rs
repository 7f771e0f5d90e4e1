//! Handlers of one-to-many search: by an enrolled face, by an image.

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use utoipa::openapi::schema::Object;
use utoipa::{IntoParams, ToSchema};

use super::access::ReadAccess;
use super::body::SearchBody;
use super::error::ApiError;
use super::extract::{CollectionPath, FacePath};
use super::form::{Form, FormParts, FormShape};
use super::openapi::schema;
use super::parameters::Parameters;
use super::state::RestState;
use crate::engine::{Exactness, IdentifyRequest, ProbeSource, Tenant};

/// Matches returned unless the caller says otherwise.
const RESULTS: usize = 10;
/// Most matches returned.
const RESULTS_MAX: usize = 100;

/// The parameters both searches have; one takes them from the query, the other from the form.
#[derive(Debug, Clone, Copy, IntoParams)]
#[into_params(parameter_in = Query)]
struct SearchBounds {
    #[param(schema_with = max_results, required = false)]
    max_results: usize,
    #[param(schema_with = schema::threshold, required = false)]
    threshold: Option<f32>,
}

fn max_results() -> Object {
    schema::integer(&(1..=RESULTS_MAX), RESULTS)
}

impl SearchBounds {
    fn of(parameters: &Parameters) -> Result<Self, ApiError> {
        Ok(Self {
            max_results: parameters.integer("max_results", 1..=RESULTS_MAX)?.unwrap_or(RESULTS),
            threshold: parameters.fraction("threshold")?,
        })
    }
}

/// An image whose largest face is searched with.
#[derive(Debug, ToSchema)]
pub(super) struct SearchForm {
    #[schema(schema_with = schema::image)]
    image: Bytes,
    #[schema(schema_with = max_results, required = false)]
    max_results: usize,
    #[schema(schema_with = schema::threshold, required = false)]
    threshold: Option<f32>,
}

impl FormShape for SearchForm {
    const IMAGES: &'static [&'static str] = &["image"];
    const TEXTS: &'static [&'static str] = &["max_results", "threshold"];

    fn from_parts(parts: &mut FormParts) -> Result<Self, ApiError> {
        let image = parts.image("image")?;
        let SearchBounds { max_results, threshold } = SearchBounds::of(&parts.texts)?;
        Ok(Self { image, max_results, threshold })
    }
}

/// Find the faces most like one of the same collection
///
/// That one is itself not among the matches.
#[utoipa::path(
    post,
    path = "/api/v2/collections/{external_id}/search-by-face/{face_id}",
    operation_id = "search_by_face",
    tag = "search",
    params(FacePath, SearchBounds),
    responses((status = 200, description = "The matches, most alike first", body = SearchBody))
)]
pub(super) async fn by_face(
    State(state): State<RestState>,
    ReadAccess(tenant): ReadAccess,
    path: FacePath,
    parameters: Parameters,
) -> Result<Json<SearchBody>, ApiError> {
    let bounds = SearchBounds::of(&parameters)?;
    search(&state, &tenant, &path.collection, ProbeSource::Face(path.face_id), bounds).await
}

/// Find the faces most like the largest of an image
#[utoipa::path(
    post,
    path = "/api/v2/collections/{external_id}/search-by-image",
    operation_id = "search_by_image",
    tag = "search",
    params(CollectionPath),
    request_body(content = SearchForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "The matches, most alike first", body = SearchBody))
)]
pub(super) async fn by_image(
    State(state): State<RestState>,
    ReadAccess(tenant): ReadAccess,
    CollectionPath(collection): CollectionPath,
    Form(SearchForm { image, max_results, threshold }): Form<SearchForm>,
) -> Result<Json<SearchBody>, ApiError> {
    let bounds = SearchBounds { max_results, threshold };
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
