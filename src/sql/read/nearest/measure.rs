//! Distances that order stored embeddings as the cosine does, because these are of length 1.

use std::fmt;

use datafusion::arrow::compute::SortOptions;

use crate::engine::Precision;

/// A way to measure how far a vector is from a stored embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Cosine,
    L2,
    /// Also its negative.
    InnerProduct,
}

impl Measure {
    /// The measure that a function of a vector and an embedding is, where an order by its results
    /// puts the nearest first.
    pub(super) fn of(function: &str, order: SortOptions) -> Option<Self> {
        let (measure, nearest_is_greatest) = match function {
            "cosine_distance" => (Self::Cosine, false),
            "l2_distance" => (Self::L2, false),
            "vector_negative_inner_product" => (Self::InnerProduct, false),
            "inner_product" => (Self::InnerProduct, true),
            _ => return None,
        };
        (order.descending == nearest_is_greatest).then_some(measure)
    }

    /// The least cosine with a probe of this `length` of an embedding that is nearer than `bound`.
    pub(super) fn least_cosine(self, bound: f64, length: f64) -> f64 {
        match self {
            Self::Cosine => 1.0 - bound,
            // |q - x|² = |q|² + |x|² - 2 |q| (q/|q| · x)
            Self::L2 if bound < 0.0 => f64::INFINITY,
            Self::L2 => (length * length + 1.0 - bound * bound) / (2.0 * length),
            Self::InnerProduct => -bound / length,
        }
    }

    /// How far the measure, brought to the scale of the cosine, may be from the inner product of an
    /// embedding with a probe of length 1, where the probe measured with is of this `length`.
    pub(super) fn deviation(self, precision: Precision, length: f64) -> f64 {
        // How far the squared length of an embedding is from 1 after rounding, generously.
        let tolerance = match precision {
            Precision::Single => 1e-6,
            Precision::Half => 1.1e-3,
        };
        match self {
            Self::InnerProduct => 0.0,
            Self::Cosine => tolerance,
            // |q - x|² = |q|² + |x|² - 2 |q| (q/|q| · x), and the rounding of |q|².
            Self::L2 => tolerance / (2.0 * length) + length * f64::EPSILON,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cosine => "cosine",
            Self::L2 => "l2",
            Self::InnerProduct => "inner product",
        })
    }
}
