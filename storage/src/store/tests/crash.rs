//! Crashes at every call to the disk: what recovery finds is a prefix of the commits with every
//! acknowledged one, and what is acknowledged after it stays too.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::oracle::{Oracle, World, read};
use super::workload::{crashing, open};
use crate::batch::WriteBatch;
use crate::check::examine;
use crate::id::{GalleryId, LogSeq, TemplateId};
use crate::io::memory::{Fault, MemoryDirectory, PowerCut};
use crate::io::{Directory, FileName};
use crate::recovery::OpenError;
use crate::row::tests::{bare_row, draft, row};
use crate::store::Store;
use crate::wal::HEADER_BYTES;

/// Writes batches to a store, and to the oracle beside it.
struct Writer {
    directory: MemoryDirectory,
    store: Store,
    oracle: Oracle,
}

impl Writer {
    fn write(&mut self, fill: impl FnOnce(&mut WriteBatch) -> &mut WriteBatch) -> Vec<GalleryId> {
        let mut batch = WriteBatch::new();
        fill(&mut batch);
        let created = self.oracle.apply(&batch);
        let commit = self.store.write(batch).unwrap();
        self.directory.acknowledge(commit.lsn.get());
        assert_eq!((commit.lsn.get(), &commit.created), (self.oracle.lsn(), &created));
        assert_eq!(read(&self.store).as_ref(), Ok(self.oracle.world()));
        created
    }

    fn reopen(&mut self) {
        self.store = open(&MemoryDirectory::default()).unwrap().0;
        self.store = open(&self.directory).unwrap().0;
        assert_eq!(read(&self.store).as_ref(), Ok(self.oracle.world()));
    }

    fn checkpoint(&self) {
        self.store.checkpoint().unwrap();
    }
}

/// Every kind of operation and checkpoint, in the orders that matter.
fn workload(directory: &MemoryDirectory) -> Oracle {
    let store = open(directory).unwrap().0;
    let mut writer = Writer { directory: directory.clone(), store, oracle: Oracle::new() };
    let at = |id: u128| row(id, vec![1.0, id as f32]);
    let gallery = writer.write(|batch| batch.create_gallery(draft("g", 2)))[0];
    writer.write(|batch| (1..4).fold(batch, |batch, id| batch.enroll(gallery, at(id))));
    writer.checkpoint();
    writer.write(|batch| batch.remove(gallery, TemplateId::new(2)));
    writer.write(|batch| batch.enroll(gallery, at(4)));
    writer.checkpoint();
    writer.reopen();
    writer.write(|batch| {
        batch.remove(gallery, TemplateId::new(1)).enroll(gallery, at(1)).enroll(gallery, at(9));
        batch.remove(gallery, TemplateId::new(9))
    });
    let other = writer.write(|batch| batch.create_gallery(draft("h", 2)))[0];
    writer.write(|batch| batch.enroll(other, at(1)));
    writer.reopen();
    writer.checkpoint();
    let again = writer.write(|batch| batch.drop_gallery(gallery).create_gallery(draft("g", 3)))[0];
    assert!(again > other, "an identity is never used again");
    writer.write(|batch| batch.enroll(again, row(2, vec![1.0, 0.0, 2.0])));
    writer.checkpoint();
    writer.write(|batch| batch.drop_gallery(again));
    writer.write(|batch| batch.remove(other, TemplateId::new(1)));
    writer.checkpoint();
    writer.write(|batch| batch.enroll(other, at(1)));
    writer.oracle
}

