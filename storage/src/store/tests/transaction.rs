//! Transactions: what one shows is what its commit leaves, and who commits first wins.

use std::sync::Arc;

use super::oracle::{Oracle, read, show};
use super::workload::open;
use crate::batch::{Operation, WriteBatch, WriteError};
use crate::id::{GalleryId, TemplateId};
use crate::io::memory::{MemoryDirectory, Random};
use crate::limits::RECORD_BYTES_MAX;
use crate::row::Row;
use crate::row::tests::{draft, row};
use crate::store::Store;
use crate::transaction::Transaction;

fn id(id: u128) -> TemplateId {
    TemplateId::new(id)
}

fn batch(fill: impl FnOnce(&mut WriteBatch) -> &mut WriteBatch) -> WriteBatch {
    let mut batch = WriteBatch::new();
    fill(&mut batch);
    batch
}

fn enroll(gallery: GalleryId, at: u128) -> WriteBatch {
    batch(|batch| batch.enroll(gallery, row(at, vec![1.0, at as f32])))
}

fn remove(gallery: GalleryId, at: u128) -> WriteBatch {
    batch(|batch| batch.remove(gallery, id(at)))
}

fn replace(gallery: GalleryId, at: u128) -> WriteBatch {
    let new = Row { metadata: Some("{}".into()), ..row(at, vec![1.0, 0.0]) };
    batch(|batch| batch.remove(gallery, id(at)).enroll(gallery, new))
}

fn create(name: &str) -> WriteBatch {
    batch(|batch| batch.create_gallery(draft(name, 2)))
}

fn begin(store: &Store, batches: &[WriteBatch]) -> Transaction {
    let mut transaction = Transaction::new(store.snapshot());
    for batch in batches {
        transaction.apply(batch.clone()).unwrap();
    }
    transaction
}

/// A store with a gallery of the rows 1 to 4, the first two of them sealed.
fn store() -> (Store, GalleryId) {
    let store = open(&MemoryDirectory::default()).unwrap().0;
    let gallery = store.write(create("g")).unwrap().created[0];
    for at in 1..=4 {
        store.write(enroll(gallery, at)).unwrap();
        if at == 2 {
            store.checkpoint().unwrap();
        }
    }
    (store, gallery)
}

#[test]
fn a_row_that_is_watched_has_to_stay_as_it_is() {
    let conflicts = |done: &dyn Fn(&Store, GalleryId), watched: u128| {
        let (store, gallery) = store();
        let mut transaction = Transaction::new(store.snapshot());
        transaction.watch(gallery, id(watched));
        assert!(transaction.is_empty() && transaction.is_watching());
        done(&store, gallery);
        matches!(store.commit(transaction), Err(WriteError::Conflict))
    };
    let write = |changes: fn(GalleryId) -> WriteBatch| {
        move |store: &Store, gallery: GalleryId| {
            store.write(changes(gallery)).unwrap();
        }
    };
    for watched in [1, 4] {
        assert!(!conflicts(&|_: &Store, _: GalleryId| {}, watched));
        assert!(!conflicts(&write(|gallery| enroll(gallery, 5)), watched));
        assert!(!conflicts(
            &|store: &Store, _: GalleryId| {
                store.checkpoint().unwrap();
            },
            watched
        ));
        let drop_all = write(|gallery| batch(|batch| batch.drop_gallery(gallery)));
        assert!(conflicts(&drop_all, watched));
    }
    assert!(conflicts(&write(|gallery| remove(gallery, 1)), 1));
    assert!(conflicts(&write(|gallery| replace(gallery, 4)), 4));
    assert!(!conflicts(&write(|gallery| replace(gallery, 4)), 1));
    assert!(!conflicts(&write(|gallery| enroll(gallery, 9)), 9), "it was not there to be read");
}

/// One change to the world of the oracle: rows in, out and replaced, galleries made and dropped.
fn change(random: &mut Random, oracle: &Oracle) -> WriteBatch {
    let galleries = &oracle.world().galleries;
    let Some((gallery, content)) = galleries.iter().nth(random.below(galleries.len().max(1)))
    else {
        return create("first");
    };
    let there = content.rows.keys().nth(random.below(content.rows.len().max(1)));
    let new = (0..=u128::MAX).find(|at| !content.rows.contains_key(&id(*at))).unwrap();
    match (random.below(12), there) {
        (0, _) if galleries.len() < 4 => create(&format!("g{}", random.next())),
        (1, _) => batch(|batch| batch.drop_gallery(*gallery)),
        (2..=4, Some(there)) => remove(*gallery, there.get()),
        (5..=6, Some(there)) => replace(*gallery, there.get()),
        _ => enroll(*gallery, new),
    }
}

