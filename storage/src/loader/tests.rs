//! Loads: as good as batches, whole or not at all, and no row twice.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::batch::WriteBatch;
use crate::checkpoint::{rebase, seal};
use crate::embedding::Embedding;
use crate::id::{LogSeq, Lsn, SegmentId};
use crate::io::memory::{Fault, MemoryDirectory, PowerCut};
use crate::options::StoreOptions;
use crate::recovery::{OpenError, RecoveryReport};
use crate::row::tests::{bare_row, draft, row};
use crate::scan::Probe;
use crate::store::Store;

fn open(directory: &MemoryDirectory) -> Result<(Store, RecoveryReport), OpenError> {
    let options = StoreOptions::default().with_checkpoint_on_close(false).with_compaction(false);
    Store::open_in(Arc::new(directory.clone()), options)
}

fn at(id: u128) -> Row {
    row(id, vec![1.0, id as f32])
}

fn create(store: &Store, name: &str) -> GalleryId {
    let mut batch = WriteBatch::new();
    batch.create_gallery(draft(name, 2));
    store.write(batch).unwrap().created[0]
}

fn enroll(store: &Store, gallery: GalleryId, ids: &[u128]) -> Commit {
    let mut batch = WriteBatch::new();
    for &id in ids {
        batch.enroll(gallery, at(id));
    }
    store.write(batch).unwrap()
}

fn remove(store: &Store, gallery: GalleryId, id: u128) -> Commit {
    let mut batch = WriteBatch::new();
    batch.remove(gallery, TemplateId::new(id));
    store.write(batch).unwrap()
}

fn drop_gallery(store: &Store, gallery: GalleryId) -> Commit {
    let mut batch = WriteBatch::new();
    batch.drop_gallery(gallery);
    store.write(batch).unwrap()
}

/// A loader that holds these rows.
fn loading<'a>(store: &'a Store, gallery: GalleryId, ids: &[u128]) -> Loader<'a> {
    let mut loader = store.load(gallery).unwrap();
    for &id in ids {
        loader.push(at(id)).unwrap();
    }
    loader
}

fn load(store: &Store, gallery: GalleryId, ids: &[u128]) -> Result<Commit, WriteError> {
    loading(store, gallery, ids).commit()
}

/// A store with one gallery.
fn with_gallery() -> (MemoryDirectory, Store, GalleryId) {
    let directory = MemoryDirectory::default();
    let store = open(&directory).unwrap().0;
    let gallery = create(&store, "g");
    (directory, store, gallery)
}

/// The rows of a gallery with their LSNs.
fn rows(store: &Store, gallery: GalleryId) -> Vec<(Lsn, Row)> {
    let snapshot = store.snapshot();
    snapshot
        .rows(gallery, None)
        .map(Result::unwrap)
        .map(|row| (row.lsn, row.to_row().unwrap()))
        .collect()
}

fn ids(store: &Store, gallery: GalleryId) -> Vec<u128> {
    rows(store, gallery).iter().map(|(_, row)| row.id.get()).collect()
}

fn segments(directory: &MemoryDirectory) -> Vec<FileName> {
    let names = directory.list().unwrap().into_iter();
    names.filter(|name| matches!(name, FileName::Segment(_))).collect()
}

fn is_duplicate(outcome: &Result<Commit, WriteError>, id: u128) -> bool {
    matches!(outcome, Err(WriteError::DuplicateTemplate(found)) if found.get() == id)
}

#[test]
fn a_load_is_as_good_as_a_batch_of_the_same_rows() {
    let (directory, mut store, enrolled) = with_gallery();
    let loaded = create(&store, "loaded");
    let shuffled: Vec<u128> = (1..=20).map(|n| n * 7 % 23).collect();
    let batch = enroll(&store, enrolled, &shuffled);
    let commit = load(&store, loaded, &shuffled).unwrap();
    assert_eq!((commit.lsn, commit.enrolled), (batch.lsn.next(), batch.enrolled));
    assert!(segments(&directory).len() >= 3, "{:?}", segments(&directory));
    for step in ["at once", "replayed", "sealed", "sealed and opened", "merged"] {
        match step {
            "replayed" | "sealed and opened" => {
                drop(store);
                store = open(&directory).unwrap().0;
            }
            "sealed" => drop(store.checkpoint().unwrap()),
            "merged" => assert!(store.compact().unwrap().segments >= 4),
            _ => {}
        }
        let [one, other] = [enrolled, loaded].map(|gallery| rows(&store, gallery));
        assert_eq!(one.len(), 20, "{step}");
        for (one, other) in one.iter().zip(&other) {
            assert_eq!((one.0, other.0), (batch.lsn, commit.lsn), "{step}");
            assert_eq!(one.1, other.1, "{step}");
        }
        assert_eq!(one.len(), other.len(), "{step}");
        let embedding = Embedding::normalize(vec![1.0, 9.0]).unwrap();
        let probe = Probe { min_score: 0.1, ..Probe::new(embedding, 7) };
        let [one, other] =
            [enrolled, loaded].map(|gallery| store.snapshot().identify(gallery, &probe).unwrap());
        assert_eq!((one.len(), &one), (7, &other), "{step}");
        assert_eq!(store.verify(), Ok(()));
    }
}

