//! The door: open, write, take snapshots, checkpoint, close.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread::JoinHandle;

use parking_lot::{Mutex, RwLock};

use crate::activity::{Activity, Shared};
use crate::batch::{Commit, WriteBatch, WriteError};
use crate::checkpoint::CheckpointReport;
use crate::committer::{Committer, Request, Requests, WorkerEnds};
use crate::compaction::CompactionReport;
use crate::erasure::ErasureReceipt;
use crate::error::{Corruption, IoFailure};
use crate::id::{GalleryId, StoreId};
use crate::io::{Directory, DirectoryLock, DiskDirectory};
use crate::loader::Loader;
use crate::numbers::SegmentNumbers;
use crate::options::StoreOptions;
use crate::prepare::Proposal;
use crate::recovery::{OpenError, Recovered, RecoveryReport, recover};
use crate::scan::ScanPool;
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;
use crate::version::{Current, Version};
use crate::worker::Worker;

/// Most places of the queue of batches: they are allocated when the store is opened.
const QUEUE_MAX: usize = 1 << 16;

/// A store of templates in one directory. Share it by reference or `Arc` between any threads.
#[derive(Debug)]
pub struct Store {
    id: StoreId,
    current: Current,
    activity: Shared,
    requests: Requests,
    /// Loaders write to the directory as well: it is theirs as long as the store is.
    _lock: Arc<DirectoryLock>,
    directory: Arc<dyn Directory>,
    numbers: Arc<SegmentNumbers>,
    pool: Arc<ScanPool>,
    committer: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens the store in `directory`, creating it where there is none. Recovers from whatever
    /// stop came before; takes the directory for this process.
    ///
    /// # Errors
    /// [`OpenError`]: damage names file and offset, and leaves the files as they are.
    pub fn open(
        directory: &Path,
        options: StoreOptions,
    ) -> Result<(Self, RecoveryReport), OpenError> {
        Self::open_in(Arc::new(DiskDirectory::open(directory)?), options)
    }

    pub(crate) fn open_in(
        directory: Arc<dyn Directory>,
        options: StoreOptions,
    ) -> Result<(Self, RecoveryReport), OpenError> {
        let prefault = options.prefault;
        let pool = ScanPool::start(options.search_threads(), options.kernel)?;
        let recovered = recover(&*directory)?;
        let (id, report) = (recovered.store, recovered.report);
        let current: Current = Arc::new(RwLock::new(Arc::new(recovered.version.clone())));
        let activity: Shared = Arc::default();
        let numbers = Arc::clone(&recovered.numbers);
        let lock = Arc::clone(&recovered.lock);
        let (requests, inbox) = mpsc::sync_channel(options.queued_batches_max.clamp(1, QUEUE_MAX));
        let worker = start_worker(&directory, &recovered, requests.clone())?;
        let committer = Committer::new(
            Arc::clone(&directory),
            options,
            Arc::clone(&current),
            Arc::clone(&activity),
            recovered,
            worker,
        );
        let thread = start("likeness-commit", move || committer.run(&inbox))?;
        if prefault {
            let opened = Arc::clone(&current.read());
            // Advice takes no time of its own, but a look at a disk that sleeps may.
            drop(start("likeness-ahead", move || prefault_codes(&opened))?);
        }
        let store = Self {
            id,
            current,
            activity,
            requests: Requests::new(requests),
            _lock: lock,
            directory,
            numbers,
            pool: Arc::new(pool),
            committer: Mutex::new(Some(thread)),
        };
        Ok((store, report))
    }

    /// The store's identity, the same for as long as it lives.
    pub fn id(&self) -> StoreId {
        self.id
    }

    /// Commits a batch: all of it or nothing. When this returns, the batch is durable and every
    /// later snapshot shows it. Blocks; concurrent writers share one sync of the disk.
    ///
    /// # Errors
    /// [`WriteError`]; nothing of the batch has happened unless the error says otherwise.
    pub fn write(&self, batch: WriteBatch) -> Result<Commit, WriteError> {
        self.propose(Proposal::Batch { batch, since: None })
    }

