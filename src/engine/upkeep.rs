//! What keeps a store small: how large the galleries are, and making deleted faces gone.

use std::sync::Arc;

use likeness_storage::{Activity, ErasureReceipt, GallerySize};

use crate::audit::{AuditAction, AuditEntry};

use super::receipt::holds_receipts;
use super::{Engine, EngineError, Tenant, TenantSnapshot, blocking};

impl TenantSnapshot {
    /// The galleries of the tenant in name order, and how large each is.
    pub fn sizes(&self) -> Vec<(String, GallerySize)> {
        self.snapshot
            .galleries(self.tenant.as_str(), None)
            .filter_map(|gallery| Some((gallery.name.to_string(), self.snapshot.size(gallery.id)?)))
            .collect()
    }
}

impl TenantSnapshot {
    /// Records that rows of `gallery` leave, or its embeddings do.
    ///
    /// # Errors
    /// [`EngineError::Unrecorded`]; then they must stay.
    pub fn record_export(&self, gallery: &str) -> Result<(), EngineError> {
        self.witness.record(self.witness.entry(AuditAction::Export, Some(gallery)))
    }
}

impl Tenant {
    /// Makes the bytes of all faces gone that were deleted from a gallery before this call, or from
    /// all of the tenant's galleries, dropped ones included; done when this returns.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`], [`EngineError::ReadOnly`], [`EngineError::Damaged`].
    pub async fn erase(&self, gallery: Option<&str>) -> Result<ErasureReceipt, EngineError> {
        let snapshot = self.snapshot();
        let galleries = if let Some(name) = gallery {
            vec![snapshot.descriptor(name)?.id]
        } else {
            let all = snapshot.snapshot.galleries(self.name.as_str(), None);
            all.map(|gallery| gallery.id).collect()
        };
        let (engine, witness) = (Arc::clone(&self.engine), self.witness.clone());
        let entry = witness.entry(AuditAction::Purge, gallery);
        blocking(move || {
            let receipt = engine.store.erase(&galleries)?;
            witness.record_durably(AuditEntry { faces: Some(receipt.rows_purged), ..entry })?;
            Ok(receipt)
        })
        .await
    }
}

impl Engine {
    /// How large all galleries are together: for the operator.
    pub fn size(&self) -> GallerySize {
        let mut sum = GallerySize::default();
        let snapshot = self.store.snapshot();
        for (_, size) in snapshot.sizes().filter(|(gallery, _)| !holds_receipts(gallery)) {
            sum.rows += size.rows;
            sum.rows_deleted += size.rows_deleted;
            sum.rows_in_memory += size.rows_in_memory;
            sum.bytes_in_memory += size.bytes_in_memory;
            sum.segments += size.segments;
            sum.segment_bytes += size.segment_bytes;
            sum.code_bytes += size.code_bytes;
        }
        sum
    }

    /// What the store did since it was opened, for all tenants together: for the operator.
    pub fn activity(&self) -> Activity {
        self.store.activity()
    }
}
