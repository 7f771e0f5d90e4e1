//! Sealing the memtables into segments, so that the log before them can go.

use std::sync::Arc;

use crate::codec::DecodeError;
use crate::error::{Corruption, IoFailure};
use crate::id::{LogSeq, Lsn, SegmentId};
use crate::io::{Directory, FileName};
use crate::manifest::{Manifest, SegmentEntry};
use crate::memtable::Memtable;
use crate::segment::{Segment, encode_segment};
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
}

/// A state whose rows are all in segments, and the manifest that says so.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) version: Version,
    pub(crate) manifest: Manifest,
    pub(crate) report: CheckpointReport,
}

/// Writes segments and tombstone files for everything of `version` that has none, and syncs them.
/// They are garbage until the manifest returned has replaced the old one.
pub(crate) fn seal(
    directory: &dyn Directory,
    store_id: u128,
    version: &Version,
    mut next_segment: SegmentId,
    first_log: LogSeq,
) -> Result<Sealed, IoFailure> {
    let mut sealed = version.clone();
    let mut report = CheckpointReport { lsn: version.lsn, ..CheckpointReport::default() };
    let mut manifest = Manifest {
        store_id,
        durable: version.lsn,
        first_log,
        next_gallery: version.next_gallery,
        next_segment,
        galleries: Vec::new(),
        segments: Vec::new(),
    };
    for view in version.galleries() {
        let mut view = GalleryView::clone(view);
        if view.memtable.len() > 0 {
            let segment = write_segment(directory, next_segment, &view)?;
            report.segments += 1;
            report.rows += u64::from(segment.row_count());
            next_segment = next_segment.next();
            view.memtable = Memtable::default();
            view.segments.push(SegmentView {
                segment: Arc::new(segment),
                tombstones: Arc::default(),
                born: version.lsn,
                stored: None,
            });
        }
        for segment in &mut view.segments {
            write_tombstones(directory, version.lsn, segment)?;
            manifest.segments.push(SegmentEntry {
                segment: segment.segment.id(),
                gallery: view.descriptor.id,
                born: segment.born,
                tombstones: segment.stored,
            });
        }
        manifest.galleries.push((*view.descriptor).clone());
        sealed.put_gallery(view);
    }
    directory.sync()?;
    manifest.next_segment = next_segment;
    Ok(Sealed { version: sealed, manifest, report })
}

fn write_segment(
    directory: &dyn Directory,
    id: SegmentId,
    view: &GalleryView,
) -> Result<Segment, IoFailure> {
    let name = FileName::Segment(id);
    let rows: Vec<_> = view.memtable.rows(None).collect();
    write_new(directory, name, &encode_segment(id, &view.descriptor, rows.into_iter()))?;
    // Opening what was just written checks it before the log that could rebuild it goes.
    let mapping = directory.map(name)?;
    let opened = Segment::open(mapping).and_then(|segment| {
        segment.verify()?;
        Ok(segment)
    });
    opened.map_err(|fault| {
        let corruption = named(directory, name, fault);
        IoFailure::new("verify", directory.path(name), std::io::Error::other(corruption))
    })
}

fn write_tombstones(
    directory: &dyn Directory,
    lsn: Lsn,
    view: &mut SegmentView,
) -> Result<(), IoFailure> {
    if view.tombstones.is_empty() || view.stored.is_some() {
        return Ok(());
    }
    let segment = view.segment.id();
    let name = FileName::Tombstones(segment, lsn);
    write_new(directory, name, &view.tombstones.encode(segment))?;
    view.stored = Some(lsn);
    Ok(())
}

fn write_new(directory: &dyn Directory, name: FileName, bytes: &[u8]) -> Result<(), IoFailure> {
    let mut file = directory.create(name)?;
    file.append(bytes)?;
    file.sync()
}

/// The fault with the file it is in.
pub(crate) fn named(directory: &dyn Directory, name: FileName, fault: DecodeError) -> Corruption {
    Corruption::new(directory.path(name), fault.offset, fault.what)
}
