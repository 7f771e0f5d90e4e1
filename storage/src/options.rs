//! Options of a store: each with its unit, default and bounds.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Duration;

use crate::kernel::Kernel;

/// How a store behaves; the default suits a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreOptions {
    /// Bytes of log since the last checkpoint beyond which the next one begins; rows in memory
    /// take about as much. Twice as many and writers wait for it. Default 64 MiB; zero
    /// checkpoints after every group of commits.
    pub checkpoint_bytes: u64,
    /// Time after which a commit is checkpointed at the latest, which empties the log of a store
    /// with few writes. Default 5 minutes; `None` for no such limit.
    pub checkpoint_after: Option<Duration>,
    /// Whether segments are merged by themselves. Default true.
    pub compaction: bool,
    /// Bytes a second that merging writes at most, so that searches and commits have the disk.
    /// Default 64 MiB; `None` for as fast as it goes. Checkpoints and erasures are not slowed.
    pub compaction_bytes_per_second: Option<u64>,
    /// Batches that may wait for the committer before writers block. Default 1024; at least 1,
    /// at most 65536; a value outside counts as the nearest within.
    pub queued_batches_max: usize,
    /// Whether closing (or dropping) the store checkpoints, which makes the next open fast.
    /// Default true. Without it nothing is lost: the next open replays the log, which is what
    /// happens after a crash.
    pub checkpoint_on_close: bool,
    /// Threads that search at the same time, those of the callers included. Default zero: as many
    /// as the machine has cores.
    pub search_threads: usize,
    /// Whether the operating system is asked, once the store is open, to read the codes of all
    /// segments ahead: about an eighth of the bytes of a gallery of 512 dimensions. Searches that
    /// come first wait for less. Default true.
    pub prefault: bool,
    /// The instruction set that searches use; results are the same with each. Default
    /// [`Kernel::best`]; one that the machine cannot run counts as [`Kernel::Scalar`].
    pub kernel: Kernel,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            checkpoint_bytes: 64 << 20,
            checkpoint_after: Some(Duration::from_mins(5)),
            compaction: true,
            compaction_bytes_per_second: Some(64 << 20),
            queued_batches_max: 1024,
            checkpoint_on_close: true,
            search_threads: 0,
            prefault: true,
            kernel: Kernel::best(),
        }
    }
}

impl StoreOptions {
    /// Sets [`StoreOptions::checkpoint_bytes`].
    #[must_use]
    pub fn with_checkpoint_bytes(mut self, bytes: u64) -> Self {
        self.checkpoint_bytes = bytes;
        self
    }

    /// Sets [`StoreOptions::checkpoint_after`].
    #[must_use]
    pub fn with_checkpoint_after(mut self, age: Option<Duration>) -> Self {
        self.checkpoint_after = age;
        self
    }

    /// Sets [`StoreOptions::compaction`].
    #[must_use]
    pub fn with_compaction(mut self, compaction: bool) -> Self {
        self.compaction = compaction;
        self
    }

    /// Sets [`StoreOptions::compaction_bytes_per_second`].
    #[must_use]
    pub fn with_compaction_bytes_per_second(mut self, rate: Option<u64>) -> Self {
        self.compaction_bytes_per_second = rate;
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

    /// Sets [`StoreOptions::search_threads`].
    #[must_use]
    pub fn with_search_threads(mut self, threads: usize) -> Self {
        self.search_threads = threads;
        self
    }

    /// Sets [`StoreOptions::prefault`].
    #[must_use]
    pub fn with_prefault(mut self, prefault: bool) -> Self {
        self.prefault = prefault;
        self
    }

    /// Sets [`StoreOptions::kernel`].
    #[must_use]
    pub fn with_kernel(mut self, kernel: Kernel) -> Self {
        self.kernel = kernel;
        self
    }

    /// The number of threads that search.
    pub(crate) fn search_threads(&self) -> NonZeroUsize {
        let cores = || available_parallelism().unwrap_or(NonZeroUsize::MIN);
        NonZeroUsize::new(self.search_threads).unwrap_or_else(cores)
    }
}
