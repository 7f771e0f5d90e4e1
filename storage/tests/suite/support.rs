//! Small galleries and rows for tests.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use likeness_storage::{
    Dim, Embedding, GalleryDraft, GalleryId, Precision, Row, Store, StoreOptions, TemplateId,
    WriteBatch,
};

/// A reproducible stream of numbers (Steele, Lea and Flood's `SplitMix64`).
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn component(&mut self) -> f32 {
        (self.below(2001) as f32 - 1000.0) / 1000.0
    }

    pub(crate) fn embedding(&mut self, dim: usize) -> Embedding {
        let mut components: Vec<f32> = (0..dim).map(|_| self.component()).collect();
        components[0] += 0.5;
        Embedding::normalize(components).unwrap()
    }

    /// A row with some of its optional fields.
    pub(crate) fn row(&mut self, id: u128, dim: usize) -> Row {
        let some = self.next();
        let text = |bit: u64, text: String| (some & bit != 0).then(|| text.into_boxed_str());
        Row {
            id: TemplateId::new(id),
            model: "m@1".into(),
            external_face_id: text(1, format!("face-{id}")),
            external_image_id: text(2, format!("bild-ä-{id}")),
            bounding_box: (some & 4 != 0).then_some([0.1, 0.2, 0.3, 0.4]),
            confidence: (some & 8 != 0).then_some(0.75),
            quality: (some & 16 != 0).then_some(0.5),
            attributes: text(32, "{}".to_owned()),
            metadata: text(64, format!("{{\"n\":{id}}}")),
            thumbnail: None,
            created_at_us: id as i64 * 1000,
            embedding: self.embedding(dim),
        }
    }
}

/// Options under which dropping a store leaves what a crash would leave.
pub(crate) fn crashing() -> StoreOptions {
    StoreOptions::default().with_checkpoint_on_close(false)
}

pub(crate) fn open(path: &Path, options: StoreOptions) -> Store {
    Store::open(path, options).unwrap().0
}

pub(crate) fn draft(tenant: &str, name: &str, dim: usize) -> GalleryDraft {
    GalleryDraft {
        tenant: tenant.into(),
        name: name.into(),
        description: None,
        model: Arc::from("m@1"),
        dim: Dim::new(dim).unwrap(),
        precision: Precision::Single,
        thumbnails: false,
        created_at_us: 7,
    }
}

pub(crate) fn create(store: &Store, name: &str, dim: usize) -> GalleryId {
    create_of(store, name, dim, Precision::Single)
}

pub(crate) fn create_of(store: &Store, name: &str, dim: usize, precision: Precision) -> GalleryId {
    let mut batch = WriteBatch::new();
    batch.create_gallery(GalleryDraft { precision, ..draft("tenant", name, dim) });
    store.write(batch).unwrap().created[0]
}

/// The row as a gallery keeps it.
pub(crate) fn kept(row: &Row, precision: Precision) -> Row {
    Row { embedding: row.embedding.clone().rounded(precision), ..row.clone() }
}

/// Changes one byte of a file.
pub(crate) fn put(path: &Path, at: usize, byte: u8) {
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at as u64)).unwrap();
    file.write_all(&[byte]).unwrap();
}
