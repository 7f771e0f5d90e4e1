//! Downloads: packages through the machine's own pip and npm, single files over HTTPS.
//!
//! The package clients know this machine's mirrors, proxies and credentials; nothing is configured
//! here. What they bring is not trusted: the caller checks every file against its published hash.

mod client;
pub(super) mod https;
pub(super) mod npm;
pub(super) mod pip;

use std::io;
use std::path::{Path, PathBuf};

/// A package as it was published.
#[derive(Debug, Clone, Copy)]
pub(super) struct Package<'a> {
    /// What its registry calls it.
    pub(super) name: &'a str,
    /// Exactly this version.
    pub(super) version: &'a str,
    /// About how long the package is; only shown.
    pub(super) bytes: u64,
}

/// Why a download failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The package client is not installed.
    #[error(
        "{client} is not installed; install it, or copy the models directory of a machine that \
         has one here and name it by --models DIR or LIKENESS_MODELS"
    )]
    ClientMissing {
        /// Which client.
        client: &'static str,
    },
    /// The package client gave up.
    #[error(
        "{client} could not download {package} ({status}); without a network, copy the models \
         directory of a machine that has one here and name it by --models DIR or LIKENESS_MODELS; \
         {client} says: {message}"
    )]
    ClientFailed {
        /// Which client.
        client: &'static str,
        /// Package and version.
        package: String,
        /// How the client ended.
        status: String,
        /// The end of what it wrote to standard error.
        message: String,
    },
    /// The package client reported success but left no package.
    #[error("{client} did not leave a file for {package}")]
    NoPackage {
        /// Which client.
        client: &'static str,
        /// Package and version.
        package: String,
    },
    /// A file or process of the operating system cannot be used.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// With which file or program.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The server cannot be reached or broke off.
    #[error("cannot reach {url}")]
    Connection {
        /// The address.
        url: String,
        /// What the HTTP client said.
        source: Box<ureq::Error>,
    },
    /// The server answers something else than the file.
    #[error("{url} answers with status {status}")]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The connection ended early, several times.
    #[error("{url} broke off after {received} of {bytes} bytes; another try goes on from there")]
    BrokenOff {
        /// The address.
        url: String,
        /// Bytes there are.
        received: u64,
        /// Bytes there should be.
        bytes: u64,
    },
    /// The server sends another file than the published one.
    #[error("{url} is not the published file: {actual} instead of {expected}")]
    Different {
        /// The address.
        url: String,
        /// Published size or hash.
        expected: String,
        /// Size or hash received.
        actual: String,
    },
}

impl FetchError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
