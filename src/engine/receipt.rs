//! Receipts: what is kept of a request that must not be carried out twice.
//!
//! A receipt is a row in the batch of what the request creates, so that after a crash both are
//! there or neither. They stand in galleries of an owner whose name no tenant can have, one for
//! each day: what is old goes with its gallery.

use std::sync::Arc;
use std::time::Duration;

use likeness_storage::{
    Dim, Embedding, GalleryDescriptor, GalleryDraft, Precision, Row, Snapshot, Store, TemplateId,
    WriteBatch, WriteError,
};
use ring::digest::{Context, SHA256};

use super::{Changes, EngineError, Tenant, TenantName, blocking, now_us};

/// How long a receipt is good.
pub const RECEIPT_KEPT: Duration = Duration::from_hours(24);

/// Whose the galleries are; names of tenants begin with a letter.
const OWNER: &str = ".receipts";
const MODEL: &str = "receipt";
const DAY_US: i64 = 86_400_000_000;

/// Whether a gallery holds receipts instead of faces.
pub(super) fn holds_receipts(gallery: &GalleryDescriptor) -> bool {
    *gallery.tenant == *OWNER
}

impl Tenant {
    /// What was written on the receipt under `key`, if there is one that is still good.
    ///
    /// # Errors
    /// [`EngineError::Damaged`].
    pub fn receipt(&self, key: &str) -> Result<Option<String>, EngineError> {
        self.receipt_at(key, now_us())
    }

    fn receipt_at(&self, key: &str, now_us: i64) -> Result<Option<String>, EngineError> {
        let (snapshot, id) = (self.engine.store.snapshot(), id_of(&self.name, key));
        // It is good for a day, so it is of today or of yesterday.
        for day in [day_of(now_us), day_of(now_us) - 1] {
            let Some(gallery) = gallery_of(&snapshot, day) else { continue };
            let receipt = snapshot.get(gallery.id, id)?;
            let age_us = receipt.map(|receipt| now_us.saturating_sub(receipt.created_at_us));
            if age_us.is_some_and(|age_us| age_us < micros(RECEIPT_KEPT)) {
                return Ok(receipt.and_then(|receipt| receipt.metadata).map(str::to_owned));
            }
        }
        Ok(None)
    }

    /// Adds a receipt to the changes of a request, to be found by its `key` from when they are
    /// there. There must be none under this key.
    ///
    /// # Errors
    /// Those of [`Tenant::write`].
    pub async fn leave_receipt(
        &self,
        changes: &mut Changes,
        key: &str,
        text: String,
    ) -> Result<(), EngineError> {
        self.leave_receipt_at(changes, key, text, now_us()).await
    }

    async fn leave_receipt_at(
        &self,
        changes: &mut Changes,
        key: &str,
        text: String,
        now_us: i64,
    ) -> Result<(), EngineError> {
        let (store, day) = (Arc::clone(&self.engine.store), day_of(now_us));
        let there = gallery_of(&store.snapshot(), day).cloned();
        let gallery = match there {
            Some(gallery) => gallery,
            None => blocking(move || begin_day(&store, day)).await?,
        };
        let point = Embedding::normalize(vec![1.0]);
        let point = point.map_err(|why| EngineError::Internal(Box::new(why)))?;
        let row = Row {
            metadata: Some(text.into()),
            created_at_us: now_us,
            ..Row::new(id_of(&self.name, key), MODEL, point)
        };
        changes.enroll(&gallery, row);
        Ok(())
    }
}

/// Makes a gallery for the receipts of `day`, and drops those of days that are over for all of
/// them.
fn begin_day(store: &Store, day: i64) -> Result<Arc<GalleryDescriptor>, EngineError> {
    let snapshot = store.snapshot();
    let mut batch = WriteBatch::new();
    let is_over = |gallery: &&Arc<GalleryDescriptor>| *gallery.name < *name_of(day - 1);
    for gallery in snapshot.galleries(OWNER, None).filter(is_over) {
        batch.drop_gallery(gallery.id);
    }
    batch.create_gallery(GalleryDraft {
        tenant: OWNER.into(),
        name: name_of(day).into(),
        description: None,
        model: MODEL.into(),
        dim: Dim::new(1).ok_or_else(|| EngineError::invalid("dimensions", "must not be zero"))?,
        precision: Precision::default(),
        thumbnails: false,
        created_at_us: day.saturating_mul(DAY_US),
    });
    match store.write_since(&snapshot, batch) {
        // Another request was the first of the day.
        Ok(_) | Err(WriteError::GalleryExists { .. } | WriteError::Conflict) => {}
        Err(error) => return Err(error.into()),
    }
    gallery_of(&store.snapshot(), day).cloned().ok_or(EngineError::Conflict)
}

fn gallery_of(snapshot: &Snapshot, day: i64) -> Option<&Arc<GalleryDescriptor>> {
    snapshot.gallery_by_name(OWNER, &name_of(day))
}

/// Names in the order of the days.
fn name_of(day: i64) -> String {
    format!("{day:08}")
}

