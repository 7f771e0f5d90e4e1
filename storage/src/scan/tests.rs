//! Searches against brute force: over codes and without, filtered, deleted, in parallel.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;

use super::*;
use crate::batch::WriteBatch;
use crate::embedding::Embedding;
use crate::exactness::Exactness;
use crate::gallery::GalleryDraft;
use crate::id::{GalleryId, TemplateId};
use crate::io::memory::{MemoryDirectory, Random};
use crate::kernel::Kernel;
use crate::options::StoreOptions;
use crate::precision::Precision;
use crate::row::tests::{bare_row, draft};
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::template_set::TemplateSet;
use crate::topk::Scored;

pub(crate) fn options() -> StoreOptions {
    StoreOptions::default().with_checkpoint_on_close(false).with_compaction(false)
}

fn gallery(places: &[u8], options: StoreOptions) -> (Store, GalleryId) {
    gallery_of(Precision::Single, places, options)
}

fn gallery_of(precision: Precision, places: &[u8], options: StoreOptions) -> (Store, GalleryId) {
    let store = Store::open_in(Arc::new(MemoryDirectory::default()), options).unwrap().0;
    let gallery = filled(&store, "g", precision, places);
    (store, gallery)
}

/// A gallery with rows in memory, in two segments, and deleted ones, as `places` says.
pub(crate) fn filled(store: &Store, name: &str, precision: Precision, places: &[u8]) -> GalleryId {
    let mut batch = WriteBatch::new();
    batch.create_gallery(GalleryDraft { precision, ..draft(name, 3) });
    let gallery = store.write(batch).unwrap().created[0];
    for stage in 0..3 {
        let (mut batch, mut removal) = (WriteBatch::new(), WriteBatch::new());
        for (id, place) in places.iter().enumerate().filter(|(_, place)| *place % 3 == stage) {
            let components = vec![f32::from(place % 5) - 2.0, 1.0, f32::from(place % 7)];
            batch.enroll(gallery, bare_row(id as u128, components));
            if *place >= 200 {
                removal.remove(gallery, TemplateId::new(id as u128));
            }
        }
        store.write(batch).unwrap();
        if stage < 2 {
            store.checkpoint().unwrap();
        }
        store.write(removal).unwrap();
    }
    gallery
}

/// A vector around one of a few centres, so that some rows are much alike.
fn face(random: &mut Random, dim: usize, people: usize) -> Vec<f32> {
    let person = random.below(people) as u64;
    let mut centre = Random::new(person + 1000);
    let uniform = |random: &mut Random| random.below(2001) as f32 / 1000.0 - 1.0;
    (0..dim).map(|_| uniform(&mut centre) + 0.8 * uniform(random)).collect()
}

/// Some thousand rows of 96 dimensions in two segments and in memory, a tenth of them deleted.
fn coded_gallery(options: StoreOptions) -> (Store, GalleryId) {
    coded_gallery_of(Precision::Single, options)
}

pub(crate) fn coded_gallery_of(precision: Precision, options: StoreOptions) -> (Store, GalleryId) {
    let store = Store::open_in(Arc::new(MemoryDirectory::default()), options).unwrap().0;
    let mut batch = WriteBatch::new();
    batch.create_gallery(GalleryDraft { precision, ..draft("g", 96) });
    let gallery = store.write(batch).unwrap().created[0];
    let mut random = Random::new(5);
    for (stage, rows) in [2500u128, 700, 90].into_iter().enumerate() {
        let (mut batch, mut removal) = (WriteBatch::new(), WriteBatch::new());
        for at in 0..rows {
            let id = at * 3 + stage as u128;
            batch.enroll(gallery, bare_row(id, face(&mut random, 96, 300)));
            if random.one_in(10) {
                removal.remove(gallery, TemplateId::new(id));
            }
        }
        store.write(batch).unwrap();
        if stage < 2 {
            store.checkpoint().unwrap();
        }
        store.write(removal).unwrap();
    }
    (store, gallery)
}

fn brute_force(snapshot: &Snapshot, gallery: GalleryId, probe: &Probe) -> Vec<Scored> {
    let mut all: Vec<Scored> = snapshot
        .rows(gallery, None)
        .map(Result::unwrap)
        .filter(|row| probe.permits(row.id))
        .map(|row| Scored { id: row.id, score: probe.embedding.dot(&row.embedding.to_embedding()) })
        .filter(|scored| scored.score >= probe.min_score)
        .collect();
    all.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
    all.truncate(probe.limit);
    all
}

