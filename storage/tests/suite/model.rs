//! Random operations against a map that cannot be wrong, with crashes and reopenings in between.
//!
//! A crash here is a store dropped without a checkpoint: everything not yet in segments must come
//! back from the log. Faults of the disk itself are the simulator's business.

use std::collections::{BTreeMap, BTreeSet};

use likeness_storage::{
    GalleryId, Precision, Probe, Row, Scored, Snapshot, Store, StoreOptions, TemplateId,
    TextColumn, WriteBatch,
};

use crate::support::{Random, crashing, create, create_of, kept, open};

const DIM: usize = 7;

/// What the store should hold: the galleries and their rows.
type Model = BTreeMap<GalleryId, BTreeMap<u128, Row>>;

/// Every third gallery keeps its embeddings as halves.
fn precision_of(number: u64) -> Precision {
    if number.is_multiple_of(3) { Precision::Half } else { Precision::Single }
}

struct World {
    random: Random,
    model: Model,
    /// Of every gallery there was.
    precisions: BTreeMap<GalleryId, Precision>,
    names: u64,
    next_id: u128,
}

impl World {
    fn step(&mut self, store: &Store) {
        match self.random.below(20) {
            0 => {
                self.names += 1;
                let (name, precision) = (format!("g{}", self.names), precision_of(self.names));
                let id = create_of(store, &name, DIM, precision);
                self.precisions.insert(id, precision);
                assert!(self.model.insert(id, BTreeMap::new()).is_none(), "{id} was used before");
            }
            1 if self.model.len() > 2 => self.drop_gallery(store),
            2 => {
                store.checkpoint().unwrap();
            }
            _ => self.write_batch(store),
        }
    }

    fn gallery(&mut self) -> Option<GalleryId> {
        let at = self.random.below(self.model.len().max(1) as u64) as usize;
        self.model.keys().nth(at).copied()
    }

    fn drop_gallery(&mut self, store: &Store) {
        let Some(gallery) = self.gallery() else { return };
        let mut batch = WriteBatch::new();
        batch.drop_gallery(gallery);
        store.write(batch).unwrap();
        self.model.remove(&gallery);
    }

    /// Several rows in and out, over several galleries, in one batch.
    fn write_batch(&mut self, store: &Store) {
        let mut batch = WriteBatch::new();
        let mut removed = 0;
        for _ in 0..=self.random.below(6) {
            let Some(gallery) = self.gallery() else { return };
            let rows = self.model.get_mut(&gallery).unwrap();
            if self.random.below(3) == 0 && !rows.is_empty() {
                let at = self.random.below(rows.len() as u64) as usize;
                let id = *rows.keys().nth(at).unwrap();
                rows.remove(&id);
                removed += 1;
                batch.remove(gallery, TemplateId::new(id));
            } else {
                // Mostly ascending, sometimes far behind, as ids of several servers would be.
                self.next_id += 1;
                let id = self.next_id * 16 - u128::from(self.random.below(400));
                if rows.contains_key(&id) {
                    continue;
                }
                let row = self.random.row(id, DIM);
                rows.insert(id, kept(&row, self.precisions[&gallery]));
                batch.enroll(gallery, row);
            }
        }
        assert_eq!(store.write(batch).unwrap().removed, removed);
    }

    fn check(&mut self, snapshot: &Snapshot) {
        assert_eq!(snapshot.galleries("tenant", None).count(), self.model.len());
        let probe = self.random.embedding(DIM);
        for (&gallery, rows) in &self.model {
            assert_eq!(snapshot.row_count(gallery), rows.len() as u64);
            let stored = snapshot.rows(gallery, None).map(|row| row.unwrap().to_row().unwrap());
            let stored: Vec<Row> = stored.collect();
            assert_eq!(stored, rows.values().cloned().collect::<Vec<_>>());
            let middle = rows.keys().nth(rows.len() / 2).map(|id| TemplateId::new(*id));
            let behind = snapshot.rows(gallery, middle).count();
            assert_eq!(behind, rows.len().saturating_sub(rows.len() / 2 + 1));
            check_look_ups(snapshot, gallery, &stored, middle);
            for row in rows.values() {
                assert_eq!(read(snapshot, gallery, row.id).as_ref(), Some(row));
            }
            let wanted = Probe { min_score: 0.1, ..Probe::new(probe.clone(), 5) };
            let mut expected: Vec<Scored> = rows
                .values()
                .map(|row| Scored { id: row.id, score: probe.dot(&row.embedding) })
                .filter(|scored| scored.score >= 0.1)
                .collect();
            expected.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
            expected.truncate(5);
            assert_eq!(snapshot.identify(gallery, &wanted).unwrap(), expected);
        }
    }
}

