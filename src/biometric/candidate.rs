//! Results of comparing faces: one pair (comparison), or one probe against a gallery.

use super::FaceId;

/// One entry of a candidate list: an enrolled face and how alike the probe it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The enrolled face.
    pub face_id: FaceId,
    /// 0..=1, higher = more alike.
    pub similarity: f32,
}

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
