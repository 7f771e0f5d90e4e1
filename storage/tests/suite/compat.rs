//! Stores that earlier builds wrote are opened by this one: everything in them is there.
//!
//! `tests/golden/vN` was written by a build of format version N and stays as it is. With
//! `LIKENESS_GOLDEN=DIR` the last test writes such a folder, for a new version of the format.

use std::fs;
use std::path::{Path, PathBuf};

use likeness_storage::{
    GalleryDraft, GalleryId, Precision, Probe, Row, Store, StoreOptions, TemplateId, Thumbnail,
    WriteBatch,
};

use crate::support::{Random, crashing, draft, kept, open};

const DIM: usize = 6;
/// A dimension that has codes since version 2 of the segments.
const WIDE: usize = 64;

/// The galleries of a store with their rows in order.
type Content = Vec<(String, Vec<Row>)>;

fn content(store: &Store) -> Content {
    let snapshot = store.snapshot();
    let galleries = snapshot.galleries("tenant", None);
    let rows = |id| snapshot.rows(id, None).map(|row| row.unwrap().to_row().unwrap()).collect();
    galleries.map(|gallery| (gallery.name.to_string(), rows(gallery.id))).collect()
}

/// Writes a store with something of everything: sealed, loaded, logged and deleted rows, replaced
/// ones, several galleries, one of them dropped. Says what is in it.
fn build(path: &Path, options: StoreOptions) -> Content {
    let store = open(path, options.with_compaction(false));
    let mut random = Random(2026);
    let mut create = WriteBatch::new();
    create.create_gallery(draft("tenant", "dropped", 3));
    create.create_gallery(draft("tenant", "people", DIM));
    create.create_gallery(draft("tenant", "Zoë's", 1));
    let created = store.write(create).unwrap().created;
    let rows: Vec<Row> = (1..=12).map(|id| random.row(id, DIM)).collect();
    for half in rows[..8].chunks(4) {
        store.write(enrolling(created[1], half)).unwrap();
        store.checkpoint().unwrap();
    }
    let mut batch = WriteBatch::new();
    batch.remove(created[1], TemplateId::new(2)).drop_gallery(created[0]);
    store.write(batch).unwrap();
    store.checkpoint().unwrap();
    let mut loader = store.load(created[1]).unwrap();
    for row in &rows[8..10] {
        loader.push(row.clone()).unwrap();
    }
    loader.commit().unwrap();
    let replaced = random.row(5, DIM);
    let alone = random.row(u128::MAX, 1);
    let mut batch = enrolling(created[1], &rows[10..]);
    batch.remove(created[1], replaced.id).enroll(created[1], replaced.clone());
    batch.enroll(created[2], alone.clone());
    store.write(batch).unwrap();
    store.close().unwrap();
    let mut people = rows;
    people[4] = replaced;
    people.remove(1);
    vec![("Zoë's".to_owned(), vec![alone]), ("people".to_owned(), people)]
}

/// Writes a store of one gallery whose dimension is worth codes; says what is in it.
fn build_wide(path: &Path, precision: Precision, options: StoreOptions) -> Content {
    let store = open(path, options.with_compaction(false));
    let mut random = Random(64);
    let mut create = WriteBatch::new();
    create.create_gallery(GalleryDraft { precision, ..draft("tenant", "people", WIDE) });
    let gallery = store.write(create).unwrap().created[0];
    let mut rows: Vec<Row> = (1..=20).map(|id| random.row(id, WIDE)).collect();
    for part in rows.chunks(10) {
        store.write(enrolling(gallery, part)).unwrap();
        store.checkpoint().unwrap();
    }
    let logged = random.row(30, WIDE);
    if precision == Precision::Half {
        store.write(enrolling(gallery, std::slice::from_ref(&logged))).unwrap();
        rows.push(logged);
    }
    store.close().unwrap();
    vec![("people".to_owned(), rows.iter().map(|row| kept(row, precision)).collect())]
}

/// Writes a store of a gallery that keeps thumbnails: sealed, loaded and logged ones.
fn build_pictured(path: &Path, options: StoreOptions) -> Content {
    let store = open(path, options.with_compaction(false));
    let mut random = Random(17);
    let mut create = WriteBatch::new();
    create.create_gallery(GalleryDraft { thumbnails: true, ..draft("tenant", "people", DIM) });
    let gallery = store.write(create).unwrap().created[0];
    let pictured = |id: u128| {
        let picture =
            Thumbnail::new(vec![id as u8; 100 * id as usize]).filter(|_| !id.is_multiple_of(3));
        Row { thumbnail: picture, ..random.row(id, DIM) }
    };
    let rows: Vec<Row> = (1..=9).map(pictured).collect();
    store.write(enrolling(gallery, &rows[..3])).unwrap();
    store.checkpoint().unwrap();
    let mut loader = store.load(gallery).unwrap();
    for row in &rows[3..6] {
        loader.push(row.clone()).unwrap();
    }
    loader.commit().unwrap();
    store.write(enrolling(gallery, &rows[6..])).unwrap();
    store.close().unwrap();
    vec![("people".to_owned(), rows)]
}

