//! Sealing the rows in memory into segments, so that the log before them can go.

use std::sync::Arc;

use crate::error::{Corruption, IoFailure};
use crate::gallery::GalleryDescriptor;
use crate::id::{LogSeq, Lsn, RowOrdinal, SegmentId};
use crate::io::{AppendFile, Directory, FileName};
use crate::memtable::Memtable;
use crate::numbers::SegmentNumbers;
use crate::row::RowRef;
use crate::sealed::{Sealed, write_tombstones};
use crate::segment::{BuildError, RowSource, Segment, Tombstones, write_segment};
use crate::version::{GalleryView, SegmentView, Version};

/// What a checkpoint did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckpointReport {
    /// Everything up to this LSN is in segments.
    pub lsn: Lsn,
    /// Segments written.
    pub segments: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes of all files written.
    pub bytes: u64,
    /// Files that are not needed any more and could not be removed.
    pub files_left: u64,
}

/// Writes segments for the frozen rows of `state`, and tombstone files for its segments that lost
/// rows, and syncs them. They are garbage until a manifest names them.
pub(crate) fn seal(
    directory: &dyn Directory,
    state: &Version,
    first_log: LogSeq,
    numbers: &SegmentNumbers,
) -> Result<(Sealed, CheckpointReport), IoFailure> {
    let mut version = state.clone();
    let mut report = CheckpointReport { lsn: state.lsn, ..CheckpointReport::default() };
    for view in state.galleries() {
        let mut view = GalleryView::clone(view);
        if view.frozen.len() > 0 {
            let rows: Vec<_> = view.frozen.rows(None).collect();
            let segment = write_rows(directory, numbers.next(), &view.descriptor, &rows)?;
            report.segments += 1;
            report.rows += u64::from(segment.row_count());
            report.bytes += segment.file_bytes();
            view.segments.push(SegmentView::new(segment, SegmentView::UNBORN));
        }
        view.frozen = Memtable::default();
        view.memtable = Memtable::default();
        for segment in &mut view.segments {
            report.bytes += write_tombstones(directory, state.lsn, segment)?;
        }
        version.put_gallery(view);
    }
    directory.sync()?;
    Ok((Sealed { version, first_log }, report))
}

fn write_rows(
    directory: &dyn Directory,
    id: SegmentId,
    gallery: &GalleryDescriptor,
    rows: &[RowRef<'_>],
) -> Result<Segment, IoFailure> {
    let mut file = directory.create(FileName::Segment(id))?;
    match build(directory, &mut *file, id, gallery, rows) {
        Ok(segment) => Ok(segment),
        Err(BuildError::Io(failure)) => Err(failure),
        Err(BuildError::Corruption(corruption)) => Err(unsound(directory, id, corruption)),
    }
}

/// Writes a segment into `file` and opens it. What was just written is verified before the source
/// that could rebuild it goes.
pub(crate) fn build(
    directory: &dyn Directory,
    file: &mut dyn AppendFile,
    id: SegmentId,
    gallery: &GalleryDescriptor,
    rows: &(impl RowSource + ?Sized),
) -> Result<Segment, BuildError> {
    write_segment(file, id, gallery, rows)?;
    let name = FileName::Segment(id);
    let opened = Segment::open(directory.map(name)?, directory.path(name));
    let segment = opened.map_err(|corruption| unsound(directory, id, corruption))?;
    let mut fault = None;
    segment.verify_written(|corruption| fault = fault.take().or(Some(corruption)));
    match fault {
        None => Ok(segment),
        Some(corruption) => Err(unsound(directory, id, corruption).into()),
    }
}

/// The disk does not give back what was written.
fn unsound(directory: &dyn Directory, id: SegmentId, corruption: Corruption) -> IoFailure {
    let path = directory.path(FileName::Segment(id));
    IoFailure::new("verify", path, std::io::Error::other(corruption))
}

/// The current version with what a checkpoint sealed in place of its frozen rows. Rows removed
/// since the freeze are deleted in the new segments.
pub(crate) fn rebase(current: &Version, sealed: &Sealed) -> Result<Version, Corruption> {
    let mut version = current.clone();
    for sealed_view in sealed.version.galleries() {
        let Some(view) = current.gallery(sealed_view.descriptor.id) else { continue };
        let mut view = GalleryView::clone(view);
        let mut before = std::mem::take(&mut view.segments);
        for sealed_segment in &sealed_view.segments {
            let id = sealed_segment.segment.id();
            let place = before.iter().position(|segment| segment.segment.id() == id);
            view.segments.push(match place.map(|place| before.remove(place)) {
                Some(segment) => with_stored(segment, sealed_segment),
                None => without_removed(sealed_segment, &view.frozen)?,
            });
        }
        // What is left became live since the freeze.
        view.segments.append(&mut before);
        view.frozen = Memtable::default();
        version.put_gallery(view);
    }
    Ok(version)
}

/// A segment of the current version, with the tombstone file just written if it still says all.
fn with_stored(mut segment: SegmentView, sealed: &SegmentView) -> SegmentView {
    if segment.tombstones.len() == sealed.tombstones.len() {
        segment.stored = sealed.stored;
    }
    segment
}

/// The segment of frozen rows, with those deleted that were removed while it was written.
fn without_removed(sealed: &SegmentView, frozen: &Memtable) -> Result<SegmentView, Corruption> {
    let mut view = sealed.clone();
    if u64::from(view.segment.row_count()) != frozen.len() as u64 {
        let mut tombstones = Tombstones::default();
        for row in (0..view.segment.row_count()).map(RowOrdinal::new) {
            if frozen.get(view.segment.id_at(row)?).is_none() {
                tombstones.insert(row);
            }
        }
        view.tombstones = Arc::new(tombstones);
    }
    Ok(view)
}
