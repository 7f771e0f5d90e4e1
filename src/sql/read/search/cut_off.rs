//! The similarity from which candidates count, said directly or by an error rate.

use std::fmt;

use datafusion::scalar::ScalarValue;

use super::node::SearchedGallery;
use super::{Cut, CutKind};
use crate::engine::{CalibratedThreshold, ErrorRate};
use crate::sql::value::constant::{double, real};
use crate::sql::{SqlError, SqlState};

/// Where a search cuts its candidate list.
#[derive(Debug)]
pub(super) enum CutOff {
    /// At a similarity; the engine checks its bounds.
    Threshold(f32),
    /// Where the searched gallery's model errs so often.
    OperatingPoint(Cut<f64>, CalibratedThreshold),
}

impl CutOff {
    /// # Errors
    /// A value that is NULL or no number; a rate that the gallery's model is not calibrated for.
    pub(super) fn new(gallery: &SearchedGallery, cut: Cut<&ScalarValue>) -> Result<Self, SqlError> {
        let Cut { kind, value } = cut;
        let null = || {
            let message = format!("{} must not be NULL", kind.keyword());
            SqlError::new(SqlState::NullValueNotAllowed, message)
        };
        let rate: fn(f64) -> ErrorRate = match kind {
            CutKind::Threshold => {
                return Ok(Self::Threshold(real(kind.keyword(), value)?.ok_or_else(null)?));
            }
            CutKind::Fmr => ErrorRate::Fmr,
            CutKind::Fpir => ErrorRate::Fpir,
        };
        let value = double(kind.keyword(), value)?.ok_or_else(null)?;
        let point = gallery.snapshot.threshold_at(&gallery.name, rate(value))?;
        Ok(Self::OperatingPoint(Cut { kind, value }, point))
    }

    /// Least similarity of a candidate.
    pub(super) fn similarity(&self) -> f32 {
        match self {
            Self::Threshold(similarity) => *similarity,
            Self::OperatingPoint(_, point) => point.similarity,
        }
    }
}

impl fmt::Display for CutOff {
    /// As EXPLAIN tells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "threshold={}", self.similarity())?;
        let Self::OperatingPoint(Cut { kind, value }, point) = self else { return Ok(()) };
        let measured = if point.extrapolated { "extrapolated" } else { "measured" };
        write!(f, " [{} {value:e}: fmr={:.2e}, {measured}]", kind.keyword(), point.fmr)
    }
}
