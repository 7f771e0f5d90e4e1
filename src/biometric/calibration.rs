//! How often templates of different people are alike, as measured for one model: its false match
//! rates.

use std::f64::consts::FRAC_1_SQRT_2;

/// The false match rate (FMR, ISO/IEC 19795-1) as a function of the least cosine that is a match.
///
/// Between measured points the cosine is linear in the normal deviate of the rate, the scale on
/// which DET curves are drawn: there the rates of normally distributed scores are a straight line.
/// Rates below the rarest measured one lie on the last line carried on, down to a stated limit;
/// beyond it, and above the most frequent one measured, there is no answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Strictly ascending cosines with strictly descending rates.
    points: Vec<(f32, f64)>,
    least: f64,
}

/// The least cosine of a match at some false match rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OperatingPoint {
    /// Pairs of different people reach it as often as was asked for.
    pub cosine: f32,
    /// Rarer than what was measured: read off the line that the measured points end in.
    pub extrapolated: bool,
}

/// Points that describe no false match rates.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "a calibration needs two or more points of ascending cosine within -1..1 and descending rate \
     within 0..0.5, and a least rate above 0 and at most the last one's: {points:?}, {least}"
)]
pub struct CalibrationError {
    points: Vec<(f32, f64)>,
    least: f64,
}

impl Calibration {
    /// Rates measured at `points` (cosine, rate), answered for down to `least`.
    ///
    /// # Errors
    /// When they do not ascend in the cosine and descend in the rate.
    pub fn new(points: Vec<(f32, f64)>, least: f64) -> Result<Self, CalibrationError> {
        let possible = |&(cosine, rate): &(f32, f64)| {
            (-1.0..1.0).contains(&cosine) && 0.0 < rate && rate < 0.5
        };
        let monotone = points.windows(2).all(|pair| match pair {
            [a, b] => a.0 < b.0 && a.1 > b.1,
            _ => true,
        });
        let rarest = points.last().map_or(0.0, |point| point.1);
        let bounded = least > 0.0 && least <= rarest;
        if points.len() >= 2 && points.iter().all(possible) && monotone && bounded {
            Ok(Self { points, least })
        } else {
            Err(CalibrationError { points, least })
        }
    }

    /// The least and the greatest false match rate there is an answer for.
    pub fn range(&self) -> (f64, f64) {
        (self.least, self.points.first().map_or(self.least, |point| point.1))
    }

    /// The least cosine that is a match when a share `rate` of all pairs of different people may
    /// be taken for the same; none outside [`Self::range`].
    pub fn at(&self, rate: f64) -> Option<OperatingPoint> {
        let (least, greatest) = self.range();
        if !(least..=greatest).contains(&rate) {
            return None;
        }
        let above = self.points.iter().position(|point| point.1 <= rate);
        let last = self.points.len().checked_sub(1)?;
        let end = above.unwrap_or(last).max(1);
        let (a, b) = (self.points.get(end - 1)?, self.points.get(end)?);
        let [from, to, wanted] = [a.1, b.1, rate].map(normal_deviate);
        let share = (wanted - from) / (to - from);
        let cosine = f64::from(a.0) + share * f64::from(b.0 - a.0);
        Some(OperatingPoint { cosine: cosine.min(1.0) as f32, extrapolated: above.is_none() })
    }
}

/// The number that a standard normal variable exceeds with this probability, which is below 1/2.
fn normal_deviate(probability: f64) -> f64 {
    let exceeds = |z: f64| 0.5 * libm::erfc(z * FRAC_1_SQRT_2);
    let (mut low, mut high) = (0.0, 40.0);
    while high - low > 1e-9 {
        let middle = f64::midpoint(low, high);
        if exceeds(middle) > probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The false match rate of one comparison with which a search of `faces` enrolled ones names
/// somebody not enrolled with the probability `fpir` (FPIR, ISO/IEC 19795-1), comparisons taken
/// for independent: `FPIR = 1 - (1 - FMR)^N` solved for the FMR.
pub fn fmr_of_fpir(fpir: f64, faces: u64) -> f64 {
    // In this form nothing is lost where the rate is smaller than the digits of 1 - rate.
    -f64::exp_m1(f64::ln_1p(-fpir) / faces.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores of impostors that are normal with mean 0.2 and deviation 0.1.
    fn normal() -> Calibration {
        let points = vec![(0.328_155, 0.1), (0.432_635, 0.01), (0.509_023, 0.001)];
        Calibration::new(points, 1e-6).unwrap()
    }

    #[test]
    fn measured_rates_are_met_and_between_and_beyond_them_normal_scores_lie_on_the_line() {
        let calibration = normal();
        let expected = [
            (0.1, 0.328_155, false),
            (0.05, 0.364_485, false),
            (0.01, 0.432_635, false),
            (0.001, 0.509_023, false),
            (1e-4, 0.571_902, true),
            (1e-6, 0.675_342, true),
        ];
        for (rate, cosine, extrapolated) in expected {
            let found = calibration.at(rate).unwrap();
            assert!((found.cosine - cosine).abs() < 1e-5, "{rate}: {found:?}");
            assert_eq!(found.extrapolated, extrapolated, "{rate}");
        }
    }

    #[test]
    fn rates_that_nobody_measured_or_answers_for_have_no_cosine() {
        let calibration = normal();
        for rate in [0.11, 0.5, 1.0, 9e-7, 0.0, -1.0, f64::NAN] {
            assert_eq!(calibration.at(rate), None, "{rate}");
        }
    }

    #[test]
    fn points_that_no_measurement_can_give_are_refused() {
        let refused =
            |points: &[(f32, f64)], least| Calibration::new(points.to_vec(), least).is_err();
        assert!(refused(&[(0.5, 0.1)], 0.01), "one point is no line");
        assert!(refused(&[(0.5, 0.1), (0.4, 0.01)], 0.01), "cosines must ascend");
        assert!(refused(&[(0.4, 0.01), (0.5, 0.1)], 0.01), "rates must descend");
        assert!(refused(&[(0.4, 0.6), (0.5, 0.1)], 0.01));
        assert!(refused(&[(0.4, 0.1), (1.5, 0.01)], 0.01));
        assert!(refused(&[(0.4, 0.1), (0.5, 0.01)], 0.0));
        assert!(refused(&[(0.4, 0.1), (0.5, 0.01)], 0.02));
        assert!(refused(&[(0.4, 0.1), (0.5, f64::NAN)], 0.001));
    }

    #[test]
    fn a_search_of_many_needs_a_rarer_false_match_than_a_comparison() {
        assert!((fmr_of_fpir(0.003, 1) - 0.003).abs() < 1e-15);
        assert!((fmr_of_fpir(0.003, 1_000_000) / 3.004_509e-9 - 1.0).abs() < 1e-6);
        let back = 1.0 - (1.0 - fmr_of_fpir(0.2, 1000)).powi(1000);
        assert!((back - 0.2).abs() < 1e-9);
        assert!((fmr_of_fpir(0.003, 0) - 0.003).abs() < 1e-15, "an empty gallery is no division");
    }
}
