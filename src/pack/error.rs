//! Why a model pack or the inference runtime cannot be used or installed.

use std::io;
use std::path::{Path, PathBuf};

use super::archive::ArchiveError;
use super::convert::ConvertError;
use super::fetch::FetchError;
use super::manifest::ManifestError;
use crate::onnx::OnnxError;

/// A pack or the runtime is missing, damaged, or cannot be installed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// Neither installed nor in the catalogue.
    #[error("there is no model pack {id:?} in {}; can be installed: {known}", root.display())]
    Unknown {
        /// The id asked for.
        id: String,
        /// The models directory.
        root: PathBuf,
        /// The catalogue's ids.
        known: String,
    },
    /// Not installed, but could be.
    #[error("model pack {id} is not installed; `likeness models install {id}` installs it")]
    NotInstalled {
        /// The id asked for.
        id: String,
    },
    /// The manifest is no valid manifest.
    #[error("{} is not valid", path.display())]
    Manifest {
        /// The manifest's path.
        path: PathBuf,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// The manifest lies in a directory of another name.
    #[error("{} is the manifest of {found:?}; its directory must have that name", path.display())]
    Misplaced {
        /// The manifest's path.
        path: PathBuf,
        /// The id in the manifest.
        found: String,
    },
    /// A manifest cannot be written.
    #[error("cannot write the manifest of {id}")]
    WriteManifest {
        /// Which pack.
        id: String,
        /// What the writer said.
        source: toml::ser::Error,
    },
    /// A file is not as it was published or installed.
    #[error("{file} is damaged: {actual} instead of {expected}{advice}")]
    Damaged {
        /// The file's path or its name in an archive.
        file: String,
        /// Size or hash that was recorded.
        expected: String,
        /// Size or hash found.
        actual: String,
        /// What to do about it.
        advice: String,
    },
    /// A file of the operating system cannot be used.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A source cannot be downloaded.
    #[error("cannot download {what}")]
    Fetch {
        /// Which source.
        what: String,
        /// Why not.
        source: FetchError,
    },
    /// A downloaded archive does not hold what it should.
    #[error("cannot unpack {what}")]
    Archive {
        /// Which source.
        what: String,
        /// Why not.
        source: ArchiveError,
    },
    /// A downloaded model is not what the converter was written for.
    #[error("cannot convert {file}")]
    Convert {
        /// Which model.
        file: &'static str,
        /// Why not.
        source: ConvertError,
    },
    /// The inference runtime cannot be used.
    #[error("cannot use the inference runtime")]
    Runtime(#[from] OnnxError),
    /// A converted model does not compute what it should.
    #[error("{file} computes {actual:?} at {positions:?}, expected {expected:?}")]
    Golden {
        /// Which model.
        file: String,
        /// Which of its numbers were looked at.
        positions: Vec<usize>,
        /// What they should be.
        expected: Vec<f32>,
        /// What they are; fewer if the model yields fewer.
        actual: Vec<f32>,
    },
    /// No runtime is published for this machine.
    #[error(
        "no inference runtime can be installed on {platform}; install ONNX Runtime 1.17 or later \
         and set LIKENESS_ONNXRUNTIME to the path of its library"
    )]
    Platform {
        /// Operating system and processor.
        platform: String,
    },
}

impl PackError {
    /// For `map_err` on file operations.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
