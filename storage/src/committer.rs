//! The one thread that writes: validates, logs, publishes, answers; checkpoints in between.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use crate::batch::{Commit, Operation, WriteBatch, WriteError};
use crate::change::Change;
use crate::checkpoint::{CheckpointReport, Sealed, seal};
use crate::error::IoFailure;
use crate::gallery::GalleryDescriptor;
use crate::gc::remove_unnamed;
use crate::id::{GalleryId, Lsn, SegmentId};
use crate::io::{Directory, DirectoryLock, FileName};
use crate::limits;
use crate::options::StoreOptions;
use crate::recovery::Recovered;
use crate::row::Row;
use crate::version::{Current, Version};
use crate::wal::{WalRecord, WalWriter};

/// Most batches that share one sync.
const GROUP_BATCHES_MAX: usize = 1024;

/// A checkpoint is due when the log has this many times the bytes that rows in memory may have.
const LOG_PER_ROWS: u64 = 4;

type Reply<T> = SyncSender<Result<T, WriteError>>;

/// What the committer is asked to do.
#[derive(Debug)]
pub(crate) enum Request {
    Write { batch: WriteBatch, reply: Reply<Commit> },
    Checkpoint { reply: Reply<CheckpointReport> },
    Close { reply: Reply<()> },
}

#[derive(Debug)]
pub(crate) struct Committer {
    directory: Arc<dyn Directory>,
    #[expect(dead_code, reason = "held for as long as the committer lives")]
    lock: DirectoryLock,
    options: StoreOptions,
    current: Current,
    /// The published version, or ahead of it by the group being committed.
    version: Version,
    store_id: u128,
    next_segment: SegmentId,
    wal: WalWriter,
    /// Everything up to this LSN is in segments.
    sealed: Lsn,
    /// Set by the first failed write; nothing is written after it.
    failed: Option<Arc<IoFailure>>,
}

impl Committer {
    pub(crate) fn new(
        directory: Arc<dyn Directory>,
        options: StoreOptions,
        current: Current,
        recovered: Recovered,
    ) -> Self {
        let Recovered { lock, version, store_id, next_segment, wal, sealed, .. } = recovered;
        let failed = None;
        Self {
            directory,
            lock,
            options,
            current,
            version,
            store_id,
            next_segment,
            wal,
            sealed,
            failed,
        }
    }

    /// Serves until every sender is gone.
    pub(crate) fn run(mut self, inbox: &Receiver<Request>) {
        let mut closed = false;
        while let Some(first) = self.next(inbox) {
            let mut group = Vec::new();
            let mut next = Some(first);
            while let Some(request) = next {
                match request {
                    Request::Write { batch, reply } => group.push((batch, reply)),
                    Request::Checkpoint { reply } => {
                        self.commit_group(std::mem::take(&mut group));
                        let _ = reply.send(self.checkpoint());
                    }
                    Request::Close { reply } => {
                        self.commit_group(std::mem::take(&mut group));
                        let _ = reply.send(self.checkpoint_on_close());
                        closed = true;
                    }
                }
                next = if group.len() < GROUP_BATCHES_MAX { inbox.try_recv().ok() } else { None };
            }
            self.commit_group(group);
            if self.is_checkpoint_due() {
                // A failure makes the store read-only; the next writer is told.
                let _ = self.checkpoint();
            }
        }
        if !closed {
            let _ = self.checkpoint_on_close();
        }
    }

    /// The next request. Nobody waits while there is none: the time to note in the log that all
    /// of it is durable.
    fn next(&mut self, inbox: &Receiver<Request>) -> Option<Request> {
        if let Ok(request) = inbox.try_recv() {
            return Some(request);
        }
        if self.failed.is_none()
            && let Err(failure) = self.wal.note()
        {
            // The next writer is told.
            self.fail(failure);
        }
        inbox.recv().ok()
    }

    /// The log counts as well: deletes fill it and leave no rows in memory.
    fn is_checkpoint_due(&self) -> bool {
        let rows_max = self.options.memtable_bytes_max;
        self.version.memtable_bytes() > rows_max
            || self.wal.record_bytes() > rows_max.saturating_mul(LOG_PER_ROWS)
    }

    fn checkpoint_on_close(&mut self) -> Result<(), WriteError> {
        if self.options.checkpoint_on_close { self.checkpoint().map(drop) } else { Ok(()) }
    }

