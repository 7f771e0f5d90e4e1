//! Looks at every byte of a store that nobody has open, changes none, and reports what is wrong.

mod examiner;
mod log;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Corruption, IoFailure};
use crate::id::{Lsn, StoreId};
use crate::inventory::Inventory;
use crate::io::{Directory, DiskDirectory, FileName};
use crate::recovery::OpenError;
use examiner::Examiner;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckReport {
    /// Everything that is not as a store leaves it, in the order in which it was found.
    pub damages: Vec<Corruption>,
    /// What is no damage, but worth knowing.
    pub notes: Vec<CheckNote>,
    /// The store's identity, where it can be read.
    pub store: Option<StoreId>,
    /// LSN of the last batch.
    pub lsn: Lsn,
    /// Galleries.
    pub galleries: u64,
    /// Live rows.
    pub rows: u64,
    /// Segments.
    pub segments: u64,
    /// Batches in the log.
    pub log_records: u64,
    /// Bytes read.
    pub bytes_read: u64,
}

/// Something in a store that the next start puts in order by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckNote {
    /// The file.
    pub file: PathBuf,
    /// Where in the file, in bytes from its start.
    pub offset: u64,
    /// What there is, in words.
    pub what: String,
}

impl fmt::Display for CheckNote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, what } = self;
        write!(formatter, "{}, byte {offset}: {what}", file.display())
    }
}

/// Reads every byte of the store or backup in `directory` and compares it with its checksum;
/// follows every reference, replays the log in memory and counts. Goes on after damage, so that
/// the report is whole, and changes nothing.
///
/// # Errors
/// [`OpenError`] when the check itself cannot be done: there is no store in the directory, it is
/// open elsewhere, or the operating system refuses to read it. Damage is no error, it is reported.
pub fn check(directory: &Path) -> Result<CheckReport, OpenError> {
    let directory = DiskDirectory::existing(directory)?;
    let _lock = directory.lock_unchanged()?;
    if let Some(bytes) = directory.read(FileName::Backup)? {
        return Ok(check_backup(&directory, &bytes)?);
    }
    let names = directory.list()?;
    if names.iter().all(|name| *name == FileName::Lock) {
        return Err(OpenError::NoStore { directory: directory.root().to_owned() });
    }
    Ok(examine(&directory, &BTreeSet::new())?)
}

/// Checks all files of a store. Those that are `elsewhere` may be missing.
pub(crate) fn examine(
    directory: &dyn Directory,
    elsewhere: &BTreeSet<FileName>,
) -> Result<CheckReport, IoFailure> {
    let mut examiner = Examiner::new(directory, elsewhere)?;
    examiner.run()?;
    Ok(examiner.report)
}

fn check_backup(directory: &DiskDirectory, bytes: &[u8]) -> Result<CheckReport, IoFailure> {
    let path = directory.path(FileName::Backup);
    let inventory = match Inventory::decode(bytes) {
        Ok(inventory) => inventory,
        Err(fault) => {
            let mut report = examine(directory, &BTreeSet::new())?;
            report.damages.insert(0, Corruption::new(path, fault.offset, fault.what));
            return Ok(report);
        }
    };
    let mut report = examine(directory, &inventory.elsewhere())?;
    report.bytes_read += bytes.len() as u64;
    inventory.compare(directory, &mut report.damages)?;
    if report.damages.is_empty() && report.lsn != inventory.last {
        let what = format!("the backup says it reaches LSN {}, not {}", inventory.last, report.lsn);
        report.damages.push(Corruption::new(path, 0, what));
    }
    Ok(report)
}

#[cfg(test)]
mod tests;
