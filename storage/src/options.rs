//! Options of a store: each with its unit, default and bounds.

/// How a store behaves; the default suits a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreOptions {
    /// Bytes of recent rows in memory beyond which a checkpoint seals them into segments; a log
    /// of four times as many bytes brings one about too, as after many deletes. Default 64 MiB;
    /// zero checkpoints after every group of commits.
    pub memtable_bytes_max: u64,
    /// Batches that may wait for the committer before writers block. Default 1024; at least 1,
    /// at most 65536; a value outside counts as the nearest within.
    pub queued_batches_max: usize,
    /// Whether closing (or dropping) the store checkpoints, which makes the next open fast.
    /// Default true. Without it nothing is lost: the next open replays the log, which is what
    /// happens after a crash.
    pub checkpoint_on_close: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { memtable_bytes_max: 64 << 20, queued_batches_max: 1024, checkpoint_on_close: true }
    }
}

impl StoreOptions {
    /// Sets [`StoreOptions::memtable_bytes_max`].
    #[must_use]
    pub fn with_memtable_bytes_max(mut self, bytes: u64) -> Self {
        self.memtable_bytes_max = bytes;
        self
    }

    /// Sets [`StoreOptions::queued_batches_max`].
    #[must_use]
    pub fn with_queued_batches_max(mut self, batches: usize) -> Self {
        self.queued_batches_max = batches;
        self
    }

    /// Sets [`StoreOptions::checkpoint_on_close`].
    #[must_use]
    pub fn with_checkpoint_on_close(mut self, checkpoint: bool) -> Self {
        self.checkpoint_on_close = checkpoint;
        self
    }
}
