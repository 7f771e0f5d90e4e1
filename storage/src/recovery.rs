//! From files to a version, after any stop.

use std::path::PathBuf;
use std::sync::Arc;

use crate::change::Change;
use crate::codec::DecodeError;
use crate::error::{Corruption, IoFailure};
use crate::gallery::GalleryDescriptor;
use crate::gc::remove_unnamed;
use crate::id::{GalleryId, LogSeq, Lsn, SegmentId, StoreId};
use crate::io::{Directory, DirectoryLock, FileName, LockError};
use crate::manifest::{Manifest, SegmentEntry};
use crate::numbers::SegmentNumbers;
use crate::sealed::Sealed;
use crate::segment::{Segment, Tombstones};
use crate::version::{GalleryView, Misfit, SegmentView, Version};
use crate::wal::{HEADER_BYTES, LogEnd, LogReader, WalRecord, WalWriter};

/// What opening a store found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// LSN of the last batch recovered.
    pub lsn: Lsn,
    /// Galleries.
    pub galleries: u64,
    /// Live rows.
    pub rows: u64,
    /// Segments opened.
    pub segments: u64,
    /// Batches replayed from the log.
    pub replayed_batches: u64,
    /// Bytes of an unfinished write cut off the end of the log.
    pub torn_bytes: u64,
    /// Files removed because nothing names them.
    pub removed_files: u64,
}

/// Why a store could not be opened. Where it is damaged, nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Bytes on disk are damaged.
    #[error(transparent)]
    Corruption(#[from] Corruption),
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] IoFailure),
    /// The store is open elsewhere.
    #[error(
        "{} is in use by another process{}; stop it first, or use another data directory",
        directory.display(),
        process.map(|id| format!(" (number {id})")).unwrap_or_default()
    )]
    InUse {
        /// The store's directory.
        directory: PathBuf,
        /// The process that has it.
        process: Option<u32>,
    },
    /// The directory is a backup: a store that goes on in it would spoil it.
    #[error("{} is a backup; restore it into another directory first", directory.display())]
    Backup {
        /// The directory.
        directory: PathBuf,
    },
    /// There is nothing that a store would have left.
    #[error("there is no store in {}", directory.display())]
    NoStore {
        /// The directory.
        directory: PathBuf,
    },
}

impl From<LockError> for OpenError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held { directory, process } => Self::InUse { directory, process },
            LockError::Io(failure) => Self::Io(failure),
        }
    }
}

/// Everything a store needs to go on.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) lock: Arc<DirectoryLock>,
    pub(crate) store: StoreId,
    pub(crate) version: Version,
    /// What the manifest describes.
    pub(crate) sealed: Sealed,
    pub(crate) numbers: Arc<SegmentNumbers>,
    /// Segments that the log names, each with the LSN of the batch that attached it.
    pub(crate) attached: Vec<(Lsn, SegmentId)>,
    pub(crate) wal: WalWriter,
    pub(crate) report: RecoveryReport,
}

/// Takes the directory, loads what the manifest names and replays the log. Nothing is removed or
/// cut before everything was read: damage leaves the files as they are.
pub(crate) fn recover(directory: &dyn Directory) -> Result<Recovered, OpenError> {
    let backup = directory.path(FileName::Backup);
    if directory.list()?.contains(&FileName::Backup) {
        let directory = backup.parent().unwrap_or(&backup).to_owned();
        return Err(OpenError::Backup { directory });
    }
    let lock = Arc::new(directory.lock()?);
    // Names that a process before this one gave, and was killed before it could sync them, are
    // about to be relied on.
    directory.sync()?;
    let manifest = load_manifest(directory)?;
    let mut version = load_version(directory, &manifest)?;
    let sealed = Sealed { version: version.clone(), first_log: manifest.first_log };
    let mut report =
        RecoveryReport { segments: manifest.segments.len() as u64, ..RecoveryReport::default() };
    let mut attached = Vec::new();
    let last = replay(directory, &manifest, &mut version, &mut report, &mut attached)?;
    report.segments += attached.len() as u64;
    // Also those whose gallery was dropped since: the log that names them is replayed again.
    let named = attached.iter().map(|(_, segment)| *segment);
    report.removed_files = remove_unnamed(directory, &manifest, named.clone())?;
    let wal = open_end(directory, last, version.lsn)?;
    report.lsn = version.lsn;
    for view in version.galleries() {
        report.galleries += 1;
        report.rows += view.row_count();
    }
    let next_segment = named.map(SegmentId::next).fold(manifest.next_segment, SegmentId::max);
    let numbers = Arc::new(SegmentNumbers::new(next_segment));
    let store = manifest.store;
    Ok(Recovered { lock, store, version, sealed, numbers, attached, wal, report })
}

