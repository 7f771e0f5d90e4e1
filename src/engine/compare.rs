//! Comparing the largest faces of two images. Touches no store.

use bytes::Bytes;

use super::{DEFAULT_THRESHOLD, EngineError, Tenant};
use crate::audit::AuditAction;
use crate::biometric::{AttributeSet, BoundingBox, Comparison};
use crate::vision::{AnalyzedFace, Pipeline, VisionError};

/// Two images compared by their largest faces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageComparison {
    /// How alike the faces are, and the threshold applied.
    pub comparison: Comparison,
    /// The face used of the first image.
    pub source_face: BoundingBox,
    /// The face used of the second image.
    pub target_face: BoundingBox,
}

impl Tenant {
    /// Compares the largest face of `source` with the largest of `target`.
    ///
    /// # Errors
    /// [`EngineError::NoFaceInSource`] before [`EngineError::NoFaceInTarget`];
    /// [`EngineError::Image`], [`EngineError::ModelUnavailable`];
    /// [`EngineError::InvalidValue`] for a threshold outside 0..=1.
    pub async fn compare(
        &self,
        source: Bytes,
        target: Bytes,
        threshold: Option<f32>,
    ) -> Result<ImageComparison, EngineError> {
        let threshold = checked_threshold(threshold.unwrap_or(DEFAULT_THRESHOLD))?;
        let inference = &self.engine.inference;
        let (source, target) = inference
            .run(move |pipeline| {
                Ok((largest_face(pipeline, &source)?, largest_face(pipeline, &target)?))
            })
            .await?;
        let source = source.ok_or(EngineError::NoFaceInSource)?;
        let target = target.ok_or(EngineError::NoFaceInTarget)?;
        let cosine = source.embedding.dot(&target.embedding);
        let similarity = inference.pipeline()?.similarity().similarity(cosine);
        let mut entry = self.witness.entry(AuditAction::Compare, None);
        entry.threshold = Some(threshold);
        self.witness.record(entry)?;
        Ok(ImageComparison {
            comparison: Comparison { similarity, threshold },
            source_face: source.face.bounding_box,
            target_face: target.face.bounding_box,
        })
    }
}

/// A threshold that can be met: 0..=1.
pub(super) fn checked_threshold(threshold: f32) -> Result<f32, EngineError> {
    if (0.0..=1.0).contains(&threshold) {
        Ok(threshold)
    } else {
        Err(EngineError::invalid("threshold", format!("must be between 0 and 1, got {threshold}")))
    }
}

fn largest_face(pipeline: &Pipeline, image: &[u8]) -> Result<Option<AnalyzedFace>, VisionError> {
    let analysis = pipeline.analyze(image, AttributeSet::None, 1)?;
    Ok(analysis.faces.into_iter().next())
}
