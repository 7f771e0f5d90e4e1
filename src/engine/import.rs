//! Enrolling a stream of faces, however long: all of them or none, in bounded memory.

use std::sync::Arc;

use likeness_storage::{GalleryDescriptor, GalleryId, Row, Store};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::task::{JoinError, JoinHandle};

use super::changes::BULK_BYTES_MIN;
use super::enroll::{EnrollmentDraft, check_draft};
use super::{Changes, EngineError, GivenValues, Interrupt, Tenant, TenantSnapshot};
use crate::causes::TaskError;

/// Bytes of rows that are handed to a load at a time.
const CHUNK_BYTES: usize = 1 << 20;
/// Bytes that a row takes beside its embedding and metadata, roughly.
const ROW_BYTES: usize = 256;
/// Loads at the same time: each gathers a segment in memory. Others wait.
static LOADS: Semaphore = Semaphore::const_new(8);

/// Faces on their way into a gallery. Dropping this leaves nothing.
#[derive(Debug)]
pub struct Import {
    tenant: Tenant,
    at: TenantSnapshot,
    gallery: Arc<GalleryDescriptor>,
    rows: Vec<Row>,
    bytes: usize,
    faces: u64,
    load: Option<Load>,
}

/// A load on a thread of its own.
#[derive(Debug)]
struct Load {
    steps: mpsc::Sender<Step>,
    outcome: JoinHandle<Result<(), EngineError>>,
    _place: SemaphorePermit<'static>,
}

#[derive(Debug)]
enum Step {
    Rows(Vec<Row>),
    Commit,
}

impl Tenant {
    /// Begins to enrol a stream of faces, as of `at`.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`].
    pub fn import(&self, at: &TenantSnapshot, gallery: &str) -> Result<Import, EngineError> {
        let gallery = Arc::clone(at.descriptor(gallery)?);
        let (tenant, at, rows) = (self.clone(), at.clone(), Vec::new());
        Ok(Import { tenant, at, gallery, rows, bytes: 0, faces: 0, load: None })
    }
}

impl Import {
    /// The face of a draft as it would be kept. It is not added.
    ///
    /// # Errors
    /// Those of [`Tenant::enroll`].
    pub async fn look_at(
        &self,
        draft: EnrollmentDraft,
        given: GivenValues,
    ) -> Result<Vec<Row>, EngineError> {
        check_draft(&draft)?;
        given.check(&self.gallery, &draft.source)?;
        let mut rows = self.tenant.rows_of(&self.gallery, draft).await?.rows;
        if let [row] = rows.as_mut_slice() {
            given.put_into(row);
        }
        Ok(rows)
    }

    /// Adds the face of a draft, and returns it.
    ///
    /// # Errors
    /// Those of [`Tenant::enroll`]; the import is of no use then.
    pub async fn push(
        &mut self,
        draft: EnrollmentDraft,
        given: GivenValues,
    ) -> Result<&[Row], EngineError> {
        let rows = self.look_at(draft, given).await?;
        let before = self.rows.len();
        for row in rows {
            let metadata = row.metadata.as_deref().map_or(0, str::len);
            let thumbnail = row.thumbnail.as_ref().map_or(0, |picture| picture.as_bytes().len());
            self.bytes += size_of_val(row.embedding.as_slice()) + metadata + thumbnail + ROW_BYTES;
            self.faces += 1;
            self.rows.push(row);
        }
        Ok(self.rows.get(before..).unwrap_or_default())
    }

    /// Whether so many faces have gathered that they should go on: by [`Import::take`] or
    /// [`Import::load`].
    pub fn is_full(&self) -> bool {
        self.bytes >= if self.load.is_some() { CHUNK_BYTES } else { BULK_BYTES_MIN }
    }

    /// The faces that came so far.
    pub fn faces(&self) -> u64 {
        self.faces
    }

    /// The faces that have gathered, to be written by the caller.
    pub fn take(&mut self) -> Changes {
        let mut changes = Changes::new(&self.at);
        self.bytes = 0;
        for row in std::mem::take(&mut self.rows) {
            changes.enroll(&self.gallery, row);
        }
        changes
    }

    /// Whether faces have gone to a load.
    pub fn is_loading(&self) -> bool {
        self.load.is_some()
    }

    /// Sends the faces that have gathered to a load, past the log; nobody sees them before
    /// [`Import::commit`].
    ///
    /// # Errors
    /// What the store says; the import is of no use then.
    pub async fn load(&mut self) -> Result<(), EngineError> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        self.step(Step::Rows(rows)).await
    }

    /// Makes what went to a load durable and visible, and the rest with it.
    ///
    /// # Errors
    /// What the store says; nothing has happened then.
    pub async fn commit(mut self) -> Result<(), EngineError> {
        self.load().await?;
        Interrupt::shut_out(async {
            self.step(Step::Commit).await?;
            match self.load.take() {
                Some(load) => load.outcome.await.unwrap_or_else(|ended| Err(unfinished(&ended))),
                None => Ok(()),
            }
        })
        .await
    }

    async fn step(&mut self, step: Step) -> Result<(), EngineError> {
        let load = match &mut self.load {
            Some(load) => load,
            None => self.load.insert(Load::start(&self.tenant, &self.gallery).await?),
        };
        if load.steps.send(step).await.is_ok() {
            return Ok(());
        }
        // The load has ended, and says why.
        match self.load.take() {
            Some(load) => load.outcome.await.unwrap_or_else(|ended| Err(unfinished(&ended))),
            None => Ok(()),
        }
    }
}

impl Load {
    async fn start(tenant: &Tenant, gallery: &GalleryDescriptor) -> Result<Self, EngineError> {
        let place = LOADS.acquire().await.map_err(broken)?;
        let (steps, received) = mpsc::channel(2);
        let (engine, id, name) = (Arc::clone(&tenant.engine), gallery.id, gallery.name.clone());
        let outcome = tokio::task::spawn_blocking(move || {
            let loaded = load(&engine.store, id, received);
            loaded.map_err(|error| EngineError::of_write(error, &name))
        });
        Ok(Self { steps, outcome, _place: place })
    }
}

/// Takes rows until the order to commit; without it nothing stays.
fn load(
    store: &Store,
    gallery: GalleryId,
    mut steps: mpsc::Receiver<Step>,
) -> Result<(), likeness_storage::WriteError> {
    let mut loader = store.load(gallery)?;
    while let Some(step) = steps.blocking_recv() {
        match step {
            Step::Rows(rows) => {
                for row in rows {
                    loader.push(row)?;
                }
            }
            Step::Commit => return loader.commit().map(drop),
        }
    }
    Ok(())
}

fn unfinished(ended: &JoinError) -> EngineError {
    broken(TaskError::from(ended))
}

fn broken(cause: impl std::error::Error + Send + Sync + 'static) -> EngineError {
    EngineError::Internal(Box::new(cause))
}
