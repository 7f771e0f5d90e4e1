//! What can go wrong between loading the ONNX Runtime library and reading a model's output.

use std::error::Error;
use std::path::PathBuf;

/// The cause reported by the runtime itself; boxed so that no caller depends on the binding crate.
pub(super) type Cause = Box<dyn Error + Send + Sync + 'static>;

/// A failure of the runtime library, of a model file, or of one inference.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The library is missing, is not ONNX Runtime, or is older than the oldest supported release.
    #[error("cannot load the ONNX Runtime library {}", library.display())]
    Load {
        /// The path that was tried.
        library: PathBuf,
        /// The loader's own message.
        source: Cause,
    },
    /// The library was loaded but refused to start.
    #[error("ONNX Runtime does not start")]
    Start {
        /// The runtime's own message.
        source: Cause,
    },
    /// The model file cannot be turned into a session.
    #[error("cannot open the model {}", model.display())]
    Model {
        /// The model file.
        model: PathBuf,
        /// The runtime's own message.
        source: Cause,
    },
    /// The model does not take exactly one input.
    #[error(
        "the model {} takes {} inputs ({}), expected one",
        model.display(), inputs.len(), inputs.join(", ")
    )]
    Inputs {
        /// The model file.
        model: PathBuf,
        /// Names of the inputs found.
        inputs: Vec<String>,
    },
    /// A session pool was asked for without sessions.
    #[error("a session pool for {} needs at least one session", model.display())]
    EmptyPool {
        /// The model file.
        model: PathBuf,
    },
    /// A tensor's shape does not multiply up to the number of its values.
    #[error("a tensor of shape {shape:?} cannot hold {values} values")]
    Shape {
        /// The shape given.
        shape: Vec<usize>,
        /// The number of values given.
        values: usize,
    },
    /// An inference failed, usually because the input's shape does not suit the model.
    #[error("the model {} failed", model.display())]
    Run {
        /// The model file.
        model: PathBuf,
        /// The runtime's own message.
        source: Cause,
    },
    /// The model has no output of this name.
    #[error("the model has no output {name}, only {}", available.join(", "))]
    NoSuchOutput {
        /// The name asked for.
        name: String,
        /// The names there are.
        available: Vec<String>,
    },
}