/// Recovers what a crash left and compares it with the commits; then commits once more, loses
/// power in one of several ways, and recovers again.
pub(super) fn check(
    place: &dyn fmt::Display,
    left: &MemoryDirectory,
    acknowledged: u64,
    oracle: &Oracle,
    then: &[PowerCut],
) {
    let found = examine(left, &BTreeSet::new()).unwrap();
    assert_eq!(found.damages, [], "{place}");
    let (store, report) = open(left).unwrap_or_else(|error| panic!("{place}: {error}"));
    let lsn = report.lsn.get();
    let counted = (found.lsn, found.galleries, found.rows, found.log_records);
    let opened = (report.lsn, report.galleries, report.rows, report.replayed_batches);
    assert_eq!(counted, opened, "{place}: a check and an opening differ");
    assert!(lsn >= acknowledged, "{place}: {acknowledged} were acknowledged, {lsn} are there");
    let expected = oracle.at(lsn).unwrap_or_else(|| panic!("{place}: no batch had LSN {lsn}"));
    assert_eq!(read(&store).as_ref(), Ok(expected), "{place}: not the state at LSN {lsn}");
    store.verify().unwrap_or_else(|damage| panic!("{place}: {damage}"));

    let mut oracle = oracle.clone();
    oracle.cut(lsn);
    let mut batch = WriteBatch::new();
    batch.create_gallery(draft("after", 2));
    if let Some((gallery, template)) = oracle.world().some_row() {
        batch.remove(gallery, template);
    }
    oracle.apply(&batch);
    store.write(batch).unwrap_or_else(|error| panic!("{place}: {error}"));
    drop(store);
    for cut in then {
        let (store, report) = open(&left.power_cut(*cut))
            .unwrap_or_else(|error| panic!("{place}, then {cut:?}: {error}"));
        assert_eq!(report.lsn.get(), oracle.lsn(), "{place}, then {cut:?}");
        assert_eq!(read(&store).as_ref(), Ok(oracle.world()), "{place}, then {cut:?}");
    }
}

#[test]
fn every_crash_leaves_a_prefix_of_the_commits_with_every_acknowledged_one() {
    let directory = MemoryDirectory::recording();
    let oracle = workload(&directory);
    let history = directory.history();
    assert!(history.len() > 100, "{} states", history.len());
    for (at, state) in history.iter().enumerate() {
        let acknowledged = state.acknowledged();
        let place = format!("killed after call {at}");
        check(&place, &state.killed(), acknowledged, &oracle, &PowerCut::ALL);
        for cut in PowerCut::ALL {
            let place = format!("{cut:?} after call {at}");
            check(&place, &state.power_cut(cut), acknowledged, &oracle, &PowerCut::ALL);
        }
    }
}

#[test]
fn every_crash_of_a_recovery_leaves_what_was_there() {
    let directory = MemoryDirectory::recording();
    let oracle = workload(&directory);
    // Every tenth state, torn: a recovery that has something to cut and to remove.
    for (at, state) in directory.history().iter().enumerate().step_by(10) {
        let torn = state.power_cut(PowerCut::HalfOfTheBytes).with_history();
        drop(open(&torn).unwrap());
        for (step, left) in torn.history().iter().enumerate() {
            for cut in PowerCut::ALL {
                let place = format!("call {at}, recovery call {step}, {cut:?}");
                let (left, acknowledged) = (left.power_cut(cut), state.acknowledged());
                check(&place, &left, acknowledged, &oracle, &PowerCut::ALL);
            }
        }
    }
}

/// A store with one gallery and one row in its log.
fn small() -> (MemoryDirectory, Store, GalleryId) {
    let directory = MemoryDirectory::default();
    let store = open(&directory).unwrap().0;
    let mut batch = WriteBatch::new();
    batch.create_gallery(draft("g", 2));
    let gallery = store.write(batch).unwrap().created[0];
    enroll(&store, gallery, 1).unwrap();
    (directory, store, gallery)
}

fn enroll(store: &Store, gallery: GalleryId, id: u128) -> Result<(), crate::WriteError> {
    let mut batch = WriteBatch::new();
    batch.enroll(gallery, bare_row(id, vec![1.0, id as f32]));
    store.write(batch).map(drop)
}

