//! Stores with every kind of damage, and what a check says of them.

use std::sync::Arc;

use super::*;
use crate::batch::WriteBatch;
use crate::id::{GalleryId, LogSeq, SegmentId, TemplateId};
use crate::io::memory::MemoryDirectory;
use crate::manifest::Manifest;
use crate::options::StoreOptions;
use crate::precision::Precision;
use crate::row::tests::{bare_row, draft};
use crate::store::Store;
use crate::wal::LogReader;

fn check_memory(directory: &MemoryDirectory) -> CheckReport {
    examine(directory, &BTreeSet::new()).unwrap()
}

fn enroll(store: &Store, gallery: GalleryId, id: u128) {
    let mut batch = WriteBatch::new();
    batch.enroll(gallery, bare_row(id, vec![1.0, id as f32]));
    store.write(batch).unwrap();
}

fn remove(store: &Store, gallery: GalleryId, id: u128) {
    let mut batch = WriteBatch::new();
    batch.remove(gallery, TemplateId::new(id));
    store.write(batch).unwrap();
}

/// Two segments, one with tombstones, and three batches behind them.
fn store() -> MemoryDirectory {
    let directory = MemoryDirectory::default();
    let options = StoreOptions::default().with_checkpoint_on_close(false).with_compaction(false);
    let (store, _) = Store::open_in(Arc::new(directory.clone()), options).unwrap();
    let mut batch = WriteBatch::new();
    batch.create_gallery(draft("g", 2));
    let gallery = store.write(batch).unwrap().created[0];
    for id in 1..=3 {
        enroll(&store, gallery, id);
    }
    store.checkpoint().unwrap();
    remove(&store, gallery, 2);
    enroll(&store, gallery, 4);
    store.checkpoint().unwrap();
    for id in 5..=6 {
        enroll(&store, gallery, id);
    }
    remove(&store, gallery, 1);
    drop(store);
    directory
}

fn names(report: &CheckReport) -> Vec<(String, u64)> {
    let name = |damage: &Corruption| damage.file.file_name().unwrap().to_str().unwrap().to_owned();
    report.damages.iter().map(|damage| (name(damage), damage.offset)).collect()
}

fn manifest(directory: &MemoryDirectory) -> Manifest {
    Manifest::decode(&directory.content(FileName::Manifest)).unwrap()
}

fn rewrite(directory: &MemoryDirectory, edit: impl FnOnce(&mut Manifest)) {
    let mut manifest = manifest(directory);
    edit(&mut manifest);
    directory.edit(FileName::Manifest, |bytes| *bytes = manifest.encode());
}

/// Where the records of the log begin, and where the last one or its note ends.
fn records(directory: &MemoryDirectory) -> (Vec<u64>, usize) {
    let Manifest { first_log, durable, .. } = manifest(directory);
    let bytes = directory.content(FileName::Log(first_log));
    let mut reader = LogReader::open(&bytes, first_log, durable.next(), true).unwrap();
    let mut offsets = Vec::new();
    while reader.next().is_some_and(|record| record.is_ok()) {
        offsets.push(reader.record_offset());
    }
    (offsets, reader.end().valid_bytes)
}

#[test]
fn a_good_store_has_no_damage_and_is_counted() {
    let directory = store();
    let before: Vec<_> =
        directory.list().unwrap().into_iter().map(|name| (name, directory.content(name))).collect();
    let report = check_memory(&directory);
    assert_eq!((&report.damages, &report.notes), (&vec![], &vec![]));
    assert_eq!((report.lsn, report.galleries, report.rows), (Lsn::new(9), 1, 4));
    assert_eq!((report.segments, report.log_records), (2, 3));
    assert_eq!(report.store, Some(manifest(&directory).store));
    let bytes: usize = before.iter().map(|(_, content)| content.len()).sum();
    assert_eq!(report.bytes_read, bytes as u64);
    for (name, content) in before {
        assert_eq!(directory.content(name), content);
    }
}

