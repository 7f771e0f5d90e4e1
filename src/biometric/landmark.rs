//! Named points of a face.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which point of the face; left and right are as seen in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LandmarkKind {
    /// Centre of the eye on the image's left.
    LeftEye,
    /// Centre of the eye on the image's right.
    RightEye,
    /// Tip of the nose.
    Nose,
    /// Corner of the mouth on the image's left.
    MouthLeft,
    /// Corner of the mouth on the image's right.
    MouthRight,
}

impl LandmarkKind {
    /// The five points every detector yields, in the order detectors yield them.
    pub const FIVE: [Self; 5] =
        [Self::LeftEye, Self::RightEye, Self::Nose, Self::MouthLeft, Self::MouthRight];
}

/// One point of a face, in fractions of the image's width and height.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Landmark {
    /// Which point.
    #[serde(rename = "type")]
    pub kind: LandmarkKind,
    /// Fraction of the image's width; may lie slightly outside 0..1 for a face cut by the edge.
    pub x: f32,
    /// Fraction of the image's height; may lie slightly outside 0..1 for a face cut by the edge.
    pub y: f32,
}
