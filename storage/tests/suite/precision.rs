//! Galleries that keep their embeddings as halves: what is kept is the nearest half of each number,
//! and a score is the same bits wherever the row is and whatever computes it.

use std::path::Path;

use likeness_storage::{
    BackupOptions, Embedding, GalleryId, Kernel, Precision, Probe, Row, Scored, Store,
    StoreOptions, WriteBatch, backup, check, restore,
};

use crate::support::{Random, crashing, create, create_of, kept, open};

/// The nearest half of a number below two, to an even one from the middle, by its definition.
fn nearest_half(value: f32) -> f32 {
    let value = f64::from(value);
    let exponent = value.abs().max(2f64.powi(-14)).log2().floor();
    let step = 2f64.powf(exponent - 10.0);
    ((value / step).round_ties_even() * step) as f32
}

fn rows(seed: u64, ids: std::ops::Range<u128>, dim: usize) -> Vec<Row> {
    let mut random = Random(seed);
    ids.map(|id| random.row(id, dim)).collect()
}

fn enroll(store: &Store, gallery: GalleryId, rows: &[Row]) {
    let mut batch = WriteBatch::new();
    for row in rows {
        batch.enroll(gallery, row.clone());
    }
    store.write(batch).unwrap();
}

fn load(store: &Store, gallery: GalleryId, rows: &[Row]) {
    let mut loader = store.load(gallery).unwrap();
    for row in rows {
        loader.push(row.clone()).unwrap();
    }
    loader.commit().unwrap();
}

fn stored(store: &Store, gallery: GalleryId) -> Vec<Row> {
    store.snapshot().rows(gallery, None).map(|row| row.unwrap().to_row().unwrap()).collect()
}

/// What one probe after the other finds; scores as their bits.
fn found(store: &Store, gallery: GalleryId, dim: usize) -> Vec<Vec<(u128, u32)>> {
    let mut random = Random(99);
    let bits =
        |hits: Vec<Scored>| hits.iter().map(|hit| (hit.id.get(), hit.score.to_bits())).collect();
    let probes = (0..12).map(|_| Probe::new(random.embedding(dim), 9));
    probes.map(|probe| bits(store.snapshot().identify(gallery, &probe).unwrap())).collect()
}

/// The same by brute force over the nearest halves.
fn expected(rows: &[Row], dim: usize) -> Vec<Vec<(u128, u32)>> {
    let mut random = Random(99);
    let of_probe = |_| {
        let probe = random.embedding(dim);
        let score = |row: &Row| probe.dot(&kept(row, Precision::Half).embedding);
        let mut all: Vec<_> = rows.iter().map(|row| (row.id.get(), score(row))).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all.iter().take(9).map(|(id, score)| (*id, score.to_bits())).collect()
    };
    (0..12).map(of_probe).collect()
}

#[test]
fn what_is_kept_are_the_nearest_halves_however_a_row_came() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), crashing());
    for dim in [1, 5, 64, 130] {
        let gallery = create_of(&store, &format!("g{dim}"), dim, Precision::Half);
        let rows = rows(dim as u64, 1..40, dim);
        enroll(&store, gallery, &rows[..20]);
        load(&store, gallery, &rows[20..]);
        let (mut changed, stored) = (0, stored(&store, gallery));
        assert_eq!(stored.len(), rows.len());
        for (row, stored) in rows.iter().zip(&stored) {
            let halves: Vec<f32> =
                row.embedding.as_slice().iter().map(|value| nearest_half(*value)).collect();
            assert_eq!(stored.embedding.as_slice(), halves);
            assert_eq!(*stored, Row { embedding: stored.embedding.clone(), ..row.clone() });
            changed += usize::from(stored.embedding != row.embedding);
        }
        assert!(dim == 1 || changed == rows.len(), "{changed} of dimension {dim}");
    }
}

#[test]
fn a_score_is_the_same_bits_in_memory_sealed_recovered_loaded_and_merged_on_every_kernel() {
    for dim in [7, 64, 200] {
        let rows = rows(3, 1..161, dim);
        let expected = expected(&rows, dim);
        for kernel in Kernel::available() {
            let folder = tempfile::tempdir().unwrap();
            let options = || crashing().with_compaction(false).with_kernel(kernel);
            let store = open(folder.path(), options());
            let gallery = create_of(&store, "g", dim, Precision::Half);
            enroll(&store, gallery, &rows);
            assert_eq!(store.snapshot().size(gallery).unwrap().rows_in_memory, 160);
            assert_eq!(found(&store, gallery, dim), expected, "{kernel}: in memory");
            drop(store);
            let store = open(folder.path(), options());
            assert_eq!(found(&store, gallery, dim), expected, "{kernel}: from the log");
            store.checkpoint().unwrap();
            assert_eq!(store.snapshot().size(gallery).unwrap().rows_in_memory, 0);
            assert_eq!(found(&store, gallery, dim), expected, "{kernel}: sealed");
            let loaded = create_of(&store, "h", dim, Precision::Half);
            for part in rows.chunks(20) {
                load(&store, loaded, part);
            }
            assert_eq!(found(&store, loaded, dim), expected, "{kernel}: loaded");
            store.checkpoint().unwrap();
            assert!(store.compact().unwrap().segments > 0);
            assert_eq!(found(&store, loaded, dim), expected, "{kernel}: merged");
            drop(store);
            let store = open(folder.path(), options());
            for gallery in [gallery, loaded] {
                assert_eq!(found(&store, gallery, dim), expected, "{kernel}: opened");
            }
            store.verify().unwrap();
        }
    }
}

