//! A random workload: one caller, one store, and the oracle beside it.

use std::sync::Arc;

use super::oracle::{Oracle, World, read, show};
use crate::batch::{Commit, Operation, WriteBatch, WriteError};
use crate::gallery::GalleryDraft;
use crate::id::GalleryId;
use crate::io::FileName;
use crate::io::memory::{MemoryDirectory, Random};
use crate::limits::THUMBNAIL_BYTES_MAX;
use crate::options::StoreOptions;
use crate::precision::Precision;
use crate::recovery::{OpenError, RecoveryReport};
use crate::row::Row;
use crate::row::tests::{draft, row, with_thumbnail};
use crate::store::Store;
use crate::transaction::Transaction;

/// Most galleries at a time: few, so that each gets several segments.
const GALLERIES_MAX: usize = 3;

/// Options under which dropping a store leaves what a killed process would leave, and nothing
/// begins by itself at a time that is up to the threads.
pub(super) fn crashing() -> StoreOptions {
    StoreOptions::default()
        .with_checkpoint_on_close(false)
        .with_checkpoint_after(None)
        .with_compaction(false)
}

pub(super) fn open(directory: &MemoryDirectory) -> Result<(Store, RecoveryReport), OpenError> {
    open_with(directory, crashing())
}

fn open_with(
    directory: &MemoryDirectory,
    options: StoreOptions,
) -> Result<(Store, RecoveryReport), OpenError> {
    Store::open_in(Arc::new(directory.clone()), options)
}

/// A store at work.
#[derive(Debug)]
pub(super) struct Workload {
    pub(super) random: Random,
    pub(super) directory: MemoryDirectory,
    pub(super) oracle: Oracle,
    options: StoreOptions,
    store: Option<Arc<Store>>,
    /// The log file that was the newest when nothing was under way.
    log: Option<FileName>,
    /// Whether files of a load may be waiting for another attempt to remove them.
    has_discarded: bool,
}

fn newest_log(directory: &MemoryDirectory) -> Option<FileName> {
    directory.files().into_iter().rfind(|name| matches!(name, FileName::Log(_)))
}

