//! Joins against brute force: within a gallery and across two, over codes and without, resumed.

use proptest::prelude::*;

use super::*;
use crate::batch::WriteBatch;
use crate::code::EXTENT_ROWS;
use crate::io::memory::MemoryDirectory;
use crate::kernel::Kernel;
use crate::precision::Precision;
use crate::row::tests::{bare_row, draft};
use crate::scan::tests::{coded_gallery_of, filled, options};
use crate::store::Store;

fn request(left: GalleryId, right: GalleryId, min_score: f32) -> JoinRequest {
    let exactness = Exactness::default();
    JoinRequest { left, right, min_score, exactness, after: None, cancelled: None }
}

/// The pairs of a join, after checking that none of its parts is empty or too large.
fn pairs_of(join: SimilarityJoin) -> Vec<ScoredPair> {
    let most = join.pairs_max;
    let mut all = Vec::new();
    for part in join {
        let part = part.unwrap();
        assert!((1..=most).contains(&part.len()), "{} of {most}", part.len());
        all.extend(part);
    }
    all
}

/// A join that holds few pairs and takes few probes at a time.
fn narrow(
    snapshot: &Snapshot,
    request: JoinRequest,
    probes: usize,
    pairs: usize,
) -> SimilarityJoin {
    let join = snapshot.join(request).unwrap();
    SimilarityJoin { probes: probes.min(3), probes_max: probes, pairs_max: pairs, ..join }
}

fn brute_force(snapshot: &Snapshot, request: &JoinRequest) -> Vec<ScoredPair> {
    let rows = |gallery| snapshot.rows(gallery, None).map(|row| row.unwrap().to_row().unwrap());
    let rights: Vec<_> = rows(request.right).collect();
    let mut all = Vec::new();
    for left in rows(request.left) {
        for right in &rights {
            let counts = request.left != request.right || left.id < right.id;
            let score = left.embedding.dot(&right.embedding);
            if counts && score >= request.min_score {
                all.push(ScoredPair { left: left.id, right: right.id, score });
            }
        }
    }
    all
}

fn behind(all: &[ScoredPair], cursor: JoinCursor) -> Vec<ScoredPair> {
    let is_behind = |pair: &&ScoredPair| match cursor.right {
        Some(right) => (pair.left, pair.right) > (cursor.left, right),
        None => pair.left > cursor.left,
    };
    all.iter().filter(is_behind).copied().collect()
}

fn cursor(pair: &ScoredPair) -> JoinCursor {
    JoinCursor { left: pair.left, right: Some(pair.right) }
}

fn store() -> Store {
    Store::open_in(Arc::new(MemoryDirectory::default()), options()).unwrap().0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_join_of_small_embeddings_equals_brute_force_however_little_it_holds(
        left in prop::collection::vec(any::<u8>(), 0..40),
        right in prop::collection::vec(any::<u8>(), 0..40),
        min_score in prop_oneof![
            Just(f32::NEG_INFINITY), Just(f32::NAN), Just(1.5), -1.0f32..1.0, 0.9f32..1.0
        ],
        probes in 1usize..9,
        pairs in 1usize..30,
    ) {
        let store = store();
        let (left, right) = (
            filled(&store, "left", Precision::Single, &left),
            filled(&store, "right", Precision::Half, &right),
        );
        let snapshot = store.snapshot();
        for (left, right) in [(left, left), (left, right), (right, left), (right, right)] {
            let request = request(left, right, min_score);
            let expected = brute_force(&snapshot, &request);
            let found = pairs_of(narrow(&snapshot, request.clone(), probes, pairs));
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(&pairs_of(snapshot.join(request).unwrap()), &expected);
        }
    }
}