#[test]
fn everything_missing_is_named() {
    let whole = store();
    let manifest = manifest(&whole);
    let mut needed = vec![FileName::Log(manifest.first_log)];
    for entry in &manifest.segments {
        needed.push(FileName::Segment(entry.segment));
        needed.extend(entry.tombstones.map(|lsn| FileName::Tombstones(entry.segment, lsn)));
    }
    assert_eq!(needed.len(), 4);
    for &name in &needed {
        let directory = whole.killed();
        directory.remove(name).unwrap();
        assert_eq!(names(&check_memory(&directory)), [(name.to_string(), 0)]);
    }
    let directory = whole.killed();
    for &name in &needed {
        directory.remove(name).unwrap();
    }
    assert_eq!(check_memory(&directory).damages.len(), needed.len());
}

#[test]
fn all_damage_is_reported_and_not_the_first_alone() {
    let directory = store();
    let log = FileName::Log(manifest(&directory).first_log);
    let segment = FileName::Segment(SegmentId::new(1));
    directory.edit(segment, |bytes| bytes[300] ^= 1);
    let (offsets, _) = records(&directory);
    assert_eq!(offsets.len(), 3);
    for at in [offsets[0], offsets[2]] {
        directory.edit(log, |bytes| bytes[at as usize + 12] ^= 1);
    }
    let report = check_memory(&directory);
    let expected =
        [(segment.to_string(), 0), (log.to_string(), offsets[0]), (log.to_string(), offsets[2])];
    assert_eq!(names(&report), expected);
    assert_eq!(report.log_records, 1, "the batch between the damaged ones was read");
}

#[test]
fn what_a_manifest_says_is_compared_with_the_files() {
    let wrong = |edit: fn(&mut Manifest), file: &str, word: &str| {
        let directory = store();
        rewrite(&directory, edit);
        let report = check_memory(&directory);
        let found = |damage: &Corruption| damage.file.ends_with(file) && damage.what.contains(word);
        assert!(report.damages.iter().any(found), "{word}: {:#?}", report.damages);
    };
    let (first, second) = ("segment-0000000001.emb", "segment-0000000002.emb");
    wrong(|m| m.segments[0].born = Lsn::new(1), first, "of LSN");
    wrong(|m| m.segments[0].born = Lsn::new(99), "wal-0000000003", "is of LSN 99");
    wrong(|m| m.segments[0].born = Lsn::new(0), "MANIFEST", "never");
    wrong(|m| m.next_segment = SegmentId::new(2), "MANIFEST", "segment 2 is there twice");
    wrong(|m| m.segments[0].gallery = GalleryId::new(7), "MANIFEST", "gallery 7");
    wrong(|m| m.galleries[0].model = "other".into(), first, "this is not");
    wrong(|m| m.galleries[0].model = "other".into(), second, "this is not");
    wrong(|m| m.galleries[0].precision = Precision::Half, first, "this is not");
    wrong(|m| m.durable = Lsn::new(5), "wal-0000000003", "stands where");
    wrong(|m| m.first_log = LogSeq::new(2), "wal-0000000002", "missing");
}

#[test]
fn a_template_that_is_live_twice_is_found() {
    let directory = store();
    // Without the tombstones of the first segment nothing is twice yet: 2 was removed.
    rewrite(&directory, |manifest| manifest.segments[0].tombstones = None);
    assert_eq!(names(&check_memory(&directory)), []);
    // The first segment under another number.
    let rows = [bare_row(1, vec![1.0, 1.0]), bare_row(3, vec![1.0, 3.0])];
    let rows: Vec<_> = rows.iter().map(|row| row.as_ref(Lsn::new(2))).collect();
    let gallery = manifest(&directory).galleries.remove(0);
    let bytes = crate::segment::tests::encode(SegmentId::new(8), &gallery, &rows);
    directory.edit(FileName::Segment(SegmentId::new(8)), |content| *content = bytes);
    rewrite(&directory, |manifest| {
        let mut entry = manifest.segments[0];
        entry.segment = SegmentId::new(8);
        manifest.segments.push(entry);
        manifest.next_segment = SegmentId::new(9);
    });
    let report = check_memory(&directory);
    let twice: Vec<_> = report.damages.iter().map(|damage| damage.what.as_str()).collect();
    assert_eq!(twice.len(), 2, "{twice:?}");
    assert!(twice[0].contains("template 1,") && twice[1].contains("template 3,"), "{twice:?}");
}

