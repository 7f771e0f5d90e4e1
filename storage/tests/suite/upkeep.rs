//! Deleted templates leave the disk, small segments become large ones, and the log does not stay.

use std::fs;
use std::path::Path;
use std::time::Duration;

use likeness_storage::{GalleryId, Row, Store, TemplateId, WriteBatch};

use crate::support::{Random, crashing, create, open};

const DIM: usize = 16;

/// What of a template must be nowhere: its numbers and its texts.
fn traces(row: &Row) -> Vec<Vec<u8>> {
    let embedding = row.embedding.as_slice();
    let numbers = embedding.iter().flat_map(|value| value.to_le_bytes()).collect();
    let texts = [&row.external_face_id, &row.metadata];
    let texts = texts.into_iter().flatten().map(|text| text.as_bytes().to_vec());
    [numbers].into_iter().chain(texts).collect()
}

/// How many files of a directory hold some trace.
fn files_with(path: &Path, traces: &[Vec<u8>]) -> usize {
    let files = fs::read_dir(path).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    let holds = |content: &Vec<u8>| {
        traces.iter().any(|trace| content.windows(trace.len()).any(|window| window == &**trace))
    };
    files.filter(holds).count()
}

fn enroll(store: &Store, gallery: GalleryId, rows: &[Row]) {
    let mut batch = WriteBatch::new();
    for row in rows {
        batch.enroll(gallery, row.clone());
    }
    store.write(batch).unwrap();
}

fn remove(store: &Store, gallery: GalleryId, ids: impl IntoIterator<Item = TemplateId>) {
    let mut batch = WriteBatch::new();
    for id in ids {
        batch.remove(gallery, id);
    }
    store.write(batch).unwrap();
}

fn rows(random: &mut Random, ids: std::ops::Range<u128>) -> Vec<Row> {
    ids.map(|id| {
        let mut row = random.row(id, DIM);
        row.external_face_id = Some(format!("name-of-{id}-{}", random.next()).into());
        row
    })
    .collect()
}

#[test]
fn what_was_erased_is_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let store = open(path, crashing().with_compaction(false));
    let (gallery, dropped) = (create(&store, "g", DIM), create(&store, "dropped", DIM));
    let mut random = Random(11);
    let sealed = rows(&mut random, 1..40);
    enroll(&store, gallery, &sealed);
    let of_dropped = rows(&mut random, 1..4);
    enroll(&store, dropped, &of_dropped);
    store.checkpoint().unwrap();
    let recent = rows(&mut random, 40..44);
    enroll(&store, gallery, &recent);
    let gone = [&sealed[3], &sealed[30], &recent[1], &of_dropped[0]];
    remove(&store, gallery, [sealed[3].id, sealed[30].id, recent[1].id]);
    let mut batch = WriteBatch::new();
    batch.drop_gallery(dropped);
    store.write(batch).unwrap();
    for row in gone {
        assert!(files_with(path, &traces(row)) > 0, "{row:?} is there before");
    }

    let receipt = store.erase(&[gallery]).unwrap();
    for row in gone {
        assert_eq!(files_with(path, &traces(row)), 0, "{row:?} is gone");
    }
    assert_eq!((receipt.rows_purged, receipt.segments_rewritten), (2, 1));
    assert!(receipt.bytes_scanned > 0 && receipt.bytes_written > 0);
    assert_eq!(receipt.lsn, store.snapshot().lsn());
    assert!(files_with(path, &traces(&sealed[0])) > 0, "others are kept");
    let before = store.snapshot().row_count(gallery);
    store.verify().unwrap();
    drop(store);
    let store = open(path, crashing());
    assert_eq!((before, store.snapshot().row_count(gallery)), (40, 40));
    let nothing = store.erase(&[gallery]).unwrap();
    assert_eq!((nothing.rows_purged, nothing.bytes_scanned), (0, 0));
}

#[test]
fn a_reader_keeps_what_it_sees_through_an_erasure() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), crashing());
    let gallery = create(&store, "g", DIM);
    let all = rows(&mut Random(5), 1..20);
    enroll(&store, gallery, &all);
    store.checkpoint().unwrap();
    let before = store.snapshot();
    remove(&store, gallery, all.iter().skip(5).map(|row| row.id));
    assert_eq!(store.erase(&[gallery]).unwrap().rows_purged, 14);
    let seen: Vec<Row> =
        before.rows(gallery, None).map(|row| row.unwrap().to_row().unwrap()).collect();
    assert_eq!(seen, all);
    assert_eq!(store.snapshot().row_count(gallery), 5);
}

#[test]
fn many_small_segments_become_few_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), crashing().with_compaction(false));
    let gallery = create(&store, "g", DIM);
    let mut random = Random(3);
    let mut expected = Vec::new();
    for round in 0..13 {
        let new = rows(&mut random, round * 10..round * 10 + 10);
        enroll(&store, gallery, &new);
        remove(&store, gallery, [new[4].id]);
        expected.extend(new.into_iter().enumerate().filter(|(at, _)| *at != 4).map(|(_, row)| row));
        store.checkpoint().unwrap();
    }
    assert_eq!(store.snapshot().size(gallery).unwrap().segments, 13);
    remove(&store, gallery, expected.drain(20..40).map(|row| row.id));
    let report = store.compact().unwrap();
    assert!(report.segments >= 13, "{report:?}");
    let size = store.snapshot().size(gallery).unwrap();
    assert!(size.segments < 4, "{size:?}");
    let stored = |store: &Store| -> Vec<Row> {
        store.snapshot().rows(gallery, None).map(|row| row.unwrap().to_row().unwrap()).collect()
    };
    assert_eq!(stored(&store), expected);
    drop(store);
    let store = open(folder.path(), crashing());
    assert_eq!(stored(&store), expected);
    let files = fs::read_dir(folder.path()).unwrap();
    let segments = files.filter(|file| {
        file.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "emb")
    });
    assert!(segments.count() < 4);
}

#[test]
fn merging_happens_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), crashing().with_checkpoint_bytes(0));
    let gallery = create(&store, "g", DIM);
    let mut random = Random(8);
    for id in 0..200 {
        enroll(&store, gallery, &rows(&mut random, id..id + 1));
    }
    store.checkpoint().unwrap();
    store.compact().unwrap();
    let activity = store.activity();
    assert!(activity.checkpoints > 3 && activity.compactions > 0, "{activity:?}");
    assert!(store.snapshot().size(gallery).unwrap().segments < 4);
    assert_eq!(store.snapshot().row_count(gallery), 200);
}

#[test]
fn an_old_commit_is_checkpointed_although_little_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let soon = Some(Duration::from_millis(1));
    let store = open(folder.path(), crashing().with_checkpoint_after(soon));
    create(&store, "g", DIM);
    let lsn = store.snapshot().lsn();
    // Ends with the test's own time limit if it never comes.
    while store.activity().sealed < lsn {
        std::thread::yield_now();
    }
    assert_eq!(store.activity().log_bytes, 0);
}
