//! Request and response bodies: the only types that appear on the wire as JSON.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::cursor;
use crate::biometric::{AttributeSet, Attributes, BoundingBox, ImageSize, Landmark};
use crate::engine::{DetectedFace, Detection};
use crate::engine::{
    EnrolledFace, Enrollment, FacePage, Gallery, Identification, ImageComparison, Match,
    UnenrolledFace,
};

/// A collection to be created.
#[derive(Debug, Deserialize)]
pub(super) struct CollectionRequest {
    pub(super) external_id: String,
    pub(super) description: Option<String>,
    /// An extension of the contract: whether a small picture of each face is kept.
    thumbnails: Option<bool>,
}

impl CollectionRequest {
    /// Whether thumbnails are to be kept; not where nothing is said of them.
    pub(super) fn thumbnails(&self) -> bool {
        self.thumbnails.unwrap_or(false)
    }
}

/// A collection.
#[derive(Debug, Serialize)]
pub(super) struct CollectionBody {
    external_id: String,
    description: Option<String>,
    face_count: u64,
    created_at: String,
    /// An extension of the contract, shown where it says something.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    thumbnails: bool,
}

impl From<Gallery> for CollectionBody {
    fn from(gallery: Gallery) -> Self {
        Self {
            external_id: gallery.name,
            description: gallery.description,
            face_count: gallery.face_count,
            created_at: timestamp(gallery.created_at_us),
            thumbnails: gallery.thumbnails,
        }
    }
}

