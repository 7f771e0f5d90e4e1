//! `GET /api/likeness/v1/operating-points`: how often two different people reach a similarity.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::{CalibratedThreshold, EngineError};
use crate::rest::{ApiError, Caller};

/// What similarities mean with the server's model pack.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OperatingPoints)]
pub(super) struct OperatingPointsBody {
    /// From the most frequent false match rate measured to the rarest that can be told; empty where
    /// nobody measured the pack, or there is none.
    points: Vec<PointBody>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OperatingPoint)]
struct PointBody {
    #[schema(minimum = 0, maximum = 1)]
    similarity: f32,
    /// The share of comparisons of two different people that reach it.
    #[schema(minimum = 0, maximum = 1)]
    fmr: f64,
    /// Whether it is rarer than what was measured, read off the line that the measurement ends in.
    extrapolated: bool,
}

impl From<CalibratedThreshold> for PointBody {
    fn from(point: CalibratedThreshold) -> Self {
        let CalibratedThreshold { similarity, fmr, extrapolated } = point;
        Self { similarity, fmr, extrapolated }
    }
}

/// Tell how often two different people reach a similarity
#[utoipa::path(
    get,
    path = "/api/likeness/v1/operating-points",
    operation_id = "list_operating_points",
    tag = "likeness",
    responses((status = 200, description = "Three points a decade", body = OperatingPointsBody))
)]
pub(super) async fn list(caller: Caller) -> Result<Json<OperatingPointsBody>, ApiError> {
    let points = match caller.tenant().operating_points() {
        Err(EngineError::ModelUnavailable(_)) => Vec::new(),
        points => points?,
    };
    Ok(Json(OperatingPointsBody { points: points.into_iter().map(Into::into).collect() }))
}
