//! How far a score may be from what a code says of it.
//!
//! With the notation of `docs/format.md`: an estimate is off by at most the residual norm `E`
//! times the length of the probe (Cauchy-Schwarz). Over the random rotation the error is normally
//! distributed with the standard deviation `E / sqrt(D' - 1)` (`RaBitQ`: Gao & Long, SIGMOD 2024,
//! theorem 3.2). A search loses a hit only where the hit's own error is beyond the margin, so the
//! margin for a failure probability `p` and `k` hits is the normal quantile of `p / k`, however
//! many rows there are.

use crate::code::{BITS, PLANES, RESIDUAL_LEAST};
use crate::exactness::Exactness;
use crate::half;
use crate::kernel::{Line, RefinedLine};

/// The part of the failure probability that each plane may use up, and what is left for the
/// refinement; they add up to one. The planes decide most, so they get most.
const SHARES: [f64; PLANES] = [0.45, 0.45];
const REFINEMENT_SHARE: f64 = 0.1;

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
    /// What one unit of the weights stands for.
    pub(crate) weight_step: f64,
    /// Sum of the weights.
    pub(crate) weight_sum: f64,
}

/// For each plane, how the total of a row becomes the highest score that the row can have.
///
/// `hits` is the number of rows that the search may return at most.
pub(crate) fn lines(precision: &Precision, exactness: Exactness, hits: u64) -> [Line; PLANES] {
    let mut plane = 0;
    SHARES.map(|share| {
        plane += 1;
        line(precision, plane, quantile(exactness, share, hits))
    })
}

fn line(precision: &Precision, planes: usize, quantile: f64) -> Line {
    let &Precision { absolute_sum, step, .. } = precision;
    let error = rounding_of_table(precision, planes, planes).margin(precision, quantile);
    let offset = error - absolute_sum * levels(planes);
    let (residual_scale, slack) = residual_scale(precision, quantile);
    Line { slope: step as f32, offset: offset as f32, residual_scale, slack }
}

/// The same for the refinement. A code `c` of all bits is `2^r c' + 2 v - (2^r - 1)`, with `c'`
/// that of the planes and `v` the field of the other `r` bits.
pub(crate) fn refined_line(precision: &Precision, exactness: Exactness, hits: u64) -> RefinedLine {
    let &Precision { dims, absolute_sum, step, weight_step, weight_sum, .. } = precision;
    let quantile = quantile(exactness, REFINEMENT_SHARE, hits);
    let (scale, highest) = (levels(BITS - PLANES) + 1.0, levels(BITS - PLANES));
    // Each weight is off by half a step at most, and evenly spread up to there; it is multiplied
    // by an odd number up to `highest`, whose mean square is that of evenly distributed ones.
    let mean_square = (scale * scale - 1.0) / 3.0;
    let of_weights = Rounding {
        variance: weight_step * weight_step * dims as f64 / 12.0 * mean_square,
        worst: weight_step / 2.0 * highest * dims as f64,
    };
    let of_table = rounding_of_table(precision, PLANES, BITS);
    let error = of_table.and(of_weights).margin(precision, quantile);
    let offset = error - scale * absolute_sum * levels(PLANES) - highest * weight_step * weight_sum;
    let (residual_scale, slack) = residual_scale(precision, quantile);
    RefinedLine {
        slope: (scale * step) as f32,
        weight_slope: (2.0 * weight_step) as f32,
        offset: offset as f32,
        residual_scale,
        slack,
    }
}

/// The highest value of so many bits.
fn levels(bits: usize) -> f64 {
    ((1u64 << bits) - 1) as f64
}

/// How many standard deviations an error may have, with a share of the failure probability.
fn quantile(exactness: Exactness, share: f64, hits: u64) -> f64 {
    match exactness {
        Exactness::Deterministic => f64::INFINITY,
        Exactness::Probable(p) => normal_quantile(p.get() * share / hits.max(1) as f64),
    }
}

