//! How far a score may be from what a code says of it.
//!
//! With the notation of `docs/format.md`: an estimate is off by at most the residual norm `E`
//! times the length of the probe (Cauchy-Schwarz). Over the random rotation the error is normally
//! distributed with the standard deviation `E / sqrt(D' - 1)` (`RaBitQ`: Gao & Long, SIGMOD 2024,
//! theorem 3.2). A search loses a hit only where the hit's own error is beyond the margin, so the
//! margin for a failure probability `p` and `k` hits is the normal quantile of `p / k`, however
//! many rows there are.

use crate::code::PLANES;
use crate::exactness::Exactness;
use crate::kernel::Line;

/// The part of the failure probability that each plane may use up; they add up to one. The first
/// plane decides most, so it gets most.
const SHARES: [f64; PLANES] = [0.7, 0.1, 0.1, 0.1];

/// Squared length that every stored embedding has at least.
const SQUARED_LENGTH_MIN: f64 = 0.998;

/// Rounding of scores, rotations and estimates to `f32`, which stays below this at any dimension.
const ROUNDING: f64 = 5e-5;

/// What is known of a probe before any row is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Precision {
    /// Components of the rotated probe, `D'`.
    pub(crate) dims: usize,
    /// Length of the probe.
    pub(crate) length: f64,
    /// Sum of the absolute values of the rotated probe's components.
    pub(crate) absolute_sum: f64,
    /// What one unit of the table's entries stands for.
    pub(crate) step: f64,
}

/// For each plane, how the sum of a row becomes the highest score that the row can have.
///
/// `hits` is the number of rows that the search may return at most.
pub(crate) fn lines(precision: &Precision, exactness: Exactness, hits: u64) -> [Line; PLANES] {
    let mut plane = 0;
    SHARES.map(|share| {
        plane += 1;
        let quantile = match exactness {
            Exactness::Deterministic => f64::INFINITY,
            Exactness::Probable(p) => normal_quantile(p.get() * share / hits.max(1) as f64),
        };
        line(precision, plane, quantile)
    })
}

fn line(precision: &Precision, plane: i32, quantile: f64) -> Line {
    let &Precision { dims, length, absolute_sum, step } = precision;
    let levels = 2f64.powi(plane) - 1.0;
    let residual_scale = length * (quantile / (dims as f64 - 1.0).sqrt()).min(1.0);
    // Each entry of the table is off by half a step at most, and evenly spread up to there.
    let entries = dims as f64 / 4.0;
    let spread = step * (entries / 12.0 * (4f64.powi(plane) - 1.0) / 3.0).sqrt();
    let table_error = (quantile * spread).min(entries * step / 2.0 * levels);
    let offset = table_error - absolute_sum * levels;
    let (offset, slack) = if plane == 1 {
        let (constant, slope) = residual_of_signs(dims as f64);
        (offset + residual_scale * slope, ROUNDING + residual_scale * constant)
    } else {
        (offset, ROUNDING)
    };
    Line {
        slope: step as f32,
        offset: offset as f32,
        residual_scale: residual_scale as f32,
        slack: slack as f32,
    }
}

/// The residual norm of a code of signs follows from its correction factor `g`: it is
/// `sqrt(D' g^2 - |y|^2)`, which is concave, so that its tangent at an ordinary `g` bounds it from
/// above and is close where most rows are. Returns the constant and the slope of the tangent.
fn residual_of_signs(dims: f64) -> (f64, f64) {
    // The signs of a normally distributed vector: <y, s> / (|y| sqrt(D')) is sqrt(2 / pi).
    let ordinary = (std::f64::consts::FRAC_PI_2 / dims).sqrt();
    let residual = (dims * ordinary * ordinary - SQUARED_LENGTH_MIN).sqrt();
    let slope = dims * ordinary / residual;
    (residual - slope * ordinary, slope)
}

/// The number that a standard normal variable exceeds with the probability given, to five digits
/// and never too small.
fn normal_quantile(probability: f64) -> f64 {
    let exceeds = |z: f64| 0.5 * libm::erfc(z * std::f64::consts::FRAC_1_SQRT_2);
    let (mut low, mut high) = (0.0, 40.0);
    while high - low > 1e-6 {
        let middle = f64::midpoint(low, high);
        if exceeds(middle) > probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exactness::FailureProbability;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (probability, quantile) in
            [(0.5, 0.0), (0.025, 1.959_964), (1e-7, 5.199_338), (1e-10, 6.361_341)]
        {
            let found = normal_quantile(probability);
            assert!((found - quantile).abs() < 1e-5, "{probability}: {found}");
        }
    }

    #[test]
    fn the_tangent_is_never_below_the_residual_norm() {
        for dims in [64.0f64, 512.0, 4096.0] {
            let (constant, slope) = residual_of_signs(dims);
            for step in 0..1000 {
                let factor = (1.0 + f64::from(step) / 100.0) / dims.sqrt();
                let squared: f64 = dims * factor * factor - SQUARED_LENGTH_MIN;
                let residual = squared.sqrt();
                let bound = constant + slope * factor;
                assert!(bound >= residual - 1e-9, "{dims} {factor}: {bound} < {residual}");
            }
        }
    }

    #[test]
    fn a_smaller_failure_probability_makes_wider_margins_up_to_the_deterministic_ones() {
        let precision = Precision { dims: 512, length: 1.0, absolute_sum: 18.0, step: 0.003 };
        let probable = |p| Exactness::Probable(FailureProbability::new(p).unwrap());
        let exactnesses =
            [probable(1e-3), probable(1e-9), probable(1e-100), Exactness::Deterministic];
        let all = exactnesses.map(|exactness| lines(&precision, exactness, 10));
        for (narrow, wide) in all.iter().zip(&all[1..]) {
            for (narrow, wide) in narrow.iter().zip(wide) {
                assert!(narrow.residual_scale < wide.residual_scale);
                assert!(narrow.offset < wide.offset);
            }
        }
        assert_eq!(all[3][3].residual_scale.to_bits(), 1.0f32.to_bits());
    }
}
