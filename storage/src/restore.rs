//! Backups in, a store out: as it was at the end of the last one, or at any batch before it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::backup::{BackupError, Target, copy_log, damaged};
use crate::check::examine;
use crate::error::Corruption;
use crate::id::{Lsn, StoreId};
use crate::inventory::{Content, Inventory, difference};
use crate::io::{Directory, DiskDirectory, FileName};
use crate::manifest::Manifest;

/// What was restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestoreReport {
    /// The store's identity, that of the store backed up.
    pub store: StoreId,
    /// LSN of the last batch.
    pub lsn: Lsn,
    /// Galleries.
    pub galleries: u64,
    /// Live rows.
    pub rows: u64,
    /// Segments.
    pub segments: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// A backup to restore from.
struct Source {
    directory: DiskDirectory,
    inventory: Inventory,
}

/// Makes a store in `target`, a directory that is new or empty, from a full backup and the
/// incremental ones after it, in the order in which they were taken. It is as it was after the
/// batch `until`, or at the end of the last backup. The backups are only read, and the store is
/// verified before this returns.
///
/// # Errors
/// [`BackupError`]; what was written to `target` is removed again.
pub fn restore(
    sources: &[PathBuf],
    target: &Path,
    until: Option<Lsn>,
) -> Result<RestoreReport, BackupError> {
    let sources = open(sources)?;
    let (chosen, until) = choose(&sources, until)?;
    let mut target = Target::new(target)?;
    fill(&sources, chosen, until, &mut target)?;
    let found = examine(&target.directory, &BTreeSet::new())?;
    damaged(found.damages)?;
    target.keep();
    Ok(RestoreReport {
        store: chosen.inventory.store,
        lsn: found.lsn,
        galleries: found.galleries,
        rows: found.rows,
        segments: found.segments,
        bytes: found.bytes_read,
    })
}

/// Reads what the backups are, and refuses those that do not belong together.
fn open(paths: &[PathBuf]) -> Result<Vec<Source>, BackupError> {
    let mut sources: Vec<Source> = Vec::new();
    for path in paths {
        let directory = DiskDirectory::existing(path)?;
        let Some(bytes) = directory.read(FileName::Backup)? else {
            return Err(BackupError::NotBackup { directory: path.clone() });
        };
        let inventory = Inventory::decode(&bytes).map_err(|fault| {
            Corruption::new(directory.path(FileName::Backup), fault.offset, fault.what)
        })?;
        if let Some(before) = sources.last() {
            let directory = path.clone();
            let (found, expected) = (inventory.store, before.inventory.store);
            if found != expected {
                return Err(BackupError::OtherStore { directory, found, expected });
            }
            if inventory.last < before.inventory.last {
                return Err(BackupError::Order { directory });
            }
        }
        sources.push(Source { directory, inventory });
    }
    Ok(sources)
}

/// The last backup that holds the moment asked for.
fn choose(sources: &[Source], until: Option<Lsn>) -> Result<(&Source, Lsn), BackupError> {
    let newest = sources.last().ok_or(BackupError::NoSource)?;
    let until = until.unwrap_or(newest.inventory.last);
    let holds =
        |source: &&Source| (source.inventory.first..=source.inventory.last).contains(&until);
    let range = |source: &Source| (source.inventory.first, source.inventory.last);
    let ranges = || sources.iter().map(range).collect();
    let chosen = sources.iter().rev().find(holds);
    Ok((chosen.ok_or_else(|| BackupError::Until { until, ranges: ranges() })?, until))
}

fn fill(
    sources: &[Source],
    chosen: &Source,
    until: Lsn,
    target: &mut Target,
) -> Result<(), BackupError> {
    let Source { directory, inventory } = chosen;
    let path = directory.path(FileName::Manifest);
    let manifest = Manifest::decode(&chosen.read(FileName::Manifest)?)
        .map_err(|fault| Corruption::new(path, fault.offset, fault.what))?;
    copy_log(directory, &manifest, until, target, |name| chosen.read(name))?;
    for (name, content) in inventory.files.iter().chain(&inventory.needed) {
        if matches!(name, FileName::Segment(_) | FileName::Tombstones(..)) {
            let from = sources.iter().find(|source| source.has(*name, *content));
            let from = from.ok_or_else(|| BackupError::Needed {
                file: name.to_string(),
                directory: directory.root().to_owned(),
                since: inventory.since,
            })?;
            let found = target.put(*name, from.directory.map(*name)?.bytes())?;
            refuse(difference(from.directory.path(*name), *content, Some(found)))?;
        }
    }
    for (name, content) in &inventory.beside {
        let bytes = directory.read_beside(name)?;
        let found = bytes.as_deref().map(Content::of);
        refuse(difference(directory.root().join(&**name), *content, found))?;
        target.put_beside(name, &bytes.unwrap_or_default())?;
    }
    // Last: without it nothing opens the directory.
    target.put_manifest(&manifest, until)?;
    Ok(target.directory.sync()?)
}

impl Source {
    /// Whether the backup itself holds a file of this content.
    fn has(&self, name: FileName, content: Content) -> bool {
        self.inventory.files.contains(&(name, content))
    }

    /// A file that must be there, with the content that it had when the backup was taken.
    fn read(&self, name: FileName) -> Result<Vec<u8>, BackupError> {
        let path = self.directory.path(name);
        let listed = self.inventory.files.iter().find(|(listed, _)| *listed == name);
        let (_, content) = listed.ok_or_else(|| {
            Corruption::new(
                self.directory.path(FileName::Backup),
                0,
                format!("{name} is not listed"),
            )
        })?;
        let bytes = self.directory.read(name)?;
        refuse(difference(path, *content, bytes.as_deref().map(Content::of)))?;
        Ok(bytes.unwrap_or_default())
    }
}

fn refuse(damage: Option<Corruption>) -> Result<(), Corruption> {
    damage.map_or(Ok(()), Err)
}