#[test]
fn what_a_transaction_shows_is_what_its_commit_leaves() {
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let store = open(&MemoryDirectory::default()).unwrap().0;
        let mut oracle = Oracle::new();
        for _ in 0..12 {
            match random.below(4) {
                0 => drop(store.checkpoint().unwrap()),
                1 => drop(store.compact().unwrap()),
                _ => {}
            }
            let mut transaction = Transaction::new(store.snapshot());
            let mut done = WriteBatch::new();
            let (before, mut savepoint) = (read(&store), None);
            for _ in 0..random.below(8) {
                let mut now = oracle.clone();
                if !done.is_empty() {
                    now.apply(&done);
                }
                if random.one_in(3) {
                    savepoint = Some((transaction.clone(), done.clone()));
                }
                let change = change(&mut random, &now);
                transaction.apply(change.clone()).unwrap();
                for one in change.operations() {
                    done.push(one.clone());
                }
                if let Some(back) = savepoint.take_if(|_| random.one_in(3)) {
                    (transaction, done) = back;
                }
            }
            assert_eq!(read(&store), before, "seed {seed}: nobody else sees it");
            if !done.is_empty() {
                oracle.apply(&done);
            }
            assert_eq!(show(&transaction.snapshot()).as_ref(), Ok(oracle.world()), "seed {seed}");
            let commit = store.commit(transaction).unwrap();
            assert_eq!(commit.lsn.get(), oracle.lsn(), "seed {seed}: one batch");
            assert_eq!(read(&store).as_ref(), Ok(oracle.world()), "seed {seed}");
        }
    }
}

#[test]
fn a_row_that_others_changed_stops_the_commit_and_one_that_only_moved_does_not() {
    for mine in [remove as fn(GalleryId, u128) -> WriteBatch, replace] {
        for at in [1, 4] {
            for others in [remove as fn(GalleryId, u128) -> WriteBatch, replace] {
                let (store, gallery) = store();
                let transaction = begin(&store, &[enroll(gallery, 9), mine(gallery, at)]);
                let other = begin(&store, &[others(gallery, at)]);
                store.commit(other).unwrap();
                let left = read(&store);
                let refused = store.commit(transaction);
                assert!(matches!(refused, Err(WriteError::Conflict)), "{refused:?}");
                assert_eq!(read(&store), left, "nothing of it happened");
            }
            let (store, gallery) = store();
            let transaction = begin(&store, &[mine(gallery, at)]);
            store.write(remove(gallery, 3)).unwrap();
            store.write(enroll(gallery, 9)).unwrap();
            store.checkpoint().unwrap();
            store.compact().unwrap();
            store.commit(transaction).unwrap();
        }
    }
}

#[test]
fn a_batch_that_was_computed_from_an_older_state_is_held_to_the_same() {
    let (store, gallery) = store();
    let base = store.snapshot();
    store.write(replace(gallery, 1)).unwrap();
    for late in [remove(gallery, 1), replace(gallery, 1)] {
        assert!(matches!(store.write_since(&base, late), Err(WriteError::Conflict)));
    }
    let known = store.write_since(&base, enroll(gallery, 2));
    assert!(matches!(known, Err(WriteError::DuplicateTemplate(_))), "it was there all the time");
    store.write(enroll(gallery, 9)).unwrap();
    let late = store.write_since(&base, enroll(gallery, 9));
    assert!(matches!(late, Err(WriteError::Conflict)));
    store.write_since(&base, replace(gallery, 2)).unwrap();
}

#[test]
fn rows_may_be_committed_in_another_order_than_they_were_made() {
    let (store, gallery) = store();
    let (early, late) =
        (begin(&store, &[enroll(gallery, 10)]), begin(&store, &[enroll(gallery, 11)]));
    store.commit(late).unwrap();
    store.checkpoint().unwrap();
    store.commit(early).unwrap();
    let snapshot = store.snapshot();
    let ids: Vec<u128> = snapshot.rows(gallery, None).map(|row| row.unwrap().id.get()).collect();
    assert_eq!(ids, [1, 2, 3, 4, 10, 11]);
}

#[test]
fn a_gallery_that_others_dropped_or_named_the_same_stops_the_commit() {
    let (store, gallery) = store();
    let drop_it = batch(|batch| batch.drop_gallery(gallery));
    for late in [enroll(gallery, 9), remove(gallery, 1), drop_it.clone()] {
        let (store, _) = self::store();
        let transaction = begin(&store, &[late]);
        store.write(drop_it.clone()).unwrap();
        assert!(matches!(store.commit(transaction), Err(WriteError::Conflict)));
    }
    let transaction = begin(&store, &[create("h"), enroll(gallery, 9)]);
    store.write(create("h")).unwrap();
    assert!(matches!(store.commit(transaction), Err(WriteError::GalleryExists { .. })));
    assert_eq!(store.snapshot().row_count(gallery), 4);
}