fn load_manifest(directory: &dyn Directory) -> Result<Manifest, OpenError> {
    if let Some(bytes) = directory.read(FileName::Manifest)? {
        let decoded = Manifest::decode(&bytes);
        return Ok(decoded.map_err(|fault| named(directory, FileName::Manifest, fault))?);
    }
    create_store(directory)
}

/// Makes the first log and then the first manifest: where there is a manifest, there is a log.
fn create_store(directory: &dyn Directory) -> Result<Manifest, OpenError> {
    let random = (u128::from(directory.salt()) << 64) | u128::from(directory.salt());
    let manifest = Manifest::new(StoreId::new(random));
    let first_log = FileName::Log(manifest.first_log);
    let mut orphans = directory.list()?;
    orphans.retain(|name| {
        matches!(name, FileName::Log(_) | FileName::Segment(_) | FileName::Tombstones(..))
    });
    match orphans.as_slice() {
        [] => {}
        // A creation before this one was cut short.
        [log] if *log == first_log && is_without_records(directory, first_log)? => {
            directory.remove(first_log)?;
        }
        // Without a manifest there must be nothing that one could have named.
        [orphan, ..] => {
            let what = format!("the manifest is missing although {orphan} is there");
            return Err(Corruption::new(directory.path(FileName::Manifest), 0, what).into());
        }
    }
    WalWriter::create(directory, manifest.first_log, manifest.durable.next())?;
    directory.replace(FileName::Manifest, FileName::NewManifest, &manifest.encode())?;
    Ok(manifest)
}

/// Whether a log file is too short for a record.
pub(crate) fn is_without_records(
    directory: &dyn Directory,
    log: FileName,
) -> Result<bool, IoFailure> {
    Ok(directory.read(log)?.is_none_or(|bytes| bytes.len() <= HEADER_BYTES))
}

fn load_version(directory: &dyn Directory, manifest: &Manifest) -> Result<Version, OpenError> {
    let mut entries = manifest.segments_by_gallery();
    let mut version = Version::empty(manifest.durable, manifest.next_gallery);
    for descriptor in &manifest.galleries {
        let mut view = GalleryView::new(descriptor.clone());
        for entry in entries.remove(&descriptor.id).unwrap_or_default() {
            view.segments.push(load_segment(directory, entry, &view)?);
        }
        version.put_gallery(view);
    }
    if let Some((gallery, _)) = entries.first_key_value() {
        let what = format!("a segment belongs to gallery {gallery}, which is not there");
        return Err(Corruption::new(directory.path(FileName::Manifest), 0, what).into());
    }
    Ok(version)
}

fn load_segment(
    directory: &dyn Directory,
    entry: &SegmentEntry,
    view: &GalleryView,
) -> Result<SegmentView, OpenError> {
    let segment = open_segment(directory, entry.segment, &view.descriptor)?;
    let tombstones = match entry.tombstones {
        None => Tombstones::default(),
        Some(lsn) => {
            let name = FileName::Tombstones(entry.segment, lsn);
            let bytes = directory.read(name)?.ok_or_else(|| missing(directory, name))?;
            Tombstones::decode(&bytes, entry.segment, segment.row_count())
                .map_err(|fault| named(directory, name, fault))?
        }
    };
    Ok(SegmentView {
        segment: Arc::new(segment),
        tombstones: Arc::new(tombstones),
        born: entry.born,
        stored: entry.tombstones,
    })
}

/// Opens the segment of a number that belongs to a gallery.
fn open_segment(
    directory: &dyn Directory,
    id: SegmentId,
    gallery: &GalleryDescriptor,
) -> Result<Segment, OpenError> {
    let name = FileName::Segment(id);
    let mapping = directory.map(name).map_err(|failure| {
        if failure.is_missing() { missing(directory, name).into() } else { OpenError::Io(failure) }
    })?;
    let segment = Segment::open(mapping, directory.path(name))?;
    let found = (segment.id(), segment.gallery(), segment.dim(), segment.precision());
    if found != (id, gallery.id, gallery.dim, gallery.precision) {
        let what = format!("this is not segment {id} of gallery {}", gallery.id);
        return Err(Corruption::new(directory.path(name), 0, what).into());
    }
    Ok(segment)
}

fn missing(directory: &dyn Directory, name: FileName) -> Corruption {
    Corruption::new(directory.path(name), 0, "the file is missing")
}

/// The last log file: its number, where it ends, and what stays of it behind what it proves to be
/// on disk.
type LastLog = (LogSeq, LogEnd, Vec<u8>);