fn set(ids: impl IntoIterator<Item = u128>) -> Arc<TemplateSet> {
    Arc::new(ids.into_iter().map(TemplateId::new).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_search_of_small_embeddings_equals_brute_force(
        places in prop::collection::vec(any::<u8>(), 0..120),
        only in prop::option::of(prop::collection::hash_set(0u128..140, 0..20)),
        limit in prop_oneof![0usize..9, Just(usize::MAX)],
        min_score in prop_oneof![Just(f32::NEG_INFINITY), Just(f32::NAN), -1.0f32..1.0],
        exclude in prop::option::of(0u128..120),
        precision in prop::sample::select(vec![Precision::Single, Precision::Half]),
    ) {
        let (store, id) = gallery_of(precision, &places, options());
        let embedding = Embedding::normalize(vec![0.5, 0.2, 0.9]).unwrap();
        let probe = Probe {
            min_score,
            exclude: exclude.map(TemplateId::new),
            only: only.map(set),
            ..Probe::new(embedding, limit)
        };
        let snapshot = store.snapshot();
        let expected = brute_force(&snapshot, id, &probe);
        prop_assert_eq!(&snapshot.identify(id, &probe).unwrap(), &expected);
        let (candidates, _) = snapshot.candidates(id, &probe).unwrap();
        prop_assert_eq!(candidates.len(), expected.len());
        for (found, expected) in candidates.iter().zip(&expected) {
            prop_assert_eq!(Some(found.row), snapshot.get(id, expected.id).unwrap());
            prop_assert_eq!(found.score.to_bits(), expected.score.to_bits());
        }
    }
}

#[test]
fn a_search_over_codes_equals_brute_force_on_every_kernel() {
    for precision in [Precision::Single, Precision::Half] {
        let found = Kernel::available().map(|kernel| {
            let (store, id) = coded_gallery_of(precision, options().with_kernel(kernel));
            found_as_by_brute_force(&store.snapshot(), id)
        });
        let found: Vec<_> = found.collect();
        assert!(found.windows(2).all(|pair| pair[0] == pair[1]), "every kernel scores alike");
    }
}

/// What searches of all kinds find, each compared with brute force.
fn found_as_by_brute_force(snapshot: &Snapshot, id: GalleryId) -> Vec<Vec<Scored>> {
    let mut random = Random::new(77);
    let mut found = Vec::new();
    for round in 0..60u128 {
        let embedding = Embedding::normalize(face(&mut random, 96, 330)).unwrap();
        let limit = [1, 10, 100, 5000][round as usize % 4];
        let min_score = [f32::NEG_INFINITY, 0.4, 0.75][round as usize % 3];
        let only = match round % 5 {
            0 | 1 => None,
            2 => Some(set((0..8000).filter(|id| id % 2 == 0))),
            3 => Some(set((0..8000).filter(|id| id % 997 == round))),
            _ => Some(set([round * 3, round * 3 + 1])),
        };
        let exactness =
            if round % 7 == 0 { Exactness::Deterministic } else { Exactness::default() };
        let exclude = Some(TemplateId::new(round * 6));
        let probe = Probe { min_score, exclude, only, exactness, ..Probe::new(embedding, limit) };
        let expected = brute_force(snapshot, id, &probe);
        assert_eq!(snapshot.identify(id, &probe).unwrap(), expected, "round {round}");
        found.push(expected);
    }
    found
}

#[test]
fn probes_that_share_a_pass_find_what_each_finds_alone() {
    let (store, id) = coded_gallery(options());
    let snapshot = store.snapshot();
    let mut random = Random::new(3);
    let probes: Vec<Probe> = (0..40)
        .map(|at| {
            let embedding = Embedding::normalize(face(&mut random, 96, 300)).unwrap();
            let only = (at % 3 == 0).then(|| set(0..4000));
            Probe { only, ..Probe::new(embedding, at % 13) }
        })
        .collect();
    let together = snapshot.identify_many(id, &probes).unwrap();
    let alone: Vec<_> = probes.iter().map(|probe| snapshot.identify(id, probe).unwrap()).collect();
    assert_eq!(together, alone);
    assert!(snapshot.identify_many(id, &[]).unwrap().is_empty());
}

#[test]
fn embeddings_are_read_of_survivors_only() {
    for (precision, bytes) in [(Precision::Single, 4), (Precision::Half, 2)] {
        let (store, id) = coded_gallery_of(precision, options());
        let snapshot = store.snapshot();
        let probe =
            snapshot.get(id, TemplateId::new(600)).unwrap().unwrap().embedding.to_embedding();
        let probe = Probe { min_score: 0.9, ..Probe::new(probe, 10) };
        let (found, report) = snapshot.explain(id, &probe).unwrap();
        assert_eq!(found[0].id, TemplateId::new(600));
        assert_eq!(report.rows, snapshot.row_count(id));
        assert_eq!(report.segments, 2);
        let stage = |name| report.stages.iter().find(|stage| stage.name == name).unwrap();
        let (first, last) = (stage("plane 1"), stage("embedding"));
        assert_eq!(first.rows + report.rows_in_memory, report.rows);
        // 2,500 and 700 rows in groups of 16, each of three words and one line of factors.
        assert_eq!(first.bytes, (157 + 44) * 4 * 64);
        // Rows in memory are kept in single precision.
        let sealed = last.decided - report.rows_in_memory;
        assert_eq!(last.bytes, sealed * 96 * bytes + report.rows_in_memory * 96 * 4);
        assert!(sealed > 0 && sealed < 64, "{report:?}");
    }
}

#[test]
fn a_deterministic_search_prunes_by_the_refinement() {
    let (store, id) = coded_gallery(options());
    let snapshot = store.snapshot();
    let probe = snapshot.get(id, TemplateId::new(600)).unwrap().unwrap().embedding.to_embedding();
    let exactness = Exactness::Deterministic;
    let probe = Probe { exactness, ..Probe::new(probe, 100) };
    let (_, report) = snapshot.explain(id, &probe).unwrap();
    let decided: Vec<u64> = report.stages.iter().map(|stage| stage.decided).collect();
    assert_eq!(report.stages.len(), 4, "{report:?}");
    assert!(decided[0] == 0 && decided[2] > 0, "{report:?}");
}

#[test]
fn a_search_that_was_cancelled_gives_up_wherever_the_rows_are() {
    for places in [[0; 40], [2; 40]] {
        let (store, id) = gallery(&places, options());
        let embedding = Embedding::normalize(vec![1.0, 0.0, 0.0]).unwrap();
        let cancelled = Some(Arc::new(AtomicBool::new(true)));
        for only in [None, Some(set([1]))] {
            let probe =
                Probe { only, cancelled: cancelled.clone(), ..Probe::new(embedding.clone(), 3) };
            let given_up = store.snapshot().identify(id, &probe);
            assert!(matches!(given_up, Err(ReadError::Cancelled)));
        }
    }
}

#[test]
fn probes_of_another_dimension_and_galleries_that_are_none_are_refused() {
    let (store, id) = gallery(&[1], options());
    let snapshot = store.snapshot();
    let probe = Probe::new(Embedding::normalize(vec![1.0; 4]).unwrap(), 1);
    let refused = snapshot.identify(id, &probe).unwrap_err();
    assert_eq!(refused.to_string(), "the gallery holds embeddings of 3 components, not 4");
    let refused = snapshot.identify(GalleryId::new(99), &probe).unwrap_err();
    assert!(matches!(refused, ReadError::NoSuchGallery(_)));
}

#[test]
fn searches_of_many_threads_share_the_lanes() {
    for threads in [1, 2, 3] {
        let (store, id) = coded_gallery(options().with_search_threads(threads));
        let snapshot = store.snapshot();
        let mut random = Random::new(9);
        let probes: Vec<Probe> = (0..12)
            .map(|_| Embedding::normalize(face(&mut random, 96, 300)).unwrap())
            .map(|embedding| Probe::new(embedding, 5))
            .collect();
        std::thread::scope(|scope| {
            for probe in &probes {
                let snapshot = &snapshot;
                scope.spawn(move || {
                    for _ in 0..5 {
                        let (found, report) = snapshot.explain(id, probe).unwrap();
                        assert_eq!(found, brute_force(snapshot, id, probe));
                        assert!((1..=threads as u64).contains(&report.threads));
                    }
                });
            }
        });
    }
}