/// That rows are found by their texts, and by no others.
fn check_look_ups(
    snapshot: &Snapshot,
    gallery: GalleryId,
    rows: &[Row],
    after: Option<TemplateId>,
) {
    let texts = rows.iter().flat_map(|row| [&row.external_face_id, &row.external_image_id]);
    let texts: BTreeSet<&str> = texts.flatten().map(AsRef::as_ref).chain(["", "face-"]).collect();
    for column in [TextColumn::ExternalFaceId, TextColumn::ExternalImageId] {
        for text in &texts {
            let holding = rows.iter().filter(|row| {
                let (face, image) = (&row.external_face_id, &row.external_image_id);
                let held = if column == TextColumn::ExternalFaceId { face } else { image };
                held.as_deref() == Some(*text) && Some(row.id) > after
            });
            let found = snapshot.rows_holding(gallery, after, column, text);
            let found: Vec<Row> = found.map(|row| row.unwrap().to_row().unwrap()).collect();
            assert_eq!(found.iter().collect::<Vec<_>>(), holding.collect::<Vec<_>>(), "{text}");
        }
    }
}

fn run(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let random = Random(seed);
    let (model, precisions) = (Model::new(), BTreeMap::new());
    let mut world = World { random, model, precisions, names: 0, next_id: 100 };
    for _ in 0..8 {
        let small = world.random.below(3) == 0;
        let options = if small { crashing().with_checkpoint_bytes(2000) } else { crashing() };
        let store = open(folder.path(), options);
        world.check(&store.snapshot());
        let before = store.snapshot();
        let rows_before: Vec<u64> = world.model.keys().map(|g| before.row_count(*g)).collect();
        let galleries: Vec<GalleryId> = world.model.keys().copied().collect();
        for _ in 0..world.random.below(60) {
            world.step(&store);
        }
        world.check(&store.snapshot());
        let still: Vec<u64> = galleries.iter().map(|g| before.row_count(*g)).collect();
        assert_eq!(still, rows_before, "a snapshot must not see later writes");
        if world.random.below(2) == 0 {
            store.close().unwrap();
        }
    }
}

#[test]
fn the_store_equals_a_map_through_crashes_and_reopenings() {
    for seed in 0..40 {
        println!("seed {seed}");
        run(seed);
    }
}

#[test]
fn a_clean_close_leaves_nothing_to_replay() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), StoreOptions::default());
    let gallery = create(&store, "g", DIM);
    let mut batch = WriteBatch::new();
    batch.enroll(gallery, Random(1).row(1, DIM));
    store.write(batch).unwrap();
    store.close().unwrap();
    let (store, report) = Store::open(folder.path(), StoreOptions::default()).unwrap();
    assert_eq!((report.replayed_batches, report.rows, report.segments), (0, 1, 1));
    assert_eq!(store.snapshot().row_count(gallery), 1);
}

#[test]
fn a_refused_operation_leaves_nothing_of_its_batch() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), StoreOptions::default());
    let gallery = create(&store, "g", DIM);
    let mut random = Random(1);
    let (one, other) = (random.row(1, DIM), random.row(2, DIM + 1));
    let mut bad_model = random.row(3, DIM);
    bad_model.model = "other@1".into();
    let before = store.snapshot().lsn();
    for bad in [one.clone(), other, bad_model] {
        let mut batch = WriteBatch::new();
        batch.enroll(gallery, one.clone()).enroll(gallery, bad);
        assert!(store.write(batch).is_err());
    }
    let after = store.snapshot();
    assert_eq!((after.lsn(), after.row_count(gallery)), (before, 0));
    let mut replace = WriteBatch::new();
    replace.enroll(gallery, one.clone()).remove(gallery, one.id).enroll(gallery, one);
    assert_eq!(store.write(replace).unwrap().removed, 1);
}

fn read(snapshot: &Snapshot, gallery: GalleryId, id: TemplateId) -> Option<Row> {
    snapshot.get(gallery, id).unwrap().map(|row| row.to_row().unwrap())
}
