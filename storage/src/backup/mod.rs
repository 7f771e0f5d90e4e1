//! Backups of a store that is open elsewhere, or nowhere: full, or of what is new.
//!
//! A backup is what a crash at one moment would leave: a manifest, the files it names, and the log
//! behind it up to one batch. The store need not help. Its files are written once and never
//! changed, apart from the log, which only grows; and whatever a manifest names stays until a
//! later manifest is there. So a backup first finds out how far the log reaches, then reads the
//! manifest, takes hold of everything it names (mapped or linked, a file stays when its name
//! goes), and copies the log up to where it reached. Where a file is gone already, a later
//! manifest must be there, and the backup begins anew.
//!
//! Segments that became live before an LSN that an earlier backup reached are in that backup: a
//! segment that is not in a manifest becomes live no earlier than the last batch that was in the
//! log when the manifest was read.

mod error;
mod log;
mod target;

use std::path::Path;

use crate::check::examine;
use crate::codec::DecodeError;
use crate::error::Corruption;
use crate::id::{LogSeq, Lsn, SegmentId, StoreId};
use crate::inventory::{Content, Inventory};
use crate::io::{Directory, DiskDirectory, FileName, Mapping};
use crate::manifest::{Manifest, SegmentEntry};
use crate::segment::Segment;
use crate::wal::{HEADER_BYTES, LogHeader, LogReader};
pub use error::BackupError;
pub(crate) use log::copy_log;
pub(crate) use target::{Target, damaged};

/// How often a backup begins anew when the store replaces files under its hands.
const TRIES: u32 = 100;

/// How to take a backup.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BackupOptions {
    /// Leave out segments that an earlier backup has, one that reached this LSN.
    pub since: Option<Lsn>,
    /// Link segments instead of copying them: quick, and no safety against a broken disk.
    pub link: bool,
    /// Names of files beside the store that are copied along where they are there. They become
    /// readable to the owner only.
    pub beside: Vec<String>,
}

impl BackupOptions {
    /// With [`BackupOptions::since`].
    #[must_use]
    pub fn with_since(mut self, since: Option<Lsn>) -> Self {
        self.since = since;
        self
    }

    /// With [`BackupOptions::link`].
    #[must_use]
    pub fn with_link(mut self, link: bool) -> Self {
        self.link = link;
        self
    }

    /// With one more file of [`BackupOptions::beside`].
    #[must_use]
    pub fn with_beside(mut self, name: &str) -> Self {
        self.beside.push(name.to_owned());
        self
    }
}

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupReport {
    /// The store's identity.
    pub store: StoreId,
    /// The LSN since which segments are in it; none in a full backup.
    pub since: Option<Lsn>,
    /// The first LSN that it can be restored to.
    pub first: Lsn,
    /// The last LSN that it can be restored to: `since` of the next backup.
    pub last: Lsn,
    /// Files in it.
    pub files: u64,
    /// Bytes of those files.
    pub bytes: u64,
    /// Segments that it needs from earlier backups.
    pub needed: u64,
}

/// Backs up the store in `source` into `target`, a directory that is new or empty. The store may
/// be open, in this process or another; it goes on, and whatever it acknowledged before the call
/// is in the backup. The backup is verified before this returns.
///
/// # Errors
/// [`BackupError`]; what was written to `target` is removed again.
pub fn backup(
    source: &Path,
    target: &Path,
    options: &BackupOptions,
) -> Result<BackupReport, BackupError> {
    let source = DiskDirectory::existing(source)?;
    let directory = source.root().to_owned();
    let names = source.list()?;
    if names.contains(&FileName::Backup) {
        return Err(BackupError::IsBackup { directory });
    }
    if !names.contains(&FileName::Manifest) {
        return Err(BackupError::NoStore { directory });
    }
    let mut target = Target::new(target)?;
    for _ in 0..TRIES {
        let reached = reached(&source)?;
        let missing = || Corruption::new(source.path(FileName::Manifest), 0, "the file is missing");
        let before = source.read(FileName::Manifest)?.ok_or_else(missing)?;
        match take(&source, &mut target, options, reached, &before) {
            Ok(inventory) => {
                verify(&source, &target, &inventory)?;
                let report = report(&inventory);
                let text = inventory.encode();
                let names = (FileName::Backup, FileName::NewBackup);
                target.directory.replace(names.0, names.1, text.as_bytes())?;
                target.keep();
                return Ok(report);
            }
            // A later manifest is there: what this one names may be gone.
            Err(BackupError::Corruption(_) | BackupError::Io(_))
                if source.read(FileName::Manifest)?.as_ref() != Some(&before) =>
            {
                target.empty()?;
            }
            Err(error) => return Err(error),
        }
    }
    Err(BackupError::Restless { tries: TRIES })
}

/// The last batch in the log, which is durable from here on. Where the files of the log are all
/// gone, a checkpoint made its batches part of a manifest.
fn reached(source: &DiskDirectory) -> Result<Lsn, BackupError> {
    for name in source.list()?.into_iter().rev() {
        if let FileName::Log(seq) = name
            && let Some(last) = last_of(source, seq)?
        {
            return match source.sync_file(name) {
                // It was retired by a checkpoint, which was durable.
                Err(failure) if !failure.is_missing() => Err(failure.into()),
                _ => Ok(last),
            };
        }
    }
    Ok(Lsn::new(0))
}