#[test]
fn rows_that_a_batch_would_refuse_are_refused_one_by_one() {
    let (_, store, gallery) = with_gallery();
    assert!(matches!(store.load(GalleryId::new(9)), Err(WriteError::NoSuchGallery(_))));
    let mut loader = loading(&store, gallery, &[1, 2]);
    let mut infinite = at(3);
    infinite.quality = Some(f32::INFINITY);
    let mut foreign = at(3);
    foreign.model = "other".into();
    for bad in [infinite, foreign, bare_row(3, vec![1.0]), at(2)] {
        assert!(loader.push(bad).is_err());
    }
    loader.push(at(3)).unwrap();
    assert_eq!(loader.commit().unwrap().enrolled, 3);
    assert_eq!(ids(&store, gallery), [1, 2, 3]);
}

#[test]
fn a_load_of_nothing_is_no_batch() {
    let (_, store, gallery) = with_gallery();
    let before = store.snapshot().lsn();
    let commit = load(&store, gallery, &[]).unwrap();
    assert_eq!((commit.lsn, commit.enrolled, store.snapshot().lsn()), (before, 0, before));
    let loader = store.load(gallery).unwrap();
    drop_gallery(&store, gallery);
    assert!(matches!(loader.commit(), Err(WriteError::NoSuchGallery(_))));
}

#[test]
fn a_row_that_is_there_is_refused_wherever_it_is_and_nothing_is_left() {
    let (directory, store, gallery) = with_gallery();
    enroll(&store, gallery, &[10, 20, 30]);
    store.checkpoint().unwrap();
    load(&store, gallery, &[40, 50]).unwrap();
    enroll(&store, gallery, &[60, 70]);
    for id in [20, 50, 70] {
        remove(&store, gallery, id);
    }
    let before = (directory.list().unwrap(), rows(&store, gallery));
    for id in [10, 30, 40, 60] {
        // Before, among and behind the others, in any segment of the load.
        for rest in [1..9, 51..59, 81..89] {
            let load = load(&store, gallery, &rest.chain([id]).collect::<Vec<_>>());
            assert!(is_duplicate(&load, id), "{id}: {load:?}");
        }
    }
    let twice: Vec<u128> = (100..120).chain([103]).collect();
    let load_twice = load(&store, gallery, &twice);
    assert!(is_duplicate(&load_twice, 103), "{load_twice:?}");
    assert_eq!((directory.list().unwrap(), rows(&store, gallery)), before);
    load(&store, gallery, &[20, 50, 70]).unwrap();
    assert_eq!(ids(&store, gallery), [10, 20, 30, 40, 50, 60, 70]);
}

/// Something that happens to a gallery.
type Meanwhile<'a> = &'a dyn Fn(&Store, GalleryId);

/// Compares a load of `5` and `25` with the store, lets something happen, and then commits.
fn commit_after(
    store: &Store,
    gallery: GalleryId,
    meanwhile: impl FnOnce(&Store, GalleryId),
) -> Result<Commit, WriteError> {
    enroll(store, gallery, &[1, 9, 30]);
    let mut loader = loading(store, gallery, &[5, 25]);
    loader.write_segment().unwrap();
    let segments = loader.segments.clone();
    let attachment = Attachment::new(gallery, segments, loader.version()).unwrap();
    meanwhile(store, gallery);
    let proposal = Proposal::Attachment(attachment);
    let outcome = store.requests().ask(|reply| Request::Write { proposal, reply });
    if outcome.is_ok() {
        loader.segments.clear();
    }
    outcome
}

