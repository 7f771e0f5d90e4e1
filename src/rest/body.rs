//! Request and response bodies: the only types that appear on the wire as JSON.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, Object};

use super::cursor;
use super::openapi::schema;
use crate::biometric::{AttributeSet, Attributes, BoundingBox, ImageSize, Landmark};
use crate::engine::{DetectedFace, Detection};
use crate::engine::{
    EnrolledFace, Enrollment, FacePage, GALLERY_DESCRIPTION_CHARS_MAX, GALLERY_NAME_CHARS_MAX,
    Gallery, Identification, ImageComparison, Match, UnenrolledFace,
};

/// A collection to be created.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CollectionRequest {
    /// The caller's name for it, without control characters; unique within the tenant.
    #[schema(schema_with = collection_name)]
    pub(super) external_id: String,
    #[schema(schema_with = collection_description, required = false)]
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

fn collection_name() -> Object {
    schema::plain_text(&(1..=GALLERY_NAME_CHARS_MAX))
}

fn collection_description() -> Object {
    schema::text_or_null(GALLERY_DESCRIPTION_CHARS_MAX)
}

/// A collection.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Collection)]
pub(super) struct CollectionBody {
    external_id: String,
    #[schema(required = true)]
    description: Option<String>,
    face_count: u64,
    /// In UTC, with microseconds.
    #[schema(format = DateTime)]
    created_at: String,
    /// An extension of the contract, shown where it says something.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
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
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CollectionPage)]
pub(super) struct CollectionPageBody {
    collections: Vec<CollectionBody>,
    /// For the next page; null on the last one.
    #[schema(required = true)]
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
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Face)]
pub(super) struct FaceBody {
    #[schema(schema_with = schema::face_id)]
    face_id: String,
    #[schema(required = true)]
    external_image_id: Option<String>,
    #[schema(required = true)]
    external_face_id: Option<String>,
    /// Null for faces that came as embeddings: there was no image.
    #[schema(required = true)]
    bounding_box: Option<BoundingBox>,
    #[schema(value_type = Attributes)]
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
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FacePage)]
pub(super) struct FacePageBody {
    faces: Vec<FaceBody>,
    /// For the next page; null on the last one.
    #[schema(required = true)]
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
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IndexResult)]
pub(super) struct IndexBody {
    faces: Vec<IndexedFaceBody>,
    unindexed_faces: Vec<UnindexedFaceBody>,
    /// The fields of the face once more, when there is exactly one.
    #[serde(flatten)]
    #[schema(ignore)]
    only: Option<IndexedFaceBody>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IndexedFace)]
struct IndexedFaceBody {
    #[serde(flatten)]
    face: FaceBody,
    /// Of the detector.
    #[schema(required = true)]
    confidence: Option<f32>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UnindexedFace)]
struct UnindexedFaceBody {
    bounding_box: BoundingBox,
    confidence: f32,
    #[schema(schema_with = refusal_reasons)]
    reasons: Vec<Cow<'static, str>>,
}

/// Why faces are left out.
fn refusal_reasons() -> Array {
    schema::words(&[
        "exceeds_max_faces",
        "small_face",
        "low_sharpness",
        "extreme_pose",
        "low_brightness",
        "low_confidence",
    ])
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
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Detection)]
pub(super) struct DetectionBody {
    faces: Vec<DetectedFaceBody>,
    image_size: ImageSize,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DetectedFace)]
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
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Comparison)]
pub(super) struct ComparisonBody {
    #[schema(minimum = 0, maximum = 1)]
    similarity: f32,
    is_match: bool,
    #[schema(minimum = 0, maximum = 1)]
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
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SearchResult)]
pub(super) struct SearchBody {
    matches: Vec<MatchBody>,
    /// Null when the probe has no image.
    #[schema(required = true)]
    searched_face: Option<BoundingBox>,
    #[schema(minimum = 0, maximum = 1)]
    threshold: f32,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Match)]
struct MatchBody {
    #[schema(schema_with = schema::face_id)]
    face_id: String,
    #[schema(minimum = 0, maximum = 1)]
    similarity: f32,
    #[schema(required = true)]
    external_image_id: Option<String>,
    #[schema(required = true)]
    external_face_id: Option<String>,
    #[schema(required = true)]
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
