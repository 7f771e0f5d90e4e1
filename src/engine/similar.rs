//! Many-to-many search: which enrolled faces resemble each other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use likeness_storage::{
    Exactness, GalleryDescriptor, JoinCursor, JoinRequest, SimilarityJoin, TemplateId,
};

use super::audit::Witness;
use super::compare::checked_threshold;
use super::identify::{CancelOnDrop, least_cosine};
use super::{EngineError, TenantSnapshot, blocking};
use crate::audit::{AuditAction, AuditEntry};
use crate::biometric::{FaceId, SimilarityMapping};

/// A many-to-many search.
#[derive(Debug, Clone)]
pub struct SimilarRequest {
    /// The gallery whose faces are compared.
    pub gallery: String,
    /// The gallery they are compared with. None, or the same: with each other, each pair once.
    pub other: Option<String>,
    /// Least similarity of a pair, 0..=1.
    pub threshold: f32,
    /// Only pairs behind this place in their order are wanted: behind a pair, or behind all pairs
    /// of a face of `gallery`.
    pub after: Option<(FaceId, Option<FaceId>)>,
    /// What the search as a whole may leave to chance.
    pub exactness: Exactness,
}

/// Two enrolled faces that resemble each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FacePair {
    /// The face of the first gallery; within one gallery the one with the smaller id.
    pub face_id: FaceId,
    /// The face of the other gallery.
    pub other_face_id: FaceId,
    /// 0..=1, higher = more alike.
    pub similarity: f32,
}

/// A many-to-many search under way: pairs in the order of their face ids, the first one first,
/// some at a time. It runs only while it is asked; dropping it stops the scan.
#[derive(Debug)]
pub struct SimilarFaces {
    scan: PairScan,
    stop: CancelOnDrop,
}

/// What of a many-to-many search runs on blocking threads.
#[derive(Debug)]
struct PairScan {
    join: SimilarityJoin,
    mapping: SimilarityMapping,
    threshold: f32,
    /// The record to make before anything is answered.
    unrecorded: Option<Unrecorded>,
}

/// A search that is not in the audit log yet.
#[derive(Debug)]
struct Unrecorded {
    witness: Witness,
    entry: AuditEntry,
    /// Rows of the galleries that are compared.
    rows: u64,
}

impl Unrecorded {
    /// Records the search with the first faces of the first pairs. How many there will be is known
    /// only when there are none.
    fn record(self, first: Option<&[FacePair]>) -> Result<(), EngineError> {
        let Self { witness, entry, rows } = self;
        witness.count_searches(1, rows);
        let pairs = first.unwrap_or_default().iter();
        let faces = pairs.flat_map(|pair| [pair.face_id, pair.other_face_id]);
        let mut seen = BTreeSet::new();
        let entry = entry.with_faces(0, faces.filter(|face| seen.insert(*face)));
        witness.record(AuditEntry { faces: first.is_none().then_some(0), ..entry })
    }
}

impl TenantSnapshot {
    /// Prepares a search for all pairs of faces of one gallery, or of two, that are alike. Exact:
    /// no pair is missing.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`]; [`EngineError::InvalidValue`] for a threshold out of
    /// bounds and for galleries of different models or dimensions; [`EngineError::ModelMismatch`]
    /// and [`EngineError::ModelUnavailable`] where the loaded pack did not make the templates.
    pub fn similar_faces(&self, request: &SimilarRequest) -> Result<SimilarFaces, EngineError> {
        let threshold = checked_threshold(request.threshold)?;
        let gallery = self.descriptor(&request.gallery)?;
        let other = request.other.as_ref().map_or(Ok(gallery), |name| self.descriptor(name))?;
        check_comparable(gallery, other)?;
        let mapping = self.similarity(gallery)?;
        let cancelled = Arc::new(AtomicBool::new(false));
        let template = |face: FaceId| TemplateId::new(face.as_u128());
        let join = self.storage().join(JoinRequest {
            left: gallery.id,
            right: other.id,
            min_score: least_cosine(&mapping, threshold),
            exactness: request.exactness,
            after: request.after.map(|(face, other)| JoinCursor {
                left: template(face),
                right: other.map(template),
            }),
            cancelled: Some(Arc::clone(&cancelled)),
        })?;
        let mut entry = self.witness.entry(AuditAction::SearchPairs, Some(&gallery.name));
        entry.threshold = Some(threshold);
        let rows = |gallery: &GalleryDescriptor| self.snapshot.row_count(gallery.id);
        let second = if gallery.id == other.id { 0 } else { rows(other) };
        let (witness, rows) = (self.witness.clone(), rows(gallery) + second);
        let unrecorded = Some(Unrecorded { witness, entry, rows });
        let scan = PairScan { join, mapping, threshold, unrecorded };
        Ok(SimilarFaces { scan, stop: CancelOnDrop(cancelled) })
    }
}