/// How much of the residual norm a score may be off by, and what besides.
///
/// Correction factors are rounded: that changes an estimate by a part of itself, and no estimate
/// exceeds the length of the probe times one more than the residual norm.
fn residual_scale(precision: &Precision, quantile: f64) -> (f32, f32) {
    let error = (quantile / (precision.dims as f64 - 1.0).sqrt()).min(1.0);
    let rounding = precision.length * half::ROUNDING;
    ((precision.length * error + rounding) as f32, (ROUNDING + rounding) as f32)
}

/// How the rounding of a probe's numbers changes its product with a code.
#[derive(Clone, Copy, Debug)]
struct Rounding {
    variance: f64,
    /// The most by which it can.
    worst: f64,
}

impl Rounding {
    /// Both, independent of each other.
    fn and(self, other: Self) -> Self {
        Self { variance: self.variance + other.variance, worst: self.worst + other.worst }
    }

    /// What it adds to the margin of the residual, in units of the code.
    ///
    /// The two errors are independent, so their variances add up: with `a` the standard deviation
    /// of the one and `b` that of the other, the margin is the quantile times `√(a² + b²)`, which
    /// is at most `a + b` and at most `a + b² / 2a`. Since `E >= g r √D'`, with `r` =
    /// [`RESIDUAL_LEAST`], `a >= g r |q|`, so the latter is at most `a + b² / (2 r g |q|)`.
    fn margin(self, precision: &Precision, quantile: f64) -> f64 {
        let added =
            self.variance.sqrt().min(self.variance / (2.0 * RESIDUAL_LEAST * precision.length));
        (quantile * added).min(self.worst)
    }
}

