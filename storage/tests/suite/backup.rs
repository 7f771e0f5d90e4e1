//! Backups of stores that are at work, and stores made from them: every one is a prefix of the
//! commits that holds whatever was acknowledged before the backup began.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use likeness_storage::{
    BackupError, BackupOptions, BackupReport, GalleryId, Lsn, OpenError, Row, Store, TemplateId,
    WriteBatch, backup, check, restore,
};

use crate::support::{Random, crashing, create, open, put};

const DIM: usize = 4;

/// What a batch did: rows in, identities out.
type Deed = (Vec<Row>, Vec<TemplateId>);

/// Every batch by its LSN.
#[derive(Debug, Default)]
struct Oracle {
    deeds: Mutex<BTreeMap<Lsn, Deed>>,
    acknowledged: AtomicU64,
}

impl Oracle {
    fn write(&self, store: &Store, gallery: GalleryId, rows: Vec<Row>, gone: Vec<TemplateId>) {
        let mut batch = WriteBatch::new();
        for row in &rows {
            batch.enroll(gallery, row.clone());
        }
        for &id in &gone {
            batch.remove(gallery, id);
        }
        let lsn = store.write(batch).unwrap().lsn;
        self.acknowledged.fetch_max(lsn.get(), Ordering::SeqCst);
        self.deeds.lock().unwrap().insert(lsn, (rows, gone));
    }

    fn load(&self, store: &Store, gallery: GalleryId, rows: Vec<Row>) {
        let mut loader = store.load(gallery).unwrap();
        for row in &rows {
            loader.push(row.clone()).unwrap();
        }
        let lsn = loader.commit().unwrap().lsn;
        self.acknowledged.fetch_max(lsn.get(), Ordering::SeqCst);
        self.deeds.lock().unwrap().insert(lsn, (rows, Vec::new()));
    }

    /// The rows after the batch `last`; the gallery was created by the batch before the first.
    fn rows(&self, last: Lsn) -> Vec<Row> {
        let mut rows = BTreeMap::new();
        let deeds = self.deeds.lock().unwrap();
        for (number, (lsn, (added, gone))) in (2..).zip(deeds.range(..=last)) {
            assert_eq!(lsn.get(), number, "the oracle misses a batch");
            rows.extend(added.iter().map(|row| (row.id, row.clone())));
            for id in gone {
                rows.remove(id);
            }
        }
        rows.into_values().collect()
    }
}

fn rows(path: &Path, gallery: GalleryId) -> Vec<Row> {
    let store = open(path, crashing());
    let rows =
        store.snapshot().rows(gallery, None).map(|row| row.unwrap().to_row().unwrap()).collect();
    store.verify().unwrap();
    rows
}

fn full() -> BackupOptions {
    BackupOptions::default()
}

fn since(lsn: Lsn) -> BackupOptions {
    full().with_since(Some(lsn))
}

/// Tells the writers to stop, also when the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Writes, loads, deletes, checkpoints and merges until told to stop.
fn work(store: &Store, gallery: GalleryId, oracle: &Oracle, worker: u64, done: &AtomicBool) {
    let mut random = Random(worker);
    let mut own = Vec::new();
    for round in 0.. {
        if done.load(Ordering::Relaxed) {
            return;
        }
        let id = u128::from(round * 4 + worker + 1);
        let mut gone = Vec::new();
        if own.len() > 20 {
            gone.push(own.swap_remove(random.below(own.len() as u64) as usize));
        }
        own.push(TemplateId::new(id));
        oracle.write(store, gallery, vec![random.row(id, DIM)], gone);
        match random.below(40) {
            0 => drop(store.checkpoint().unwrap()),
            1 => drop(store.compact().unwrap()),
            2..5 => {
                let ids = (1..=3).map(|part| (id << 8) + (part << 64));
                oracle.load(store, gallery, ids.map(|id| random.row(id, DIM)).collect());
            }
            _ => {}
        }
    }
}