fn day_of(now_us: i64) -> i64 {
    now_us.div_euclid(DAY_US)
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// Half of a hash: nobody finds a key that has the identity of another tenant's.
fn id_of(tenant: &TenantName, key: &str) -> TemplateId {
    let mut hasher = Context::new(&SHA256);
    // No name of a tenant has a zero byte.
    for part in [tenant.as_str().as_bytes(), &[0], key.as_bytes()] {
        hasher.update(part);
    }
    let hash = hasher.finish();
    let half = hash.as_ref().iter().take(size_of::<u128>());
    TemplateId::new(half.fold(0, |id, byte| (id << 8) | u128::from(*byte)))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use likeness_storage::StoreOptions;
    use tempfile::TempDir;

    use super::*;
    use crate::engine::tests::create;
    use crate::engine::{Engine, EnrollmentDraft, Inference, TemplateSource};

    const HOUR_US: i64 = DAY_US / 24;
    /// Eleven in the evening.
    const EVENING_US: i64 = 20_000 * DAY_US + 23 * HOUR_US;

    fn opened(path: &Path) -> Arc<Engine> {
        let (store, _) = Store::open(path, StoreOptions::default()).unwrap();
        Engine::new(Arc::new(store), Inference::unavailable("none"))
    }

    fn tenant(engine: &Arc<Engine>, name: &str) -> Tenant {
        engine.tenant(name.parse().unwrap())
    }

    /// The files of a directory as a process leaves them that is killed now.
    fn killed(directory: &TempDir) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(directory.path()).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
        copy
    }

    async fn enroll(
        tenant: &Tenant,
        key: &str,
        text: &str,
        now_us: i64,
    ) -> Result<(), EngineError> {
        let draft = EnrollmentDraft {
            source: TemplateSource::Embedding(vec![1.0; 32]),
            external_face_id: None,
            external_image_id: None,
            metadata: None,
        };
        let (mut changes, _) = tenant.enrollment(&tenant.snapshot(), "users", vec![draft]).await?;
        tenant.leave_receipt_at(&mut changes, key, text.to_owned(), now_us).await?;
        tenant.write(changes).await.map(drop)
    }

    fn faces(tenant: &Tenant) -> u64 {
        tenant.snapshot().gallery("users").unwrap().face_count
    }

    #[tokio::test]
    async fn a_receipt_survives_a_kill_together_with_what_it_is_for() {
        let directory = tempfile::tempdir().unwrap();
        let acme = tenant(&opened(directory.path()), "acme");
        create(&acme, "users").await.unwrap();
        let before = killed(&directory);
        enroll(&acme, "k", "first", EVENING_US).await.unwrap();
        let after = killed(&directory);

        let restarted = tenant(&opened(before.path()), "acme");
        assert_eq!(restarted.receipt_at("k", EVENING_US).unwrap(), None);
        assert_eq!(faces(&restarted), 0);
        let restarted = tenant(&opened(after.path()), "acme");
        assert_eq!(restarted.receipt_at("k", EVENING_US).unwrap().as_deref(), Some("first"));
        assert_eq!(faces(&restarted), 1);
    }

    #[tokio::test]
    async fn what_is_not_committed_leaves_no_receipt() {
        let directory = tempfile::tempdir().unwrap();
        let acme = tenant(&opened(directory.path()), "acme");
        create(&acme, "users").await.unwrap();
        let at = acme.snapshot();
        let mut changes = at.drop_of("users").unwrap();
        acme.leave_receipt_at(&mut changes, "k", "lost".to_owned(), EVENING_US).await.unwrap();
        acme.drop_gallery("users").await.unwrap();
        assert!(matches!(acme.write(changes).await, Err(EngineError::Conflict)));
        assert_eq!(acme.receipt_at("k", EVENING_US).unwrap(), None);
    }

    #[tokio::test]
    async fn a_receipt_is_good_for_a_day_and_for_its_tenant() {
        let directory = tempfile::tempdir().unwrap();
        let engine = opened(directory.path());
        let acme = tenant(&engine, "acme");
        create(&acme, "users").await.unwrap();
        enroll(&acme, "k", "first", EVENING_US).await.unwrap();
        let last = EVENING_US + DAY_US - 1;
        assert_eq!(acme.receipt_at("k", last).unwrap().as_deref(), Some("first"));
        assert_eq!(acme.receipt_at("k", last + 1).unwrap(), None);
        assert_eq!(acme.receipt_at("other", EVENING_US).unwrap(), None);
        assert_eq!(tenant(&engine, "beta").receipt_at("k", EVENING_US).unwrap(), None);
        enroll(&acme, "k", "anew", last + 1).await.unwrap();
        assert_eq!(acme.receipt_at("k", last + 2).unwrap().as_deref(), Some("anew"));
    }

    #[tokio::test]
    async fn receipts_are_no_faces_and_old_ones_go_with_their_day() {
        let directory = tempfile::tempdir().unwrap();
        let engine = opened(directory.path());
        let acme = tenant(&engine, "acme");
        create(&acme, "users").await.unwrap();
        for day in 0..5 {
            enroll(&acme, "k", "text", EVENING_US + day * DAY_US).await.unwrap();
        }
        let days: Vec<_> = engine.store.snapshot().galleries(OWNER, None).cloned().collect();
        let names: Vec<&str> = days.iter().map(|gallery| &*gallery.name).collect();
        assert_eq!(names, ["00020003", "00020004"]);
        assert!(days.iter().all(|gallery| holds_receipts(gallery)));
        assert_eq!(acme.snapshot().galleries(None, 10).len(), 1);
        assert_eq!(engine.size().rows, 5);
    }
}
