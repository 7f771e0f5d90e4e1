//! The lock that keeps a data directory to one process.

use std::path::PathBuf;

use super::disk::OsFile;
use crate::error::IoFailure;

/// The right to use a directory, given back when dropped.
///
/// The lock is the operating system's, so it ends with the process however the process ends. The
/// file stays and says nothing by itself.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    /// Closing the file ends the lock; a directory in memory has none.
    _file: Option<OsFile>,
}

impl DirectoryLock {
    pub(crate) fn new(file: Option<OsFile>) -> Self {
        Self { _file: file }
    }
}

/// Why a directory could not be locked.
#[derive(Debug)]
pub(crate) enum LockError {
    /// Another process has it.
    Held {
        /// The directory.
        directory: PathBuf,
        /// The process that wrote its number into the lock file.
        process: Option<u32>,
    },
    /// The lock file could not be used.
    Io(IoFailure),
}

impl From<IoFailure> for LockError {
    fn from(failure: IoFailure) -> Self {
        Self::Io(failure)
    }
}