    /// As [`Store::write`], for a batch that was computed from `base`: refused where a row that it
    /// removes was changed or removed since, or a gallery was dropped.
    ///
    /// # Errors
    /// [`WriteError`], also [`WriteError::Conflict`].
    pub fn write_since(&self, base: &Snapshot, batch: WriteBatch) -> Result<Commit, WriteError> {
        self.propose(Proposal::Batch { batch, since: Some(Arc::clone(base.version())) })
    }

    /// Commits what a transaction did, as one batch: all of it or nothing. Who commits first wins.
    ///
    /// # Errors
    /// As [`Store::write_since`].
    pub fn commit(&self, transaction: Transaction) -> Result<Commit, WriteError> {
        self.propose(transaction.into_proposal())
    }

    fn propose(&self, proposal: Proposal) -> Result<Commit, WriteError> {
        self.requests.ask(|reply| Request::Write { proposal, reply })
    }

    /// Begins to load many rows into a gallery, past the log: for a first import, say, or millions
    /// of rows at once.
    ///
    /// # Errors
    /// [`WriteError::NoSuchGallery`].
    pub fn load(&self, gallery: GalleryId) -> Result<Loader<'_>, WriteError> {
        Loader::new(&*self.directory, &self.numbers, &self.current, &self.requests, gallery)
    }

    /// The store as it is now. Never waits for writers.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(Arc::clone(&self.current.read()), Arc::clone(&self.pool))
    }

    /// Seals all rows into segments and retires the log before them. Blocks; writers and readers
    /// go on.
    ///
    /// # Errors
    /// [`WriteError`]; nothing is lost by a failed checkpoint.
    pub fn checkpoint(&self) -> Result<CheckpointReport, WriteError> {
        self.requests.ask(|reply| Request::Checkpoint { reply })
    }

    /// Merges segments until the policy finds nothing more to do, which happens by itself as well.
    /// Blocks; writers and readers go on.
    ///
    /// # Errors
    /// [`WriteError`]; nothing is lost by a failed merge.
    pub fn compact(&self) -> Result<CompactionReport, WriteError> {
        let mut sum = CompactionReport::default();
        while let Some(report) = self.requests.ask(|reply| Request::Compact { reply })? {
            sum.add(&report);
        }
        Ok(sum)
    }

    /// Makes every template gone that was removed from these galleries before the call, or that
    /// was in a gallery dropped before it: rewrites the segments that still hold such rows, retires
    /// the log and removes the old files. Blocks; writers and readers go on, and a reader that
    /// began before keeps what it sees until it ends.
    ///
    /// # Errors
    /// [`WriteError`]; nothing is lost by a failed erasure, but not everything may be gone.
    pub fn erase(&self, galleries: &[GalleryId]) -> Result<ErasureReceipt, WriteError> {
        let _held: Vec<Held<'_>> = galleries.iter().map(|&id| Held::new(self, id)).collect();
        let checkpoint = self.checkpoint()?;
        // A merge that began before the checkpoint may still copy what it should leave behind.
        self.settle()?;
        let born = self.snapshot().lsn();
        let mut receipt = ErasureReceipt::new(&checkpoint);
        for &gallery in galleries {
            while let Some(report) =
                self.requests.ask(|reply| Request::Purge { gallery, born, reply })?
            {
                receipt.add(&report);
            }
        }
        match self.settle()? {
            0 => Ok(receipt),
            files => Err(WriteError::NotErased { files }),
        }
    }

    /// Waits until no merge is under way and all garbage is gone; says how many files are not.
    fn settle(&self) -> Result<u64, WriteError> {
        self.requests.ask(|reply| Request::Settle { reply })
    }

    /// What the store did since it was opened.
    pub fn activity(&self) -> Activity {
        self.activity.lock().clone()
    }

    /// Reads every section of every live segment and compares it with its checksum. Blocks for as
    /// long as the disk takes; writers and other readers go on.
    ///
    /// # Errors
    /// The first damage found, with file and offset.
    pub fn verify(&self) -> Result<(), Corruption> {
        let version = Arc::clone(&self.current.read());
        let mut first = None;
        for view in version.galleries().flat_map(|gallery| &gallery.segments) {
            view.segment.verify(|corruption| first = first.take().or(Some(corruption)));
        }
        first.map_or(Ok(()), Err)
    }

    /// Finishes what is queued, checkpoints if the options say so, and gives the directory back.
    ///
    /// # Errors
    /// [`WriteError`] when the last checkpoint failed; nothing is lost by that.
    pub fn close(self) -> Result<(), WriteError> {
        self.stop()
    }

    #[cfg(test)]
    pub(crate) fn requests(&self) -> &Requests {
        &self.requests
    }

    fn stop(&self) -> Result<(), WriteError> {
        let outcome = self.requests.close();
        let thread = self.committer.lock().take();
        if let Some(thread) = thread {
            // A panic of the committer has been reported by the panic hook already.
            let _ = thread.join();
        }
        outcome
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Nobody is left to be told; nothing is lost.
        let _ = self.stop();
    }
}