/// The last batch in a log file, or the one in front of it; none where the file is gone, or is
/// being created: then the one in front of it is finished.
fn last_of(source: &DiskDirectory, seq: LogSeq) -> Result<Option<Lsn>, BackupError> {
    let name = FileName::Log(seq);
    let damage = |fault: DecodeError| Corruption::new(source.path(name), fault.offset, fault.what);
    let mut before = None;
    while let Some(bytes) = source.read(name)?.filter(|bytes| bytes.len() >= HEADER_BYTES) {
        let header = LogHeader::decode(&bytes).map_err(damage)?;
        let mut log = LogReader::open(&bytes, seq, header.first, true).map_err(damage)?;
        let Some(fault) = log.by_ref().find_map(Result::err) else {
            return Ok(Some(log.end().last));
        };
        // The file was written while it was read, from the front: its beginning may be older
        // than its end. A fault that is in the same place at the second look is damage.
        if before == Some(fault.offset) {
            return Err(damage(fault).into());
        }
        before = Some(fault.offset);
    }
    Ok(None)
}

/// Copies everything that one manifest needs, and the log behind it up to what it reached.
fn take(
    source: &DiskDirectory,
    target: &mut Target,
    options: &BackupOptions,
    reached: Lsn,
    manifest: &[u8],
) -> Result<Inventory, BackupError> {
    let manifest = Manifest::decode(manifest).map_err(|fault| {
        Corruption::new(source.path(FileName::Manifest), fault.offset, fault.what)
    })?;
    // The manifest may be there and not be durable: then another could give the same numbers.
    source.sync()?;
    let last = reached.max(manifest.durable);
    if let Some(since) = options.since.filter(|since| *since > last) {
        return Err(BackupError::Since { since, last });
    }
    let mut hold = Hold { source, target, options, held: Vec::new(), needed: Vec::new() };
    for entry in &manifest.segments {
        hold.entry(entry)?;
    }
    let log = copy_log(source, &manifest, last, hold.target, |name| {
        let missing = || Corruption::new(source.path(name), 0, "the log file is missing");
        Ok(source.read(name)?.ok_or_else(missing)?)
    })?;
    for (born, segment) in log.attached {
        hold.segment(segment, born)?;
    }
    let Hold { held, needed, .. } = hold;
    let mut files = log.files;
    for (name, held) in held {
        let content = match held {
            Held::Mapped(mapping) => target.put(name, mapping.bytes())?,
            Held::Linked => content_of(&target.directory, name)?,
        };
        files.push((name, content));
    }
    let mut beside = Vec::new();
    for name in &options.beside {
        if let Some(bytes) = source.read_beside(name)? {
            beside.push((name.as_str().into(), target.put_beside(name, &bytes)?));
        }
    }
    // Last: without it nothing opens the directory.
    files.push((FileName::Manifest, target.put_manifest(&manifest, last)?));
    target.directory.sync()?;
    let (store, since, first) = (manifest.store, options.since, manifest.durable);
    Ok(Inventory { store, since, first, last, files, needed, beside })
}

/// The content of a file, which is verified later.
fn content_of(directory: &DiskDirectory, name: FileName) -> Result<Content, BackupError> {
    let mapping = directory.map(name)?;
    Ok(match name {
        FileName::Segment(_) => Content::of_segment(&Segment::open(mapping, directory.path(name))?),
        _ => Content::of(mapping.bytes()),
    })
}

/// What keeps a file from going.
enum Held {
    Mapped(Mapping),
    Linked,
}

/// Takes hold of files that must not go before they are copied.
struct Hold<'a> {
    source: &'a DiskDirectory,
    target: &'a Target,
    options: &'a BackupOptions,
    held: Vec<(FileName, Held)>,
    needed: Vec<(FileName, Content)>,
}

impl Hold<'_> {
    fn entry(&mut self, entry: &SegmentEntry) -> Result<(), BackupError> {
        self.segment(entry.segment, entry.born)?;
        if let Some(lsn) = entry.tombstones {
            self.file(FileName::Tombstones(entry.segment, lsn))?;
        }
        Ok(())
    }

    fn segment(&mut self, segment: SegmentId, born: Lsn) -> Result<(), BackupError> {
        let name = FileName::Segment(segment);
        if self.options.since.is_none_or(|since| born >= since) {
            return self.file(name);
        }
        self.needed.push((name, content_of(self.source, name)?));
        Ok(())
    }

    fn file(&mut self, name: FileName) -> Result<(), BackupError> {
        let held = if self.options.link {
            self.target.link(self.source, name).map_err(|failure| {
                if failure.is_missing() { failure.into() } else { BackupError::Link(failure) }
            })?;
            Held::Linked
        } else {
            Held::Mapped(self.source.map(name)?)
        };
        self.held.push((name, held));
        Ok(())
    }
}

/// Checks what was copied; damage is told with the file that was copied from.
fn verify(
    source: &DiskDirectory,
    target: &Target,
    inventory: &Inventory,
) -> Result<(), BackupError> {
    let mut report = examine(&target.directory, &inventory.elsewhere())?;
    for damage in &mut report.damages {
        if let Ok(name) = damage.file.strip_prefix(target.directory.root()) {
            damage.file = source.root().join(name);
        }
    }
    damaged(report.damages)
}

fn report(inventory: &Inventory) -> BackupReport {
    let Inventory { store, since, first, last, .. } = *inventory;
    let contents = || {
        let beside = inventory.beside.iter().map(|(_, content)| content);
        inventory.files.iter().map(|(_, content)| content).chain(beside)
    };
    BackupReport {
        store,
        since,
        first,
        last,
        files: contents().count() as u64,
        bytes: contents().map(|content| content.bytes).sum(),
        needed: inventory.needed.len() as u64,
    }
}
