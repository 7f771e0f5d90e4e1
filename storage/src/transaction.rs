//! Changes that only their author sees until they are committed, all of them together.

use std::sync::Arc;

use imbl::Vector;

use crate::batch::{Commit, WriteBatch, WriteError};
use crate::change::Change;
use crate::id::{GalleryId, Lsn, TemplateId};
use crate::prepare::{Draft, Proposal};
use crate::snapshot::Snapshot;

/// A snapshot, and what its owner did to it since. A value: a clone is a savepoint, costs nothing,
/// and does not see what is done to the other.
#[derive(Clone, Debug)]
pub struct Transaction {
    base: Snapshot,
    /// The base with the changes made to it.
    draft: Draft,
    changes: Vector<Change>,
    /// Rows that nobody else may change before it is committed.
    watched: Vector<(GalleryId, TemplateId)>,
}

impl Transaction {
    /// A transaction that begins with what `base` shows.
    pub fn new(base: Snapshot) -> Self {
        let draft = Draft::new("the transaction", base.version());
        Self { base, draft, changes: Vector::new(), watched: Vector::new() }
    }

    /// Adds a batch: all of it or nothing. It is validated as
    /// [`Store::write`](crate::Store::write) would, against what the transaction shows. It has no
    /// place in commit order yet, and galleries that it creates have the identities in
    /// [`Commit::created`] within the transaction only.
    ///
    /// # Errors
    /// [`WriteError`]; the transaction is as it was before.
    pub fn apply(&mut self, batch: WriteBatch) -> Result<Commit, WriteError> {
        let mut next = self.clone();
        next.draft.check_room(batch.len())?;
        next.draft.commit = Commit { lsn: next.draft.commit.lsn, ..Commit::default() };
        for operation in batch.into_operations() {
            let change = next.draft.validate(operation)?;
            let changed = next.draft.apply(&change)?;
            // What is not there cannot be missed at the end.
            if changed || !matches!(change, Change::Remove { .. }) {
                next.changes.push_back(change);
            }
        }
        *self = next;
        Ok(Commit { lsn: Lsn::default(), ..self.draft.commit.clone() })
    }

    /// What the transaction shows now: its base with its own changes.
    pub fn snapshot(&self) -> Snapshot {
        if self.is_empty() {
            return self.base.clone();
        }
        self.base.with_version(Arc::new(self.draft.version.clone()))
    }

    /// The snapshot it began with.
    pub fn base(&self) -> &Snapshot {
        &self.base
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Watches a row of the base: the transaction is not committed if others changed or removed it
    /// meanwhile.
    pub fn watch(&mut self, gallery: GalleryId, template: TemplateId) {
        self.watched.push_back((gallery, template));
    }

    /// Whether it watches anything, so that a commit of no changes may fail.
    pub fn is_watching(&self) -> bool {
        !self.watched.is_empty()
    }

    /// The bytes that it takes, roughly: in memory now, its changes in the log then.
    pub fn bytes(&self) -> usize {
        self.draft.bytes() + self.watched.len() * size_of::<(GalleryId, TemplateId)>()
    }

    pub(crate) fn into_proposal(self) -> Proposal {
        let (watched, since) =
            (self.watched.into_iter().collect(), Arc::clone(self.base.version()));
        Proposal::Changes { changes: self.changes, watched, since }
    }
}
