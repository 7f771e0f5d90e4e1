//! The state that the manifest describes: everything in it is in files.

use std::collections::BTreeSet;

use crate::error::IoFailure;
use crate::id::{GalleryId, LogSeq, Lsn, SegmentId, StoreId};
use crate::io::{Directory, FileName};
use crate::manifest::{Manifest, SegmentEntry};
use crate::version::{GalleryView, SegmentView, Version};

/// A version without rows in memory, and the log that goes on from it.
///
/// It is the state at exactly its LSN: rows deleted later are still there. Compaction works on
/// this state, not on the current one, so that any point of the log can be recovered.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    pub(crate) version: Version,
    /// The log file whose first record follows the version's LSN.
    pub(crate) first_log: LogSeq,
}

impl Sealed {
    /// The manifest that says so.
    pub(crate) fn manifest(&self, store: StoreId, next_segment: SegmentId) -> Manifest {
        let mut manifest = Manifest {
            store,
            durable: self.version.lsn,
            first_log: self.first_log,
            next_gallery: self.version.next_gallery,
            next_segment,
            galleries: Vec::new(),
            segments: Vec::new(),
        };
        for view in self.version.galleries() {
            manifest.galleries.push((*view.descriptor).clone());
            manifest.segments.extend(view.segments.iter().map(|segment| SegmentEntry {
                segment: segment.segment.id(),
                gallery: view.descriptor.id,
                born: segment.born,
                tombstones: segment.stored,
            }));
        }
        manifest
    }

    /// The segment and tombstone files that it needs.
    pub(crate) fn files(&self) -> BTreeSet<FileName> {
        self.version.galleries().flat_map(|view| &view.segments).flat_map(files_of).collect()
    }

    /// Writes tombstone files for the segments of a gallery that need one, and syncs them.
    pub(crate) fn write_tombstones(
        &mut self,
        directory: &dyn Directory,
        gallery: GalleryId,
    ) -> Result<(), IoFailure> {
        let Some(view) = self.version.gallery(gallery) else { return Ok(()) };
        let mut view = GalleryView::clone(view);
        let mut written = 0;
        for segment in &mut view.segments {
            written += write_tombstones(directory, self.version.lsn, segment)?;
        }
        self.version.put_gallery(view);
        if written > 0 { directory.sync() } else { Ok(()) }
    }

    /// Gives the segments that are not live yet their place in commit order.
    pub(crate) fn bear(&mut self, now: Lsn) {
        let unborn: Vec<_> = self
            .version
            .galleries()
            .filter(|view| view.segments.iter().any(|segment| segment.born == SegmentView::UNBORN))
            .cloned()
            .collect();
        for view in unborn {
            let mut view = (*view).clone();
            for segment in &mut view.segments {
                if segment.born == SegmentView::UNBORN {
                    segment.born = now;
                }
            }
            self.version.put_gallery(view);
        }
    }
}

/// The files of one segment.
pub(crate) fn files_of(view: &SegmentView) -> impl Iterator<Item = FileName> + use<> {
    let id = view.segment.id();
    let tombstones = view.stored.map(|lsn| FileName::Tombstones(id, lsn));
    [Some(FileName::Segment(id)), tombstones].into_iter().flatten()
}

/// Writes and syncs the tombstone file of a segment that lost rows since its last one; says how
/// many bytes that took.
pub(crate) fn write_tombstones(
    directory: &dyn Directory,
    lsn: Lsn,
    view: &mut SegmentView,
) -> Result<u64, IoFailure> {
    if view.tombstones.is_empty() || view.stored.is_some() {
        return Ok(0);
    }
    let segment = view.segment.id();
    let bytes = view.tombstones.encode(segment);
    let mut file = directory.create(FileName::Tombstones(segment, lsn))?;
    file.append(&bytes)?;
    file.sync()?;
    view.stored = Some(lsn);
    Ok(bytes.len() as u64)
}
