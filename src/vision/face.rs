//! What the pipeline reports about the faces of one image.

use likeness_storage::Embedding;

use super::chip::Chip;
use super::quality::{QualityRefusal, QualityScore};
use crate::biometric::{Attributes, BoundingBox, ImageSize, Landmark};

/// One face found in an image.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectedFace {
    /// Where, cut at the image's edges.
    pub bounding_box: BoundingBox,
    /// How sure the detector is, 0..=1.
    pub confidence: f32,
    /// The five points in the order of `LandmarkKind::FIVE`.
    pub landmarks: Vec<Landmark>,
    /// The estimates the caller asked for; empty for `AttributeSet::None`.
    pub attributes: Attributes,
}

/// The faces of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// Size of the image after its EXIF orientation was applied.
    pub image_size: ImageSize,
    /// Largest first; faces of equal size from left to right.
    pub faces: Vec<DetectedFace>,
}

/// A face with its template.
#[derive(Debug, Clone)]
pub struct AnalyzedFace {
    /// Where and how.
    pub face: DetectedFace,
    /// Its identity, unit norm, of the pipeline's dimension.
    pub embedding: Embedding,
    /// What it looks like, upright.
    pub chip: Chip,
    /// Predicted usefulness for comparison.
    pub quality: QualityScore,
    /// Why a caller who filters by quality should not enrol it; empty for a good face.
    pub refusals: Vec<QualityRefusal>,
}

/// The faces of one image, the largest with their templates.
#[derive(Debug, Clone)]
pub struct Analysis {
    /// Size of the image after its EXIF orientation was applied.
    pub image_size: ImageSize,
    /// The largest faces, at most as many as asked for; largest first.
    pub faces: Vec<AnalyzedFace>,
    /// The other faces, in the same order, without templates.
    pub rest: Vec<DetectedFace>,
}
