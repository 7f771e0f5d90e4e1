//! Use cases over a real store with brought embeddings; no models are needed for any of this.

use std::sync::Arc;
use std::thread;

use likeness_storage::{Dim, GalleryDraft, Store, StoreOptions, WriteBatch};
use tempfile::TempDir;

use super::*;
use crate::biometric::{AttributeSet, FaceId, SyntheticFaces};

const DIMENSIONS: usize = 32;

pub(super) struct World {
    _directory: TempDir,
    engine: Arc<Engine>,
}

impl World {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(directory.path(), StoreOptions::default()).unwrap();
        let inference = Inference::unavailable("install one with `likeness models install`");
        Self { _directory: directory, engine: Engine::new(Arc::new(store), inference) }
    }

    pub(super) fn tenant(&self, name: &str) -> Tenant {
        self.engine.tenant(name.parse().unwrap())
    }
}

pub(super) async fn create(tenant: &Tenant, name: &str) -> Result<Gallery, EngineError> {
    tenant.create_gallery(gallery_of(name, GalleryModel::External(DIMENSIONS))).await
}

fn gallery_of(name: &str, model: GalleryModel) -> GalleryRequest {
    GalleryRequest {
        name: name.to_owned(),
        description: None,
        model,
        precision: Precision::default(),
        thumbnails: false,
    }
}

fn draft(values: Vec<f32>, image: &str) -> EnrollmentDraft {
    EnrollmentDraft {
        source: TemplateSource::Embedding(values),
        external_face_id: None,
        external_image_id: Some(image.to_owned()),
        metadata: Some("{\"a\": 1}".to_owned()),
    }
}

pub(super) async fn enroll_people(tenant: &Tenant, gallery: &str, people: usize) -> Vec<FaceId> {
    let mut faces = SyntheticFaces::new(3, DIMENSIONS);
    let drafts = (0..people).flat_map(|_| faces.identity(2)).map(|v| draft(v, "i")).collect();
    let enrollments = tenant.enroll(gallery, drafts).await.unwrap();
    enrollments.into_iter().flat_map(|enrollment| enrollment.faces).map(|f| f.face_id).collect()
}

pub(super) fn request(probe: ProbeSource, limit: usize) -> IdentifyRequest {
    IdentifyRequest { probe, limit, threshold: None, only: None, exactness: Exactness::default() }
}

