//! Use cases of the face database: the only place where vision and storage meet.
//!
//! Both doors call [`Tenant`], a handle that can reach the galleries of one tenant and no others.
//! This folder knows no status codes, no SQLSTATE, no HTTP and no SQL. Its methods are async and
//! do not block the runtime: inference, scans and durable writes run on blocking threads. The one
//! exception is `keyring`, which is not async: looking up a key costs one `stat` of a local file
//! and, after the keys changed, reading it.

mod audit;
mod changes;
mod compare;
mod detect;
mod enroll;
mod error;
mod faces;
mod galleries;
mod gallery_number;
mod given;
mod identify;
mod import;
mod inference;
mod interrupt;
pub mod keyring;
mod lookup;
mod nearest;
mod operating_point;
mod receipt;
mod role;
mod similar;
mod tenant;
mod thumbnails;
mod transaction;
mod turn;
mod update;
mod upkeep;

pub use audit::{Actor, Door, PURPOSE_CHARS_MAX, Purpose, PurposeError, SearchCounts};
pub use changes::{Changes, Written};
pub use compare::ImageComparison;
pub use enroll::{
    Enrollment, EnrollmentDraft, METADATA_BYTES_MAX, QualityFilter, TemplateSource, UnenrolledFace,
};
pub use error::EngineError;
pub use faces::{EnrolledFace, FacePage};
pub use galleries::{
    EXTERNAL_MODEL, GALLERY_DESCRIPTION_CHARS_MAX, GALLERY_NAME_CHARS_MAX, Gallery, GalleryModel,
    GalleryRequest,
};
pub use given::GivenValues;
pub use identify::{
    Candidate, CandidateList, FaceSet, Identification, IdentifyRequest, Match, ProbeSource,
    TenantSnapshot,
};
pub use import::Import;
pub use inference::Inference;
pub use interrupt::{Interrupt, runtime_of_threads};
pub use likeness_storage::{Exactness, Precision};
pub use nearest::{Nearest, NearestRequest, Wanted};
pub use operating_point::{CalibratedThreshold, ErrorRate};
pub use receipt::RECEIPT_KEPT;
pub use role::{Action, Role};
pub use similar::{FacePair, SimilarFaces, SimilarRequest};
pub use tenant::{Tenant, TenantName, TenantNameError};
pub use transaction::Transaction;
pub use update::{FaceField, FaceUpdate};

pub use likeness_storage::{Activity, GallerySize};

pub use crate::audit::{AuditLog, AuditRecord, Verification};

pub use crate::vision::{DetectedFace, Detection, IMAGE_BYTES_MAX, ImageError};

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use likeness_storage::Store;

use self::transaction::Uncommitted;
use self::turn::Turns;
use crate::biometric::FaceIdGenerator;
use crate::causes::TaskError;

/// Similarity from which two faces count as the same person unless the caller says otherwise.
pub const DEFAULT_THRESHOLD: f32 = 0.65;

/// The face database of one data directory, shared by all doors.
#[derive(Debug)]
pub struct Engine {
    store: Arc<Store>,
    inference: Inference,
    face_ids: FaceIdGenerator,
    uncommitted: Arc<Uncommitted>,
    audit: Option<Arc<AuditLog>>,
    searches: Arc<SearchCounts>,
    turns: Turns,
}

impl Engine {
    /// An engine over an open store, with or without a model pack to read images with. It records
    /// nothing of what is done.
    pub fn new(store: Arc<Store>, inference: Inference) -> Arc<Self> {
        Self::assembled(store, inference, None)
    }

    /// An engine as [`Engine::new`] makes it that records in `audit` what is done to faces.
    pub fn recorded(store: Arc<Store>, inference: Inference, audit: AuditLog) -> Arc<Self> {
        Self::assembled(store, inference, Some(Arc::new(audit)))
    }

    fn assembled(
        store: Arc<Store>,
        inference: Inference,
        audit: Option<Arc<AuditLog>>,
    ) -> Arc<Self> {
        let face_ids = FaceIdGenerator::new();
        let (uncommitted, searches) = (Arc::default(), Arc::default());
        let turns = Turns::default();
        Arc::new(Self { store, inference, face_ids, uncommitted, audit, searches, turns })
    }

    /// The handle through which callers of `tenant` reach their own galleries, and only those.
    pub fn tenant(self: &Arc<Self>, tenant: TenantName) -> Tenant {
        Tenant::new(Arc::clone(self), tenant)
    }

    /// The model that reads images here, if one is loaded.
    pub fn model(&self) -> Option<&str> {
        self.inference.pipeline().ok().map(|pipeline| pipeline.model())
    }

    /// The searches that were made, and what they read.
    pub fn searches(&self) -> &SearchCounts {
        &self.searches
    }

    /// The audit log, if one is kept.
    pub fn audit(&self) -> Option<&AuditLog> {
        self.audit.as_deref()
    }

    /// What reads images here: a model pack, or the reason why there is none.
    pub fn inference(&self) -> &Inference {
        &self.inference
    }

    /// Writes what is in memory to segments, so that the next start has nothing to replay.
    ///
    /// Blocks; for shutdown.
    ///
    /// # Errors
    /// When the store cannot be written; nothing acknowledged is lost by that.
    pub fn checkpoint(&self) -> Result<(), EngineError> {
        self.store.checkpoint()?;
        Ok(())
    }
}

/// Runs blocking work off the async threads and waits for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(ended) => Err(EngineError::Internal(Box::new(TaskError::from(&ended)))),
    }
}

/// Microseconds since the Unix epoch.
fn now_us() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
