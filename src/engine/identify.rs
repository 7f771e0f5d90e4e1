//! One-to-many search: which enrolled faces are most like a probe.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use likeness_storage::{
    Embedding, Exactness, GalleryDescriptor, Probe, RowRef, ScanReport, Snapshot, TemplateId,
    TemplateSet,
};

use super::audit::{Witness, probe_name};
use super::compare::checked_threshold;
use super::galleries::EXTERNAL_MODEL;
use super::gallery_number::GalleryNumbers;
use super::{EngineError, EnrolledFace, Interrupt, Tenant, TenantName, blocking};
use crate::audit::AuditAction;
use crate::biometric::{AttributeSet, BoundingBox, FaceId, SimilarityMapping};
use crate::vision::Pipeline;

/// Longest candidate list one search may ask for.
const CANDIDATES_MAX: usize = 10_000;

/// What is searched for.
#[derive(Debug, Clone)]
pub enum ProbeSource {
    /// A face of the same gallery; it is not among its own candidates.
    Face(FaceId),
    /// The one face of the same gallery that the caller named so; likewise.
    External(String),
    /// The largest face of an image.
    Image(Bytes),
    /// An embedding made by the gallery's model.
    Embedding(Vec<f32>),
}

/// A one-to-many search.
#[derive(Debug, Clone)]
pub struct IdentifyRequest {
    /// What is searched for.
    pub probe: ProbeSource,
    /// Longest candidate list wanted, 1..=10,000.
    pub limit: usize,
    /// Least similarity of a candidate, 0..=1; none keeps every face.
    pub threshold: Option<f32>,
    /// Only these faces are candidates; none means the whole gallery.
    pub only: Option<FaceSet>,
    /// What the search may leave to chance.
    pub exactness: Exactness,
}

/// Faces, 16 bytes each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaceSet(Arc<TemplateSet>);

impl FromIterator<FaceId> for FaceSet {
    fn from_iter<I: IntoIterator<Item = FaceId>>(ids: I) -> Self {
        Self(Arc::new(ids.into_iter().map(|id| TemplateId::new(id.as_u128())).collect()))
    }
}

impl FaceSet {
    /// The faces as the store knows them.
    pub(super) fn into_templates(self) -> Arc<TemplateSet> {
        self.0
    }
}

/// One enrolled face that resembles the probe.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// The enrolled face.
    pub face: EnrolledFace,
    /// 0..=1, higher = more alike.
    pub similarity: f32,
}

impl From<Candidate<'_>> for Match {
    fn from(Candidate { row, similarity }: Candidate<'_>) -> Self {
        Self { face: row.into(), similarity }
    }
}

/// The outcome of a one-to-many search.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Identification {
    /// Most alike first by the model's cosine; equal cosines in the order of face ids.
    pub matches: Vec<Match>,
    /// Where the probe was in its image, when it has one.
    pub searched_face: Option<BoundingBox>,
    /// What the search read and left out.
    pub report: ScanReport,
}

/// A face that resembles a probe, as the store keeps it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate<'a> {
    /// The face.
    pub row: RowRef<'a>,
    /// 0..=1, higher = more alike.
    pub similarity: f32,
}

/// The faces most like a probe, borrowed from the snapshot that was searched.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CandidateList<'a> {
    /// Most alike first by the model's cosine; equal cosines in the order of face ids.
    pub candidates: Vec<Candidate<'a>>,
    /// Where the probe was in its image, when it has one.
    pub searched_face: Option<BoundingBox>,
    /// What the search read and left out.
    pub report: ScanReport,
}

/// One moment of the store as one tenant sees it. Cheap to clone; never blocks writers.
#[derive(Debug, Clone)]
pub struct TenantSnapshot {
    pub(super) snapshot: Snapshot,
    pub(super) tenant: TenantName,
    /// What reads images; it alone knows how the cosines of its templates are to be read.
    pub(super) pipeline: Option<Arc<Pipeline>>,
    pub(super) witness: Witness,
    pub(super) numbers: GalleryNumbers,
}

