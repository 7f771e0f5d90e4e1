//! The two facts every operation of the store can fail with: damaged bytes and refused I/O.
//!
//! The errors of the single operations live beside those operations and carry these.

use std::io;
use std::path::PathBuf;

/// Bytes on disk that the store did not write, or that changed since.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is damaged at byte {offset}: {what}", file.display())]
pub struct Corruption {
    /// The damaged file.
    pub file: PathBuf,
    /// Where in the file the check failed, in bytes from its start.
    pub offset: u64,
    /// What was wrong, in words.
    pub what: String,
}

impl Corruption {
    pub(crate) fn new(file: impl Into<PathBuf>, offset: u64, what: impl Into<String>) -> Self {
        Self { file: file.into(), offset, what: what.into() }
    }
}

/// An input or output operation that the operating system refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {}", path.display())]
pub struct IoFailure {
    /// What was attempted: a verb, such as `read` or `sync`.
    pub operation: &'static str,
    /// The file or directory it was attempted on.
    pub path: PathBuf,
    /// The operating system's reason.
    #[source]
    pub source: io::Error,
}

impl IoFailure {
    pub(crate) fn new(
        operation: &'static str,
        path: impl Into<PathBuf>,
        source: io::Error,
    ) -> Self {
        Self { operation, path: path.into(), source }
    }

    /// Whether the file was not there.
    pub(crate) fn is_missing(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn corruption_names_file_offset_and_fault() {
        let corruption = Corruption::new("data/MANIFEST", 12, "checksum mismatch");
        let text = corruption.to_string();
        assert_eq!(text, "data/MANIFEST is damaged at byte 12: checksum mismatch");
    }

    #[test]
    fn an_io_failure_keeps_the_reason_as_its_source() {
        let failure = IoFailure::new("sync", "data/wal-0000000001", io::Error::other("no space"));
        assert_eq!(failure.to_string(), "cannot sync data/wal-0000000001");
        assert_eq!(failure.source().map(ToString::to_string), Some("no space".to_owned()));
    }
}
