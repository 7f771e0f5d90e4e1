//! What a request is about to change, computed and not written yet.

use std::sync::Arc;

use likeness_storage::{
    Commit, GalleryDescriptor, GalleryDraft, GalleryId, Operation, Row, Store, TemplateId,
    WriteBatch, WriteError,
};

use super::audit::Erasures;
use super::{EngineError, Interrupt, Tenant, TenantSnapshot, blocking};
use crate::biometric::FaceId;

/// Bytes of embeddings from which rows are written straight to a segment: below that a file of
/// their own costs more than it saves.
pub(super) const BULK_BYTES_MIN: usize = 8 << 20;

/// Changes to the galleries of one tenant, computed from one snapshot. They happen together or not
/// at all, in order, when they are written or committed as part of a transaction.
#[derive(Debug, Clone)]
pub struct Changes {
    pub(super) base: TenantSnapshot,
    pub(super) batch: WriteBatch,
    /// Whether anything but new faces is among them: then others may have come first.
    touches_what_is_there: bool,
    pub(super) erasures: Erasures,
}

/// What came of changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Faces added, those that replace another among them.
    pub enrolled: u64,
    /// Faces removed, those that were replaced among them.
    pub removed: u64,
}

impl From<Commit> for Written {
    fn from(commit: Commit) -> Self {
        Self { enrolled: commit.enrolled, removed: commit.removed }
    }
}

impl Changes {
    /// None yet, computed from `base`.
    pub fn new(base: &TenantSnapshot) -> Self {
        Self {
            base: base.clone(),
            batch: WriteBatch::new(),
            touches_what_is_there: false,
            erasures: Erasures::default(),
        }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// The number of single changes; a replaced face counts twice.
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// Adds a face that is not there.
    pub fn enroll(&mut self, gallery: &GalleryDescriptor, row: Row) {
        self.batch.enroll(gallery.id, row);
    }

    /// Puts a face in the place of the one with the same id, which is there.
    pub fn replace(&mut self, gallery: &GalleryDescriptor, row: Row) {
        self.touches_what_is_there = true;
        self.batch.remove(gallery.id, row.id).enroll(gallery.id, row);
    }

    /// Removes a face; one that is not there is passed over.
    pub fn remove(&mut self, gallery: &GalleryDescriptor, face_id: FaceId) {
        self.touches_what_is_there = true;
        self.erasures.add_face(gallery, face_id);
        self.batch.remove(gallery.id, TemplateId::new(face_id.as_u128()));
    }

    /// Creates a gallery.
    pub fn create_gallery(&mut self, draft: GalleryDraft) {
        self.batch.create_gallery(draft);
    }

    /// Gives a gallery another name and description; what stays is given as it is.
    pub fn alter_gallery(
        &mut self,
        gallery: &GalleryDescriptor,
        name: Box<str>,
        description: Option<Box<str>>,
    ) {
        self.touches_what_is_there = true;
        self.batch.alter_gallery(gallery.id, name, description);
    }

    /// Drops a gallery with all its faces.
    pub fn drop_gallery(&mut self, gallery: &GalleryDescriptor) {
        self.touches_what_is_there = true;
        self.erasures.add_gallery(gallery, &self.base.snapshot);
        self.batch.drop_gallery(gallery.id);
    }

    /// Adds changes that were computed from the same snapshot, behind these.
    pub fn append(&mut self, others: Self) {
        self.touches_what_is_there |= others.touches_what_is_there;
        self.erasures.extend(others.erasures);
        for operation in Vec::from(others.batch) {
            self.batch.push(operation);
        }
    }

    /// The faces that are added, those among them that replace another.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.batch.operations().iter().filter_map(|operation| match operation {
            Operation::Enroll { row, .. } => Some(row),
            _ => None,
        })
    }

    /// Where all changes are new faces of one gallery, and many: that gallery.
    fn bulk(&self) -> Option<GalleryId> {
        let mut bytes = 0;
        let mut galleries = self.batch.operations().iter().map(|operation| match operation {
            Operation::Enroll { gallery, row } => {
                bytes += size_of_val(row.embedding.as_slice());
                Some(*gallery)
            }
            _ => None,
        });
        let first = galleries.next()??;
        let is_one = galleries.all(|gallery| gallery == Some(first));
        (is_one && bytes >= BULK_BYTES_MIN).then_some(first)
    }
}

impl Tenant {
    /// Makes changes durable and visible, all or none.
    ///
    /// # Errors
    /// [`EngineError::Conflict`] where others changed the same meanwhile: compute them again.
    /// [`EngineError::GalleryExists`], [`EngineError::ReadOnly`].
    pub async fn write(&self, changes: Changes) -> Result<Written, EngineError> {
        if changes.is_empty() {
            return Ok(Written::default());
        }
        let (engine, witness) = (Arc::clone(&self.engine), self.witness.clone());
        let written = blocking(move || {
            let erasures = changes.erasures.clone();
            witness.erasing(&erasures, || Ok(write(&engine.store, changes)?.into()))
        });
        Interrupt::shut_out(written).await
    }
}

/// Few new faces go through the log, many past it.
fn write(store: &Store, changes: Changes) -> Result<Commit, WriteError> {
    if let Some(gallery) = changes.bulk() {
        let mut loader = store.load(gallery)?;
        for operation in Vec::from(changes.batch) {
            if let Operation::Enroll { row, .. } = operation {
                loader.push(row)?;
            }
        }
        return loader.commit();
    }
    if changes.touches_what_is_there {
        return store.write_since(&changes.base.snapshot, changes.batch);
    }
    store.write(changes.batch)
}
