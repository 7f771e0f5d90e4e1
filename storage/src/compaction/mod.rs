//! Compaction: segments rewritten without their deleted rows, small ones into larger ones.
//!
//! Choosing ([`policy`]) is a pure function of sizes; doing ([`merge`]) writes one new segment and
//! changes nothing else; installing ([`install`]) puts it in the place of the old ones.

mod install;
mod merge;
mod policy;

use std::sync::Arc;

pub(crate) use install::install;
pub(crate) use merge::merge;
pub(crate) use policy::{Candidate, CompactionPolicy};

use crate::gallery::GalleryDescriptor;
use crate::id::SegmentId;
use crate::version::SegmentView;

/// Segments of one gallery to be replaced by one.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) gallery: Arc<GalleryDescriptor>,
    /// The segments as the manifest has them.
    pub(crate) inputs: Vec<SegmentView>,
    /// The number of the new one.
    pub(crate) output: SegmentId,
}

/// What one compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactionReport {
    /// Segments replaced.
    pub segments: u64,
    /// Rows written.
    pub rows: u64,
    /// Deleted rows left behind.
    pub rows_purged: u64,
    /// Bytes of the segments replaced.
    pub bytes_read: u64,
    /// Bytes of the segment written.
    pub bytes_written: u64,
    /// Files that are not needed any more and could not be removed.
    pub files_left: u64,
}

impl CompactionReport {
    /// Adds what a later compaction did.
    pub(crate) fn add(&mut self, later: &Self) {
        self.segments += later.segments;
        self.rows += later.rows;
        self.rows_purged += later.rows_purged;
        self.bytes_read += later.bytes_read;
        self.bytes_written += later.bytes_written;
        self.files_left = later.files_left;
    }
}