    fn read_only(&self) -> Option<WriteError> {
        self.failed.as_ref().map(|cause| WriteError::ReadOnly { cause: Arc::clone(cause) })
    }

    /// Commits a group with one sync. Nobody is answered before, not even the author of a batch
    /// that is refused: the refusal may rest on a batch of the group that is not durable yet.
    fn commit_group(&mut self, group: Vec<(WriteBatch, Reply<Commit>)>) {
        let synced = self.version.lsn;
        let mut working = self.version.clone();
        let (mut records, mut answers) = (Vec::new(), Vec::with_capacity(group.len()));
        for (batch, reply) in group {
            let outcome = self.read_only().map_or_else(|| prepare(&working, batch), Err);
            let answer = outcome.map(|Prepared { version, commit, changes }| {
                if !changes.is_empty() {
                    working = version;
                    records.push(WalRecord { lsn: commit.lsn, synced, changes });
                }
                commit
            });
            answers.push((answer, reply));
        }
        if !records.is_empty() {
            match self.wal.commit(&records) {
                Ok(()) => self.publish(working),
                Err(failure) => {
                    let cause = self.fail(failure);
                    for (answer, _) in &mut answers {
                        *answer = Err(not_durable(answer, synced, &cause));
                    }
                }
            }
        }
        for (answer, reply) in answers {
            // A reply nobody waits for any more is not an error: the batch is committed.
            let _ = reply.send(answer);
        }
    }

    fn publish(&mut self, version: Version) {
        self.version = version;
        *self.current.write() = Arc::new(self.version.clone());
    }

    fn fail(&mut self, failure: IoFailure) -> Arc<IoFailure> {
        let cause = Arc::new(failure);
        self.failed = Some(Arc::clone(&cause));
        cause
    }

    fn checkpoint(&mut self) -> Result<CheckpointReport, WriteError> {
        if let Some(error) = self.read_only() {
            return Err(error);
        }
        self.try_checkpoint().map_err(|failure| WriteError::Io(self.fail(failure)))
    }

    /// The steps of docs/durability.md: new log, new files, manifest, publish, old files.
    fn try_checkpoint(&mut self) -> Result<CheckpointReport, IoFailure> {
        if self.sealed == self.version.lsn {
            return Ok(CheckpointReport { lsn: self.sealed, ..CheckpointReport::default() });
        }
        self.wal.finish()?;
        let directory = &*self.directory;
        let log = self.wal.seq().next();
        let wal = WalWriter::create(directory, log, self.version.lsn.next())?;
        let Sealed { version, manifest, report } =
            seal(directory, self.store_id, &self.version, self.next_segment, log)?;
        directory.replace(FileName::Manifest, FileName::NewManifest, &manifest.encode())?;
        remove_unnamed(directory, &manifest)?;
        self.next_segment = manifest.next_segment;
        self.wal = wal;
        self.sealed = manifest.durable;
        self.publish(version);
        Ok(report)
    }
}

/// What to answer in place of `answer` now that the group did not become durable.
fn not_durable(
    answer: &Result<Commit, WriteError>,
    synced: Lsn,
    cause: &Arc<IoFailure>,
) -> WriteError {
    let cause = Arc::clone(cause);
    match answer {
        // A record of this batch may be on disk.
        Ok(commit) if commit.lsn > synced => WriteError::Io(cause),
        _ => WriteError::ReadOnly { cause },
    }
}

/// A validated batch: the version it leads to, what to log and what to answer.
struct Prepared {
    version: Version,
    commit: Commit,
    changes: Vec<Change>,
}

/// Validates a batch against `base`, each operation against the effect of those before it.
fn prepare(base: &Version, batch: WriteBatch) -> Result<Prepared, WriteError> {
    bound("the batch", "operations", batch.len(), limits::BATCH_OPERATIONS_MAX)?;
    let mut version = base.clone();
    let lsn = if batch.is_empty() { base.lsn } else { base.lsn.next() };
    let mut commit = Commit { lsn, ..Commit::default() };
    let mut changes = Vec::with_capacity(batch.len());
    let mut bytes = 0;
    for operation in batch.into_operations() {
        let change = validate(&version, operation)?;
        bytes += change.size_hint();
        bound("the batch", "bytes", bytes, limits::RECORD_BYTES_MAX)?;
        let changed = version.apply(lsn, &change);
        match &change {
            Change::CreateGallery(descriptor) => commit.created.push(descriptor.id),
            Change::Enroll { .. } => commit.enrolled += 1,
            Change::Remove { .. } => commit.removed += u64::from(changed),
            Change::DropGallery(_) => {}
        }
        changes.push(change);
    }
    version.lsn = lsn;
    Ok(Prepared { version, commit, changes })
}