impl SimilarFaces {
    /// Most pairs that come at once.
    pub const PAIRS_MAX: usize = SimilarityJoin::PAIRS_MAX;

    /// The next pairs, which are some, and the search for those behind them; none where there are
    /// no more.
    ///
    /// # Errors
    /// [`EngineError::Damaged`].
    pub async fn next(self) -> Result<Option<(Vec<FacePair>, Self)>, EngineError> {
        // Until the scan is done, `stop` belongs to whoever waits for it.
        let Self { mut scan, stop } = self;
        let next = blocking(move || Ok(scan.advance()?.map(|pairs| (pairs, scan)))).await?;
        Ok(next.map(|(pairs, scan)| (pairs, Self { scan, stop })))
    }
}

impl PairScan {
    fn advance(&mut self) -> Result<Option<Vec<FacePair>>, EngineError> {
        let pairs = self.search();
        if let Some(unrecorded) = self.unrecorded.take() {
            // A search that failed or was given up was begun all the same.
            let first = pairs.as_ref().map_or(Some(&[][..]), |pairs| pairs.as_deref());
            unrecorded.record(first)?;
        }
        pairs
    }

    fn search(&mut self) -> Result<Option<Vec<FacePair>>, EngineError> {
        for scored in &mut self.join {
            let pairs = scored?.into_iter().map(|pair| FacePair {
                face_id: FaceId::from_u128(pair.left.get()),
                other_face_id: FaceId::from_u128(pair.right.get()),
                similarity: self.mapping.similarity(pair.score),
            });
            let pairs: Vec<_> = pairs.filter(|pair| pair.similarity >= self.threshold).collect();
            if !pairs.is_empty() {
                return Ok(Some(pairs));
            }
        }
        Ok(None)
    }
}