/// Keeps the policy from merging a gallery while it is erased.
struct Held<'a>(&'a Store, GalleryId);

impl<'a> Held<'a> {
    fn new(store: &'a Store, gallery: GalleryId) -> Self {
        store.requests.tell(Request::Hold { gallery, hold: true });
        Self(store, gallery)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.requests.tell(Request::Hold { gallery: self.1, hold: false });
    }
}

fn start_worker(
    directory: &Arc<dyn Directory>,
    recovered: &Recovered,
    requests: SyncSender<Request>,
) -> Result<WorkerEnds, IoFailure> {
    let (jobs, job_inbox) = mpsc::channel();
    let (done_outbox, done) = mpsc::channel();
    let worker = Worker {
        directory: Arc::clone(directory),
        numbers: Arc::clone(&recovered.numbers),
        jobs: Mutex::new(job_inbox),
        done: Some(done_outbox),
        lock: Arc::clone(&recovered.lock),
        // A full queue wakes the committer as well.
        wake: Box::new(move || drop(requests.try_send(Request::Wake))),
    };
    let thread = start("likeness-store", move || worker.run())?;
    Ok(WorkerEnds { jobs, done, thread })
}

/// Has the codes of every segment read ahead: what the first searches would wait for.
fn prefault_codes(version: &Version) {
    for view in version.galleries() {
        for segment in &view.segments {
            segment.segment.prefault_codes();
        }
    }
}

fn start(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, IoFailure> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|source| IoFailure::new("start a thread of", "this store", source))
}

#[cfg(test)]
mod tests {
    mod bit_flips;
    mod crash;
    mod erase;
    mod oracle;
    mod simulation;
    mod transaction;
    mod workload;

    use super::*;
    use crate::id::{GalleryId, TemplateId};
    use crate::io::FileName;
    use crate::io::memory::{Fault, MemoryDirectory};
    use crate::row::tests::{bare_row, draft};
    use crate::wal::NOTE_BYTES;

    fn options() -> StoreOptions {
        StoreOptions::default().with_checkpoint_on_close(false)
    }

    fn create(store: &Store) -> GalleryId {
        let mut batch = WriteBatch::new();
        batch.create_gallery(draft("g", 2));
        store.write(batch).unwrap().created[0]
    }

    fn enroll(store: &Store, gallery: GalleryId, id: u128) -> Result<Commit, WriteError> {
        let mut batch = WriteBatch::new();
        batch.enroll(gallery, bare_row(id, vec![1.0, id as f32]));
        store.write(batch)
    }

