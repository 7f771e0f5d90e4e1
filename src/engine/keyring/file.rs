//! `keys.json`: read whole, replaced atomically, one writer at a time.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::key::Key;

/// The file's name in the data directory.
pub const KEY_FILE: &str = "keys.json";
/// Layout version of the file. 2 added expiry and suspended tenants, which a build that knows only
/// 1 would not heed; 1 is read as it is.
const VERSION: u32 = 2;
const VERSION_OLDEST: u32 = 1;

/// The key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The operating system refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is not what this version writes.
    #[error("{path} is not a key file")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Where it departs from the layout.
        source: serde_json::Error,
    },
    /// A newer version wrote the file.
    #[error("{path} has layout version {found}, this build reads {VERSION}; use a newer build")]
    Version {
        /// Which file.
        path: PathBuf,
        /// The version it declares.
        found: u32,
    },
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    #[serde(flatten)]
    contents: Contents,
}

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Contents {
    /// All keys, those among them that do not work any more.
    pub(super) keys: Vec<Key>,
    /// Tenants none of whose keys works for now.
    #[serde(default)]
    pub(super) suspended: BTreeSet<String>,
}

/// Tells one state of the file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: SystemTime,
    length: u64,
    /// A replaced file is a new one, even within the clock's resolution.
    inode: u64,
}

/// The key file of one data directory.
#[derive(Debug)]
pub(super) struct KeyFile {
    path: PathBuf,
}

/// Held while the file is read, changed and replaced.
#[derive(Debug)]
pub(super) struct KeyFileLock(#[expect(dead_code, reason = "held for its unlock on drop")] File);

impl KeyFile {
    pub(super) fn new(directory: &Path) -> Self {
        Self { path: directory.join(KEY_FILE) }
    }

    /// The state of the file now; none when there is no file.
    pub(super) fn stamp(&self) -> Result<Option<Stamp>, KeyFileError> {
        match fs::metadata(&self.path) {
            Ok(metadata) => Ok(Some(Stamp {
                modified: metadata.modified().map_err(|e| self.io("examine", e))?,
                length: metadata.len(),
                inode: inode(&metadata),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.io("examine", error)),
        }
    }

    /// What is in the file; nothing when there is none.
    pub(super) fn read(&self) -> Result<Contents, KeyFileError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contents::default()),
            Err(error) => return Err(self.io("read", error)),
        };
        let document: Document = serde_json::from_slice(&bytes)
            .map_err(|source| KeyFileError::Malformed { path: self.path.clone(), source })?;
        if !(VERSION_OLDEST..=VERSION).contains(&document.version) {
            return Err(KeyFileError::Version { path: self.path.clone(), found: document.version });
        }
        Ok(document.contents)
    }

    /// Waits for other writers, in this process or another.
    pub(super) fn lock(&self) -> Result<KeyFileLock, KeyFileError> {
        let path = self.path.with_extension("lock");
        let io = |source| KeyFileError::Io { action: "lock", path: path.clone(), source };
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io)?;
        file.lock().map_err(io)?;
        Ok(KeyFileLock(file))
    }

    /// Replaces the file; after a crash it holds either the old contents or the new.
    pub(super) fn replace(
        &self,
        contents: Contents,
        _held: &KeyFileLock,
    ) -> Result<(), KeyFileError> {
        let document = Document { version: VERSION, contents };
        let bytes = serde_json::to_vec_pretty(&document)
            .map_err(|source| KeyFileError::Malformed { path: self.path.clone(), source })?;
        let temporary = self.path.with_extension("tmp");
        let mut file = private(&temporary).map_err(|e| self.io("create", e))?;
        file.write_all(&bytes).map_err(|e| self.io("write", e))?;
        file.sync_all().map_err(|e| self.io("sync", e))?;
        fs::rename(&temporary, &self.path).map_err(|e| self.io("replace", e))?;
        let directory = self.path.parent().unwrap_or(Path::new("."));
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(|e| self.io("sync", e))
    }

    fn io(&self, action: &'static str, source: io::Error) -> KeyFileError {
        KeyFileError::Io { action, path: self.path.clone(), source }
    }
}

/// Opens a file that its owner alone can read.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
fn inode(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_metadata: &fs::Metadata) -> u64 {
    0
}
