//! Model packs: what they are, where they lie, how they are fetched, converted, checked and
//! installed.

mod archive;
mod catalogue;
pub mod convert;
mod digest;
mod error;
mod fetch;
mod golden;
mod install;
mod library;
mod lock;
mod manifest;
mod progress;
mod runtime;
mod staging;

pub use archive::ArchiveError;
pub use catalogue::DEFAULT_PACK;
pub use error::PackError;
pub use fetch::FetchError;
pub use library::{ModelLibrary, Pack, PackListing};
pub use manifest::{
    DetectorKind, DetectorPart, EmbedderKind, EmbedderPart, ManifestError, Normalisation, PackFile,
    PackManifest,
};
pub use progress::{NoProgress, Progress, TerminalProgress};
