//! Transactions: changes that only their author sees until they are committed together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use likeness_storage::{GalleryDescriptor, TemplateId};

use super::audit::Erasures;
use super::{Changes, EngineError, Tenant, TenantSnapshot, Written, blocking};
use crate::biometric::FaceId;

/// Most bytes of changes that all open transactions may hold together. What a single one may hold
/// is what a record of the log may.
const UNCOMMITTED_BYTES_MAX: u64 = 1 << 30;

/// Changes of one tenant on top of a snapshot. A value: a clone is a savepoint, costs nothing, and
/// does not see what is done to the other. Dropping it leaves nothing.
#[derive(Debug, Clone)]
pub struct Transaction {
    tenant: Tenant,
    snapshot: TenantSnapshot,
    changes: likeness_storage::Transaction,
    /// What is recorded when it is committed.
    erasures: Erasures,
    share: Arc<Share>,
}

/// The bytes that all open transactions hold.
#[derive(Debug, Default)]
pub(super) struct Uncommitted(AtomicU64);

/// What one transaction and its savepoints hold of them. They share what they hold, so the newest
/// stands for all.
#[derive(Debug)]
struct Share {
    uncommitted: Arc<Uncommitted>,
    bytes: AtomicU64,
}

impl Tenant {
    /// Begins a transaction with the store as it is now.
    pub fn begin(&self) -> Transaction {
        let snapshot = self.snapshot();
        let changes = likeness_storage::Transaction::new(snapshot.snapshot.clone());
        let uncommitted = Arc::clone(&self.engine.uncommitted);
        let share = Arc::new(Share { uncommitted, bytes: AtomicU64::new(0) });
        let erasures = Erasures::default();
        Transaction { tenant: self.clone(), snapshot, changes, erasures, share }
    }
}

impl Transaction {
    /// What the transaction shows: the snapshot it began with, and its own changes.
    pub fn snapshot(&self) -> &TenantSnapshot {
        &self.snapshot
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The transaction with further changes, all of them; what was computed from
    /// [`Transaction::snapshot`] fits.
    ///
    /// # Errors
    /// [`EngineError::GalleryExists`], [`EngineError::TooLarge`],
    /// [`EngineError::TooMuchUncommitted`].
    pub async fn apply(&self, changes: Changes) -> Result<(Self, Written), EngineError> {
        let mut next = self.clone();
        blocking(move || {
            let commit = next.changes.apply(changes.batch)?;
            next.share.hold(next.changes.bytes() as u64)?;
            next.erasures.extend(changes.erasures);
            let snapshot = next.changes.snapshot();
            next.snapshot = TenantSnapshot { snapshot, ..next.snapshot };
            Ok((next, commit.into()))
        })
        .await
    }

    /// Watches faces that the transaction has read: it is not committed if others change or remove
    /// one of them meanwhile.
    ///
    /// # Errors
    /// [`EngineError::TooMuchUncommitted`].
    pub fn watch(
        &mut self,
        gallery: &GalleryDescriptor,
        faces: &[FaceId],
    ) -> Result<(), EngineError> {
        for face_id in faces {
            self.changes.watch(gallery.id, TemplateId::new(face_id.as_u128()));
        }
        self.share.hold(self.changes.bytes() as u64)
    }

    /// Makes everything durable and visible at once, or nothing. Who commits first wins.
    ///
    /// # Errors
    /// [`EngineError::Conflict`], [`EngineError::GalleryExists`] where others took a name
    /// meanwhile, [`EngineError::ReadOnly`].
    pub async fn commit(self) -> Result<(), EngineError> {
        if self.is_empty() && !self.changes.is_watching() {
            return Ok(());
        }
        blocking(move || {
            let Self { tenant, changes, erasures, .. } = self;
            tenant.witness.erasing(&erasures, || {
                tenant.engine.store.commit(changes)?;
                Ok(())
            })
        })
        .await
    }
}

impl Share {
    /// Holds so many bytes from now on, if there is room.
    fn hold(&self, bytes: u64) -> Result<(), EngineError> {
        let total = &self.uncommitted.0;
        let before = self.bytes.swap(bytes, Ordering::Relaxed);
        let all = total.fetch_add(bytes, Ordering::Relaxed) + bytes - before;
        total.fetch_sub(before, Ordering::Relaxed);
        if bytes > before && all > UNCOMMITTED_BYTES_MAX {
            total.fetch_sub(bytes - before, Ordering::Relaxed);
            self.bytes.store(before, Ordering::Relaxed);
            return Err(EngineError::TooMuchUncommitted(UNCOMMITTED_BYTES_MAX >> 20));
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.uncommitted.0.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}