impl Tenant {
    /// The store as it is now, for reads that must agree with each other.
    pub fn snapshot(&self) -> TenantSnapshot {
        TenantSnapshot {
            snapshot: self.engine.store.snapshot(),
            tenant: self.name.clone(),
            pipeline: self.engine.inference.pipeline().ok().cloned(),
            witness: self.witness.clone(),
            numbers: GalleryNumbers::of_store(self.engine.store.id()),
        }
    }

    /// Searches `gallery` as it is now; see [`Tenant::identify_in`].
    ///
    /// # Errors
    /// As [`Tenant::identify_in`].
    pub async fn identify(
        &self,
        gallery: &str,
        request: IdentifyRequest,
    ) -> Result<Identification, EngineError> {
        self.identify_in(&self.snapshot(), gallery, request).await
    }

    /// Searches `gallery` as of `snapshot` for the faces most like the probe. Exact: no face that
    /// belongs into the list is missing from it. Dropping the future stops the scan, and so does an
    /// [`Interrupt`] in whose scope it is.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`], [`EngineError::FaceNotFound`], [`EngineError::NoFace`],
    /// [`EngineError::NoFaceNamed`], [`EngineError::SeveralFacesNamed`],
    /// [`EngineError::Image`], [`EngineError::DimensionMismatch`], [`EngineError::ModelMismatch`]
    /// when the loaded pack did not make the gallery's templates,
    /// [`EngineError::ModelUnavailable`], [`EngineError::InvalidValue`].
    pub async fn identify_in(
        &self,
        snapshot: &TenantSnapshot,
        gallery: &str,
        request: IdentifyRequest,
    ) -> Result<Identification, EngineError> {
        self.candidates_in(snapshot, gallery, request, |found| {
            let CandidateList { candidates, searched_face, report } = found;
            let matches = candidates.into_iter().map(Match::from).collect();
            Identification { matches, searched_face, report }
        })
        .await
    }

    /// As [`Tenant::identify_in`], for callers that need only a part of what is kept of a face:
    /// `read` runs behind the scan, on the same thread: one for blocking work, or the caller's in
    /// the scope of an [`Interrupt`].
    ///
    /// # Errors
    /// As [`Tenant::identify_in`].
    pub async fn candidates_in<T: Send + 'static>(
        &self,
        snapshot: &TenantSnapshot,
        gallery: &str,
        request: IdentifyRequest,
        read: impl FnOnce(CandidateList<'_>) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        self.candidates_of_many(snapshot, gallery, vec![request], |mut lists| {
            read(lists.pop().unwrap_or_default())
        })
        .await
    }

    /// As [`Tenant::candidates_in`] for many searches, which share each pass over the gallery. The
    /// lists come in the order of the requests; where one is refused, all are.
    ///
    /// # Errors
    /// As [`Tenant::identify_in`].
    pub async fn candidates_of_many<T: Send + 'static>(
        &self,
        snapshot: &TenantSnapshot,
        gallery: &str,
        requests: Vec<IdentifyRequest>,
        read: impl FnOnce(Vec<CandidateList<'_>>) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let gallery = Arc::clone(snapshot.descriptor(gallery)?);
        let mut searches = Vec::with_capacity(requests.len());
        let mut entries = Vec::with_capacity(requests.len());
        for request in requests {
            check_request(&request)?;
            let mut entry = self.witness.entry(AuditAction::Search, Some(&gallery.name));
            entry.probe = Some(probe_name(&request.probe));
            entry.threshold = request.threshold;
            entries.push(entry);
            let IdentifyRequest { probe, limit, threshold, only, exactness } = request;
            let template = self.probe(snapshot, &gallery, probe).await?;
            searches.push(Search { template, limit, threshold, only, exactness });
        }
        let snapshot = snapshot.clone();
        scanning(move |cancelled| {
            let lists = snapshot.scan(&gallery, searches, &cancelled)?;
            let rows = lists.first().map_or(0, |list| list.report.rows);
            snapshot.witness.count_searches(lists.len(), rows);
            for (entry, CandidateList { candidates, .. }) in entries.into_iter().zip(&lists) {
                let faces = candidates.iter().map(|found| FaceId::from_u128(found.row.id.get()));
                snapshot.witness.record(entry.with_faces(candidates.len() as u64, faces))?;
            }
            Ok(read(lists))
        })
        .await
    }

    async fn probe(
        &self,
        snapshot: &TenantSnapshot,
        gallery: &GalleryDescriptor,
        source: ProbeSource,
    ) -> Result<ProbeTemplate, EngineError> {
        match source {
            ProbeSource::Face(face_id) => snapshot.enrolled_probe(gallery, face_id),
            ProbeSource::External(name) => {
                let face_id = snapshot.face_named(gallery.id, name).await?;
                snapshot.enrolled_probe(gallery, face_id)
            }
            ProbeSource::Embedding(values) => Ok(ProbeTemplate {
                embedding: checked_embedding(gallery, values)?,
                bounding_box: None,
                exclude: None,
            }),
            ProbeSource::Image(image) => self.image_probe(gallery, image).await,
        }
    }

    async fn image_probe(
        &self,
        gallery: &GalleryDescriptor,
        image: Bytes,
    ) -> Result<ProbeTemplate, EngineError> {
        self.check_reads_for(gallery)?;
        let analysis = self
            .engine
            .inference
            .run(move |pipeline| pipeline.analyze(&image, AttributeSet::None, 1))
            .await?;
        let face = analysis.faces.into_iter().next().ok_or(EngineError::NoFace)?;
        Ok(ProbeTemplate {
            embedding: face.embedding,
            bounding_box: Some(face.face.bounding_box),
            exclude: None,
        })
    }

    /// That images can be read for `gallery`: a pack is loaded and it made the gallery's templates.
    pub(super) fn check_reads_for(&self, gallery: &GalleryDescriptor) -> Result<(), EngineError> {
        let model = self.engine.inference.pipeline()?.model();
        if *gallery.model == *model {
            return Ok(());
        }
        Err(EngineError::ModelMismatch {
            gallery: gallery.name.to_string(),
            expected: gallery.model.to_string(),
            actual: model.to_owned(),
        })
    }
}