#[test]
fn backups_of_a_store_at_work_are_prefixes_with_everything_acknowledged() {
    const BACKUPS: usize = 50;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let store = open(&data, crashing().with_checkpoint_bytes(20_000));
    let gallery = create(&store, "g", DIM);
    let (oracle, done) = (Oracle::default(), AtomicBool::new(false));
    let mut taken: Vec<(PathBuf, BackupReport)> = Vec::new();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (store, oracle, done) = (&store, &oracle, &done);
            scope.spawn(move || work(store, gallery, oracle, worker, done));
        }
        let _stop = Stop(&done);
        for number in 0..BACKUPS {
            let acknowledged = oracle.acknowledged.load(Ordering::SeqCst);
            let target = folder.path().join(format!("backup-{number}"));
            // Every fifth is a full one; those between build on it.
            let before = taken.last().map(|(_, report)| report.last);
            let options = before.filter(|_| number % 5 > 0).map_or_else(full, since);
            let report = backup(&data, &target, &options.with_link(number % 2 == 0)).unwrap();
            assert!(report.last.get() >= acknowledged, "{report:?} misses {acknowledged}");
            taken.push((target, report));
        }
    });
    drop(store);
    let reached = oracle.acknowledged.load(Ordering::SeqCst);
    assert!(reached > 200, "only {reached} batches");
    let needed = taken.iter().filter(|(_, report)| report.needed > 0).count();
    assert!(needed > 5, "only {needed} backups left a segment out");
    let paths: Vec<PathBuf> = taken.iter().map(|(path, _)| path.clone()).collect();
    for (number, (_, report)) in taken.iter().enumerate() {
        let target = folder.path().join("restored");
        let chain = &paths[number / 5 * 5..=number];
        let restored = restore(chain, &target, None).unwrap();
        assert_eq!((restored.lsn, restored.store), (report.last, report.store));
        let found = check(&target).unwrap();
        assert_eq!((found.damages, found.notes), (vec![], vec![]));
        assert_eq!(rows(&target, gallery), oracle.rows(report.last), "backup {number}");
        fs::remove_dir_all(target).unwrap();
    }
}

/// A store of three segments and some batches behind them, and what it did.
fn build(path: &Path) -> (Store, GalleryId, Oracle, Random) {
    let store = open(path, crashing().with_compaction(false));
    let gallery = create(&store, "g", DIM);
    let (oracle, mut random) = (Oracle::default(), Random(9));
    for part in 0..3u128 {
        let rows = (1..=8).map(|id| random.row(part * 10 + id, DIM)).collect();
        oracle.write(&store, gallery, rows, Vec::new());
        store.checkpoint().unwrap();
    }
    for id in 100..106u128 {
        if id == 103 {
            oracle.load(&store, gallery, (103..105).map(|id| random.row(id << 9, DIM)).collect());
        }
        let gone = vec![TemplateId::new(id - 99)];
        oracle.write(&store, gallery, vec![random.row(id, DIM)], gone);
    }
    (store, gallery, oracle, random)
}

#[test]
fn a_store_is_restored_to_any_batch_of_a_backup() {
    let folder = tempfile::tempdir().unwrap();
    let (data, target) = (folder.path().join("data"), folder.path().join("backup"));
    let (store, gallery, oracle, _) = build(&data);
    let report = backup(&data, &target, &full()).unwrap();
    assert_eq!((report.first, report.last), (Lsn::new(4), Lsn::new(11)));
    drop(store);
    for until in 4..=11 {
        let until = Lsn::new(until);
        let restored = folder.path().join("restored");
        let report = restore(std::slice::from_ref(&target), &restored, Some(until)).unwrap();
        assert_eq!(report.lsn, until);
        assert_eq!(rows(&restored, gallery), oracle.rows(until));
        // And it goes on from there.
        let store = open(&restored, crashing());
        assert_eq!(store.snapshot().lsn(), until);
        let mut batch = WriteBatch::new();
        batch.enroll(gallery, Random(1).row(999, DIM));
        assert_eq!(store.write(batch).unwrap().lsn, until.next());
        drop(store);
        fs::remove_dir_all(restored).unwrap();
    }
    for until in [3, 12] {
        let refused = restore(
            std::slice::from_ref(&target),
            &folder.path().join("restored"),
            Some(Lsn::new(until)),
        );
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("they reach 4 to 11"), "{refused}");
    }
    assert!(!folder.path().join("restored").exists());
}