#[test]
fn a_gallery_that_others_altered_or_whose_name_they_took_stops_the_commit() {
    let alter =
        |gallery, name: &str| batch(|batch| batch.alter_gallery(gallery, name.into(), None));
    let (store, gallery) = store();
    let transaction = begin(&store, &[alter(gallery, "mine")]);
    store.write(alter(gallery, "theirs")).unwrap();
    assert!(matches!(store.commit(transaction), Err(WriteError::Conflict)));
    let transaction = begin(&store, &[alter(gallery, "mine"), enroll(gallery, 9)]);
    store.write(create("mine")).unwrap();
    assert!(matches!(store.commit(transaction), Err(WriteError::GalleryExists { .. })));
    let transaction = begin(&store, &[enroll(gallery, 9)]);
    store.write(alter(gallery, "again")).unwrap();
    store.commit(transaction).unwrap();
    let taken = store.write(alter(gallery, "mine"));
    assert!(matches!(taken, Err(WriteError::GalleryExists { .. })));
    // Two names change places in one transaction, by way of a third.
    let other = store.snapshot().gallery_by_name("t", "mine").unwrap().id;
    let swap = [alter(gallery, "third"), alter(other, "again"), alter(gallery, "mine")];
    store.commit(begin(&store, &swap)).unwrap();
    let snapshot = store.snapshot();
    assert_eq!(snapshot.gallery_by_name("t", "mine").map(|found| found.id), Some(gallery));
    assert_eq!(snapshot.gallery_by_name("t", "again").map(|found| found.id), Some(other));
    assert_eq!((snapshot.row_count(gallery), snapshot.galleries("t", None).count()), (5, 2));
}

#[test]
fn galleries_of_two_transactions_get_identities_of_their_own() {
    let (store, _) = store();
    let mut pending = Vec::new();
    for name in ["a", "b"] {
        let mut transaction = Transaction::new(store.snapshot());
        let own = transaction.apply(create(name)).unwrap().created[0];
        transaction.apply(enroll(own, 1)).unwrap();
        transaction.apply(enroll(own, 2)).unwrap();
        transaction.apply(remove(own, 1)).unwrap();
        pending.push(transaction);
    }
    for transaction in pending.into_iter().rev() {
        store.commit(transaction).unwrap();
    }
    let snapshot = store.snapshot();
    for name in ["a", "b"] {
        let gallery = snapshot.gallery_by_name("t", name).unwrap().id;
        assert_eq!(snapshot.row_count(gallery), 1, "{name}");
        assert!(snapshot.get(gallery, id(2)).unwrap().is_some());
    }
}

#[test]
fn a_refused_batch_leaves_the_transaction_as_it_was() {
    let (store, gallery) = store();
    let mut transaction = begin(&store, &[enroll(gallery, 9)]);
    let before = (show(&transaction.snapshot()), transaction.bytes());
    let twice = [enroll(gallery, 10), enroll(gallery, 9)].map(Vec::<Operation>::from).concat();
    assert!(transaction.apply(twice.into()).is_err());
    assert_eq!((show(&transaction.snapshot()), transaction.bytes()), before);
    store.commit(transaction).unwrap();
    assert!(store.snapshot().get(gallery, id(10)).unwrap().is_none());
}

#[test]
fn a_transaction_holds_what_one_record_of_the_log_holds() {
    let (store, gallery) = store();
    let mut transaction = Transaction::new(store.snapshot());
    let text: Arc<str> = "x".repeat(60_000).into();
    let refused = (100..).find_map(|at| {
        let texts = (Some((*text).into()), Some((*text).into()));
        let row = Row { attributes: texts.0, metadata: texts.1, ..row(at, vec![1.0, 0.0]) };
        transaction.apply(batch(|batch| batch.enroll(gallery, row))).err()
    });
    let what = refused.unwrap().to_string();
    assert!(what.starts_with("the transaction has"), "{what}");
    assert!(what.ends_with(&format!("bytes, at most {RECORD_BYTES_MAX} are allowed")), "{what}");
    let rows = transaction.snapshot().row_count(gallery);
    store.commit(transaction).unwrap();
    assert_eq!(store.snapshot().row_count(gallery), rows, "and that much it commits");
}
