//! `GET /api/likeness/v1/operating-points`: how often two different people reach a similarity.

use axum::Json;
use serde::Serialize;

use crate::engine::{CalibratedThreshold, EngineError};
use crate::rest::{ApiError, Caller};

/// What similarities mean with the server's model pack.
#[derive(Debug, Serialize)]
pub(super) struct OperatingPointsBody {
    /// From the most frequent false match rate measured to the rarest that can be told; empty where
    /// nobody measured the pack, or there is none.
    points: Vec<PointBody>,
}

#[derive(Debug, Serialize)]
struct PointBody {
    similarity: f32,
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

pub(super) async fn list(caller: Caller) -> Result<Json<OperatingPointsBody>, ApiError> {
    let points = match caller.tenant().operating_points() {
        Err(EngineError::ModelUnavailable(_)) => Vec::new(),
        points => points?,
    };
    Ok(Json(OperatingPointsBody { points: points.into_iter().map(Into::into).collect() }))
}
