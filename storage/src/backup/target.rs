//! The directory that a backup, or a restored store, is written to.

use std::path::Path;

use super::BackupError;
use crate::checksum::Checksum;
use crate::error::{Corruption, IoFailure};
use crate::id::Lsn;
use crate::inventory::Content;
use crate::io::{Directory, DiskDirectory, FileName};
use crate::manifest::Manifest;

/// Bytes written at a time.
const PIECE_BYTES: usize = 1 << 20;

/// A directory of its own, private to its owner. Unless it is kept, what was written goes again.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) directory: DiskDirectory,
    /// Whether the directory was not there before.
    is_new: bool,
    is_kept: bool,
    beside: Vec<Box<str>>,
}

impl Target {
    /// Makes the directory, or takes one that is empty.
    pub(crate) fn new(path: &Path) -> Result<Self, BackupError> {
        match DiskDirectory::open_empty(path)? {
            Some((directory, is_new)) => {
                Ok(Self { directory, is_new, is_kept: false, beside: Vec::new() })
            }
            None => Err(BackupError::TargetNotEmpty { directory: path.to_owned() }),
        }
    }

    /// Writes and syncs a file.
    pub(crate) fn put(&self, name: FileName, bytes: &[u8]) -> Result<Content, IoFailure> {
        let mut file = self.directory.create(name)?;
        let mut checksum = Checksum::of(&[]);
        for piece in bytes.chunks(PIECE_BYTES) {
            file.append(piece)?;
            checksum = checksum.followed_by(Checksum::of(piece), piece.len() as u64);
        }
        file.sync()?;
        Ok(Content { bytes: bytes.len() as u64, checksum })
    }

    /// Writes the manifest of a store that ends with `last`: no segment of it became live later.
    pub(crate) fn put_manifest(
        &self,
        manifest: &Manifest,
        last: Lsn,
    ) -> Result<Content, IoFailure> {
        let mut manifest = manifest.clone();
        for entry in &mut manifest.segments {
            entry.born = entry.born.min(last);
        }
        self.put(FileName::Manifest, &manifest.encode())
    }

    /// Writes and syncs a file that is not the store's, for its owner only.
    pub(crate) fn put_beside(&mut self, name: &str, bytes: &[u8]) -> Result<Content, IoFailure> {
        self.beside.push(name.into());
        self.directory.create_beside(name, bytes)?;
        Ok(Content::of(bytes))
    }

    /// Gives a file of another directory a name here as well.
    pub(crate) fn link(&self, source: &DiskDirectory, name: FileName) -> Result<(), IoFailure> {
        source.link_into(name, &self.directory)
    }

    /// Removes everything written so far.
    pub(crate) fn empty(&mut self) -> Result<(), IoFailure> {
        for name in self.directory.list()? {
            self.directory.remove(name)?;
        }
        for name in std::mem::take(&mut self.beside) {
            self.directory.remove_beside(&name)?;
        }
        Ok(())
    }

    /// Leaves everything where it is.
    pub(crate) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !self.is_kept {
            // The first error is the one to tell; what stays is told by the next attempt.
            let _ = self.empty();
            if self.is_new {
                let _ = self.directory.remove_root();
            }
        }
    }
}

/// The error for the damages found in what was copied, if any.
pub(crate) fn damaged(mut damages: Vec<Corruption>) -> Result<(), BackupError> {
    let more = damages.len().saturating_sub(1);
    damages.truncate(1);
    damages.pop().map_or(Ok(()), |first| Err(BackupError::Damaged { first, more }))
}