#[tokio::test]
async fn a_person_is_found_by_the_other_photo_and_never_by_the_same() {
    let world = World::new();
    let tenant = world.tenant("acme");
    create(&tenant, "users").await.unwrap();
    let ids = enroll_people(&tenant, "users", 40).await;
    for pair in ids.chunks(2) {
        let probe = ProbeSource::Face(pair[0]);
        let found = tenant.identify("users", request(probe, 100)).await.unwrap().matches;
        assert_eq!(found.len(), 79);
        assert!(found.iter().all(|found| found.face.face_id != pair[0]));
        assert!(found.is_sorted_by(|a, b| a.similarity >= b.similarity));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_is_done_in_place_where_something_else_can_stop_it() {
    let world = World::new();
    let tenant = world.tenant("acme");
    create(&tenant, "users").await.unwrap();
    let ids = enroll_people(&tenant, "users", 3).await;
    let snapshot = tenant.snapshot();
    let search = async || {
        let (here, request) = (thread::current().id(), request(ProbeSource::Face(ids[0]), 9));
        let there = |_: CandidateList<'_>| thread::current().id();
        tenant.candidates_in(&snapshot, "users", request, there).await.map(|there| there == here)
    };
    assert!(!search().await.unwrap());
    let interrupt = Interrupt::default();
    assert!(interrupt.clone().scope(search()).await.unwrap());
    interrupt.raise();
    let stopped = interrupt.scope(search()).await;
    assert!(matches!(stopped, Err(EngineError::Cancelled)), "{stopped:?}");
    assert!(!search().await.unwrap(), "others go on");
}

#[tokio::test]
async fn a_commit_is_not_interrupted_unless_it_fails() {
    let interrupt = Interrupt::default();
    let inside = Interrupt::shut_out(async {
        assert!(!interrupt.raise(), "too late");
        Ok(())
    });
    interrupt.clone().scope(inside).await.unwrap();

    let interrupt = Interrupt::default();
    let failing = Interrupt::shut_out(async { Err::<(), _>(EngineError::Conflict) });
    assert!(interrupt.clone().scope(failing).await.is_err());
    assert!(interrupt.raise());
    let late = interrupt.scope(Interrupt::shut_out(async { Ok(()) })).await;
    assert!(matches!(late, Err(EngineError::Cancelled)), "{late:?}");
    Interrupt::shut_out(async { Ok(()) }).await.unwrap();
}

#[tokio::test]
async fn a_threshold_keeps_exactly_the_faces_that_reach_it() {
    let world = World::new();
    let tenant = world.tenant("acme");
    create(&tenant, "users").await.unwrap();
    let ids = enroll_people(&tenant, "users", 30).await;
    let all = tenant.identify("users", request(ProbeSource::Face(ids[0]), 100)).await.unwrap();
    let threshold = all.matches[9].similarity;
    let cut =
        IdentifyRequest { threshold: Some(threshold), ..request(ProbeSource::Face(ids[0]), 100) };
    let kept = tenant.identify("users", cut).await.unwrap();
    assert_eq!(kept.matches, all.matches[..10]);
    for bad in [-0.1, 1.1, f32::NAN] {
        let bad = IdentifyRequest { threshold: Some(bad), ..request(ProbeSource::Face(ids[0]), 1) };
        let refused = tenant.identify("users", bad).await;
        assert!(matches!(refused, Err(EngineError::InvalidValue { what: "threshold", .. })));
    }
}

#[tokio::test]
async fn a_filter_ranks_among_the_permitted_only() {
    let world = World::new();
    let tenant = world.tenant("acme");
    create(&tenant, "users").await.unwrap();
    let ids = enroll_people(&tenant, "users", 30).await;
    let only: std::collections::HashSet<FaceId> = ids.iter().copied().step_by(7).collect();
    let filtered = IdentifyRequest {
        only: Some(only.iter().copied().collect()),
        ..request(ProbeSource::Face(ids[1]), 100)
    };
    let found = tenant.identify("users", filtered).await.unwrap().matches;
    let found: std::collections::HashSet<FaceId> =
        found.iter().map(|found| found.face.face_id).collect();
    assert_eq!(found, only);
}

#[tokio::test]
async fn one_bad_draft_leaves_nothing_of_the_whole_request() {
    let world = World::new();
    let tenant = world.tenant("acme");
    create(&tenant, "users").await.unwrap();
    let good = || draft(vec![1.0; DIMENSIONS], "i");
    let bad = [
        draft(vec![1.0; DIMENSIONS - 1], "i"),
        draft(vec![0.0; DIMENSIONS], "i"),
        draft(vec![f32::NAN; DIMENSIONS], "i"),
        draft(vec![1.0; DIMENSIONS], ""),
        draft(vec![1.0; DIMENSIONS], &"x".repeat(256)),
        EnrollmentDraft { metadata: Some("{not json".to_owned()), ..good() },
    ];
    for bad in bad {
        assert!(tenant.enroll("users", vec![good(), bad.clone(), good()]).await.is_err());
        assert_eq!(tenant.snapshot().gallery("users").unwrap().face_count, 0, "{bad:?}");
    }
}

#[tokio::test]
async fn pages_show_every_surviving_face_once_whatever_happens_meanwhile() {
    let world = World::new();
    let tenant = world.tenant("acme");
    create(&tenant, "users").await.unwrap();
    let ids = enroll_people(&tenant, "users", 20).await;
    let first = tenant.face_page("users".to_owned(), None, None, 15).await.unwrap();
    let gone = vec![ids[3], ids[20], ids[14]];
    assert_eq!(tenant.remove_faces("users", gone.clone()).await.unwrap(), 3);
    assert_eq!(tenant.remove_faces("users", gone.clone()).await.unwrap(), 0);
    enroll_people(&tenant, "users", 1).await;
    let mut seen: Vec<FaceId> = first.faces.iter().map(|face| face.face_id).collect();
    let mut next = first.next;
    while let Some(after) = next {
        let page = tenant.face_page("users".to_owned(), None, Some(after), 15).await.unwrap();
        seen.extend(page.faces.iter().map(|face| face.face_id));
        next = page.next;
    }
    assert!(seen.is_sorted_by(|a, b| a < b), "each face once, oldest first");
    assert!(ids.iter().filter(|id| !gone.contains(id)).all(|id| seen.contains(id)));
    assert_eq!(seen.len(), 15 + 40 - 15 - 1 + 2);
}

#[tokio::test]
async fn a_tenant_reaches_its_own_galleries_only() {
    let world = World::new();
    let (alpha, beta) = (world.tenant("alpha"), world.tenant("beta"));
    create(&alpha, "users").await.unwrap();
    let ids = enroll_people(&alpha, "users", 2).await;
    assert!(matches!(beta.snapshot().gallery("users"), Err(EngineError::GalleryNotFound(_))));
    assert!(matches!(beta.drop_gallery("users").await, Err(EngineError::GalleryNotFound(_))));
    create(&beta, "users").await.unwrap();
    let foreign = beta.identify("users", request(ProbeSource::Face(ids[0]), 10)).await;
    assert!(matches!(foreign, Err(EngineError::FaceNotFound(_))));
    assert_eq!(beta.remove_faces("users", ids).await.unwrap(), 0);
    assert_eq!(alpha.snapshot().gallery("users").unwrap().face_count, 4);
    assert_eq!(beta.snapshot().galleries(None, 10).len(), 1);
}

#[tokio::test]
async fn names_are_unique_and_bounded() {
    let world = World::new();
    let tenant = world.tenant("acme");
    create(&tenant, "users").await.unwrap();
    assert!(matches!(create(&tenant, "users").await, Err(EngineError::GalleryExists(_))));
    let long = "x".repeat(121);
    for bad in ["", "a\nb", "nul\0", ".", "..", long.as_str()] {
        let refused = create(&tenant, bad).await;
        assert!(matches!(refused, Err(EngineError::InvalidValue { .. })), "{bad:?}");
    }
    let described = |text: &str| tenant.snapshot().redescription("users", Some(text)).is_ok();
    assert!(described("first line\n\tsecond line\r\n"));
    assert!(!described("nul\0") && !described("\u{1b}[2J") && !described("\u{85}"));
    for odd in ["../etc/passwd", "Ünïcødé 名前", "a'; DROP", &"x".repeat(120)] {
        create(&tenant, odd).await.unwrap();
        tenant.drop_gallery(odd).await.unwrap();
    }
}

#[tokio::test]
async fn images_are_refused_with_the_way_out_where_no_pack_is_loaded() {
    let world = World::new();
    let tenant = world.tenant("acme");
    create(&tenant, "users").await.unwrap();
    let refused = tenant.detect(bytes::Bytes::from_static(b"x"), AttributeSet::default()).await;
    let Err(EngineError::ModelUnavailable(reason)) = refused else { panic!("{refused:?}") };
    assert!(reason.contains("likeness models install"));
    let default = gallery_of("photos", GalleryModel::Default);
    let refused = tenant.create_gallery(default).await;
    assert!(matches!(refused, Err(EngineError::ModelUnavailable(_))));
}

#[tokio::test]
async fn similarities_of_a_model_that_is_not_loaded_are_not_guessed() {
    let world = World::new();
    let tenant = world.tenant("acme");
    let mut batch = WriteBatch::new();
    batch.create_gallery(GalleryDraft {
        tenant: "acme".into(),
        name: "photos".into(),
        description: None,
        model: "some-pack@1".into(),
        dim: Dim::new(DIMENSIONS).unwrap(),
        precision: Precision::default(),
        thumbnails: false,
        created_at_us: 0,
    });
    world.engine.store.write(batch).unwrap();
    let ids = enroll_people(&tenant, "photos", 2).await;
    let refused = tenant.identify("photos", request(ProbeSource::Face(ids[0]), 3)).await;
    assert!(matches!(refused, Err(EngineError::ModelUnavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn many_rows_of_one_request_go_straight_to_a_segment_and_are_found() {
    let world = World::new();
    let tenant = world.tenant("acme");
    let wide = gallery_of("wide", GalleryModel::External(4096));
    tenant.create_gallery(wide).await.unwrap();
    let one_hot = |at: usize| (0..4096).map(|i| f32::from(u8::from(i == at))).collect::<Vec<_>>();
    let drafts = (0..600).map(|at| draft(one_hot(at), "i")).collect();
    let enrollments = tenant.enroll("wide", drafts).await.unwrap();
    let (_, size) = tenant.snapshot().sizes().remove(0);
    assert_eq!((size.rows, size.rows_in_memory, size.segments), (600, 0, 1));
    assert_eq!(world.engine.activity().batches, 2, "one record for the gallery, one for all rows");
    let found = tenant.identify("wide", request(ProbeSource::Embedding(one_hot(7)), 1)).await;
    assert_eq!(found.unwrap().matches[0].face.face_id, enrollments[7].faces[0].face_id);
}