#[test]
fn a_row_that_came_after_the_comparison_is_refused_wherever_it_went() {
    let enrolled = |store: &Store, gallery| drop(enroll(store, gallery, &[4, 25]));
    let checkpoint = |store: &Store| assert!(store.checkpoint().unwrap().rows > 0);
    let merged = |store: &Store, gallery, first| {
        for id in [first, 200, 300, 400] {
            enroll(store, gallery, &[id]);
            checkpoint(store);
        }
        assert!(store.compact().unwrap().segments >= 4);
    };
    let meanwhile: [Meanwhile<'_>; 4] = [
        &enrolled,
        &|store, gallery| {
            enrolled(store, gallery);
            checkpoint(store);
        },
        &|store, gallery| merged(store, gallery, 25),
        &|store, gallery| drop(load(store, gallery, &[3, 25, 26]).unwrap()),
    ];
    for (at, meanwhile) in meanwhile.into_iter().enumerate() {
        let (_, store, gallery) = with_gallery();
        let outcome = commit_after(&store, gallery, meanwhile);
        assert!(is_duplicate(&outcome, 25), "{at}: {outcome:?}");
    }
    let (_, store, gallery) = with_gallery();
    let outcome =
        commit_after(&store, gallery, |store, gallery| drop(drop_gallery(store, gallery)));
    assert!(matches!(outcome, Err(WriteError::NoSuchGallery(_))), "{outcome:?}");

    let (_, store, gallery) = with_gallery();
    let harmless = |store: &Store, gallery| {
        enrolled(store, gallery);
        remove(store, gallery, 25);
        merged(store, gallery, 100);
        drop(load(store, gallery, &[24, 26]).unwrap());
    };
    commit_after(&store, gallery, harmless).unwrap();
    let expected = [1, 4, 5, 9, 24, 25, 26, 30, 100, 200, 300, 400];
    assert_eq!(ids(&store, gallery), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// Places of 40 rows: in the load, in segments, deleted there, in memory, in memory later. The
    /// load leaves out what is in some of these places, or few loads would be good.
    #[test]
    fn exactly_the_loads_with_a_live_row_are_refused(
        places in prop::collection::vec(0u8..32, 40),
        left_out in prop::sample::select(vec![0u8, 0b01010, 0b11010]),
    ) {
        let of = |bit: u8| -> Vec<u128> {
            let has = |place: &u8| {
                place >> bit & 1 != 0 && (bit != 0 || place & left_out == 0)
            };
            let ids = (0u128..).zip(&places).filter(|(_, place)| has(place));
            ids.map(|(id, _)| id * 3).collect()
        };
        let (_, store, gallery) = with_gallery();
        let mut live = BTreeSet::new();
        let add = |ids: Vec<u128>, live: &mut BTreeSet<u128>| {
            let new: Vec<u128> = ids.into_iter().filter(|id| live.insert(*id)).collect();
            enroll(&store, gallery, &new);
        };
        add(of(1), &mut live);
        store.checkpoint().unwrap();
        for id in of(2) {
            live.remove(&id);
            remove(&store, gallery, id);
        }
        add(of(3), &mut live);
        let mut loader = loading(&store, gallery, &of(0));
        loader.write_segment().unwrap();
        let (segments, version) = (loader.segments.clone(), loader.version());
        let first = Attachment::new(gallery, segments, version);
        let is_free = |live: &BTreeSet<u128>| of(0).iter().all(|id| !live.contains(id));
        prop_assert_eq!(first.is_ok(), is_free(&live));
        add(of(4), &mut live);
        if let Ok(first) = first {
            prop_assert_eq!(first.clone().advance(loader.version()).is_ok(), is_free(&live));
            store.checkpoint().unwrap();
            prop_assert_eq!(first.advance(loader.version()).is_ok(), is_free(&live));
        }
        prop_assert_eq!(loader.commit().is_ok(), is_free(&live));
    }
}

#[test]
fn a_loader_that_is_dropped_or_fails_leaves_no_file() {
    let (directory, store, gallery) = with_gallery();
    let many: Vec<u128> = (1..20).collect();
    let loader = loading(&store, gallery, &many);
    assert!(segments(&directory).len() >= 3);
    drop(loader);
    assert_eq!(segments(&directory), []);

    for fault in [Fault::Append, Fault::Sync] {
        let mut loader = store.load(gallery).unwrap();
        directory.set_fault(fault);
        let pushed: Vec<u128> =
            many.iter().copied().take_while(|id| loader.push(at(*id)).is_ok()).collect();
        assert!(!pushed.is_empty() && pushed.len() < many.len(), "{pushed:?}");
        let refused = loader.push(at(many[pushed.len()]));
        assert!(matches!(refused, Err(WriteError::NotLoaded(_))), "{refused:?}");
        assert!(store.activity().read_only.is_none(), "the store goes on");
        assert_eq!(segments(&directory), [], "what was begun is gone");
        directory.set_fault(Fault::None);
        for &id in many.iter().skip(pushed.len()) {
            loader.push(at(id)).unwrap();
        }
        if fault == Fault::Sync {
            assert_eq!(loader.commit().unwrap().enrolled, many.len() as u64);
        }
    }
    assert_eq!(ids(&store, gallery), many);
}

#[test]
fn files_that_a_record_may_name_stay_when_its_fate_is_unknown() {
    let (directory, store, gallery) = with_gallery();
    let mut loader = loading(&store, gallery, &[1, 2]);
    loader.write_segment().unwrap();
    directory.set_fault(Fault::Sync);
    let outcome = loader.commit();
    assert!(matches!(outcome, Err(WriteError::Io(_))), "{outcome:?}");
    assert_eq!(store.snapshot().row_count(gallery), 0);
    directory.set_fault(Fault::None);
    drop(store);
    // The record reached the file, and may be found.
    assert_eq!(ids(&open(&directory.killed()).unwrap().0, gallery), [1, 2]);
    let cut = directory.power_cut(PowerCut::Synced);
    assert_eq!(ids(&open(&cut).unwrap().0, gallery), [0; 0]);
    assert_eq!(segments(&cut), []);
}

#[test]
fn segments_of_a_dropped_gallery_stay_as_long_as_the_log_names_them() {
    for reopened in [false, true] {
        let (directory, mut store, gallery) = with_gallery();
        let kept = create(&store, "kept");
        load(&store, gallery, &(1..9).collect::<Vec<_>>()).unwrap();
        load(&store, kept, &[1]).unwrap();
        drop_gallery(&store, gallery);
        if reopened {
            drop(store);
            store = open(&directory).unwrap().0;
            assert!(segments(&directory).len() > 1, "the log is replayed again next time");
            drop(store);
            store = open(&directory).unwrap().0;
        }
        store.checkpoint().unwrap();
        assert_eq!(segments(&directory).len(), 1, "reopened: {reopened}");
        assert_eq!(ids(&store, kept), [1]);
        drop(store);
        assert_eq!(open(&directory).unwrap().1.removed_files, 0);
    }
}

#[test]
fn a_segment_that_the_log_names_must_be_there_and_be_that_one() {
    let (directory, store, gallery) = with_gallery();
    let other = create(&store, "h");
    load(&store, gallery, &[1, 2]).unwrap();
    load(&store, gallery, &[3]).unwrap();
    load(&store, other, &[4]).unwrap();
    drop(store);
    let names = segments(&directory);
    let damage = |edit: &dyn Fn(&MemoryDirectory)| {
        let left = directory.killed();
        edit(&left);
        let before = left.list().unwrap();
        let refused = open(&left).map(|(_, report)| report).unwrap_err().to_string();
        assert_eq!(left.list().unwrap(), before, "nothing is removed");
        refused
    };
    let file = "memory/segment-0000000001.emb is damaged at byte 0:";
    let refused = damage(&|left| left.remove(names[0]).unwrap());
    assert_eq!(refused, format!("{file} the file is missing"));
    let put = |from: FileName| {
        let content = directory.content(from);
        damage(&|left| left.edit(names[0], |bytes| bytes.clone_from(&content)))
    };
    assert_eq!(put(names[1]), format!("{file} this is not segment 1 of gallery 1"));
    let shorter = {
        let rows = [at(1)];
        let refs: Vec<_> = rows.iter().map(|row| row.as_ref(SegmentView::UNBORN)).collect();
        let descriptor = crate::row::tests::descriptor(1, "g", 2);
        crate::segment::tests::encode(SegmentId::new(1), &descriptor, &refs)
    };
    let refused = damage(&|left| left.edit(names[0], |bytes| bytes.clone_from(&shorter)));
    assert_eq!(refused, format!("{file} it has 1 rows, the log says 2"));
}

#[test]
fn what_is_attached_while_a_checkpoint_writes_outlives_its_end() {
    let (directory, store, gallery) = with_gallery();
    enroll(&store, gallery, &[1, 5]);
    let mut frozen = Version::clone(&store.load(gallery).unwrap().version());
    frozen.freeze();
    // A load meets frozen rows as it meets all others.
    let mut loader = loading(&store, gallery, &[5]);
    loader.write_segment().unwrap();
    let refused = Attachment::new(gallery, loader.segments.clone(), Arc::new(frozen.clone()));
    assert!(matches!(refused, Err(WriteError::DuplicateTemplate(_))));
    drop(loader);
    load(&store, gallery, &[3, 7]).unwrap();
    let numbers = SegmentNumbers::new(SegmentId::new(100));
    let (sealed, _) = seal(&directory, &frozen, LogSeq::new(2), &numbers).unwrap();
    let mut current = frozen;
    let version = store.load(gallery).unwrap().version();
    for view in &version.gallery(gallery).unwrap().segments {
        current.attach(gallery, view.clone());
    }
    let rebased = rebase(&current, &sealed).unwrap();
    let view = rebased.gallery(gallery).unwrap();
    assert_eq!((view.row_count(), view.segments.len()), (4, 2));
    assert_eq!(view.get(TemplateId::new(7)).unwrap().map(|row| row.lsn), Some(Lsn::new(3)));
    let manifest = |sealed: &crate::sealed::Sealed| {
        sealed.manifest(crate::id::StoreId::new(1), numbers.upcoming()).segments.len()
    };
    assert_eq!(manifest(&sealed), 1, "the log still has to attach the other");
}

/// The rows of both galleries after each batch.
type States = Vec<[Vec<(Lsn, Row)>; 2]>;

fn galleries(store: &Store) -> [Vec<(Lsn, Row)>; 2] {
    [1, 2].map(|id| rows(store, GalleryId::new(id)))
}

/// Loads with batches, checkpoints, merges and reopenings around them.
fn workload(directory: &MemoryDirectory) -> States {
    let mut states = vec![Default::default()];
    let mut store = open(directory).unwrap().0;
    let mut note = |store: &Store, commit: Commit| {
        assert_eq!(commit.lsn.get(), states.len() as u64);
        directory.acknowledge(commit.lsn.get());
        states.push(galleries(store));
    };
    for name in ["g", "h"] {
        let mut batch = WriteBatch::new();
        batch.create_gallery(draft(name, 2));
        let commit = store.write(batch).unwrap();
        note(&store, commit);
    }
    let [one, other] = [1, 2].map(GalleryId::new);
    note(&store, load(&store, one, &(10..20).collect::<Vec<_>>()).unwrap());
    note(&store, remove(&store, one, 12));
    note(&store, enroll(&store, one, &[1, 2]));
    drop(store);
    store = open(directory).unwrap().0;
    note(&store, load(&store, other, &[1, 2]).unwrap());
    drop(loading(&store, other, &[3, 4, 5, 6, 7]));
    store.checkpoint().unwrap();
    note(&store, load(&store, one, &[12, 50]).unwrap());
    note(&store, drop_gallery(&store, other));
    store.compact().unwrap();
    drop(store);
    store = open(directory).unwrap().0;
    note(&store, enroll(&store, one, &[3]));
    store.checkpoint().unwrap();
    note(&store, load(&store, one, &[60]).unwrap());
    states
}

/// What is left is the state after some batch, with every acknowledged one; and it goes on.
fn check(place: &str, left: &MemoryDirectory, acknowledged: u64, states: &States) {
    let (store, report) = open(left).unwrap_or_else(|error| panic!("{place}: {error}"));
    let lsn = report.lsn.get();
    assert!(lsn >= acknowledged, "{place}: {acknowledged} were acknowledged, {lsn} are there");
    assert_eq!(galleries(&store), states[lsn as usize], "{place}: not the state at LSN {lsn}");
    if lsn == 0 {
        return;
    }
    load(&store, GalleryId::new(1), &[1000, 1001]).unwrap();
    store.checkpoint().unwrap();
    let expected = galleries(&store);
    drop(store);
    let (store, _) = open(&left.power_cut(PowerCut::Synced)).unwrap();
    assert_eq!(galleries(&store), expected, "{place}");
}

#[test]
fn every_crash_leaves_all_of_a_load_or_nothing() {
    let directory = MemoryDirectory::recording();
    let states = workload(&directory);
    let history = directory.history();
    assert!(history.len() > 60, "{} states", history.len());
    for (at, state) in history.iter().enumerate() {
        let acknowledged = state.acknowledged();
        check(&format!("killed after call {at}"), &state.killed(), acknowledged, &states);
        for cut in PowerCut::ALL {
            let place = format!("{cut:?} after call {at}");
            check(&place, &state.power_cut(cut), acknowledged, &states);
        }
    }
}

#[test]
fn every_crash_of_a_recovery_leaves_the_loads_that_were_there() {
    let directory = MemoryDirectory::recording();
    let states = workload(&directory);
    for (at, state) in directory.history().iter().enumerate().step_by(12) {
        let torn = state.power_cut(PowerCut::OtherHalfOfTheBytes).with_history();
        drop(open(&torn).unwrap());
        for (step, left) in torn.history().iter().enumerate() {
            for cut in PowerCut::ALL {
                let place = format!("call {at}, recovery call {step}, {cut:?}");
                check(&place, &left.power_cut(cut), state.acknowledged(), &states);
            }
        }
    }
}