/// ISO 8601 in UTC with microseconds, as `2026-01-31T23:59:59.123456Z`.
fn timestamp(unix_us: i64) -> String {
    let time = DateTime::from_timestamp_micros(unix_us).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// One page of collections.
#[derive(Debug, Serialize)]
pub(super) struct CollectionPageBody {
    collections: Vec<CollectionBody>,
    next_cursor: Option<String>,
}

impl CollectionPageBody {
    /// The page that shows the first `limit` of `galleries`; any beyond tell that more follow.
    pub(super) fn new(mut galleries: Vec<Gallery>, limit: usize) -> Self {
        let has_more = galleries.len() > limit;
        galleries.truncate(limit);
        let last = galleries.last().filter(|_| has_more);
        let next_cursor = last.map(|gallery| cursor::behind_collection(&gallery.name));
        Self { collections: galleries.into_iter().map(Into::into).collect(), next_cursor }
    }
}

/// An enrolled face.
#[derive(Debug, Serialize)]
pub(super) struct FaceBody {
    face_id: String,
    external_image_id: Option<String>,
    external_face_id: Option<String>,
    /// Null for faces that came as embeddings: there was no image.
    bounding_box: Option<BoundingBox>,
    attributes: Map<String, Value>,
}

impl From<EnrolledFace> for FaceBody {
    fn from(face: EnrolledFace) -> Self {
        let attributes = face.attributes.as_deref().map(serde_json::from_str);
        Self {
            face_id: face.face_id.to_string(),
            external_image_id: face.external_image_id,
            external_face_id: face.external_face_id,
            bounding_box: face.bounding_box,
            // The engine writes JSON objects only; anything else is shown as no attributes.
            attributes: attributes.and_then(Result::ok).unwrap_or_default(),
        }
    }
}

/// One page of faces.
#[derive(Debug, Serialize)]
pub(super) struct FacePageBody {
    faces: Vec<FaceBody>,
    next_cursor: Option<String>,
}

impl From<FacePage> for FacePageBody {
    fn from(page: FacePage) -> Self {
        Self {
            faces: page.faces.into_iter().map(Into::into).collect(),
            next_cursor: page.next.map(cursor::behind_face),
        }
    }
}

/// What became of the faces of an indexed image.
#[derive(Debug, Serialize)]
pub(super) struct IndexBody {
    faces: Vec<IndexedFaceBody>,
    unindexed_faces: Vec<UnindexedFaceBody>,
    /// The fields of the face once more, when there is exactly one.
    #[serde(flatten)]
    only: Option<IndexedFaceBody>,
}

#[derive(Debug, Serialize)]
struct IndexedFaceBody {
    #[serde(flatten)]
    face: FaceBody,
    confidence: Option<f32>,
}

#[derive(Debug, Serialize)]
struct UnindexedFaceBody {
    bounding_box: BoundingBox,
    confidence: f32,
    reasons: Vec<Cow<'static, str>>,
}

impl IndexBody {
    /// Whether a face was indexed at all.
    pub(super) fn has_faces(&self) -> bool {
        !self.faces.is_empty()
    }
}

impl From<Enrollment> for IndexBody {
    fn from(enrollment: Enrollment) -> Self {
        let only = match enrollment.faces.as_slice() {
            [face] => Some(face.clone().into()),
            _ => None,
        };
        Self {
            faces: enrollment.faces.into_iter().map(Into::into).collect(),
            unindexed_faces: enrollment.unenrolled.into_iter().map(Into::into).collect(),
            only,
        }
    }
}

impl From<EnrolledFace> for IndexedFaceBody {
    fn from(face: EnrolledFace) -> Self {
        Self { confidence: face.confidence, face: face.into() }
    }
}

impl From<UnenrolledFace> for UnindexedFaceBody {
    fn from(face: UnenrolledFace) -> Self {
        let UnenrolledFace { bounding_box, confidence, reasons } = face;
        Self { bounding_box, confidence, reasons }
    }
}

/// The faces of one image.
#[derive(Debug, Serialize)]
pub(super) struct DetectionBody {
    faces: Vec<DetectedFaceBody>,
    image_size: ImageSize,
}

#[derive(Debug, Serialize)]
struct DetectedFaceBody {
    bounding_box: BoundingBox,
    confidence: f32,
    landmarks: Vec<Landmark>,
    attributes: Attributes,
}

impl DetectionBody {
    /// The detection as a caller who asked for `attributes` sees it.
    pub(super) fn new(detection: Detection, attributes: AttributeSet) -> Self {
        let face = |face: DetectedFace| DetectedFaceBody {
            bounding_box: face.bounding_box,
            confidence: face.confidence,
            landmarks: match attributes {
                AttributeSet::None => Vec::new(),
                AttributeSet::Default | AttributeSet::All => face.landmarks,
            },
            attributes: face.attributes,
        };
        let faces = detection.faces.into_iter().map(face).collect();
        Self { faces, image_size: detection.image_size }
    }
}

/// Two images compared.
#[derive(Debug, Serialize)]
pub(super) struct ComparisonBody {
    similarity: f32,
    is_match: bool,
    threshold: f32,
    source_face: BoundingBox,
    target_face: BoundingBox,
}

impl From<ImageComparison> for ComparisonBody {
    fn from(compared: ImageComparison) -> Self {
        Self {
            similarity: compared.comparison.similarity,
            is_match: compared.comparison.is_match(),
            threshold: compared.comparison.threshold,
            source_face: compared.source_face,
            target_face: compared.target_face,
        }
    }
}

/// The faces found by a search, most alike first.
#[derive(Debug, Serialize)]
pub(super) struct SearchBody {
    matches: Vec<MatchBody>,
    /// Null when the probe has no image.
    searched_face: Option<BoundingBox>,
    threshold: f32,
}

#[derive(Debug, Serialize)]
struct MatchBody {
    face_id: String,
    similarity: f32,
    external_image_id: Option<String>,
    external_face_id: Option<String>,
    bounding_box: Option<BoundingBox>,
}

impl SearchBody {
    /// The outcome of a search at `threshold`.
    pub(super) fn new(found: Identification, threshold: f32) -> Self {
        let matches = found.matches.into_iter().map(Into::into).collect();
        Self { matches, searched_face: found.searched_face, threshold }
    }
}

impl From<Match> for MatchBody {
    fn from(found: Match) -> Self {
        Self {
            face_id: found.face.face_id.to_string(),
            similarity: found.similarity,
            external_image_id: found.face.external_image_id,
            external_face_id: found.face.external_face_id,
            bounding_box: found.face.bounding_box,
        }
    }
}

#[cfg(test)]
mod tests;
