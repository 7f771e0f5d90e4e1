//! Write batches: the atomic group of operations, its outcome, and why it may be refused.

use std::sync::Arc;

use crate::embedding::Dim;
use crate::error::{Corruption, IoFailure};
use crate::gallery::GalleryDraft;
use crate::id::{GalleryId, Lsn, TemplateId};
use crate::row::Row;

/// One change to the store.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Creates a gallery; its identity is in [`Commit::created`].
    CreateGallery(GalleryDraft),
    /// Gives a gallery another name and description, each of which may be what it was.
    AlterGallery {
        /// The gallery.
        gallery: GalleryId,
        /// Its name from now on.
        name: Box<str>,
        /// Its description from now on.
        description: Option<Box<str>>,
    },
    /// Removes a gallery and every row of it.
    DropGallery(GalleryId),
    /// Adds a row to a gallery.
    Enroll {
        /// The gallery.
        gallery: GalleryId,
        /// The row.
        row: Row,
    },
    /// Removes a row from a gallery; a row that is not there is left alone and not counted.
    Remove {
        /// The gallery.
        gallery: GalleryId,
        /// The row's identity.
        template: TemplateId,
    },
}

/// Operations that become visible and durable together or not at all, applied in order.
///
/// Later operations see the effect of earlier ones: removing a template and enrolling it again
/// in one batch replaces it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WriteBatch {
    operations: Vec<Operation>,
}

impl WriteBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an operation.
    pub fn push(&mut self, operation: Operation) -> &mut Self {
        self.operations.push(operation);
        self
    }

    /// Appends the creation of a gallery.
    pub fn create_gallery(&mut self, draft: GalleryDraft) -> &mut Self {
        self.push(Operation::CreateGallery(draft))
    }

    /// Appends another name and description of a gallery.
    pub fn alter_gallery(
        &mut self,
        gallery: GalleryId,
        name: Box<str>,
        description: Option<Box<str>>,
    ) -> &mut Self {
        self.push(Operation::AlterGallery { gallery, name, description })
    }

    /// Appends the removal of a gallery.
    pub fn drop_gallery(&mut self, gallery: GalleryId) -> &mut Self {
        self.push(Operation::DropGallery(gallery))
    }

    /// Appends the enrolment of a row.
    pub fn enroll(&mut self, gallery: GalleryId, row: Row) -> &mut Self {
        self.push(Operation::Enroll { gallery, row })
    }

    /// Appends the removal of a row.
    pub fn remove(&mut self, gallery: GalleryId, template: TemplateId) -> &mut Self {
        self.push(Operation::Remove { gallery, template })
    }

    /// The number of operations.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// The operations in order.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    pub(crate) fn into_operations(self) -> Vec<Operation> {
        self.operations
    }
}

impl From<WriteBatch> for Vec<Operation> {
    fn from(batch: WriteBatch) -> Self {
        batch.operations
    }
}

impl From<Vec<Operation>> for WriteBatch {
    fn from(operations: Vec<Operation>) -> Self {
        Self { operations }
    }
}

/// What a durable batch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// The batch's position in commit order; of an empty batch, the position of the last one.
    pub lsn: Lsn,
    /// Galleries created, in the order of their operations.
    pub created: Vec<GalleryId>,
    /// Rows added.
    pub enrolled: u64,
    /// Rows removed by [`Operation::Remove`].
    pub removed: u64,
}

/// Why a batch was not committed. Unless said otherwise nothing of it has happened.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The tenant already has a gallery of that name.
    #[error("tenant {tenant} already has a gallery named {name}")]
    GalleryExists {
        /// The tenant.
        tenant: Box<str>,
        /// The name asked for.
        name: Box<str>,
    },
    /// The gallery does not exist, or no longer.
    #[error("there is no gallery {0}")]
    NoSuchGallery(GalleryId),
    /// The gallery already has a live template of that identity.
    #[error("the gallery already has template {0}")]
    DuplicateTemplate(TemplateId),
    /// Another batch changed, since the state that this one was computed from, what this one
    /// changes. Computing it again from the present state may succeed.
    #[error("another batch has changed meanwhile what this one changes")]
    Conflict,
    /// The embedding does not have the gallery's dimension.
    #[error("the gallery holds embeddings of {expected} components, not {actual}")]
    DimensionMismatch {
        /// The gallery's dimension.
        expected: Dim,
        /// The row's dimension.
        actual: Dim,
    },
    /// The row's model is not the gallery's.
    #[error("the gallery holds templates of model {expected}, not {actual}")]
    ModelMismatch {
        /// The gallery's model.
        expected: Arc<str>,
        /// The row's model.
        actual: Arc<str>,
    },
    /// A number of the row is infinite or not a number.
    #[error("{what} is not finite")]
    NotFinite {
        /// The field.
        what: &'static str,
    },
    /// A part of the batch, or the batch, exceeds its bound in [`limits`](crate::limits).
    #[error("{what} has {actual} {unit}, at most {limit} are allowed")]
    TooLarge {
        /// The part that is too large.
        what: &'static str,
        /// What is counted: characters, bytes, operations.
        unit: &'static str,
        /// Its size.
        actual: usize,
        /// The bound.
        limit: usize,
    },
    /// The store takes no more writes until it is opened again, because an earlier write to
    /// disk failed.
    #[error("the store is read-only until it is opened again")]
    ReadOnly {
        /// The failure that caused it.
        #[source]
        cause: Arc<IoFailure>,
    },
    /// Writing this very batch to disk failed, or the file it should stand in; with that the store
    /// became read-only. The batch is not visible and never will be in this process, but may be
    /// found on disk when the store is opened again.
    #[error("the batch could not be made durable")]
    Io(#[source] Arc<IoFailure>),
    /// The rows of a bulk load could not be written to disk. Nothing of the load has happened, and
    /// the store goes on.
    #[error("the rows could not be written to disk")]
    NotLoaded(#[source] Arc<IoFailure>),
    /// What would have to be read to decide is damaged.
    #[error(transparent)]
    Corruption(#[from] Corruption),
    /// Files with erased rows could not be removed; they are tried again with every checkpoint.
    #[error("{files} files that hold erased templates could not be removed; erase again")]
    NotErased {
        /// Their number.
        files: u64,
    },
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// The store stopped before it could answer: the batch may be durable or not.
    #[error("the store stopped before it could say whether the batch is durable")]
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_keeps_the_order_of_its_operations() {
        let mut batch = WriteBatch::new();
        assert!(batch.is_empty());
        batch.remove(GalleryId::new(1), TemplateId::new(2)).drop_gallery(GalleryId::new(1));
        assert_eq!(batch.len(), 2);
        assert_eq!(
            batch.operations(),
            [
                Operation::Remove { gallery: GalleryId::new(1), template: TemplateId::new(2) },
                Operation::DropGallery(GalleryId::new(1)),
            ],
        );
    }
}