#[test]
fn what_a_failed_sync_left_in_the_cache_is_not_relied_on() {
    let (directory, store, gallery) = small();
    directory.set_fault(Fault::Sync);
    assert!(enroll(&store, gallery, 2).is_err());
    drop(store);
    directory.set_fault(Fault::None);
    let store = open(&directory).unwrap().0;
    enroll(&store, gallery, 3).unwrap();
    let before = read(&store);
    drop(store);
    let store = open(&directory.power_cut(PowerCut::Synced)).unwrap().0;
    assert_eq!(read(&store), before);
}

#[test]
fn a_log_that_is_missing_or_cut_short_is_damage() {
    for log in [1, 2] {
        let (directory, store, _) = small();
        if log == 2 {
            store.checkpoint().unwrap();
        }
        drop(store);
        let name = FileName::Log(LogSeq::new(log));
        directory.edit(name, |bytes| bytes.truncate(20));
        let refused = open(&directory).unwrap_err().to_string();
        let file = format!("memory/wal-000000000{log}");
        assert_eq!(
            refused,
            format!("{file} is damaged at byte 0: the header of the log is cut short")
        );
        directory.remove(name).unwrap();
        let refused = open(&directory).unwrap_err().to_string();
        assert_eq!(refused, format!("{file} is damaged at byte 0: the log file is missing"));
    }
}

#[test]
fn a_creation_that_was_cut_short_starts_anew_and_anything_else_without_a_manifest_is_damage() {
    let (directory, store, _) = small();
    drop(store);
    directory.remove(FileName::Manifest).unwrap();
    let log = FileName::Log(LogSeq::new(1));
    let refused = open(&directory).unwrap_err().to_string();
    let missing = "the manifest is missing although wal-0000000001 is there";
    assert_eq!(refused, format!("memory/MANIFEST is damaged at byte 0: {missing}"));
    directory.edit(log, |bytes| bytes.truncate(HEADER_BYTES));
    let second = FileName::Log(LogSeq::new(2));
    directory.create(second).unwrap();
    assert!(matches!(open(&directory), Err(OpenError::Corruption(_))));
    assert_eq!(directory.content(log).len(), HEADER_BYTES, "nothing was changed");
    directory.remove(second).unwrap();
    let store = open(&directory).unwrap().0;
    assert_eq!(read(&store), Ok(World::default()));
    let manifest = directory.content(FileName::Manifest);
    drop(store);
    drop(open(&directory).unwrap());
    assert_eq!(directory.content(FileName::Manifest), manifest, "a store keeps its identity");
}

#[test]
fn a_store_that_does_not_open_keeps_all_its_files() {
    let (directory, store, gallery) = small();
    let old = directory.content(FileName::Manifest);
    store.checkpoint().unwrap();
    enroll(&store, gallery, 2).unwrap();
    drop(store);
    // Somebody put an old manifest back: it names nothing of what is there.
    directory.edit(FileName::Manifest, |bytes| *bytes = old);
    let before = directory.list().unwrap();
    assert!(matches!(open(&directory), Err(OpenError::Corruption(_))));
    assert_eq!(directory.list().unwrap(), before);
}

#[test]
fn a_log_of_deletes_alone_brings_about_a_checkpoint() {
    let (directory, store, gallery) = small();
    let options = crashing().with_checkpoint_bytes(2000);
    drop(store);
    let store = Store::open_in(Arc::new(directory.clone()), options).unwrap().0;
    for _ in 0..200 {
        let mut batch = WriteBatch::new();
        batch.enroll(gallery, bare_row(7, vec![1.0, 2.0])).remove(gallery, TemplateId::new(7));
        store.write(batch).unwrap();
    }
    // Closing waits for the checkpoint that may still be under way.
    drop(store);
    let logs =
        directory.list().unwrap().into_iter().filter(|name| matches!(name, FileName::Log(_)));
    let bytes: usize = logs.map(|name| directory.content(name).len()).sum();
    assert!(bytes < 10_000, "{bytes} bytes of log");
}