impl Workload {
    /// A new store that is not open yet.
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut options = crashing().with_checkpoint_on_close(random.one_in(2));
        if random.one_in(3) {
            options = options.with_checkpoint_bytes(2000);
        }
        let directory = MemoryDirectory::default();
        let (oracle, store, log, has_discarded) = (Oracle::new(), None, None, false);
        Self { random, directory, oracle, options, store, log, has_discarded }
    }

    /// Opens the store in `directory`, where every acknowledged batch must be.
    pub(super) fn open(&mut self, directory: MemoryDirectory) -> Result<(), OpenError> {
        let acknowledged = self.directory.acknowledged();
        directory.acknowledge(acknowledged);
        self.directory = directory;
        let (store, report) = open_with(&self.directory, self.options.clone())?;
        let lsn = report.lsn.get();
        let range = acknowledged..=self.oracle.lsn();
        assert!(range.contains(&lsn), "LSN {lsn} is there and should be in {range:?}");
        self.oracle.cut(lsn);
        // A reader may see it now, so it must stay.
        self.directory.acknowledge(lsn);
        self.store = Some(Arc::new(store));
        self.log = newest_log(&self.directory);
        assert_eq!(read(self.store()).as_ref(), Ok(self.oracle.world()), "after opening");
        Ok(())
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    /// Lets the store go. Nobody can be told if its last checkpoint fails.
    pub(super) fn drop_store(&mut self) {
        self.store = None;
        self.directory.take_failed();
    }

    /// One operation. Further ones get an arm each.
    pub(super) fn step(&mut self) -> Result<(), WriteError> {
        match self.random.below(30) {
            0..=2 if self.world().galleries.len() < GALLERIES_MAX => self.create_gallery()?,
            3 => self.drop_gallery()?,
            4..=9 => self.maintain()?,
            10 => self.reopen()?,
            11 => self.refused()?,
            12..=13 => self.load()?,
            14 => self.alter_gallery()?,
            _ => self.rows()?,
        }
        self.settle()
    }

    /// Waits until the store does nothing any more, so that the calls of the next operation do
    /// not mix with what this one brought about. An error that nobody was told of comes up here.
    fn settle(&mut self) -> Result<(), WriteError> {
        // A checkpoint that the operation made due has begun, and the log with it, before the
        // next batch is looked at.
        self.store().write(WriteBatch::new())?;
        let log = newest_log(&self.directory);
        if log != self.log {
            // This one finds nothing to do when the one before it has ended.
            self.store().checkpoint()?;
            self.log = log;
        }
        if std::mem::take(&mut self.has_discarded) {
            self.store().settle()?;
        }
        Ok(())
    }

    /// A checkpoint, a merge or an erasure; while some call of it is held, batches are written.
    fn maintain(&mut self) -> Result<(), WriteError> {
        let (kind, galleries) = (self.random.below(3), self.galleries());
        // Writers wait for a checkpoint that has fallen behind.
        let batches = if self.is_checkpointed_early() { 0 } else { self.random.below(4) };
        let work = |store: &Store| match kind {
            0 => store.checkpoint().map(drop),
            1 => store.compact().map(drop),
            _ => store.erase(&galleries).map(drop),
        };
        self.meanwhile(work, |workload| (0..batches).try_for_each(|_| workload.rows_or_load()))
    }

    /// A merge, and while some call of it is held, batches and the begin of a checkpoint. Which of
    /// the two goes on first afterwards is up to the threads.
    pub(super) fn merge_meets_checkpoint(&mut self) -> Result<(), WriteError> {
        let store = Arc::clone(self.store.as_ref().unwrap());
        std::thread::scope(|scope| {
            let mut checkpoint = None;
            let begin = |workload: &mut Self| {
                workload.rows_or_load()?;
                if store.snapshot().lsn() == store.activity().sealed {
                    // There is nothing to seal, so no checkpoint would begin.
                    return Ok(());
                }
                let thread = scope.spawn(|| store.checkpoint());
                while !thread.is_finished() && !store.activity().checkpointing {
                    std::thread::yield_now();
                }
                checkpoint = Some(thread);
                workload.rows_or_load()
            };
            let merged = self.meanwhile(|store| store.compact().map(drop), begin);
            let sealed = checkpoint.map(|thread| thread.join().unwrap());
            merged.and(sealed.transpose().map(drop))
        })
    }

    /// Does `work` on a thread of its own, and `other` while some call of it is held.
    fn meanwhile(
        &mut self,
        work: impl FnOnce(&Store) -> Result<(), WriteError> + Send,
        other: impl FnOnce(&mut Self) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        let of_worker = |_, name| matches!(name, FileName::Segment(_) | FileName::Tombstones(..));
        let gate = self.directory.gate(1 + self.random.below(12) as u32, of_worker);
        let store = Arc::clone(self.store.as_ref().unwrap());
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let outcome = work(&store);
                // It may have ended before it came to the gate.
                gate.release();
                outcome
            });
            gate.wait_until_reached();
            let outcome = other(self);
            gate.release();
            let worked = worker.join().unwrap();
            // A write that fails says more than an erasure that is not complete.
            outcome.and(worked)
        })
    }

    fn rows_or_load(&mut self) -> Result<(), WriteError> {
        if self.random.one_in(3) { self.load() } else { self.rows() }
    }

    fn is_checkpointed_early(&self) -> bool {
        self.options.checkpoint_bytes < StoreOptions::default().checkpoint_bytes
    }

    fn galleries(&self) -> Vec<GalleryId> {
        self.world().galleries.keys().copied().collect()
    }

    fn world(&self) -> &World {
        self.oracle.world()
    }

    /// Commits a batch that must not be refused.
    fn write(&mut self, batch: &WriteBatch) -> Result<(), WriteError> {
        if batch.is_empty() {
            return Ok(());
        }
        let outcome = if self.random.one_in(3) {
            self.commit(batch)
        } else {
            self.store().write(batch.clone())
        };
        self.note(batch, outcome)
    }

    /// Commits the operations of a batch as those of a transaction that got them one by one.
    fn commit(&self, batch: &WriteBatch) -> Result<Commit, WriteError> {
        let mut transaction = Transaction::new(self.store().snapshot());
        for operation in batch.operations() {
            transaction.apply(vec![operation.clone()].into())?;
        }
        let mut after = self.oracle.clone();
        after.apply(batch);
        assert_eq!(show(&transaction.snapshot()).as_ref(), Ok(after.world()), "inside");
        self.store().commit(transaction)
    }

    /// Tells the oracle what became of a batch that must not be refused.
    fn note(
        &mut self,
        batch: &WriteBatch,
        outcome: Result<Commit, WriteError>,
    ) -> Result<(), WriteError> {
        let mut after = self.oracle.clone();
        let created = after.apply(batch);
        match outcome {
            Ok(commit) => {
                assert_eq!((commit.lsn.get(), commit.created), (after.lsn(), created));
                self.oracle = after;
                self.directory.acknowledge(self.oracle.lsn());
                Ok(())
            }
            // Not acknowledged, but it may be found at the next start.
            Err(error @ WriteError::Io(_)) => {
                self.oracle = after;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// A bulk load, or one that is given up.
    fn load(&mut self) -> Result<(), WriteError> {
        let Some(gallery) = self.gallery() else { return Ok(()) };
        let mut batch = WriteBatch::new();
        let mut ids: Vec<_> = self.world().galleries[&gallery].rows.keys().copied().collect();
        for _ in 0..=self.random.below(12) {
            let row = self.row(gallery);
            if !ids.contains(&row.id) {
                ids.push(row.id);
                batch.enroll(gallery, row);
            }
        }
        let given_up = batch.is_empty() || self.random.one_in(4);
        // Of what goes on beside the load.
        let failed_before = self.directory.take_failed();
        let store = Arc::clone(self.store.as_ref().unwrap());
        let outcome = load(&store, gallery, &batch, given_up);
        let goes_on = match &outcome {
            // Given up, or nothing has reached the log. Nobody can be told that files were not
            // removed; the next start does.
            Ok(None) | Err(WriteError::NotLoaded(_)) => true,
            _ => false,
        };
        if goes_on {
            let failed = self.directory.take_failed();
            assert!(outcome.is_ok() || failed.is_some(), "no call failed, and yet: {outcome:?}");
            self.has_discarded |= failed.is_some();
        }
        self.directory.give_failed(failed_before);
        if goes_on { Ok(()) } else { self.note(&batch, outcome.map(Option::unwrap)) }
    }

    fn create_gallery(&mut self) -> Result<(), WriteError> {
        let mut batch = WriteBatch::new();
        let name = format!("g{}", self.oracle.lsn());
        let precision =
            if self.oracle.lsn().is_multiple_of(2) { Precision::Half } else { Precision::Single };
        let draft = draft(&name, 1 + self.random.below(8));
        let thumbnails = !self.oracle.lsn().is_multiple_of(3);
        batch.create_gallery(GalleryDraft { precision, thumbnails, ..draft });
        self.write(&batch)
    }

    fn gallery(&mut self) -> Option<GalleryId> {
        let at = self.random.below(self.world().galleries.len().max(1));
        self.world().galleries.keys().nth(at).copied()
    }

    fn drop_gallery(&mut self) -> Result<(), WriteError> {
        let Some(gallery) = self.gallery() else { return Ok(()) };
        let mut batch = WriteBatch::new();
        batch.drop_gallery(gallery);
        self.write(&batch)
    }

    /// Another name, another description, or both.
    fn alter_gallery(&mut self) -> Result<(), WriteError> {
        let Some(gallery) = self.gallery() else { return Ok(()) };
        let lsn = self.oracle.lsn();
        let name = if self.random.one_in(3) {
            self.world().galleries[&gallery].descriptor.name.clone()
        } else {
            format!("renamed{lsn}").into()
        };
        let description = self.random.one_in(2).then(|| format!("described at {lsn}").into());
        let mut batch = WriteBatch::new();
        batch.alter_gallery(gallery, name, description);
        self.write(&batch)
    }

    fn reopen(&mut self) -> Result<(), WriteError> {
        if self.random.one_in(2) {
            Arc::into_inner(self.store.take().unwrap()).unwrap().close()?;
        } else {
            self.drop_store();
        }
        match self.open(self.directory.clone()) {
            Ok(()) => Ok(()),
            Err(OpenError::Io(failure)) => Err(WriteError::Io(Arc::new(failure))),
            Err(error) => panic!("reopening: {error}"),
        }
    }

    /// A batch of which the last operation cannot be done: nothing of it happens.
    fn refused(&mut self) -> Result<(), WriteError> {
        let Some(gallery) = self.gallery() else { return Ok(()) };
        let row = self.row(gallery);
        let mut batch = WriteBatch::new();
        batch.create_gallery(draft("refused", 2)).enroll(gallery, row.clone());
        batch.enroll(gallery, row);
        match self.store().write(batch) {
            Err(WriteError::DuplicateTemplate(_)) => Ok(()),
            Err(error) => Err(error),
            Ok(commit) => panic!("a row was enrolled twice: {commit:?}"),
        }
    }

    /// Rows in, out, and replaced, over several galleries, in one batch.
    fn rows(&mut self) -> Result<(), WriteError> {
        let mut batch = WriteBatch::new();
        let mut after = self.oracle.clone();
        for _ in 0..=self.random.below(4) {
            let Some(gallery) = self.gallery() else { return Ok(()) };
            let mut one = WriteBatch::new();
            let present = &after.world().galleries[&gallery].rows;
            let some = present.keys().nth(self.random.below(present.len().max(1))).copied();
            match (self.random.below(3), some) {
                (0, Some(id)) => drop(one.remove(gallery, id)),
                (1, Some(id)) => {
                    let row = Row { id, ..self.row(gallery) };
                    one.remove(gallery, id).enroll(gallery, row);
                }
                _ => {
                    let row = self.row(gallery);
                    if !present.contains_key(&row.id) {
                        one.enroll(gallery, row);
                    }
                }
            }
            after.apply(&one);
            for operation in one.operations() {
                batch.push(operation.clone());
            }
        }
        self.write(&batch)
    }

    /// A row for a gallery; some are longer than a sector of the disk, and some have a thumbnail,
    /// be it that the gallery keeps them or not.
    fn row(&mut self, gallery: GalleryId) -> Row {
        let dim = self.world().galleries[&gallery].descriptor.dim.get();
        let components = (0..dim).map(|_| 1.0 + self.random.below(100) as f32).collect();
        let row = row(self.random.below(400) as u128, components);
        let row = if self.random.one_in(3) { row } else { self.pictured(row) };
        if self.random.one_in(5) {
            let text = "x".repeat(self.random.below(1500));
            return Row { metadata: Some(text.into()), ..row };
        }
        row
    }

    fn pictured(&mut self, row: Row) -> Row {
        let most = if self.random.one_in(20) { THUMBNAIL_BYTES_MAX } else { 700 };
        with_thumbnail(row, 1 + self.random.below(most))
    }

    /// What went wrong in the background last.
    pub(super) fn last_error(&self) -> Option<String> {
        self.store().activity().last_error
    }

    /// After a failure: the store shows what was acknowledged, and takes no more writes.
    pub(super) fn check_read_only(&mut self) {
        let Some(store) = &self.store else { return };
        let acknowledged = self.oracle.at(self.directory.acknowledged()).unwrap();
        assert_eq!(read(store).as_ref(), Ok(acknowledged), "reading goes on");
        let mut batch = WriteBatch::new();
        batch.create_gallery(draft("late", 2));
        let refused = store.write(batch);
        assert!(matches!(refused, Err(WriteError::ReadOnly { .. })), "{refused:?}");
        let refused = store.checkpoint();
        assert!(matches!(refused, Err(WriteError::ReadOnly { .. })), "{refused:?}");
    }
}

/// Loads the rows of a batch; answers with none where the load is given up at last.
fn load(
    store: &Store,
    gallery: GalleryId,
    batch: &WriteBatch,
    given_up: bool,
) -> Result<Option<Commit>, WriteError> {
    let mut loader = store.load(gallery)?;
    for operation in batch.operations() {
        match operation {
            Operation::Enroll { row, .. } => loader.push(row.clone())?,
            other => panic!("{other:?} is not loaded"),
        }
    }
    if given_up { Ok(None) } else { loader.commit().map(Some) }
}
