//! The result of comparing two faces.

/// The outcome of a one-to-one comparison at a threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// 0..=1, higher = more alike.
    pub similarity: f32,
    /// The threshold that was applied.
    pub threshold: f32,
}

impl Comparison {
    /// Whether the pair counts as the same person: similarity at or above the threshold.
    pub fn is_match(&self) -> bool {
        self.similarity >= self.threshold
    }
}
