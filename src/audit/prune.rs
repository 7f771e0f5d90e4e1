//! Removing old records without breaking the chain: whole files, and a record of it.

use std::fs;

use super::chain::Link;
use super::file::{Line, LogFile, sync_folder};
use super::log::{AuditError, AuditLog, refused};
use super::record::{AuditAction, AuditEntry};

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    /// Files.
    pub files: usize,
    /// The newest record among them; the chain begins behind it now.
    pub up_to: Link,
}

/// Removes the oldest files of `log` whose records are all older than `before_us`; the newest file
/// stays. Nothing: there are none.
///
/// The removal is itself recorded before it happens, with the link that the chain then begins at.
///
/// # Errors
/// When the operating system refuses.
pub fn prune(log: &AuditLog, before_us: i64) -> Result<Option<Pruned>, AuditError> {
    let folder = log.folder();
    let io = || refused(folder, "prune");
    let mut files = LogFile::list(folder).map_err(io())?;
    files.retain(|file| file.first < log.first_of_newest_file());
    let mut old = Vec::new();
    for file in files {
        match end_of(&file).map_err(io())? {
            Some((link, at_us)) if at_us < before_us => old.push((file, link)),
            // A damaged file is evidence, and so is all behind it.
            _ => break,
        }
    }
    let Some(&(_, up_to)) = old.last() else { return Ok(None) };
    let mut entry = AuditEntry::new("", "server", AuditAction::Prune);
    entry.anchor = Some(up_to.to_string());
    log.append_durably(entry)?;
    for (file, _) in &old {
        fs::remove_file(&file.path).map_err(io())?;
    }
    sync_folder(folder).map_err(io())?;
    Ok(Some(Pruned { files: old.len(), up_to }))
}

/// The last record of a file and its time; none where the file is damaged.
fn end_of(file: &LogFile) -> std::io::Result<Option<(Link, i64)>> {
    let Some(mut reader) = file.open()? else { return Ok(None) };
    let mut newest_us = i64::MIN;
    while let Some(line) = reader.next()? {
        let Line::Record(record) = line else { return Ok(None) };
        newest_us = newest_us.max(record.at_us());
    }
    Ok(Some((reader.link, newest_us)))
}
