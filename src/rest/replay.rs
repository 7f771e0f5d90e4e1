//! What is kept of an indexed image, and the answer made of it when the request is repeated.
//!
//! Ids and places only: the rest of the answer is in the store, and gone when the faces are.

use serde::{Deserialize, Serialize};

use super::error::ApiError;
use crate::biometric::{BoundingBox, FaceId};
use crate::engine::{EngineError, Enrollment, TenantSnapshot, UnenrolledFace};

/// Most faces that were seen and left out whose places are kept: a receipt has room for these.
const LEFT_OUT_MAX: usize = 300;

/// What is kept of an indexed image.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct IndexedImage {
    faces: Vec<String>,
    left_out: Vec<LeftOut>,
}

#[derive(Debug, Serialize, Deserialize)]
struct LeftOut {
    bounding_box: [f32; 4],
    confidence: f32,
    reasons: Vec<String>,
}

impl IndexedImage {
    pub(super) fn of(enrollment: &Enrollment) -> Self {
        let left_out = |face: &UnenrolledFace| LeftOut {
            bounding_box: face.bounding_box.to_array(),
            confidence: face.confidence,
            reasons: face.reasons.iter().map(ToString::to_string).collect(),
        };
        Self {
            faces: enrollment.faces.iter().map(|face| face.face_id.to_string()).collect(),
            left_out: enrollment.unenrolled.iter().take(LEFT_OUT_MAX).map(left_out).collect(),
        }
    }

    /// What became of the image, as far as its faces are still in the collection.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`], or what was kept cannot be read.
    pub(super) fn enrollment(
        self,
        at: &TenantSnapshot,
        collection: &str,
    ) -> Result<Enrollment, ApiError> {
        let mut faces = Vec::with_capacity(self.faces.len());
        for id in self.faces {
            let id = id.parse::<FaceId>().map_err(ApiError::internal)?;
            match at.face(collection, id) {
                Ok(face) => faces.push(face),
                // Deleted since.
                Err(EngineError::FaceNotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let unenrolled = |face: LeftOut| UnenrolledFace {
            bounding_box: BoundingBox::from_array(face.bounding_box),
            confidence: face.confidence,
            reasons: face.reasons.into_iter().map(Into::into).collect(),
        };
        Ok(Enrollment { faces, unenrolled: self.left_out.into_iter().map(unenrolled).collect() })
    }
}