#[test]
fn a_join_over_codes_equals_brute_force_on_every_kernel() {
    for precision in [Precision::Single, Precision::Half] {
        let mut all = Vec::new();
        for kernel in Kernel::available() {
            let (store, gallery) = coded_gallery_of(precision, options().with_kernel(kernel));
            let snapshot = store.snapshot();
            if all.is_empty() {
                all = brute_force(&snapshot, &request(gallery, gallery, 0.3));
            }
            for (min_score, fewest, most) in [(0.3, 20_000, 30_000), (0.6, 5000, 10_000)] {
                let alike = all.iter().filter(|pair| pair.score >= min_score);
                let expected: Vec<_> = alike.copied().collect();
                assert!((fewest..=most).contains(&expected.len()), "{}", expected.len());
                for exactness in [Exactness::default(), Exactness::Deterministic] {
                    let request = JoinRequest { exactness, ..request(gallery, gallery, min_score) };
                    let found = pairs_of(snapshot.join(request.clone()).unwrap());
                    assert_eq!(found, expected, "{kernel} {exactness:?}");
                    let found = pairs_of(narrow(&snapshot, request, 100, 700));
                    assert_eq!(found, expected, "{kernel} {exactness:?}");
                }
            }
            let none = snapshot.join(request(gallery, gallery, 0.999)).unwrap();
            assert_eq!(none.count(), 0);
        }
    }
}

