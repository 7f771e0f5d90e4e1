//! Many writers share syncs, readers never wait, and everything acknowledged is there afterwards.

use std::sync::atomic::{AtomicBool, Ordering};

use likeness_storage::{Loader, Snapshot, Store, TemplateId, WriteBatch, WriteError};

use crate::support::{Random, crashing, create, open};

const DIM: usize = 8;
const WRITERS: u128 = 16;
const ROWS: u128 = 40;

#[test]
fn a_store_and_its_snapshots_may_go_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Store>();
    shared::<Snapshot>();
    shared::<Loader<'_>>();
}

#[test]
fn every_acknowledged_row_of_many_writers_is_there_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), crashing().with_checkpoint_bytes(20_000));
    let gallery = create(&store, "g", DIM);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut most, mut rounds) = (0, 0);
            while !done.load(Ordering::Relaxed) || rounds == 0 {
                let snapshot = store.snapshot();
                let rows = snapshot.row_count(gallery);
                assert_eq!(snapshot.rows(gallery, None).count() as u64, rows);
                assert!(rows >= most, "rows must not disappear");
                (most, rounds) = (rows, rounds + 1);
            }
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let store = &store;
                scope.spawn(move || {
                    let mut random = Random(writer as u64);
                    for at in 0..ROWS {
                        let row = random.row(writer * ROWS + at + 1, DIM);
                        let id = row.id;
                        let mut batch = WriteBatch::new();
                        batch.enroll(gallery, row);
                        store.write(batch).unwrap();
                        assert!(store.snapshot().get(gallery, id).unwrap().is_some());
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
    drop(store);
    let store = open(folder.path(), crashing());
    let snapshot = store.snapshot();
    assert_eq!(u128::from(snapshot.row_count(gallery)), WRITERS * ROWS);
    for id in 1..=WRITERS * ROWS {
        assert!(snapshot.get(gallery, TemplateId::new(id)).unwrap().is_some(), "row {id} is lost");
    }
}

/// Loads, batches, checkpoints and merges at once. Loads want rows that batches may have taken.
#[test]
fn loads_go_on_while_checkpoints_and_merges_do() {
    const LOADS: u128 = 12;
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), crashing().with_checkpoint_bytes(10_000));
    let gallery = create(&store, "g", DIM);
    let done = AtomicBool::new(false);
    let (loaded, refused) = std::thread::scope(|scope| {
        let upkeep = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                store.checkpoint().unwrap();
                store.compact().unwrap();
            }
        });
        let writer = scope.spawn(|| {
            let mut random = Random(5);
            // A row that some load wants too.
            for id in (0..LOADS * ROWS).step_by(2 * ROWS as usize + 1) {
                let mut batch = WriteBatch::new();
                batch.enroll(gallery, random.row(id, DIM));
                let written = store.write(batch);
                assert!(matches!(written, Ok(_) | Err(WriteError::DuplicateTemplate(_))));
            }
        });
        let (mut loaded, mut refused) = (Vec::new(), Vec::new());
        let mut random = Random(6);
        for at in 0..LOADS {
            let mut loader = store.load(gallery).unwrap();
            for id in at * ROWS..(at + 1) * ROWS {
                loader.push(random.row(id, DIM)).unwrap();
            }
            match loader.commit() {
                Ok(commit) => {
                    assert_eq!(u128::from(commit.enrolled), ROWS);
                    loaded.push(at);
                }
                Err(WriteError::DuplicateTemplate(id)) => refused.push(id),
                Err(other) => panic!("{other}"),
            }
        }
        writer.join().unwrap();
        done.store(true, Ordering::Relaxed);
        upkeep.join().unwrap();
        (loaded, refused)
    });
    assert_eq!(loaded.len() + refused.len(), LOADS as usize);
    let check = |snapshot: &Snapshot| {
        let ids: Vec<u128> =
            snapshot.rows(gallery, None).map(|row| row.unwrap().id.get()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "no row is there twice");
        for at in 0..LOADS {
            let of_load = ids.iter().filter(|id| *id / ROWS == at).count() as u128;
            assert_eq!(of_load >= ROWS, loaded.contains(&at), "load {at} is there in part");
        }
        for id in &refused {
            assert!(ids.contains(&id.get()), "load was refused for {id}, which is not there");
        }
        ids
    };
    store.checkpoint().unwrap();
    store.compact().unwrap();
    assert!(store.activity().compactions > 0, "by now there was something to merge");
    let before = check(&store.snapshot());
    drop(store);
    let store = open(folder.path(), crashing());
    assert_eq!(check(&store.snapshot()), before);
    store.verify().unwrap();
}

#[test]
fn a_second_store_in_the_same_directory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), crashing());
    let refused = Store::open(folder.path(), crashing()).unwrap_err().to_string();
    assert!(refused.contains("in use by another process"), "{refused}");
    drop(first);
    open(folder.path(), crashing());
}
