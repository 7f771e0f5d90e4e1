//! What a store did since it was opened, and how large it is.

use parking_lot::Mutex;

use crate::checkpoint::CheckpointReport;
use crate::compaction::CompactionReport;
use crate::id::Lsn;

/// Sums since the store was opened, and what is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Activity {
    /// Checkpoints finished.
    pub checkpoints: u64,
    /// Bytes that checkpoints wrote.
    pub checkpoint_bytes: u64,
    /// Merges finished.
    pub compactions: u64,
    /// Bytes that merges read.
    pub compaction_bytes_read: u64,
    /// Bytes that merges wrote.
    pub compaction_bytes_written: u64,
    /// Deleted rows that merges left behind.
    pub rows_purged: u64,
    /// Groups of batches made durable, each with one sync.
    pub groups: u64,
    /// Batches in them.
    pub batches: u64,
    /// Everything up to this LSN is in segments.
    pub sealed: Lsn,
    /// Bytes of the log that a crash now would have to replay.
    pub log_bytes: u64,
    /// Whether a checkpoint is under way.
    pub checkpointing: bool,
    /// Whether a merge is under way.
    pub compacting: bool,
    /// Files that could not be removed so far.
    pub files_left: u64,
    /// The last thing that went wrong in the background, in words.
    pub last_error: Option<String>,
    /// Why the store takes no more writes, in words.
    pub read_only: Option<String>,
}

/// The present activity, shared between the committer and whoever asks.
pub(crate) type Shared = std::sync::Arc<Mutex<Activity>>;

impl Activity {
    pub(crate) fn add_checkpoint(&mut self, report: &CheckpointReport) {
        self.checkpoints += 1;
        self.checkpoint_bytes += report.bytes;
        self.sealed = report.lsn;
    }

    pub(crate) fn add_compaction(&mut self, report: &CompactionReport) {
        self.compactions += 1;
        self.compaction_bytes_read += report.bytes_read;
        self.compaction_bytes_written += report.bytes_written;
        self.rows_purged += report.rows_purged;
    }
}