fn validate(version: &Version, operation: Operation) -> Result<Change, WriteError> {
    match operation {
        Operation::CreateGallery(draft) => {
            let texts = [
                ("the tenant's name", Some(&*draft.tenant), limits::TENANT_CHARS_MAX),
                ("the gallery's name", Some(&*draft.name), limits::GALLERY_NAME_CHARS_MAX),
                ("the model's name", Some(&*draft.model), limits::MODEL_CHARS_MAX),
                ("the description", draft.description.as_deref(), limits::DESCRIPTION_CHARS_MAX),
            ];
            check_texts(&texts)?;
            if version.gallery_by_name(&draft.tenant, &draft.name).is_some() {
                return Err(WriteError::GalleryExists { tenant: draft.tenant, name: draft.name });
            }
            let id = GalleryId::new(version.next_gallery.get().max(1));
            Ok(Change::CreateGallery(GalleryDescriptor::from_draft(id, draft)))
        }
        Operation::DropGallery(id) => {
            version.gallery(id).ok_or(WriteError::NoSuchGallery(id))?;
            Ok(Change::DropGallery(id))
        }
        Operation::Remove { gallery, template } => {
            version.gallery(gallery).ok_or(WriteError::NoSuchGallery(gallery))?;
            Ok(Change::Remove { gallery, template })
        }
        Operation::Enroll { gallery, row } => {
            let view = version.gallery(gallery).ok_or(WriteError::NoSuchGallery(gallery))?;
            check_row(&view.descriptor, &row)?;
            if view.contains(row.id) {
                return Err(WriteError::DuplicateTemplate(row.id));
            }
            Ok(Change::Enroll { gallery, row })
        }
    }
}

fn check_row(gallery: &GalleryDescriptor, row: &Row) -> Result<(), WriteError> {
    let (expected, actual) = (gallery.dim, row.embedding.dim());
    if expected != actual {
        return Err(WriteError::DimensionMismatch { expected, actual });
    }
    if gallery.model != row.model {
        let (expected, actual) = (Arc::clone(&gallery.model), Arc::clone(&row.model));
        return Err(WriteError::ModelMismatch { expected, actual });
    }
    let ids = limits::EXTERNAL_ID_CHARS_MAX;
    check_texts(&[
        ("the external face id", row.external_face_id.as_deref(), ids),
        ("the external image id", row.external_image_id.as_deref(), ids),
    ])?;
    for (what, json) in [("attributes", &row.attributes), ("metadata", &row.metadata)] {
        let bytes = json.as_ref().map_or(0, |text| text.len());
        bound(what, "bytes", bytes, limits::JSON_BYTES_MAX)?;
    }
    let floats = [("the confidence", row.confidence), ("the quality", row.quality)];
    for (what, value) in floats {
        if value.is_some_and(|value| !value.is_finite()) {
            return Err(WriteError::NotFinite { what });
        }
    }
    if row.bounding_box.is_some_and(|edges| edges.iter().any(|edge| !edge.is_finite())) {
        return Err(WriteError::NotFinite { what: "the bounding box" });
    }
    if !row.embedding.is_unit() {
        return Err(WriteError::NotFinite { what: "the embedding" });
    }
    Ok(())
}