#[test]
fn what_the_log_attaches_is_checked_like_what_the_manifest_names() {
    let directory = store();
    let options = StoreOptions::default().with_checkpoint_on_close(false).with_compaction(false);
    let (store, _) = Store::open_in(Arc::new(directory.clone()), options).unwrap();
    let gallery = GalleryId::new(1);
    let mut loader = store.load(gallery).unwrap();
    for id in 20..25 {
        loader.push(bare_row(id, vec![1.0, id as f32])).unwrap();
    }
    let lsn = loader.commit().unwrap().lsn;
    drop(store);
    let report = check_memory(&directory);
    assert_eq!((&report.damages, &report.notes), (&vec![], &vec![]));
    assert_eq!((report.lsn, report.rows, report.segments), (lsn, 9, 3));

    let segment = FileName::Segment(SegmentId::new(3));
    let whole = directory.content(segment);
    let damaged = |bytes: Vec<u8>, expected: &str| {
        directory.edit(segment, |content| *content = bytes);
        let report = check_memory(&directory);
        let what: Vec<_> = report.damages.iter().map(|damage| damage.what.as_str()).collect();
        assert!(what.iter().any(|what| what.contains(expected)), "{expected}: {what:?}");
        directory.edit(segment, |content| content.clone_from(&whole));
    };
    let loaded = |ids: &[u128]| {
        let rows: Vec<_> = ids.iter().map(|id| bare_row(*id, vec![1.0, 1.0])).collect();
        let rows: Vec<_> = rows.iter().map(|row| row.as_ref(Lsn::new(0))).collect();
        let gallery = manifest(&directory).galleries.remove(0);
        crate::segment::tests::encode(SegmentId::new(3), &gallery, &rows)
    };
    let mut flipped = whole.clone();
    flipped[300] ^= 1;
    damaged(flipped, "checksum");
    damaged(loaded(&[20]), "it has 1 rows, the log says 5");
    damaged(loaded(&[3, 21, 22, 23, 24]), "template 3, is live elsewhere");
    damaged(loaded(&[6, 21, 22, 23, 24]), "template 6, is live elsewhere");
    assert_eq!(check_memory(&directory).damages, []);
    directory.remove(segment).unwrap();
    assert_eq!(names(&check_memory(&directory)), [(segment.to_string(), 0)]);
}

#[test]
fn what_the_next_start_puts_in_order_is_no_damage() {
    let directory = store();
    let log = FileName::Log(manifest(&directory).first_log);
    let (_, end) = records(&directory);
    directory.edit(log, |bytes| bytes[end + 3] = 7);
    directory.create(FileName::NewManifest).unwrap();
    directory.create(FileName::Segment(SegmentId::new(77))).unwrap();
    let report = check_memory(&directory);
    assert_eq!(report.damages, []);
    let notes: Vec<String> = report.notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("4 bytes of an unfinished write")), "{notes:?}");
    let next = FileName::Log(manifest(&directory).first_log.next());
    directory.create(next).unwrap();
    directory.edit(log, |bytes| bytes.truncate(end));
    let report = check_memory(&directory);
    assert_eq!(report.damages, []);
    assert!(report.notes.iter().any(|note| note.what.contains("not finished")));
}

#[test]
fn without_a_manifest_each_file_is_looked_at_by_itself() {
    let directory = store();
    directory.edit(FileName::Manifest, |bytes| bytes[20] ^= 1);
    directory.edit(FileName::Segment(SegmentId::new(2)), |bytes| bytes[300] ^= 1);
    let report = check_memory(&directory);
    let expected = [("MANIFEST".to_owned(), 0), ("segment-0000000002.emb".to_owned(), 0)];
    assert_eq!(names(&report), expected);
    assert_eq!((report.store, report.log_records), (None, 3));
}

#[test]
fn a_creation_that_was_cut_short_is_no_damage_but_a_lost_manifest_is() {
    let directory = MemoryDirectory::default();
    directory.create(FileName::Log(LogSeq::new(1))).unwrap();
    let report = check_memory(&directory);
    assert_eq!((report.damages.len(), report.notes.len()), (0, 1));
    directory.create(FileName::Segment(SegmentId::new(1))).unwrap();
    assert_eq!(names(&check_memory(&directory))[0], ("MANIFEST".to_owned(), 0));
    let directory = store();
    directory.remove(FileName::Manifest).unwrap();
    assert_eq!(names(&check_memory(&directory)), [("MANIFEST".to_owned(), 0)]);
}