#[test]
fn scores_are_those_of_a_search_to_the_bit() {
    let (store, gallery) = coded_gallery_of(Precision::Half, options().with_search_threads(3));
    let snapshot = store.snapshot();
    let mut compared = 0;
    for part in snapshot.join(request(gallery, gallery, 0.72)).unwrap() {
        for pair in part.unwrap() {
            let embedding =
                snapshot.get(gallery, pair.right).unwrap().unwrap().embedding.to_embedding();
            let probe = Probe { min_score: 0.72, ..Probe::new(embedding, 5000) };
            let found = snapshot.identify(gallery, &probe).unwrap();
            let same = found.iter().find(|found| found.id == pair.left).unwrap();
            assert_eq!(same.score.to_bits(), pair.score.to_bits());
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared}");
}

#[test]
fn a_join_goes_on_behind_whatever_pair_was_the_last_received() {
    let store = store();
    let places: Vec<u8> = (0..30u32).map(|at| (at * 53 % 200) as u8).collect();
    let (left, right) = (
        filled(&store, "left", Precision::Single, &places),
        filled(&store, "right", Precision::Single, &places[5..]),
    );
    let snapshot = store.snapshot();
    for request in [request(left, left, 0.7), request(left, right, 0.7)] {
        let all = brute_force(&snapshot, &request);
        assert!(all.len() > 50);
        for pair in &all {
            for after in [cursor(pair), JoinCursor { right: None, ..cursor(pair) }] {
                let request = JoinRequest { after: Some(after), ..request.clone() };
                let found = pairs_of(narrow(&snapshot, request, 4, 7));
                assert_eq!(found, behind(&all, after));
            }
        }
    }
}

#[test]
fn a_join_goes_on_in_a_later_snapshot_without_the_templates_it_stopped_at() {
    let store = store();
    let places: Vec<u8> = (0..30u32).map(|at| (at * 53 % 200) as u8).collect();
    let gallery = filled(&store, "g", Precision::Single, &places);
    let request = request(gallery, gallery, 0.7);
    let stopped = brute_force(&store.snapshot(), &request)[20];
    for gone in [stopped.right, stopped.left] {
        let mut batch = WriteBatch::new();
        batch.remove(gallery, gone);
        store.write(batch).unwrap();
        let later = store.snapshot();
        let expected = behind(&brute_force(&later, &request), cursor(&stopped));
        let request = JoinRequest { after: Some(cursor(&stopped)), ..request.clone() };
        assert!(!expected.is_empty());
        assert_eq!(pairs_of(later.join(request).unwrap()), expected);
    }
}

#[test]
fn a_join_is_of_its_snapshot_whatever_is_deleted_meanwhile() {
    let store = store();
    let gallery = filled(&store, "g", Precision::Single, &[7; 20]);
    let snapshot = store.snapshot();
    let request = request(gallery, gallery, 0.5);
    let mut join = narrow(&snapshot, request.clone(), 1, 10);
    let mut found = join.next().unwrap().unwrap();
    let mut batch = WriteBatch::new();
    for id in 0..20 {
        batch.remove(gallery, TemplateId::new(id));
    }
    store.write(batch).unwrap();
    found.extend(pairs_of(join));
    assert_eq!(found.len(), 190);
    assert_eq!(found, brute_force(&snapshot, &request));
}

#[test]
fn a_join_that_was_cancelled_ends_with_that() {
    let store = store();
    for place in [0, 2] {
        let gallery = filled(&store, &place.to_string(), Precision::Single, &[place; 40]);
        let flag = Arc::new(AtomicBool::new(false));
        let cancelled = Some(Arc::clone(&flag));
        let request = JoinRequest { cancelled, ..request(gallery, gallery, 0.5) };
        let mut join = narrow(&store.snapshot(), request, 4, 20);
        assert_eq!(join.next().unwrap().unwrap().len(), 20);
        flag.store(true, Ordering::Relaxed);
        assert!(matches!(join.next(), Some(Err(ReadError::Cancelled))));
        assert!(join.next().is_none());
    }
}

#[test]
fn galleries_of_two_dimensions_and_galleries_that_are_none_are_refused() {
    let store = store();
    let mut batch = WriteBatch::new();
    batch.create_gallery(draft("other", 4));
    let other = store.write(batch).unwrap().created[0];
    let gallery = filled(&store, "g", Precision::Single, &[1]);
    let snapshot = store.snapshot();
    let refused = snapshot.join(request(gallery, other, 0.5)).unwrap_err();
    assert_eq!(refused.to_string(), "the gallery holds embeddings of 4 components, not 3");
    let absent = GalleryId::new(99);
    for (left, right) in [(gallery, absent), (absent, gallery)] {
        let refused = snapshot.join(request(left, right, 0.5)).unwrap_err();
        assert!(matches!(refused, ReadError::NoSuchGallery(id) if id == absent));
    }
}

#[test]
fn the_failure_probability_is_shared_by_all_probes() {
    let probable = |p| Exactness::Probable(FailureProbability::new(p).unwrap());
    assert_eq!(share(probable(0.25), 1024), probable(0.25 / 1024.0));
    assert_eq!(share(probable(1e-6), 0), probable(1e-6));
    assert_eq!(share(probable(1e-100), 1000), Exactness::Deterministic);
    assert_eq!(share(Exactness::Deterministic, 1000), Exactness::Deterministic);
}

/// Rows of two dimensions; those whose identities are equal modulo 20 are the same, and no others.
fn many_rows(store: &Store, rows: u128) -> GalleryId {
    let mut batch = WriteBatch::new();
    batch.create_gallery(draft("g", 2));
    let gallery = store.write(batch).unwrap().created[0];
    let mut batch = WriteBatch::new();
    for id in 0..rows {
        batch.enroll(gallery, bare_row(id, vec![1.0, (id % 20) as f32]));
    }
    store.write(batch).unwrap();
    gallery
}

#[test]
fn a_join_that_goes_on_far_behind_finds_what_is_there() {
    let store = store();
    let rows = EXTENT_ROWS as u128 * 2 + 100;
    let gallery = many_rows(&store, rows);
    let alike = |left: u128, behind: u128| -> Vec<(u128, u128)> {
        let rights = (behind + 1..rows).filter(|right| right % 20 == left % 20);
        rights.map(|right| (left, right)).collect()
    };
    for sealed in [false, true] {
        if sealed {
            store.checkpoint().unwrap();
        }
        let snapshot = store.snapshot();
        for (left, behind) in [(10, 20_000), (rows - 300, rows - 300)] {
            let expected = alike(left, behind);
            assert!(expected.len() > 10);
            let [left, right] = [left, behind].map(TemplateId::new);
            let after = Some(JoinCursor { left, right: Some(right) });
            let request = JoinRequest { after, ..request(gallery, gallery, 1.0 - 1e-6) };
            let found = narrow(&snapshot, request, 1, 1000).next().unwrap().unwrap();
            let found: Vec<_> = found.iter().map(|p| (p.left.get(), p.right.get())).collect();
            assert_eq!(found, expected, "sealed: {sealed}");
        }
    }
}