fn replay(
    directory: &dyn Directory,
    manifest: &Manifest,
    version: &mut Version,
    report: &mut RecoveryReport,
    attached: &mut Vec<(Lsn, SegmentId)>,
) -> Result<LastLog, OpenError> {
    let mut logs: Vec<LogSeq> = directory
        .list()?
        .into_iter()
        .filter_map(|name| if let FileName::Log(seq) = name { Some(seq) } else { None })
        .filter(|seq| *seq >= manifest.first_log)
        .collect();
    logs.sort_unstable();
    let mut expected = manifest.first_log;
    let mut last = None;
    for (at, &seq) in logs.iter().enumerate() {
        let name = FileName::Log(seq);
        if seq != expected {
            return Err(missing_log(directory, expected));
        }
        let mut bytes = directory.read(name)?.unwrap_or_default();
        let is_last = at + 1 == logs.len();
        let damage = |fault| named(directory, name, fault);
        let mut log = LogReader::open(&bytes, seq, version.lsn.next(), is_last).map_err(damage)?;
        for record in &mut log {
            let record = record.map_err(damage)?;
            report.replayed_batches += 1;
            redo(directory, name, version, &record, attached)?;
        }
        let end = log.end();
        if at == 0 && end.valid_bytes == 0 {
            // It was durable before the manifest that names it.
            let what = "the header of the log is cut short";
            return Err(Corruption::new(directory.path(name), 0, what).into());
        }
        report.torn_bytes += end.torn_bytes as u64;
        if is_last {
            bytes.truncate(end.valid_bytes);
            last = Some((seq, end, bytes.split_off(end.proven_bytes)));
        }
        expected = seq.next();
    }
    let (seq, end, tail) = last.ok_or_else(|| missing_log(directory, expected))?;
    if let Some(what) = manifest.lost_batches(version.lsn) {
        let path = directory.path(FileName::Log(seq));
        return Err(Corruption::new(path, end.valid_bytes as u64, what).into());
    }
    Ok((seq, end, tail))
}

fn missing_log(directory: &dyn Directory, seq: LogSeq) -> OpenError {
    let path = directory.path(FileName::Log(seq));
    Corruption::new(path, 0, "the log file is missing").into()
}

/// Applies a batch again, or says what does not fit the state that the batches before it left.
fn redo(
    directory: &dyn Directory,
    log: FileName,
    version: &mut Version,
    record: &WalRecord,
    attached: &mut Vec<(Lsn, SegmentId)>,
) -> Result<(), OpenError> {
    for change in &record.changes {
        version.check(change).map_err(|misfit| match misfit {
            Misfit::State(what) => {
                let what = format!("the batch with LSN {} {what}", record.lsn);
                Corruption::new(directory.path(log), 0, what)
            }
            Misfit::Corruption(corruption) => corruption,
        })?;
        if let Change::Attach { gallery, segment, rows } = *change {
            let view = open_attached(directory, version, gallery, segment, rows)?;
            version.attach(gallery, SegmentView::new(view, record.lsn));
            attached.push((record.lsn, segment));
        } else {
            version.apply(record.lsn, change)?;
        }
    }
    version.lsn = record.lsn;
    Ok(())
}

/// Opens a segment that the log names, for a gallery that is there.
fn open_attached(
    directory: &dyn Directory,
    version: &Version,
    gallery: GalleryId,
    id: SegmentId,
    rows: u32,
) -> Result<Segment, OpenError> {
    let fault = |what| Corruption::new(directory.path(FileName::Segment(id)), 0, what);
    let view = version.gallery(gallery).ok_or_else(|| fault("its gallery is not there".into()))?;
    let segment = open_segment(directory, id, &view.descriptor)?;
    if segment.row_count() != rows {
        let what = format!("it has {} rows, the log says {rows}", segment.row_count());
        return Err(fault(what).into());
    }
    Ok(segment)
}

/// The log file to go on with.
fn open_end(
    directory: &dyn Directory,
    (seq, end, tail): LastLog,
    lsn: Lsn,
) -> Result<WalWriter, IoFailure> {
    if end.valid_bytes == 0 {
        // Its creation was cut short: nothing is in it.
        directory.remove(FileName::Log(seq))?;
        return WalWriter::create(directory, seq, lsn.next());
    }
    WalWriter::resume(directory, seq, end, &tail)
}

/// The fault with the file it is in.
fn named(directory: &dyn Directory, name: FileName, fault: DecodeError) -> Corruption {
    Corruption::new(directory.path(name), fault.offset, fault.what)
}
