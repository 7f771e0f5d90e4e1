//! From the files that the registries distribute to ONNX models the runtime executes.

pub mod centerface;
pub mod dlib;
mod graph;
mod weights;
mod wire;

pub use graph::GraphBuilder;
pub use weights::{WeightSet, WeightTensor};
pub use wire::without_constant_inputs;

/// A source file is not what the converter was written for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// The weight manifest is not the expected JSON.
    #[error("the weight manifest cannot be read")]
    Manifest(#[source] serde_json::Error),
    /// A weight uses a coding the converter does not know.
    #[error("weight {name}: {dtype} is not supported")]
    Coding {
        /// The weight.
        name: String,
        /// The coding named in the manifest.
        dtype: String,
    },
    /// The manifest announces more or fewer bytes than the weight file has.
    #[error("the weights need {needed} bytes, the file has {actual}")]
    Length {
        /// Bytes the manifest announces (up to the weight that does not fit).
        needed: usize,
        /// Bytes there are.
        actual: usize,
    },
    /// The network needs a weight that the manifest does not list.
    #[error("weight {name} is missing")]
    MissingWeight {
        /// The weight.
        name: String,
    },
    /// A weight does not have the shape its place in the network demands.
    #[error("weight {name} has shape {actual:?}, expected {expected}")]
    WeightShape {
        /// The weight.
        name: String,
        /// The shape found.
        actual: Vec<usize>,
        /// What was expected, in words.
        expected: String,
    },
    /// A stage of the network is fed an image too small or too deep for it.
    #[error("stage {stage} cannot take {channels} channels of {size} x {size}")]
    Stage {
        /// The stage.
        stage: String,
        /// Channels arriving.
        channels: usize,
        /// Rows and columns arriving.
        size: usize,
    },
    /// The bytes to be replaced are not there.
    #[error("expected a dimension at byte {offset}, found {found:02x?}")]
    Patch {
        /// Where the patch would go.
        offset: usize,
        /// The two bytes found (fewer at the end of the file).
        found: Vec<u8>,
    },
    /// The file is no encoded model.
    #[error("the model cannot be read from byte {offset} of a message on")]
    Wire {
        /// Where in the innermost message.
        offset: usize,
    },
    /// The patched file is not the one the patch was written for.
    #[error("the patched model has SHA-256 {actual}, expected {expected}")]
    Patched {
        /// What it should be.
        expected: &'static str,
        /// What it is.
        actual: String,
    },
}
