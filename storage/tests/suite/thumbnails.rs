//! Galleries that keep thumbnails: a row has its own wherever the row is, and takes it along when
//! it goes.

use std::fs;
use std::path::Path;

use likeness_storage::{
    BackupOptions, GalleryDraft, GalleryId, Probe, Row, Store, Thumbnail, WriteBatch, backup,
    check, limits, restore,
};

use crate::support::{Random, crashing, create, draft, open};

const DIM: usize = 64;
/// What the thumbnail of the row that must go holds, and nothing else.
const TRACE: &[u8] = b"the face that must go";

fn create_pictured(store: &Store, name: &str) -> GalleryId {
    let mut batch = WriteBatch::new();
    batch.create_gallery(GalleryDraft { thumbnails: true, ..draft("tenant", name, DIM) });
    store.write(batch).unwrap().created[0]
}

/// Rows of which two of three have a thumbnail, some the largest there may be.
fn rows(ids: std::ops::Range<u128>) -> Vec<Row> {
    let mut random = Random(31);
    let of = |id: u128| {
        let row = random.row(id, DIM);
        let bytes = if id.is_multiple_of(5) {
            limits::THUMBNAIL_BYTES_MAX as u64
        } else {
            random.below(900)
        };
        let content: Vec<u8> = (0..bytes).map(|_| random.next() as u8).collect();
        let thumbnail = Thumbnail::new(content).filter(|_| !id.is_multiple_of(3));
        Row { thumbnail, ..row }
    };
    ids.map(of).collect()
}

fn enroll(store: &Store, gallery: GalleryId, rows: &[Row]) {
    let mut batch = WriteBatch::new();
    for row in rows {
        batch.enroll(gallery, row.clone());
    }
    store.write(batch).unwrap();
}

fn stored(store: &Store, gallery: GalleryId) -> Vec<Row> {
    store.snapshot().rows(gallery, None).map(|row| row.unwrap().to_row().unwrap()).collect()
}

fn files_with_trace(folder: &Path) -> usize {
    let holds = |bytes: Vec<u8>| bytes.windows(TRACE.len()).any(|window| window == TRACE);
    let files = fs::read_dir(folder).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
    files.filter(|bytes| holds(bytes.clone())).count()
}

#[test]
fn thumbnails_are_there_in_memory_recovered_sealed_loaded_merged_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let [data, copy, again] = ["data", "copy", "again"].map(|name| folder.path().join(name));
    let rows = rows(1..61);
    assert!(rows.iter().any(|row| row.thumbnail.is_some()));
    let options = || crashing().with_compaction(false);
    let store = open(&data, options());
    let gallery = create_pictured(&store, "g");
    enroll(&store, gallery, &rows[..20]);
    assert_eq!(stored(&store, gallery), rows[..20], "in memory");
    drop(store);
    let store = open(&data, options());
    assert_eq!(stored(&store, gallery), rows[..20], "from the log");
    store.checkpoint().unwrap();
    for part in [&rows[20..30], &rows[30..40], &rows[40..50]] {
        let mut loader = store.load(gallery).unwrap();
        for row in part {
            loader.push(row.clone()).unwrap();
        }
        loader.commit().unwrap();
    }
    assert_eq!(stored(&store, gallery), rows[..50], "sealed and loaded");
    store.checkpoint().unwrap();
    assert_eq!(store.compact().unwrap().segments, 4);
    enroll(&store, gallery, &rows[50..]);
    assert_eq!(stored(&store, gallery), rows, "merged");
    store.verify().unwrap();
    drop(store);
    assert_eq!(check(&data).unwrap().damages, []);
    backup(&data, &copy, &BackupOptions::default()).unwrap();
    restore(&[copy], &again, None).unwrap();
    assert_eq!(check(&again).unwrap().damages, []);
    let store = open(&again, options());
    assert!(store.snapshot().gallery(gallery).unwrap().thumbnails);
    assert_eq!(stored(&store, gallery), rows, "restored");
}

#[test]
fn a_gallery_without_them_leaves_them_out_however_a_row_comes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), crashing());
    let gallery = create(&store, "g", DIM);
    let rows = rows(1..21);
    enroll(&store, gallery, &rows[..10]);
    let mut loader = store.load(gallery).unwrap();
    for row in &rows[10..] {
        loader.push(row.clone()).unwrap();
    }
    loader.commit().unwrap();
    let without: Vec<Row> = rows.iter().map(|row| Row { thumbnail: None, ..row.clone() }).collect();
    assert_eq!(stored(&store, gallery), without);
    store.checkpoint().unwrap();
    let bytes = store.snapshot().size(gallery).unwrap().segment_bytes;
    assert!(bytes < 20 * 2048, "{bytes} bytes of segments without a thumbnail");
}

#[test]
fn the_thumbnail_of_an_erased_row_is_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), crashing());
    let gallery = create_pictured(&store, "g");
    let mut rows = rows(1..10);
    rows[4].thumbnail = Thumbnail::new(TRACE);
    enroll(&store, gallery, &rows);
    assert_eq!(files_with_trace(folder.path()), 1, "the log");
    store.checkpoint().unwrap();
    assert_eq!(files_with_trace(folder.path()), 1, "the segment");
    let mut batch = WriteBatch::new();
    batch.remove(gallery, rows.remove(4).id);
    store.write(batch).unwrap();
    store.erase(&[gallery]).unwrap();
    assert_eq!(files_with_trace(folder.path()), 0);
    assert_eq!(stored(&store, gallery), rows);
}

#[test]
fn searches_and_listings_read_no_thumbnail_and_so_meet_no_damage_in_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), crashing());
    let gallery = create_pictured(&store, "g");
    let rows = rows(1..61);
    enroll(&store, gallery, &rows);
    store.checkpoint().unwrap();
    drop(store);
    let path = folder.path().join("segment-0000000001.emb");
    let mut bytes = fs::read(&path).unwrap();
    let large = rows.iter().rposition(|row| row.id.get() == 40).unwrap();
    let picture = rows[large].thumbnail.as_ref().unwrap().as_bytes();
    let at = bytes.windows(picture.len()).position(|window| window == picture).unwrap();
    bytes[at + picture.len() / 2] ^= 1;
    fs::write(&path, bytes).unwrap();
    let store = open(folder.path(), crashing());
    let snapshot = store.snapshot();
    let probe = Probe::new(rows[large].embedding.clone(), 60);
    assert_eq!(snapshot.identify(gallery, &probe).unwrap().len(), 60);
    let listed = snapshot.rows(gallery, None).map(|row| row.unwrap().metadata.map(str::to_owned));
    assert_eq!(listed.count(), 60);
    let row = snapshot.get(gallery, rows[large].id).unwrap().unwrap();
    let told = row.thumbnail.unwrap().bytes().unwrap_err();
    assert!(told.what.contains("checksum"), "{told}");
    assert_eq!(row.to_row().unwrap_err(), told);
    let sound = snapshot.get(gallery, rows[0].id).unwrap().unwrap();
    assert_eq!(sound.to_row().as_ref(), Ok(&rows[0]));
    drop(store);
    assert_eq!(check(folder.path()).unwrap().damages.len(), 1);
}