fn check_texts(texts: &[(&'static str, Option<&str>, usize)]) -> Result<(), WriteError> {
    for &(what, text, limit) in texts {
        bound(what, "characters", text.map_or(0, |text| text.chars().count()), limit)?;
    }
    Ok(())
}

fn bound(
    what: &'static str,
    unit: &'static str,
    actual: usize,
    limit: usize,
) -> Result<(), WriteError> {
    if actual <= limit {
        return Ok(());
    }
    Err(WriteError::TooLarge { what, unit, actual, limit })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::io::memory::{Fault, MemoryDirectory};
    use crate::recovery::recover;
    use crate::row::tests::{bare_row, draft};

    fn committer(directory: &MemoryDirectory) -> Committer {
        let recovered = recover(directory).unwrap();
        let current = Arc::new(parking_lot::RwLock::new(Arc::new(recovered.version.clone())));
        let directory = Arc::new(directory.clone());
        Committer::new(directory, StoreOptions::default(), current, recovered)
    }

    /// Commits batches as one group and returns the answers.
    fn group<const N: usize>(
        committer: &mut Committer,
        batches: [WriteBatch; N],
    ) -> [Result<Commit, WriteError>; N] {
        let (requests, answers): (Vec<_>, Vec<_>) = batches
            .into_iter()
            .map(|batch| {
                let (reply, answer) = sync_channel(1);
                ((batch, reply), answer)
            })
            .unzip();
        committer.commit_group(requests);
        let answers: Vec<_> = answers.iter().map(|answer| answer.recv().unwrap()).collect();
        answers.try_into().unwrap()
    }

    fn enroll(gallery: GalleryId, id: u128) -> WriteBatch {
        let mut batch = WriteBatch::new();
        batch.enroll(gallery, bare_row(id, vec![1.0, 1.0]));
        batch
    }

    fn with_gallery(committer: &mut Committer) -> GalleryId {
        let mut batch = WriteBatch::new();
        batch.create_gallery(draft("g", 2));
        let [created] = group(committer, [batch]);
        created.unwrap().created[0]
    }

    #[test]
    fn batches_of_one_group_see_each_other() {
        let mut committer = committer(&MemoryDirectory::default());
        let gallery = with_gallery(&mut committer);
        let batches = [enroll(gallery, 1), enroll(gallery, 1), WriteBatch::new()];
        let [first, second, empty] = group(&mut committer, batches);
        assert_eq!(first.unwrap().lsn, Lsn::new(2));
        assert!(matches!(second, Err(WriteError::DuplicateTemplate(_))), "{second:?}");
        assert_eq!(empty.unwrap().lsn, Lsn::new(2));
        assert_eq!(committer.current.read().lsn, Lsn::new(2));
    }

    #[test]
    fn nobody_is_told_of_a_batch_that_did_not_become_durable() {
        let directory = MemoryDirectory::default();
        let mut committer = committer(&directory);
        let gallery = with_gallery(&mut committer);
        directory.set_fault(Fault::Sync);
        let batches = [enroll(gallery, 1), enroll(gallery, 1), WriteBatch::new()];
        let [first, second, empty] = group(&mut committer, batches);
        assert!(matches!(first, Err(WriteError::Io(_))), "{first:?}");
        // Both would otherwise speak of a template, or of an LSN, that may never have been.
        assert!(matches!(second, Err(WriteError::ReadOnly { .. })), "{second:?}");
        assert!(empty.is_err(), "{empty:?}");
        assert_eq!(committer.current.read().lsn, Lsn::new(1));
    }

    #[test]
    fn a_note_that_fails_makes_the_store_read_only() {
        let directory = MemoryDirectory::default();
        let mut committer = committer(&directory);
        let gallery = with_gallery(&mut committer);
        directory.set_fault(Fault::Append);
        let (requests, inbox) = sync_channel(1);
        drop(requests);
        assert!(committer.next(&inbox).is_none());
        directory.set_fault(Fault::None);
        let [refused] = group(&mut committer, [enroll(gallery, 1)]);
        assert!(matches!(refused, Err(WriteError::ReadOnly { .. })), "{refused:?}");
        drop(committer);
        assert_eq!(recover(&directory).unwrap().report.lsn, Lsn::new(1), "half a note is cut off");
    }

    #[test]
    fn a_group_larger_than_one_write_is_one_commit() {
        let directory = MemoryDirectory::default();
        let mut committer = committer(&directory);
        let gallery = with_gallery(&mut committer);
        let batches: [WriteBatch; 80] = std::array::from_fn(|id| {
            let mut batch = WriteBatch::new();
            let mut row = bare_row(id as u128, vec![1.0, 1.0]);
            row.metadata = Some("x".repeat(limits::JSON_BYTES_MAX).into());
            batch.enroll(gallery, row);
            batch
        });
        assert!(group(&mut committer, batches).iter().all(Result::is_ok));
        drop(committer);
        assert_eq!(recover(&directory).unwrap().report.rows, 80);
    }
}
