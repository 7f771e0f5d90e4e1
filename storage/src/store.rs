//! The door: open, write, take snapshots, checkpoint, close.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;

use parking_lot::{Mutex, RwLock};

use crate::batch::{Commit, WriteBatch, WriteError};
use crate::checkpoint::{CheckpointReport, named};
use crate::committer::{Committer, Request};
use crate::error::{Corruption, IoFailure};
use crate::io::{Directory, DiskDirectory, FileName};
use crate::options::StoreOptions;
use crate::recovery::{OpenError, RecoveryReport, recover};
use crate::snapshot::Snapshot;
use crate::version::Current;

/// Most places of the queue of batches: they are allocated when the store is opened.
const QUEUE_MAX: usize = 1 << 16;

/// A store of templates in one directory. Share it by reference or `Arc` between any threads.
#[derive(Debug)]
pub struct Store {
    directory: Arc<dyn Directory>,
    current: Current,
    requests: Mutex<Option<SyncSender<Request>>>,
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
        let recovered = recover(&*directory)?;
        let report = recovered.report;
        let current: Current = Arc::new(RwLock::new(Arc::new(recovered.version.clone())));
        let (requests, inbox) = mpsc::sync_channel(options.queued_batches_max.clamp(1, QUEUE_MAX));
        let committer =
            Committer::new(Arc::clone(&directory), options, Arc::clone(&current), recovered);
        let thread = std::thread::Builder::new()
            .name("likeness-commit".to_owned())
            .spawn(move || committer.run(&inbox))
            .map_err(|source| IoFailure::new("start the committer of", "this store", source))?;
        let store = Self {
            directory,
            current,
            requests: Mutex::new(Some(requests)),
            committer: Mutex::new(Some(thread)),
        };
        Ok((store, report))
    }

    /// Commits a batch: all of it or nothing. When this returns, the batch is durable and every
    /// later snapshot shows it. Blocks; concurrent writers share one sync of the disk.
    ///
    /// # Errors
    /// [`WriteError`]; nothing of the batch has happened unless the error says otherwise.
    pub fn write(&self, batch: WriteBatch) -> Result<Commit, WriteError> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.ask(Request::Write { batch, reply }, &answer)
    }

    /// The store as it is now. Never waits for writers.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(Arc::clone(&self.current.read()))
    }

    /// Seals all rows into segments and retires the log before them. Blocks, and writers with it.
    ///
    /// # Errors
    /// [`WriteError`]; nothing is lost by a failed checkpoint.
    pub fn checkpoint(&self) -> Result<CheckpointReport, WriteError> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.ask(Request::Checkpoint { reply }, &answer)
    }

    /// Reads every section of every live segment and compares it with its checksum. Blocks for as
    /// long as the disk takes; writers and other readers go on.
    ///
    /// # Errors
    /// The first damage found, with file and offset.
    pub fn verify(&self) -> Result<(), Corruption> {
        let version = Arc::clone(&self.current.read());
        for view in version.galleries().flat_map(|gallery| &gallery.segments) {
            view.segment.verify().map_err(|fault| {
                named(&*self.directory, FileName::Segment(view.segment.id()), fault)
            })?;
        }
        Ok(())
    }

    /// Finishes what is queued, checkpoints if the options say so, and gives the directory back.
    ///
    /// # Errors
    /// [`WriteError`] when the last checkpoint failed; nothing is lost by that.
    pub fn close(self) -> Result<(), WriteError> {
        let (reply, answer) = mpsc::sync_channel(1);
        let outcome = self.ask(Request::Close { reply }, &answer);
        self.stop();
        outcome
    }

    fn ask<T>(
        &self,
        request: Request,
        answer: &Receiver<Result<T, WriteError>>,
    ) -> Result<T, WriteError> {
        let requests = self.requests.lock().clone().ok_or(WriteError::Closed)?;
        requests.send(request).map_err(|_| WriteError::Closed)?;
        drop(requests);
        answer.recv().map_err(|_| WriteError::Closed)?
    }

    fn stop(&self) {
        drop(self.requests.lock().take());
        let thread = self.committer.lock().take();
        if let Some(thread) = thread {
            // A panic of the committer has been reported by the panic hook already.
            let _ = thread.join();
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    mod bit_flips;
    mod crash;
    mod oracle;
    mod simulation;
    mod workload;

    use super::*;
    use crate::id::{GalleryId, TemplateId};
    use crate::io::memory::{Fault, MemoryDirectory};
    use crate::row::tests::{bare_row, draft};

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
        assert!(store.snapshot().get(gallery, TemplateId::new(1)).is_some());
        assert!(store.snapshot().get(gallery, TemplateId::new(3)).is_none());
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
        let whole = directory.content(log);

        directory.edit(log, |bytes| bytes.truncate(whole.len() - 5));
        let (store, report) = Store::open_in(Arc::new(directory.clone()), options()).unwrap();
        assert_eq!(report.rows, 2);
        assert!(report.torn_bytes > 0);
        drop(store);

        directory.edit(log, |bytes| {
            bytes.clone_from(&whole);
            bytes[whole.len() / 2] ^= 1;
        });
        let refused = Store::open_in(Arc::new(directory.clone()), options());
        assert!(matches!(refused, Err(OpenError::Corruption(_))), "{refused:?}");

        // A whole group that never reached the disk in order is an unfinished write, not damage.
        directory.edit(log, |bytes| {
            bytes.clone_from(&whole);
            bytes.extend_from_slice(&[7; 300]);
        });
        let (_, report) = Store::open_in(Arc::new(directory), options()).unwrap();
        assert_eq!((report.rows, report.torn_bytes), (3, 300));
    }
}
