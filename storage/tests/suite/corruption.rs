//! Every single byte of small stores is flipped in turn: the answer is an error that names the
//! file, or it is the same as before; never a panic, never a wrong row.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use likeness_storage::{GalleryId, OpenError, Probe, ReadError, Row, Scored, Store, WriteBatch};

use crate::support::{Random, crashing, create, open};

const DIM: usize = 4;

/// What a reader gets: all rows in order, and what a search finds.
type Answer = (Vec<Row>, Vec<Scored>);

fn enroll(store: &Store, gallery: GalleryId, rows: &[Row]) {
    let mut batch = WriteBatch::new();
    for row in rows {
        batch.enroll(gallery, row.clone());
    }
    store.write(batch).unwrap();
}

/// A store with segments, tombstones, and batches that are only in the log.
fn crashed(path: &Path) -> GalleryId {
    let store = open(path, crashing().with_compaction(false));
    let gallery = create(&store, "g", DIM);
    let mut random = Random(5);
    let rows: Vec<Row> = (1..=5).map(|id| random.row(id, DIM)).collect();
    enroll(&store, gallery, &rows[..3]);
    store.checkpoint().unwrap();
    let mut batch = WriteBatch::new();
    batch.remove(gallery, rows[1].id);
    store.write(batch).unwrap();
    store.checkpoint().unwrap();
    enroll(&store, gallery, &rows[3..4]);
    enroll(&store, gallery, &rows[4..]);
    gallery
}

fn answer(store: &Store, gallery: GalleryId) -> Result<Answer, ReadError> {
    let snapshot = store.snapshot();
    let probe = Probe::new(Random(9).embedding(DIM), 3);
    let found = snapshot.identify(gallery, &probe)?;
    let rows = snapshot.rows(gallery, None).map(|row| Ok(row?.to_row()?));
    Ok((rows.collect::<Result<_, ReadError>>()?, found))
}

#[test]
fn a_flipped_byte_is_named_or_changes_nothing() {
    let original = tempfile::tempdir().unwrap();
    let gallery = crashed(original.path());
    let truth = answer(&open(original.path(), crashing().with_compaction(false)), gallery).unwrap();
    assert_eq!((truth.0.len(), truth.1.len()), (4, 3));
    let mut damaged_kinds = BTreeSet::new();
    for entry in fs::read_dir(original.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == "LOCK" {
            continue;
        }
        let extension = name.rsplit('.').next().unwrap();
        damaged_kinds.insert(extension.split('-').next().unwrap().to_owned());
        let content = fs::read(original.path().join(&name)).unwrap();
        for at in 0..content.len() {
            let mut damaged = content.clone();
            damaged[at] ^= 0x5A;
            check(original.path(), &name, at, &damaged, gallery, &truth);
        }
    }
    assert!(damaged_kinds.iter().eq(["MANIFEST", "emb", "tomb", "wal"]), "{damaged_kinds:?}");
}

/// Opens a copy of the store with one damaged file and compares with the truth.
fn check(
    original: &Path,
    name: &str,
    at: usize,
    damaged: &[u8],
    gallery: GalleryId,
    truth: &Answer,
) {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(original).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    fs::write(copy.path().join(name), damaged).unwrap();
    let store = match Store::open(copy.path(), crashing().with_compaction(false)) {
        Ok((store, _)) => store,
        Err(OpenError::Corruption(corruption)) => {
            assert!(corruption.file.ends_with(name), "{name}, byte {at}: {corruption}");
            return;
        }
        Err(other) => panic!("{name}, byte {at}: {other}"),
    };
    match answer(&store, gallery) {
        Ok(found) => assert_eq!(&found, truth, "{name}, byte {at}"),
        Err(ReadError::Corruption(corruption)) => {
            assert!(corruption.file.ends_with(name), "{name}, byte {at}: {corruption}");
            assert!(corruption.offset <= at as u64, "{name}, byte {at}: {corruption}");
            assert!(corruption.offset + 4096 > at as u64, "{name}, byte {at}: {corruption}");
        }
        Err(other) => panic!("{name}, byte {at}: {other}"),
    }
}
