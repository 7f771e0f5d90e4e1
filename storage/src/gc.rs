//! Removing files that nothing names any more.

use std::collections::HashSet;

use crate::error::IoFailure;
use crate::io::{Directory, FileName};
use crate::manifest::Manifest;

/// Removes every file of the store that the manifest does not name, log files before its first
/// included, and says how many there were. Mappings that readers still hold stay readable.
pub(crate) fn remove_unnamed(
    directory: &dyn Directory,
    manifest: &Manifest,
) -> Result<u64, IoFailure> {
    let named: HashSet<FileName> = manifest
        .segments
        .iter()
        .flat_map(|entry| {
            let tombstones = entry.tombstones.map(|lsn| FileName::Tombstones(entry.segment, lsn));
            [Some(FileName::Segment(entry.segment)), tombstones]
        })
        .flatten()
        .collect();
    let mut removed = 0;
    for name in directory.list()? {
        let live = match name {
            FileName::Lock | FileName::Manifest => true,
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