fn build_store(name: &str, path: &Path) -> Content {
    match name {
        "wide" => build_wide(path, Precision::Single, options(name)),
        "half" => build_wide(path, Precision::Half, options(name)),
        "thumbnails" => build_pictured(path, options(name)),
        _ => build(path, options(name)),
    }
}

fn enrolling(gallery: GalleryId, rows: &[Row]) -> WriteBatch {
    let mut batch = WriteBatch::new();
    for row in rows {
        batch.enroll(gallery, row.clone());
    }
    batch
}

/// The stores, each with the version of the format before which builds did not know it.
const STORES: [(&str, &str); 5] =
    [("closed", "v1"), ("crashed", "v1"), ("wide", "v1"), ("half", "v2"), ("thumbnails", "v3")];

fn options(store: &str) -> StoreOptions {
    if ["crashed", "half", "thumbnails"].contains(&store) {
        crashing()
    } else {
        StoreOptions::default()
    }
}

/// A copy of a folder of files: opening a store may change it.
fn copy(from: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    copy
}

#[test]
fn stores_of_every_version_of_the_format_open_with_all_their_content() {
    let golden = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"));
    let mut opened = 0;
    for version in fs::read_dir(golden).unwrap() {
        let version = version.unwrap().path();
        let is_known = |since: &str| version.file_name().unwrap() >= since;
        for (name, _) in STORES.into_iter().filter(|(_, since)| is_known(since)) {
            let fresh = tempfile::tempdir().unwrap();
            let expected = build_store(name, fresh.path());
            let copy = copy(&version.join(name));
            let store = open(copy.path(), crashing());
            assert_eq!(content(&store), expected, "{version:?} {name}");
            store.verify().unwrap();
            let people = store.snapshot().gallery_by_name("tenant", "people").unwrap().id;
            store.erase(&[people]).unwrap();
            drop(store);
            assert_eq!(content(&open(copy.path(), crashing())), expected, "and goes on");
            opened += 1;
        }
    }
    assert_eq!(opened, 3 + 4 + 5);
}

#[test]
fn compaction_gives_codes_to_segments_that_have_none() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v1/wide");
    let copy = copy(Path::new(golden));
    let store = open(copy.path(), crashing().with_compaction(false));
    let id = store.snapshot().gallery_by_name("tenant", "people").unwrap().id;
    let probe = Probe::new(Random(7).embedding(WIDE), 5);
    let before = store.snapshot().identify(id, &probe).unwrap();
    assert_eq!(before.len(), 5);
    assert_eq!(store.snapshot().size(id).unwrap().code_bytes, 0);
    assert_eq!(store.compact().unwrap().segments, 2);
    // Two segments with ten rows each, in one group: two planes of two words, and refinements.
    assert_eq!(store.snapshot().size(id).unwrap().code_bytes, 2 * ((3 + 3) * 64 + 16 * 20));
    assert_eq!(store.snapshot().identify(id, &probe).unwrap(), before);
    assert_eq!(store.compact().unwrap().segments, 0, "once is enough");
    store.verify().unwrap();
}

#[test]
fn a_golden_store_is_written_where_one_is_asked_for() {
    let asked = std::env::var_os("LIKENESS_GOLDEN").map(PathBuf::from);
    let temporary = tempfile::tempdir().unwrap();
    let folder = asked.as_deref().unwrap_or(temporary.path());
    for (name, _) in STORES {
        let path = folder.join(name);
        let expected = build_store(name, &path);
        fs::remove_file(path.join("LOCK")).unwrap();
        for file in fs::read_dir(&path).unwrap() {
            let path = file.unwrap().path();
            // Room reserved behind the log's end need not be kept, apart from some.
            if path.file_name().unwrap().to_str().unwrap().starts_with("wal-") {
                let bytes = fs::read(&path).unwrap();
                let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
                fs::write(&path, &bytes[..bytes.len().min(end + 100)]).unwrap();
            }
        }
        assert_eq!(content(&open(copy(&path).path(), crashing())), expected);
    }
}
