//! The proof that an erasure was done.

use crate::checkpoint::CheckpointReport;
use crate::compaction::CompactionReport;
use crate::id::Lsn;

/// What an erasure did: keep it as evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErasureReceipt {
    /// Everything removed up to this LSN is gone.
    pub lsn: Lsn,
    /// Deleted rows that were still in segments.
    pub rows_purged: u64,
    /// Segments rewritten without them.
    pub segments_rewritten: u64,
    /// Bytes of those segments, all of them read.
    pub bytes_scanned: u64,
    /// Bytes written in their place, and by the checkpoint that retired the log.
    pub bytes_written: u64,
}

impl ErasureReceipt {
    pub(crate) fn new(checkpoint: &CheckpointReport) -> Self {
        let CheckpointReport { lsn, bytes, .. } = *checkpoint;
        Self { lsn, bytes_written: bytes, ..Self::default() }
    }

    pub(crate) fn add(&mut self, report: &CompactionReport) {
        self.rows_purged += report.rows_purged;
        self.segments_rewritten += report.segments;
        self.bytes_scanned += report.bytes_read;
        self.bytes_written += report.bytes_written;
    }
}