#[test]
fn incremental_backups_leave_out_what_the_ones_before_have() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (store, gallery, oracle, mut random) = build(&path("data"));
    let one = backup(&path("data"), &path("1"), &full()).unwrap();
    store.checkpoint().unwrap();
    let rows_two = vec![random.row(200, DIM)];
    oracle.write(&store, gallery, rows_two, vec![TemplateId::new(12)]);
    let two = backup(&path("data"), &path("2"), &since(one.last)).unwrap();
    store.checkpoint().unwrap();
    oracle.write(&store, gallery, vec![random.row(300, DIM)], Vec::new());
    let three = backup(&path("data"), &path("3"), &since(two.last)).unwrap();
    drop(store);
    assert_eq!((one.needed, two.needed, three.needed), (0, 4, 5));

    let chain = [path("1"), path("2"), path("3")];
    for (until, first) in [(one.last, 0), (two.last, 0), (three.last, 0), (one.first, 0)] {
        let target = path("restored");
        restore(&chain[first..], &target, Some(until)).unwrap();
        assert_eq!(rows(&target, gallery), oracle.rows(until));
        fs::remove_dir_all(target).unwrap();
    }
    let refused = |chain: &[PathBuf]| {
        let refused = restore(chain, &path("restored"), None).unwrap_err();
        assert!(!path("restored").exists());
        refused
    };
    match refused(&chain[1..]) {
        BackupError::Needed { file, directory, since } => {
            assert_eq!((&*file, directory), ("segment-0000000001.emb", path("3")));
            assert_eq!(since, Some(two.last));
        }
        other => panic!("{other}"),
    }
    let gap = refused(&[path("1"), path("3")]).to_string();
    assert!(gap.contains("segment-0000000005.emb is in none of the backups named"), "{gap}");
    let order = refused(&[path("2"), path("1")]);
    assert!(matches!(order, BackupError::Order { .. }), "{order}");

    // A check tells what is elsewhere, and calls nothing of it damage.
    let found = check(&path("3")).unwrap();
    assert_eq!((found.damages, found.notes.len(), found.lsn), (vec![], 5, three.last));
}

#[test]
fn a_segment_of_the_same_number_from_another_life_of_the_store_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (store, gallery, oracle, mut random) = build(&path("data"));
    backup(&path("data"), &path("1"), &full()).unwrap();
    store.checkpoint().unwrap();
    let two = backup(&path("data"), &path("2"), &full()).unwrap();
    drop(store);
    // The store is restored to an earlier moment and goes another way.
    restore(&[path("1")], &path("other"), Some(Lsn::new(7))).unwrap();
    let store = open(&path("other"), crashing().with_compaction(false));
    for id in 500..504 {
        oracle.write(&store, gallery, vec![random.row(id, DIM)], Vec::new());
        store.checkpoint().unwrap();
    }
    drop(store);
    let three = backup(&path("other"), &path("3"), &since(two.last)).unwrap();
    assert_eq!(two.store, three.store);
    let refused = restore(&[path("2"), path("3")], &path("restored"), None).unwrap_err();
    assert!(matches!(refused, BackupError::Needed { .. }), "{refused}");
}