#[test]
fn a_score_changes_by_less_than_half_a_thousandth() {
    let (rows, mut random) = (rows(11, 1..200, 512), Random(12));
    let (mut sum, mut most) = (0.0, 0.0f32);
    for row in &rows {
        // A probe that is alike, as a search finds them, and its components as large.
        let stranger = random.embedding(512);
        let alike = row.embedding.as_slice().iter().zip(stranger.as_slice());
        let probe = Embedding::normalize(alike.map(|(x, y)| x + 0.5 * y).collect()).unwrap();
        let half = kept(row, Precision::Half);
        let change = (probe.dot(&row.embedding) - probe.dot(&half.embedding)).abs();
        sum += change;
        most = most.max(change);
    }
    let mean = sum / rows.len() as f32;
    assert!(most > 0.0 && most < 5e-4 && mean < 1.5e-5, "{mean} on average, {most} at most");
}

#[test]
fn half_of_the_bytes_are_written_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), StoreOptions::default());
    let (dim, rows) = (512, rows(8, 1..101, 512));
    let [half, single] = [Precision::Half, Precision::Single].map(|precision| {
        let gallery = create_of(&store, precision.name(), dim, precision);
        enroll(&store, gallery, &rows);
        gallery
    });
    store.checkpoint().unwrap();
    let [half_size, single_size] =
        [half, single].map(|gallery| store.snapshot().size(gallery).unwrap());
    assert_eq!(half_size.code_bytes, single_size.code_bytes);
    let saved = single_size.segment_bytes - half_size.segment_bytes;
    // A checksum of four bytes for every 4,096.
    assert_eq!(saved, 100 * 1024 + 100 * 1024 / 4096 * 4);
    for (gallery, bytes) in [(half, 1024), (single, 2048)] {
        let probe = Probe::new(rows[0].embedding.clone(), 1);
        let (_, report) = store.snapshot().explain(gallery, &probe).unwrap();
        let stage = report.stages.iter().find(|stage| stage.name == "embedding").unwrap();
        assert!(stage.decided > 0);
        assert_eq!(stage.bytes, stage.decided * bytes);
    }
}

#[test]
fn rows_of_halves_are_enrolled_again_as_they_are_whatever_the_gallery() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), crashing());
    let first = create_of(&store, "first", 9, Precision::Half);
    enroll(&store, first, &rows(5, 1..30, 9));
    store.checkpoint().unwrap();
    let rows = stored(&store, first);
    let second = create_of(&store, "second", 9, Precision::Half);
    let third = create(&store, "third", 9);
    for gallery in [second, third] {
        enroll(&store, gallery, &rows);
        assert_eq!(stored(&store, gallery), rows);
    }
    drop(store);
    let store = open(folder.path(), crashing());
    for gallery in [second, third] {
        assert_eq!(stored(&store, gallery), rows, "from the log");
    }
}

#[test]
fn a_store_of_halves_is_checked_backed_up_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let [data, copy, again] = ["data", "copy", "again"].map(|name| folder.path().join(name));
    let store = open(&data, crashing());
    let gallery = create_of(&store, "g", 64, Precision::Half);
    let rows = rows(6, 1..61, 64);
    enroll(&store, gallery, &rows[..30]);
    store.checkpoint().unwrap();
    enroll(&store, gallery, &rows[30..]);
    drop(store);
    let is_sound = |path: &Path| assert_eq!(check(path).unwrap().damages, []);
    is_sound(&data);
    backup(&data, &copy, &BackupOptions::default()).unwrap();
    restore(&[copy], &again, None).unwrap();
    is_sound(&again);
    let store = open(&again, crashing());
    let descriptor = store.snapshot().gallery(gallery).unwrap().clone();
    assert_eq!(descriptor.precision, Precision::Half);
    assert_eq!(found(&store, gallery, 64), expected(&rows, 64));
}