/// The table's entries for the first planes of a code of so many bits.
fn rounding_of_table(precision: &Precision, planes: usize, bits: usize) -> Rounding {
    // Each entry is off by half a step at most, and evenly spread up to there.
    let entries = precision.dims as f64 / 4.0;
    let scale = levels(bits - planes) + 1.0;
    let mean_square = (levels(2 * planes) / 3.0) * scale * scale;
    Rounding {
        variance: precision.step * precision.step * entries / 12.0 * mean_square,
        worst: entries * precision.step / 2.0 * levels(planes) * scale,
    }
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
    use crate::code::{Encoder, GROUP_ROWS, field_bytes, record_bytes};
    use crate::embedding::{Dim, Embedding};
    use crate::exactness::FailureProbability;
    use crate::io::memory::Random;
    use crate::kernel::{Before, Judged, Kernel, Listed, Plane, Refinements, Refining};
    use crate::rotation::Rotation;
    use crate::scan::table::{Numbers, build};

    fn random(numbers: &mut Random, dim: usize) -> Embedding {
        // The sum of four uniform numbers is round enough.
        let mut uniform = || (numbers.next() >> 40) as f32 / (1u64 << 24) as f32 - 0.5;
        let values = (0..dim).map(|_| uniform() + uniform() + uniform() + uniform()).collect();
        Embedding::normalize(values).unwrap()
    }

    /// The highest scores that the rows of a group can have: by each plane and the refinement.
    fn bounds(
        numbers: &Numbers,
        exactness: Exactness,
        dim: Dim,
        codes: &[u8],
    ) -> [[f32; GROUP_ROWS]; PLANES + 1] {
        let mut found = [[0.0; GROUP_ROWS]; PLANES + 1];
        let (mut totals, mut rest) = ([[0; GROUP_ROWS]], codes);
        for (plane, line) in lines(&numbers.precision, exactness, 1).iter().enumerate() {
            let record_bytes = record_bytes(dim);
            let (records, behind) = rest.split_at(record_bytes);
            let (table, least) = (&numbers.table[..], 2.0);
            let (bounds, undecided) = (&mut found[plane..=plane], &mut [u16::MAX]);
            let judged = Judged { table, line, least, totals: &mut totals, bounds, undecided };
            let before = if plane == 0 { Before::Nothing } else { Before::Totals };
            let plane = Plane { records, record_bytes, before };
            Kernel::Scalar.judge(plane, &[0], [judged]);
            rest = behind;
        }
        let mut listed = Listed {
            rows: (0..GROUP_ROWS as u32).collect(),
            bounds: vec![0.0; GROUP_ROWS],
            totals: totals.concat(),
        };
        let line = &refined_line(&numbers.precision, exactness, 1);
        let refining = Refining { weights: &numbers.weights, line };
        let refinements = Refinements { bytes: rest, field_bytes: field_bytes(dim) };
        Kernel::Scalar.refine(refining, refinements, &mut listed, 0..GROUP_ROWS);
        found[PLANES].copy_from_slice(&listed.bounds);
        found
    }

    #[test]
    fn as_many_scores_are_beyond_the_margin_as_the_failure_probability_says() {
        // Two standard deviations for each of the planes, 1.4 for the refinement.
        let exactness = Exactness::Probable(FailureProbability::new(0.0505).unwrap());
        let expected = [0.0505 * SHARES[0], 0.0505 * SHARES[1], 0.0505 * REFINEMENT_SHARE];
        let (dim, mut numbers) = (Dim::new(512).unwrap(), Random::new(11));
        let rotation = Rotation::new(dim);
        let (mut encoder, mut codes) = (Encoder::new(dim), Vec::new());
        let (groups, probes) = (100, 40);
        let mut beyond = [0u32; PLANES + 1];
        for _ in 0..groups {
            let rows: Vec<_> = (0..GROUP_ROWS).map(|_| random(&mut numbers, 512)).collect();
            encoder.begin(GROUP_ROWS, &mut codes);
            for (at, row) in rows.iter().enumerate() {
                encoder.put(&mut codes, GROUP_ROWS, at, row.as_slice());
            }
            for _ in 0..probes {
                let probe = random(&mut numbers, 512);
                let mut rotated = vec![0.0; rotation.padded()];
                rotation.apply(probe.as_slice(), &mut rotated);
                let bounds = bounds(&build(&rotated), exactness, dim, &codes);
                for (beyond, bounds) in beyond.iter_mut().zip(bounds) {
                    let pairs = rows.iter().zip(bounds);
                    let higher = pairs.filter(|(row, bound)| probe.dot(row) > *bound);
                    *beyond += higher.count() as u32;
                }
            }
        }
        let pairs = f64::from(groups * probes) * GROUP_ROWS as f64;
        for (stage, (beyond, expected)) in beyond.iter().zip(expected).enumerate() {
            let ratio = f64::from(*beyond) / pairs / expected;
            // Not beyond chance, and not so few that margins are wider than they need be: what is
            // added for rounded factors halves the few that are beyond the refinement's.
            assert!((0.4..1.1).contains(&ratio), "stage {stage}: {ratio}");
        }
    }

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
    fn a_smaller_failure_probability_makes_wider_margins_up_to_the_deterministic_ones() {
        let precision = Precision {
            dims: 512,
            length: 1.0,
            absolute_sum: 18.0,
            step: 0.003,
            weight_step: 0.0014,
            weight_sum: 20.0,
        };
        let probable = |p| Exactness::Probable(FailureProbability::new(p).unwrap());
        let exactnesses =
            [probable(1e-3), probable(1e-9), probable(1e-100), Exactness::Deterministic];
        let all = exactnesses.map(|exactness| lines(&precision, exactness, 10));
        for (narrow, wide) in all.iter().zip(&all[1..]) {
            for (narrow, wide) in narrow.iter().zip(wide) {
                assert!(narrow.residual_scale < wide.residual_scale);
                assert!(narrow.offset <= wide.offset);
            }
        }
        let all = exactnesses.map(|exactness| refined_line(&precision, exactness, 10));
        for (narrow, wide) in all.iter().zip(&all[1..]) {
            assert!(narrow.residual_scale < wide.residual_scale);
            assert!(narrow.offset <= wide.offset);
        }
        assert!((1.0..1.001).contains(&all[3].residual_scale));
    }
}
