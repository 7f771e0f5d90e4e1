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
    next_segment: SegmentId,
    wal: WalWriter,
    /// Everything up to this LSN is in segments.
    sealed: Lsn,
    /// Set by the first failed write; nothing is written after it.
    failed: Option<Arc<IoFailure>>,
}

/// A validated batch waiting for its group to become durable.
struct Pending {
    record: WalRecord,
    commit: Commit,
    reply: Reply<Commit>,
}

impl Committer {
    pub(crate) fn new(
        directory: Arc<dyn Directory>,
        options: StoreOptions,
        current: Current,
        recovered: Recovered,
    ) -> Self {
        let Recovered { lock, version, next_segment, wal, sealed, .. } = recovered;
        let failed = None;
        Self { directory, lock, options, current, version, next_segment, wal, sealed, failed }
    }

    /// Serves until every sender is gone.
    pub(crate) fn run(mut self, inbox: &Receiver<Request>) {
        let mut closed = false;
        while let Ok(first) = inbox.recv() {
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
            if self.version.memtable_bytes() > self.options.memtable_bytes_max {
                // A failure makes the store read-only; the next writer is told.
                let _ = self.checkpoint();
            }
        }
        if !closed {
            let _ = self.checkpoint_on_close();
        }
    }

    fn checkpoint_on_close(&mut self) -> Result<(), WriteError> {
        if self.options.checkpoint_on_close { self.checkpoint().map(drop) } else { Ok(()) }
    }

    fn read_only(&self) -> Option<WriteError> {
        self.failed.as_ref().map(|cause| WriteError::ReadOnly { cause: Arc::clone(cause) })
    }

    fn commit_group(&mut self, group: Vec<(WriteBatch, Reply<Commit>)>) {
        // A reply nobody waits for any more is not an error: the batch is committed all the same.
        let mut pending = Vec::with_capacity(group.len());
        let synced = self.version.lsn;
        let mut working = self.version.clone();
        for (batch, reply) in group {
            let outcome = self.read_only().map_or_else(|| prepare(&working, batch), Err);
            match outcome {
                Ok(Prepared { commit, changes, .. }) if changes.is_empty() => {
                    let _ = reply.send(Ok(commit));
                }
                Ok(Prepared { version, commit, changes }) => {
                    working = version;
                    let record = WalRecord { lsn: commit.lsn, synced, changes };
                    pending.push(Pending { record, commit, reply });
                }
                Err(error) => {
                    let _ = reply.send(Err(error));
                }
            }
        }
        if !pending.is_empty() {
            self.make_durable(working, pending);
        }
    }

    fn make_durable(&mut self, working: Version, pending: Vec<Pending>) {
        let (records, replies): (Vec<_>, Vec<_>) =
            pending.into_iter().map(|p| (p.record, (p.commit, p.reply))).unzip();
        match self.wal.commit(&records) {
            Ok(()) => {
                self.publish(working);
                for (commit, reply) in replies {
                    let _ = reply.send(Ok(commit));
                }
            }
            Err(failure) => {
                let cause = self.fail(failure);
                for (_, reply) in replies {
                    let _ = reply.send(Err(WriteError::Io(Arc::clone(&cause))));
                }
            }
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
        let directory = &*self.directory;
        let log = self.wal.seq().next();
        let wal = WalWriter::create(directory, log, self.version.lsn.next())?;
        let Sealed { version, manifest, report } =
            seal(directory, &self.version, self.next_segment, log)?;
        directory.replace(FileName::Manifest, FileName::NewManifest, &manifest.encode())?;
        remove_unnamed(directory, &manifest)?;
        self.next_segment = manifest.next_segment;
        self.wal = wal;
        self.sealed = manifest.durable;
        self.publish(version);
        Ok(report)
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
