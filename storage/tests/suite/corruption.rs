//! Every single byte of small stores is flipped in turn: the answer is an error that names the
//! file, or it is the same as before; never a panic, never a wrong row.

use std::fs;
use std::path::Path;

use likeness_storage::{GalleryId, OpenError, Row, Store, WriteBatch};

use crate::support::{Random, crashing, create, open};

const DIM: usize = 4;

/// A store with a segment, tombstones, and batches that are only in the log.
fn build(path: &Path) -> GalleryId {
    let store = open(path, crashing());
    let gallery = create(&store, "g", DIM);
    let mut random = Random(5);
    let mut batch = WriteBatch::new();
    let rows: Vec<Row> = (1..=3).map(|id| random.row(id, DIM)).collect();
    for row in &rows {
        batch.enroll(gallery, row.clone());
    }
    store.write(batch).unwrap();
    store.checkpoint().unwrap();
    let mut batch = WriteBatch::new();
    batch.remove(gallery, rows[1].id);
    store.write(batch).unwrap();
    store.checkpoint().unwrap();
    for id in 4..=5 {
        let mut batch = WriteBatch::new();
        batch.enroll(gallery, random.row(id, DIM));
        store.write(batch).unwrap();
    }
    gallery
}

fn rows(store: &Store, gallery: GalleryId) -> Vec<Row> {
    store.snapshot().rows(gallery, None).map(|row| row.unwrap().to_row()).collect()
}

#[test]
fn a_flipped_byte_is_named_or_changes_nothing() {
    let original = tempfile::tempdir().unwrap();
    let gallery = build(original.path());
    let truth = rows(&open(original.path(), crashing()), gallery);
    assert_eq!(truth.len(), 4);
    let mut kinds = std::collections::BTreeSet::new();
    for entry in fs::read_dir(original.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == "LOCK" {
            continue;
        }
        kinds.insert(name.split('-').next().unwrap().to_owned());
        let content = fs::read(original.path().join(&name)).unwrap();
        for at in 0..content.len() {
            let mut damaged = content.clone();
            damaged[at] ^= 0x5A;
            check(original.path(), &name, at, &damaged, gallery, &truth);
        }
    }
    assert_eq!(kinds.len(), 3, "manifest, log and segments were all damaged: {kinds:?}");
}

/// Opens a copy of the store with one damaged file and compares with the truth.
fn check(
    original: &Path,
    name: &str,
    at: usize,
    damaged: &[u8],
    gallery: GalleryId,
    truth: &[Row],
) {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(original).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    fs::write(copy.path().join(name), damaged).unwrap();
    let store = match Store::open(copy.path(), crashing()) {
        Ok((store, _)) => store,
        Err(OpenError::Corruption(corruption)) => {
            assert!(corruption.file.ends_with(name), "{name}, byte {at}: {corruption}");
            return;
        }
        Err(other) => panic!("{name}, byte {at}: {other}"),
    };
    let found = rows(&store, gallery);
    if name.contains(".emb") {
        // Sections are verified by the full check, not at every open; what a reader sees of a
        // damaged one is told by that check.
        assert!(store.verify().is_err() || found == truth, "{name}, byte {at}");
    } else {
        assert_eq!(found, truth, "{name}, byte {at}");
    }
}
