//! A check changes nothing, and finds every single flipped byte where it is.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::SystemTime;

use likeness_storage::{OpenError, Store, WriteBatch, check};

use crate::support::{Random, crashing, create, open, put};

const DIM: usize = 16;
const BLOCK: usize = 4096;

/// A store with segments, one of several blocks, tombstones, and batches that are only in the log.
fn build(path: &Path) {
    let store = open(path, crashing().with_compaction(false));
    let gallery = create(&store, "g", DIM);
    let mut random = Random(5);
    let rows: Vec<_> = (1..=28).map(|id| random.row(id, DIM)).collect();
    for part in rows.chunks(24) {
        let mut batch = WriteBatch::new();
        for row in part {
            batch.enroll(gallery, row.clone());
        }
        store.write(batch).unwrap();
        let mut batch = WriteBatch::new();
        batch.remove(gallery, rows[1].id);
        store.write(batch).unwrap();
        store.checkpoint().unwrap();
    }
    for id in 50..=51 {
        let mut batch = WriteBatch::new();
        batch.enroll(gallery, random.row(id, DIM)).remove(gallery, rows[5].id);
        store.write(batch).unwrap();
    }
    store.checkpoint().unwrap();
    for id in 52..=53 {
        let mut batch = WriteBatch::new();
        batch.enroll(gallery, random.row(id, DIM));
        store.write(batch).unwrap();
    }
    drop(store);
    // Cuts the room reserved behind the log, which is nobody's.
    drop(open(path, crashing().with_compaction(false)));
}

fn files(path: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let entries = fs::read_dir(path).unwrap().map(Result::unwrap);
    let state = |entry: fs::DirEntry| {
        let modified = entry.metadata().unwrap().modified().unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, (fs::read(entry.path()).unwrap(), modified))
    };
    entries.map(state).collect()
}

/// The parts of a file within which damage is to be told.
fn parts(name: &str, content: &[u8]) -> Vec<Range<usize>> {
    let number = |at: usize| u32::from_le_bytes(content[at..at + 4].try_into().unwrap()) as usize;
    let mut parts = Vec::new();
    let mut start = 0;
    while start < content.len() {
        let length = match name.split('-').next().unwrap() {
            "wal" if start == 0 => 40,
            "wal" => 12 + number(start),
            "segment" if name.contains(".emb") && start < number(40) => {
                BLOCK.min(number(40) - start)
            }
            _ => content.len() - start,
        };
        parts.push(start..start + length);
        start += length;
    }
    parts
}

#[test]
fn a_check_of_a_good_store_finds_nothing_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path());
    let before = files(folder.path());
    let report = check(folder.path()).unwrap();
    assert_eq!((report.damages, report.notes), (vec![], vec![]));
    assert_eq!((report.rows, report.segments, report.log_records), (30, 3, 2));
    let modified = fs::metadata(folder.path()).unwrap().modified().unwrap();
    assert!(check(folder.path()).unwrap().damages.is_empty());
    assert_eq!(files(folder.path()), before);
    assert_eq!(fs::metadata(folder.path()).unwrap().modified().unwrap(), modified);
}

#[test]
fn every_flipped_byte_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path());
    let mut kinds = BTreeMap::new();
    for (name, (content, _)) in files(folder.path()) {
        if name == "LOCK" {
            continue;
        }
        let parts = parts(&name, &content);
        *kinds.entry(name.rsplit(['.', '-']).next().unwrap().to_owned()).or_insert(0) +=
            parts.len();
        let path = folder.path().join(&name);
        for at in 0..content.len() {
            put(&path, at, content[at] ^ 0x5A);
            let part = parts.iter().find(|part| part.contains(&at)).unwrap();
            let report = check(folder.path()).unwrap();
            let places: Vec<_> = if part.end == content.len() && name.starts_with("wal") {
                // The note that ends the log proves nothing by itself: it may be unfinished.
                assert_eq!(report.damages, [], "{name}, byte {at}");
                report.notes.iter().map(|note| (&note.file, note.offset)).collect()
            } else {
                report.damages.iter().map(|damage| (&damage.file, damage.offset)).collect()
            };
            assert!(!places.is_empty(), "{name}, byte {at}: {report:?}");
            for (file, offset) in places {
                assert_eq!(*file, path, "byte {at}");
                assert!(part.contains(&(offset as usize)), "{name}, byte {at}, not {offset}");
            }
            put(&path, at, content[at]);
        }
    }
    assert_eq!(kinds.len(), 4, "manifest, log, segments and tombstones: {kinds:?}");
    assert!(kinds["emb"] > 6, "some segment has several blocks: {kinds:?}");
    assert!(check(folder.path()).unwrap().damages.is_empty());
}

#[test]
fn a_check_needs_a_store_that_nobody_has_open() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let refused = check(&missing).unwrap_err().to_string();
    assert!(refused.contains("cannot open the directory"), "{refused}");
    assert!(!missing.exists());
    assert!(matches!(check(folder.path()), Err(OpenError::NoStore { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    let store = open(folder.path(), crashing());
    assert!(matches!(check(folder.path()), Err(OpenError::InUse { .. })));
    drop(store);
    assert!(check(folder.path()).unwrap().damages.is_empty());
    Store::open(folder.path(), crashing()).unwrap();
}