    /// Fails one write in the way of `fault` and says what reopening finds.
    fn fail_and_reopen(fault: Fault) -> u64 {
        let directory = MemoryDirectory::default();
        let (store, _) = Store::open_in(Arc::new(directory.clone()), options()).unwrap();
        let gallery = create(&store);
        enroll(&store, gallery, 1).unwrap();
        // A store just opened has no note left to write: the batch meets the fault first.
        drop(store);
        let (store, _) = Store::open_in(Arc::new(directory.clone()), options()).unwrap();
        directory.set_fault(fault);
        assert!(matches!(enroll(&store, gallery, 2), Err(WriteError::Io(_))));
        assert_eq!(store.snapshot().row_count(gallery), 1, "the failed row must not be visible");
        directory.set_fault(Fault::None);
        let refused = enroll(&store, gallery, 3);
        assert!(matches!(refused, Err(WriteError::ReadOnly { .. })), "{refused:?}");
        assert!(matches!(store.checkpoint(), Err(WriteError::ReadOnly { .. })));
        assert_eq!(store.snapshot().row_count(gallery), 1, "reading goes on");
        drop(store);
        let (store, _) = Store::open_in(Arc::new(directory), options()).unwrap();
        enroll(&store, gallery, 4).unwrap();
        assert!(store.snapshot().get(gallery, TemplateId::new(1)).unwrap().is_some());
        assert!(store.snapshot().get(gallery, TemplateId::new(3)).unwrap().is_none());
        store.snapshot().row_count(gallery)
    }

    #[test]
    fn a_failed_write_makes_the_store_read_only_until_reopened() {
        assert_eq!(fail_and_reopen(Fault::Append), 2, "half a record is no record");
    }

    #[test]
    fn a_failed_sync_makes_the_store_read_only_until_reopened() {
        // The batch was never acknowledged, but it reached the file whole and may come back.
        assert_eq!(fail_and_reopen(Fault::Sync), 3);
    }

    #[test]
    fn a_failed_checkpoint_loses_nothing() {
        let directory = MemoryDirectory::default();
        let (store, _) = Store::open_in(Arc::new(directory.clone()), options()).unwrap();
        let gallery = create(&store);
        enroll(&store, gallery, 1).unwrap();
        directory.set_fault(Fault::Replace);
        assert!(matches!(store.checkpoint(), Err(WriteError::Io(_))));
        directory.set_fault(Fault::None);
        drop(store);
        let (store, report) = Store::open_in(Arc::new(directory), options()).unwrap();
        assert_eq!((report.rows, report.replayed_batches), (1, 2));
        assert!(report.removed_files > 0, "what the checkpoint left is garbage");
        enroll(&store, gallery, 2).unwrap();
        store.checkpoint().unwrap();
        assert_eq!(store.snapshot().row_count(gallery), 2);
    }

    #[test]
    fn damage_in_the_middle_of_the_log_is_refused_and_a_torn_end_is_cut() {
        let directory = MemoryDirectory::default();
        let (store, _) = Store::open_in(Arc::new(directory.clone()), options()).unwrap();
        let gallery = create(&store);
        for id in 1..=3 {
            enroll(&store, gallery, id).unwrap();
        }
        drop(store);
        let log = FileName::Log(crate::id::LogSeq::new(1));
        // Without the room reserved.
        drop(Store::open_in(Arc::new(directory.clone()), options()).unwrap());
        let whole = directory.content(log);

        for (cut, rows) in [(1, 3), (NOTE_BYTES + 1, 2)] {
            directory.edit(log, |bytes| {
                bytes.clone_from(&whole);
                bytes.truncate(whole.len() - cut);
            });
            let (_, report) = Store::open_in(Arc::new(directory.clone()), options()).unwrap();
            assert_eq!(report.rows, rows, "the end is a note, and before it the last batch");
            assert!(report.torn_bytes > 0);
        }

        for at in [whole.len() / 2, whole.len() - NOTE_BYTES - 1] {
            directory.edit(log, |bytes| {
                bytes.clone_from(&whole);
                bytes[at] ^= 1;
            });
            match Store::open_in(Arc::new(directory.clone()), options()) {
                Err(OpenError::Corruption(damage)) => {
                    assert!(damage.file.ends_with(log.to_string()), "{damage}");
                    assert!((1..=at as u64).contains(&damage.offset), "{damage}, not {at}");
                }
                other => panic!("{other:?}"),
            }
        }

        // A whole group that never reached the disk in order is an unfinished write, not damage.
        directory.edit(log, |bytes| {
            bytes.clone_from(&whole);
            bytes.extend_from_slice(&[7; 300]);
        });
        let (_, report) = Store::open_in(Arc::new(directory), options()).unwrap();
        assert_eq!((report.rows, report.torn_bytes), (3, 300));
    }
}