#[test]
fn what_is_no_store_and_no_backup_is_refused_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (store, ..) = build(&path("data"));
    fs::create_dir(path("empty")).unwrap();
    let refused = |source: &str, target: &str, options: &BackupOptions| {
        backup(&path(source), &path(target), options).unwrap_err()
    };
    assert!(matches!(refused("empty", "b", &full()), BackupError::NoStore { .. }));
    assert!(matches!(refused("missing", "b", &full()), BackupError::Io(_)));
    assert!(matches!(refused("data", "data", &full()), BackupError::TargetNotEmpty { .. }));
    let beyond = refused("data", "b", &since(Lsn::new(12)));
    assert!(matches!(beyond, BackupError::Since { .. }), "{beyond}");
    assert!(!path("b").exists() && !path("missing").exists());

    backup(&path("data"), &path("empty"), &full()).unwrap();
    assert!(matches!(refused("empty", "b", &full()), BackupError::IsBackup { .. }));
    assert!(matches!(Store::open(&path("empty"), crashing()), Err(OpenError::Backup { .. })));
    assert!(matches!(Store::open(&path("empty"), crashing()), Err(OpenError::Backup { .. })));
    assert!(check(&path("empty")).unwrap().damages.is_empty());

    let refused =
        |sources: &[PathBuf], target: &str| restore(sources, &path(target), None).unwrap_err();
    assert!(matches!(refused(&[], "r"), BackupError::NoSource));
    assert!(matches!(refused(&[path("data")], "r"), BackupError::NotBackup { .. }));
    assert!(matches!(refused(&[path("empty")], "data"), BackupError::TargetNotEmpty { .. }));
    drop(store);
    drop(build(&path("stranger")));
    backup(&path("stranger"), &path("strange"), &full()).unwrap();
    let other = refused(&[path("empty"), path("strange")], "r");
    assert!(matches!(other, BackupError::OtherStore { .. }), "{other}");
    assert!(!path("r").exists());
}

#[test]
fn damage_of_a_store_is_told_by_its_backup_and_damage_of_a_backup_by_its_restoration() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    drop(build(&path("data")));
    drop(open(&path("data"), crashing().with_compaction(false)));
    fs::write(path("data").join("keys.json"), "{}").unwrap();
    let options = full().with_beside("keys.json").with_beside("missing.json");
    backup(&path("data"), &path("b"), &options).unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(path("b")).unwrap() {
        let (file, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        let content = fs::read(&file).unwrap();
        for at in (0..content.len()).step_by(29) {
            put(&file, at, content[at] ^ 0x21);
            let refused = restore(&[path("b")], &path("r"), None).unwrap_err();
            assert!(refused.to_string().contains(file.to_str().unwrap()), "{refused}, {at}");
            let found = check(&path("b")).unwrap().damages;
            assert!(found.iter().any(|damage| damage.file == file), "{name:?}, {at}: {found:?}");
            put(&file, at, content[at]);
            seen += 1;
        }
    }
    assert!(seen > 60 && !path("r").exists());
    restore(&[path("b")], &path("r"), None).unwrap();

    let segment = path("data").join("segment-0000000002.emb");
    let mut content = fs::read(&segment).unwrap();
    content[500] ^= 1;
    fs::write(&segment, content).unwrap();
    let refused = backup(&path("data"), &path("c"), &full()).unwrap_err().to_string();
    assert!(refused.contains(segment.to_str().unwrap()), "{refused}");
    assert!(!path("c").exists());
    fs::remove_file(&segment).unwrap();
    let refused = backup(&path("data"), &path("c"), &full()).unwrap_err();
    assert!(refused.to_string().contains("segment-0000000002.emb"), "{refused}");
}

#[cfg(unix)]
#[test]
fn links_share_the_segments_and_keep_them_and_keys_stay_private() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (store, gallery, oracle, _) = build(&path("data"));
    fs::write(path("data").join("keys.json"), "{\"version\":1}").unwrap();
    let options = full().with_link(true).with_beside("keys.json");
    let report = backup(&path("data"), &path("b"), &options).unwrap();
    let inode = |at: &str, name: &str| fs::metadata(path(at).join(name)).unwrap().ino();
    let segment = "segment-0000000001.emb";
    assert_eq!(inode("data", segment), inode("b", segment));
    assert_ne!(inode("data", "wal-0000000004"), inode("b", "wal-0000000004"));
    assert_ne!(inode("data", "keys.json"), inode("b", "keys.json"));
    // What goes in the store stays in the backup.
    let mut batch = WriteBatch::new();
    batch.drop_gallery(gallery);
    store.write(batch).unwrap();
    store.checkpoint().unwrap();
    assert!(!path("data").join(segment).exists());
    restore(&[path("b")], &path("r"), None).unwrap();
    assert_eq!(rows(&path("r"), gallery), oracle.rows(report.last));
    for at in ["b", "r"] {
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(path(at)), mode(path(at).join("keys.json"))), (0o700, 0o600));
        assert_eq!(fs::read(path(at).join("keys.json")).unwrap(), b"{\"version\":1}");
    }
}
