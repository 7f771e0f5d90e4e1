//! Why an image yields no faces: the image is at fault, or the models are.

use likeness_storage::EmbeddingError;

use super::image::ImageError;
use crate::onnx::OnnxError;

/// An image could not be searched for faces. "No face in it" is not an error but an empty list.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VisionError {
    /// The caller's image is at fault; another image may work.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The model pack or its runtime is at fault; no image will work, or this one shows a defect.
    #[error("the face models failed")]
    Model(#[from] ModelError),
}

/// A model could not be loaded or answered with something that is not what its kind promises.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The runtime refused to load or run the model.
    #[error("the model cannot be run")]
    Run(#[from] OnnxError),
    /// An output has another shape than this kind of model has.
    #[error("model output {output} has shape {shape:?}, expected {expected}")]
    Shape {
        /// Name of the output.
        output: String,
        /// Shape it came with.
        shape: Vec<usize>,
        /// Shape in words.
        expected: &'static str,
    },
    /// The embedder's answer is no direction: zero, infinite or not a number.
    #[error("the model's answer is not an embedding")]
    Embedding(#[from] EmbeddingError),
    /// The pack's manifest names a size that no embedding can have.
    #[error("the pack declares embeddings of {0} numbers")]
    Dimensions(usize),
    /// The pack's similarity anchors describe no monotone mapping.
    #[error("the pack's similarity mapping is unusable")]
    Similarity(#[from] crate::biometric::SimilarityMappingError),
    /// The pack's calibration describes no false match rates.
    #[error("the pack's calibration is unusable")]
    Calibration(#[from] crate::biometric::CalibrationError),
}
