//! Who acts for a tenant, and the record that what they do to faces leaves.
//!
//! The record is made here, below both doors, so that no door can forget it. One that cannot be
//! written fails the use case: nobody gets an answer that left no trace.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use likeness_storage::{GalleryDescriptor, GalleryId, Snapshot};
use parking_lot::Mutex;

use super::keyring::Key;
use super::{Engine, EngineError, ProbeSource, Role, Tenant, TenantName, blocking};
use crate::audit::{AuditAction, AuditEntry, AuditLog, AuditRecord, Verification, verify};
use crate::biometric::FaceId;
use crate::causes::with_causes;

/// Longest purpose in characters.
pub const PURPOSE_CHARS_MAX: usize = 200;
/// Faces of one erasure that are remembered by their ids: as many as a record names.
const ERASED_IDS_MAX: usize = 100;

/// Where somebody came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The HTTP API.
    Rest,
    /// The PostgreSQL wire.
    Sql,
    /// Nowhere: the server itself.
    Server,
}

impl Door {
    const fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Sql => "sql",
            Self::Server => "server",
        }
    }
}

/// Who acts for a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Id of their key; none for the server itself.
    pub key_id: Option<String>,
    /// Name of their key.
    pub key: Option<String>,
    /// What it may do.
    pub role: Role,
    /// Where they came in.
    pub door: Door,
}

impl Actor {
    /// The server itself.
    pub const SERVER: Self =
        Self { key_id: None, key: None, role: Role::Admin, door: Door::Server };

    /// The holder of `key`.
    pub fn holding(key: &Key, door: Door) -> Self {
        let (key_id, name) = (Some(key.id.clone()), Some(key.name.clone()));
        Self { key_id, key: name, role: key.role, door }
    }
}

/// What something is done for, as whoever does it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purpose(Arc<str>);

/// The text is no purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {PURPOSE_CHARS_MAX} characters without control characters")]
pub struct PurposeError;

impl FromStr for Purpose {
    type Err = PurposeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let chars = text.chars().count();
        let is_fine =
            (1..=PURPOSE_CHARS_MAX).contains(&chars) && !text.chars().any(char::is_control);
        if is_fine { Ok(Self(text.into())) } else { Err(PurposeError) }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How much was searched since the server started, by all tenants together.
#[derive(Debug, Default)]
pub struct SearchCounts {
    searches: AtomicU64,
    rows: AtomicU64,
}

impl SearchCounts {
    /// Searches made, one-to-many and many-to-many.
    pub fn searches(&self) -> u64 {
        self.searches.load(Ordering::Relaxed)
    }

    /// Rows that they went through.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }
}

/// Records what one actor does with the galleries of one tenant. Clones are the same witness.
#[derive(Debug, Clone)]
pub(super) struct Witness {
    /// None where nothing is recorded: in benches and tests.
    log: Option<Arc<AuditLog>>,
    searches: Arc<SearchCounts>,
    tenant: TenantName,
    actor: Arc<Actor>,
    purpose: Arc<Mutex<Option<Purpose>>>,
}

impl Witness {
    pub(super) fn new(engine: &Engine, tenant: TenantName, actor: Actor) -> Self {
        let (log, searches) = (engine.audit.clone(), Arc::clone(&engine.searches));
        Self { log, searches, tenant, actor: Arc::new(actor), purpose: Arc::default() }
    }

    /// An entry that says who did what; the rest is for the caller to fill in.
    pub(super) fn entry(&self, action: AuditAction, gallery: Option<&str>) -> AuditEntry {
        let actor = &self.actor;
        AuditEntry {
            key_id: actor.key_id.clone(),
            key: actor.key.clone(),
            collection: gallery.map(str::to_owned),
            purpose: self.purpose.lock().as_ref().map(ToString::to_string),
            ..AuditEntry::new(self.tenant.as_str(), actor.door.name(), action)
        }
    }

    /// # Errors
    /// [`EngineError::Unrecorded`].
    pub(super) fn record(&self, entry: AuditEntry) -> Result<(), EngineError> {
        let Some(log) = &self.log else { return Ok(()) };
        Ok(log.append(entry)?)
    }

