//! Many writers share syncs, readers never wait, and everything acknowledged is there afterwards.

use std::sync::atomic::{AtomicBool, Ordering};

use likeness_storage::{Snapshot, Store, TemplateId, WriteBatch};

use crate::support::{Random, crashing, create, open};

const DIM: usize = 8;
const WRITERS: u128 = 16;
const ROWS: u128 = 40;

#[test]
fn a_store_and_its_snapshots_may_go_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Store>();
    shared::<Snapshot>();
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

#[test]
fn a_second_store_in_the_same_directory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), crashing());
    let refused = Store::open(folder.path(), crashing()).unwrap_err().to_string();
    assert!(refused.contains("in use by another process"), "{refused}");
    drop(first);
    open(folder.path(), crashing());
}