struct ProbeTemplate {
    embedding: Embedding,
    bounding_box: Option<BoundingBox>,
    exclude: Option<TemplateId>,
}

struct Search {
    template: ProbeTemplate,
    limit: usize,
    threshold: Option<f32>,
    only: Option<FaceSet>,
    exactness: Exactness,
}

impl Search {
    fn probe(&self, mapping: &SimilarityMapping, cancelled: &Arc<AtomicBool>) -> Probe {
        Probe {
            min_score: least_cosine(mapping, self.least()),
            exclude: self.template.exclude,
            only: self.only.as_ref().map(|faces| Arc::clone(&faces.0)),
            exactness: self.exactness,
            cancelled: Some(Arc::clone(cancelled)),
            ..Probe::new(self.template.embedding.clone(), self.limit)
        }
    }

    /// Least similarity of a candidate.
    fn least(&self) -> f32 {
        self.threshold.unwrap_or(0.0)
    }
}

/// Runs a scan, on this thread in the scope of an [`Interrupt`] and on one for blocking work
/// elsewhere. It stops when it is told to, or when nobody waits for it any more.
pub(super) async fn scanning<T: Send + 'static>(
    scan: impl FnOnce(Arc<AtomicBool>) -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    if let Some(interrupt) = Interrupt::current() {
        // As on another thread, a panic is an error of the search and not of its caller.
        let scan = AssertUnwindSafe(|| scan(interrupt.flag()));
        let done = tokio::task::block_in_place(|| catch_unwind(scan));
        return done.unwrap_or_else(|_| Err(EngineError::Internal("a search failed".into())));
    }
    let cancelled = Arc::default();
    let _stop_when_dropped = CancelOnDrop(Arc::clone(&cancelled));
    blocking(move || scan(cancelled)).await
}