/// That templates of two galleries may be compared.
fn check_comparable(
    gallery: &GalleryDescriptor,
    other: &GalleryDescriptor,
) -> Result<(), EngineError> {
    let (model, dim) = (&gallery.model, gallery.dim);
    if (model, dim) == (&other.model, other.dim) {
        return Ok(());
    }
    let why = format!(
        "must hold templates of model {model:?} and {dim} dimensions, as {:?} does; {:?} holds \
         templates of model {:?} and {} dimensions",
        gallery.name, other.name, other.model, other.dim
    );
    Err(EngineError::invalid("other", why))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{World, create, enroll_people, request};
    use super::*;
    use crate::engine::{
        GalleryModel, GalleryRequest, IdentifyRequest, Precision, ProbeSource, Tenant,
    };

    const THRESHOLD: f32 = 0.3;

    /// Two galleries of the same people.
    async fn galleries(tenant: &Tenant) -> [Vec<FaceId>; 2] {
        create(tenant, "users").await.unwrap();
        create(tenant, "guests").await.unwrap();
        [enroll_people(tenant, "users", 30).await, enroll_people(tenant, "guests", 10).await]
    }

    fn among(other: Option<&str>) -> SimilarRequest {
        SimilarRequest {
            gallery: "users".to_owned(),
            other: other.map(str::to_owned),
            threshold: THRESHOLD,
            after: None,
            exactness: Exactness::default(),
        }
    }

    async fn pairs(tenant: &Tenant, request: &SimilarRequest) -> Vec<FacePair> {
        let mut all = Vec::new();
        let mut next = Some(tenant.snapshot().similar_faces(request).unwrap());
        while let Some(similar) = next.take() {
            if let Some((pairs, rest)) = similar.next().await.unwrap() {
                assert!((1..=SimilarFaces::PAIRS_MAX).contains(&pairs.len()));
                all.extend(pairs);
                next = Some(rest);
            }
        }
        all
    }

    /// What searching with one face after the other finds.
    async fn one_by_one(tenant: &Tenant, faces: &[FaceId]) -> Vec<FacePair> {
        let mut all = Vec::new();
        for &face_id in faces {
            let probe = ProbeSource::Face(face_id);
            let search = IdentifyRequest { threshold: Some(THRESHOLD), ..request(probe, 1000) };
            let mut found = tenant.identify("users", search).await.unwrap().matches;
            found.retain(|found| found.face.face_id > face_id);
            found.sort_by_key(|found| found.face.face_id);
            all.extend(found.into_iter().map(|found| FacePair {
                face_id,
                other_face_id: found.face.face_id,
                similarity: found.similarity,
            }));
        }
        all
    }

    #[tokio::test]
    async fn pairs_of_a_gallery_are_what_its_faces_find_each_pair_once() {
        let world = World::new();
        let tenant = world.tenant("acme");
        let [users, _] = galleries(&tenant).await;
        let expected = one_by_one(&tenant, &users).await;
        assert!(expected.len() > 30 && expected.len() < 600, "{}", expected.len());
        assert_eq!(pairs(&tenant, &among(None)).await, expected);
        assert_eq!(pairs(&tenant, &among(Some("users"))).await, expected);
        for at in [0, 17, expected.len() - 1] {
            let FacePair { face_id, other_face_id, .. } = expected[at];
            let after = Some((face_id, Some(other_face_id)));
            let rest = pairs(&tenant, &SimilarRequest { after, ..among(None) }).await;
            assert_eq!(rest, expected[at + 1..]);
        }
    }

    #[tokio::test]
    async fn pairs_of_two_galleries_have_a_face_of_each() {
        let world = World::new();
        let tenant = world.tenant("acme");
        let [users, guests] = galleries(&tenant).await;
        let found = pairs(&tenant, &among(Some("guests"))).await;
        // The guests are the first ten people, with the same templates.
        for (user, guest) in users.iter().zip(&guests) {
            let same = |pair: &&FacePair| (pair.face_id, pair.other_face_id) == (*user, *guest);
            assert!(found.iter().find(same).unwrap().similarity > 0.999);
        }
        let within = pairs(&tenant, &among(None)).await;
        let first_twenty = |pair: &&FacePair| {
            users[..20].contains(&pair.face_id) && pair.other_face_id <= users[19]
        };
        let twice = 2 * within.iter().filter(first_twenty).count();
        let as_guests = found.iter().filter(|pair| users[..20].contains(&pair.face_id)).count();
        assert_eq!(as_guests, twice + 20);
    }

    #[tokio::test]
    async fn what_cannot_be_compared_is_refused_by_name() {
        let world = World::new();
        let tenant = world.tenant("acme");
        galleries(&tenant).await;
        let model = GalleryModel::External(3);
        let narrow = GalleryRequest {
            name: "narrow".to_owned(),
            description: None,
            model,
            precision: Precision::Single,
            thumbnails: false,
        };
        tenant.create_gallery(narrow).await.unwrap();
        let refused = |request: SimilarRequest| {
            tenant.snapshot().similar_faces(&request).unwrap_err().to_string()
        };
        assert_eq!(
            refused(among(Some("narrow"))),
            "other must hold templates of model \"external\" and 32 dimensions, as \"users\" does; \
             \"narrow\" holds templates of model \"external\" and 3 dimensions"
        );
        assert_eq!(refused(among(Some("nobody"))), "collection \"nobody\" does not exist");
        let absent = SimilarRequest { gallery: "nobody".to_owned(), ..among(None) };
        assert_eq!(refused(absent), "collection \"nobody\" does not exist");
        for threshold in [-0.1, 1.1, f32::NAN] {
            let text = refused(SimilarRequest { threshold, ..among(None) });
            assert!(text.starts_with("threshold must be between 0 and 1"), "{text}");
        }
        let stranger = world.tenant("beta").snapshot().similar_faces(&among(None));
        assert!(matches!(stranger, Err(EngineError::GalleryNotFound(_))));
    }

    #[tokio::test]
    async fn giving_up_on_the_next_pairs_stops_the_scan() {
        let world = World::new();
        let tenant = world.tenant("acme");
        galleries(&tenant).await;
        let similar = tenant.snapshot().similar_faces(&among(None)).unwrap();
        let stopped = Arc::clone(&similar.stop.0);
        let next = similar.next().await.unwrap();
        assert!(!stopped.load(std::sync::atomic::Ordering::Relaxed));
        let (_, similar) = next.unwrap();
        let mut waiting = Box::pin(similar.next());
        let _ = futures::poll!(&mut waiting);
        drop(waiting);
        assert!(stopped.load(std::sync::atomic::Ordering::Relaxed));
    }
}
