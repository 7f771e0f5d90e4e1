//! Removing files that nothing names any more.

use std::collections::HashSet;

use crate::error::IoFailure;
use crate::id::SegmentId;
use crate::io::{Directory, FileName};
use crate::manifest::Manifest;

/// Removes every file of the store that neither the manifest names nor the log, log files before
/// its first included, and says how many there were. `attached` is what the log names. Mappings
/// that readers still hold stay readable.
pub(crate) fn remove_unnamed(
    directory: &dyn Directory,
    manifest: &Manifest,
    attached: impl Iterator<Item = SegmentId>,
) -> Result<u64, IoFailure> {
    let named: HashSet<FileName> = manifest
        .segments
        .iter()
        .flat_map(|entry| {
            let tombstones = entry.tombstones.map(|lsn| FileName::Tombstones(entry.segment, lsn));
            [Some(FileName::Segment(entry.segment)), tombstones]
        })
        .flatten()
        .chain(attached.map(FileName::Segment))
        .collect();
    let mut removed = 0;
    for name in directory.list()? {
        let live = match name {
            FileName::Lock | FileName::Manifest | FileName::Backup | FileName::NewBackup => true,
            FileName::NewManifest => false,
            FileName::Log(seq) => seq >= manifest.first_log,
            FileName::Segment(_) | FileName::Tombstones(..) => named.contains(&name),
        };
        if !live {
            directory.remove(name)?;
            removed += 1;
        }
    }
    if removed > 0 {
        directory.sync()?;
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{GalleryId, LogSeq, Lsn, StoreId};
    use crate::io::memory::MemoryDirectory;
    use crate::manifest::SegmentEntry;

    #[test]
    fn exactly_what_neither_manifest_nor_log_name_is_removed() {
        let [kept, gone, attached] = [1, 2, 3].map(SegmentId::new);
        let manifest = Manifest {
            first_log: LogSeq::new(4),
            segments: vec![SegmentEntry {
                segment: kept,
                gallery: GalleryId::new(1),
                born: Lsn::new(1),
                tombstones: Some(Lsn::new(8)),
            }],
            ..Manifest::new(StoreId::new(0))
        };
        let live = [
            FileName::Lock,
            FileName::Manifest,
            FileName::Log(LogSeq::new(4)),
            FileName::Log(LogSeq::new(5)),
            FileName::Segment(kept),
            FileName::Segment(attached),
            FileName::Tombstones(kept, Lsn::new(8)),
        ];
        let dead = [
            FileName::NewManifest,
            FileName::Log(LogSeq::new(3)),
            FileName::Segment(gone),
            FileName::Tombstones(kept, Lsn::new(7)),
            FileName::Tombstones(gone, Lsn::new(8)),
        ];
        let directory = MemoryDirectory::default();
        for name in live.into_iter().chain(dead) {
            directory.create(name).unwrap();
        }
        let remove = || remove_unnamed(&directory, &manifest, [attached].into_iter()).unwrap();
        assert_eq!(remove(), dead.len() as u64);
        assert_eq!(directory.list().unwrap(), live);
        assert_eq!(remove(), 0);
    }
}