/// Tells a scan on another thread to stop when its caller no longer waits for it.
#[derive(Debug)]
pub(super) struct CancelOnDrop(pub(super) Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl TenantSnapshot {
    /// The storage snapshot underneath, for readers that stream whole galleries.
    pub fn storage(&self) -> &Snapshot {
        &self.snapshot
    }

    /// How cosines of `gallery`'s templates read as similarities. Only the model that made them
    /// knows; those of callers' own models read as they are.
    pub(super) fn similarity(
        &self,
        gallery: &GalleryDescriptor,
    ) -> Result<SimilarityMapping, EngineError> {
        if *gallery.model == *EXTERNAL_MODEL {
            return Ok(SimilarityMapping::identity());
        }
        let pipeline = self.pipeline.as_ref().ok_or_else(|| {
            let (name, model) = (&gallery.name, &gallery.model);
            let why = format!("collection {name:?} holds templates of {model:?}, not loaded here");
            EngineError::ModelUnavailable(why)
        })?;
        if *pipeline.model() == *gallery.model {
            return Ok(pipeline.similarity().clone());
        }
        Err(EngineError::ModelMismatch {
            gallery: gallery.name.to_string(),
            expected: gallery.model.to_string(),
            actual: pipeline.model().to_owned(),
        })
    }

    fn enrolled_probe(
        &self,
        gallery: &GalleryDescriptor,
        face_id: FaceId,
    ) -> Result<ProbeTemplate, EngineError> {
        let id = TemplateId::new(face_id.as_u128());
        let row = self.snapshot.get(gallery.id, id)?.ok_or(EngineError::FaceNotFound(face_id))?;
        let embedding = row.embedding.to_embedding();
        let bounding_box = row.bounding_box.map(BoundingBox::from_array);
        Ok(ProbeTemplate { embedding, bounding_box, exclude: Some(id) })
    }

    fn scan(
        &self,
        gallery: &GalleryDescriptor,
        searches: Vec<Search>,
        cancelled: &Arc<AtomicBool>,
    ) -> Result<Vec<CandidateList<'_>>, EngineError> {
        if searches.is_empty() {
            return Ok(Vec::new());
        }
        let mapping = self.similarity(gallery)?;
        let probes = searches.iter().map(|search| search.probe(&mapping, cancelled)).collect();
        let (found, report) = self.snapshot.candidates_many(gallery.id, probes)?;
        let lists = found.into_iter().zip(searches).map(|(found, search)| {
            let similar = found.into_iter().map(|found| Candidate {
                row: found.row,
                similarity: mapping.similarity(found.score),
            });
            let least = search.least();
            CandidateList {
                candidates: similar.filter(|candidate| candidate.similarity >= least).collect(),
                searched_face: search.template.bounding_box,
                report: report.clone(),
            }
        });
        Ok(lists.collect())
    }
}

/// The least cosine to look for where similarities of at least `threshold` are wanted: the inverse
/// mapping rounds, so it is a hair below, and what is found is then decided by its similarity.
pub(super) fn least_cosine(mapping: &SimilarityMapping, threshold: f32) -> f32 {
    mapping.cosine(threshold) - 1e-5
}

/// The caller's numbers as a template of `gallery`: right length, finite, normalised to length 1.
pub(super) fn checked_embedding(
    gallery: &GalleryDescriptor,
    values: Vec<f32>,
) -> Result<Embedding, EngineError> {
    check_dimensions(gallery, &values)?;
    Embedding::normalize(values).map_err(EngineError::from)
}

pub(super) fn check_dimensions(
    gallery: &GalleryDescriptor,
    values: &[f32],
) -> Result<(), EngineError> {
    if values.len() != gallery.dim.get() {
        return Err(EngineError::DimensionMismatch {
            gallery: gallery.name.to_string(),
            expected: gallery.dim.get(),
            actual: values.len(),
        });
    }
    Ok(())
}

fn check_request(request: &IdentifyRequest) -> Result<(), EngineError> {
    if !(1..=CANDIDATES_MAX).contains(&request.limit) {
        // SQL has no candidates to look for where it wants none.
        let why = match request.limit {
            0 => "must be at least 1, got 0".to_owned(),
            limit => format!("must be at most {CANDIDATES_MAX}, got {limit}"),
        };
        return Err(EngineError::invalid("limit", why));
    }
    request.threshold.map(checked_threshold).transpose()?;
    Ok(())
}