    /// Counts searches that shared a pass over so many rows.
    pub(super) fn count_searches(&self, searches: usize, rows: u64) {
        self.searches.searches.fetch_add(searches as u64, Ordering::Relaxed);
        self.searches.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// As [`Witness::record`]; blocks until no crash can lose the record.
    ///
    /// # Errors
    /// [`EngineError::Unrecorded`].
    pub(super) fn record_durably(&self, entry: AuditEntry) -> Result<(), EngineError> {
        let Some(log) = &self.log else { return Ok(()) };
        Ok(log.append_durably(entry)?)
    }

    /// Does what erases, which is recorded before it happens: then none can be missing after a
    /// crash. If it fails after all, another record says so.
    ///
    /// # Errors
    /// [`EngineError::Unrecorded`], and those of `erase`.
    pub(super) fn erasing<T>(
        &self,
        erasures: &Erasures,
        erase: impl FnOnce() -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        self.record_erasures(erasures, false)?;
        let done = erase();
        if done.is_err()
            && let Err(error) = self.record_erasures(erasures, true)
        {
            let error = with_causes(&error);
            tracing::error!(error, "an erasure is recorded that did not happen");
        }
        done
    }

    fn record_erasures(&self, erasures: &Erasures, failed: bool) -> Result<(), EngineError> {
        let erased: Vec<&Erased> = erasures.0.values().collect();
        let Some((last, others)) = erased.split_last() else { return Ok(()) };
        let entry = |erased: &Erased| {
            let entry = self.entry(AuditAction::Erase, Some(&erased.gallery));
            AuditEntry { failed, ..entry }.with_faces(erased.faces, erased.ids.iter())
        };
        for erased in others {
            self.record(entry(erased))?;
        }
        // With the last one all are on disk.
        self.record_durably(entry(last))
    }
}

/// What changes take away for good; faces that are replaced by themselves are not among it.
#[derive(Debug, Clone, Default)]
pub(super) struct Erasures(BTreeMap<GalleryId, Erased>);

#[derive(Debug, Clone)]
struct Erased {
    gallery: Arc<str>,
    faces: u64,
    ids: Vec<FaceId>,
}

impl Erasures {
    /// One face of `gallery`.
    pub(super) fn add_face(&mut self, gallery: &GalleryDescriptor, face_id: FaceId) {
        let erased = self.of(gallery);
        erased.faces += 1;
        if erased.ids.len() < ERASED_IDS_MAX {
            erased.ids.push(face_id);
        }
    }

    /// `gallery` with the faces that it has in `snapshot`.
    pub(super) fn add_gallery(&mut self, gallery: &GalleryDescriptor, snapshot: &Snapshot) {
        let erased = self.of(gallery);
        erased.faces += snapshot.row_count(gallery.id);
        let room = ERASED_IDS_MAX.saturating_sub(erased.ids.len());
        // Rows that cannot be read any more are no reason to keep them.
        let readable = snapshot.rows(gallery.id, None).map_while(Result::ok);
        erased.ids.extend(readable.take(room).map(|row| FaceId::from_u128(row.id.get())));
    }

    /// All of `later` too.
    pub(super) fn extend(&mut self, later: Self) {
        for (id, erased) in later.0 {
            let gallery = Arc::clone(&erased.gallery);
            let sum = self.0.entry(id).or_insert(Erased { gallery, faces: 0, ids: Vec::new() });
            sum.faces += erased.faces;
            let room = ERASED_IDS_MAX.saturating_sub(sum.ids.len());
            sum.ids.extend(erased.ids.into_iter().take(room));
        }
    }

    fn of(&mut self, gallery: &GalleryDescriptor) -> &mut Erased {
        self.0.entry(gallery.id).or_insert_with(|| Erased {
            gallery: gallery.name.as_ref().into(),
            faces: 0,
            ids: Vec::new(),
        })
    }
}

/// How a record names what was searched for. Names that callers gave are not among it.
pub(super) fn probe_name(probe: &ProbeSource) -> String {
    match probe {
        ProbeSource::Face(face_id) => face_id.to_string(),
        ProbeSource::External(_) => "external".to_owned(),
        ProbeSource::Image(_) => "image".to_owned(),
        ProbeSource::Embedding(_) => "embedding".to_owned(),
    }
}

impl Tenant {
    /// The same galleries, reached by `actor`.
    #[must_use]
    pub fn acting_as(self, actor: Actor) -> Self {
        let witness = Witness::new(&self.engine, self.name.clone(), actor);
        Self { witness, ..self }
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.witness.actor
    }

    /// What is done is done for, as far as somebody said.
    pub fn purpose(&self) -> Option<Purpose> {
        self.witness.purpose.lock().clone()
    }

    /// Says what everything from here on is done for, by this handle and its clones.
    pub fn set_purpose(&self, purpose: Option<Purpose>) {
        *self.witness.purpose.lock() = purpose;
    }

    /// What was recorded of the tenant, oldest first; empty where nothing is recorded. Reads files
    /// as it goes, so it is for threads that may block.
    ///
    /// # Errors
    /// [`EngineError::Unrecorded`] when the log cannot be read.
    pub fn audit_records(
        &self,
    ) -> Result<impl Iterator<Item = Result<AuditRecord, EngineError>> + Send + use<>, EngineError>
    {
        let log = self.witness.log.as_ref();
        let records = log.map(|log| log.records(self.name.as_str())).transpose()?;
        Ok(records.into_iter().flatten().map(|record| record.map_err(EngineError::from)))
    }

    /// Follows the chain of the whole log, which holds the records of all tenants: for the operator
    /// to ask. None where nothing is recorded.
    ///
    /// # Errors
    /// [`EngineError::Unrecorded`] when the log cannot be read.
    pub async fn verify_audit(&self) -> Result<Option<Verification>, EngineError> {
        let Some(log) = self.witness.log.clone() else { return Ok(None) };
        blocking(move || {
            let data = log.folder().parent().unwrap_or(log.folder());
            Ok(Some(verify(data, None)?))
        })
        .await
    }
}
