//! How sure a search is to miss nothing.

/// A probability, above 0 and at most one half, with which a search may miss one of its hits.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct FailureProbability(f64);

impl FailureProbability {
    /// What a search gets that asks for nothing else: one in a thousand million.
    pub const DEFAULT: Self = Self(1e-9);
    /// The least that makes sense: below, doubles have no normal quantile any more.
    pub const LEAST: f64 = 1e-100;

    /// A probability, or `None` where `value` is not between [`FailureProbability::LEAST`] and 0.5.
    pub fn new(value: f64) -> Option<Self> {
        (Self::LEAST..=0.5).contains(&value).then_some(Self(value))
    }

    /// The probability.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// What a search may leave to chance.
///
/// The score of every candidate is exact either way, and so is their order. What the two differ in
/// is by which bound a row is left out without a look at its whole embedding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Exactness {
    /// The error of a code is normally distributed over the rotations that a store could have
    /// drawn (`RaBitQ`: Gao & Long, SIGMOD 2024); a search misses one of its hits with at most this
    /// probability.
    Probable(FailureProbability),
    /// The error of a code is at most the length of what the code leaves out (Cauchy-Schwarz).
    /// Nothing is ever missed; more rows are looked at.
    Deterministic,
}

impl Default for Exactness {
    fn default() -> Self {
        Self::Probable(FailureProbability::DEFAULT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_probabilities_up_to_one_half_are_taken() {
        for good in [1e-100, 1e-9, 0.5] {
            assert_eq!(FailureProbability::new(good).map(FailureProbability::get), Some(good));
        }
        for bad in [0.0, -1.0, 1e-101, 0.51, f64::NAN, f64::INFINITY] {
            assert_eq!(FailureProbability::new(bad), None, "{bad}");
        }
    }
}
