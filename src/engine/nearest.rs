//! The faces nearest to a vector, for callers that measure distances by themselves.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use likeness_storage::{Exactness, GalleryDescriptor, Probe, RowRef, ScanReport};

use super::identify::{FaceSet, checked_embedding, scanning};
use super::{EngineError, TenantSnapshot};
use crate::audit::AuditAction;
use crate::biometric::FaceId;

/// Most faces that one search looks at.
const FACES_MAX: usize = 10_000;

/// How far the cosine that a scan computes may be from the exact one. Sums of 4096 products in
/// single precision stay within it, whatever the order of their terms.
const ROUNDING: f64 = 2e-5;

/// A search for the faces nearest to a vector.
#[derive(Debug, Clone)]
pub struct NearestRequest {
    /// The vector, of any length but zero.
    pub vector: Vec<f32>,
    /// Which faces are wanted.
    pub wanted: Wanted,
    /// How far the caller's measure may be from the cosine with a stored embedding.
    pub deviation: f64,
    /// Only these faces; none means the whole gallery.
    pub only: Option<FaceSet>,
    /// What the search may leave to chance.
    pub exactness: Exactness,
}

/// Which faces a search for the nearest is to find.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wanted {
    /// The nearest: so many, at least 1.
    First(usize),
    /// Those whose cosine with the vector is at least this.
    Least(f64),
}

/// What a search for the nearest faces found.
#[derive(Debug)]
pub struct Nearest<'a> {
    /// Enough faces, in the order of their ids: whoever is wanted by the caller's measure is among
    /// them.
    pub rows: Vec<RowRef<'a>>,
    /// What the search read and left out.
    pub report: ScanReport,
}

impl TenantSnapshot {
    /// Whether [`TenantSnapshot::nearest`] looks at so many faces.
    pub fn finds_nearest(wanted: usize) -> bool {
        (1..FACES_MAX).contains(&wanted)
    }

    /// Finds the faces of `gallery` that may be among the nearest to a vector, and hands them to
    /// `read` on the thread of the scan. None where so many faces are near, or nearly as near as
    /// the last of them, that all have to be looked at. Dropping the future stops the scan.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`], [`EngineError::DimensionMismatch`],
    /// [`EngineError::InvalidValue`] for a vector without a direction, [`EngineError::Cancelled`].
    pub async fn nearest<T: Send + 'static>(
        &self,
        gallery: &str,
        request: NearestRequest,
        read: impl FnOnce(Nearest<'_>) -> T + Send + 'static,
    ) -> Result<Option<T>, EngineError> {
        let (snapshot, gallery) = (self.clone(), Arc::clone(self.descriptor(gallery)?));
        let mut entry = self.witness.entry(AuditAction::Search, Some(&gallery.name));
        entry.probe = Some("embedding".to_owned());
        scanning(move |cancelled| {
            let Some(found) = snapshot.near(&gallery, request, cancelled)? else { return Ok(None) };
            snapshot.witness.count_searches(1, found.report.rows);
            let faces = found.rows.iter().map(|row| FaceId::from_u128(row.id.get()));
            snapshot.witness.record(entry.with_faces(found.rows.len() as u64, faces))?;
            Ok(Some(read(found)))
        })
        .await
    }

    fn near(
        &self,
        gallery: &GalleryDescriptor,
        request: NearestRequest,
        cancelled: Arc<AtomicBool>,
    ) -> Result<Option<Nearest<'_>>, EngineError> {
        let NearestRequest { vector, wanted, deviation, only, exactness } = request;
        let margin = 2.0 * (deviation + ROUNDING);
        let (limit, min_score) = match wanted {
            Wanted::First(wanted) => (wanted + wanted / 2 + 16, f32::NEG_INFINITY),
            Wanted::Least(cosine) => (FACES_MAX, (cosine - margin) as f32),
        };
        let mut probe = Probe {
            min_score,
            only: only.map(FaceSet::into_templates),
            exactness,
            cancelled: Some(cancelled),
            ..Probe::new(checked_embedding(gallery, vector)?, limit)
        };
        loop {
            let (mut found, report) = self.storage().candidates(gallery.id, &probe)?;
            let least = match wanted {
                Wanted::First(wanted) => found
                    .get(wanted.saturating_sub(1))
                    .map_or(f32::NEG_INFINITY, |last| last.score - margin as f32),
                Wanted::Least(_) => min_score,
            };
            let is_all = found.len() < probe.limit;
            if is_all || found.last().is_some_and(|candidate| candidate.score < least) {
                found.retain(|candidate| candidate.score >= least);
                let mut rows: Vec<_> = found.into_iter().map(|candidate| candidate.row).collect();
                rows.sort_unstable_by_key(|row| row.id);
                return Ok(Some(Nearest { rows, report }));
            }
            if probe.limit >= FACES_MAX {
                return Ok(None);
            }
            probe.limit = (4 * probe.limit).min(FACES_MAX);
        }
    }
}
