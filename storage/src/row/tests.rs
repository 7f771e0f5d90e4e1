//! Small galleries and rows for the unit tests of the whole crate.

use crate::embedding::{Dim, Embedding};
use crate::gallery::{GalleryDescriptor, GalleryDraft};
use crate::id::{GalleryId, Lsn, TemplateId};
use crate::precision::Precision;
use crate::row::Row;
use crate::thumbnail::Thumbnail;

pub(crate) fn draft(name: &str, dim: usize) -> GalleryDraft {
    GalleryDraft {
        tenant: "t".into(),
        name: name.into(),
        description: Some("about".into()),
        model: "m".into(),
        dim: Dim::new(dim).unwrap(),
        precision: Precision::Single,
        thumbnails: false,
        created_at_us: -5,
    }
}

pub(crate) fn descriptor(id: u64, name: &str, dim: usize) -> GalleryDescriptor {
    GalleryDescriptor::from_draft(GalleryId::new(id), draft(name, dim))
}

/// The same keeping its embeddings as halves.
pub(crate) fn half_descriptor(id: u64, name: &str, dim: usize) -> GalleryDescriptor {
    GalleryDescriptor { precision: Precision::Half, ..descriptor(id, name, dim) }
}

/// The same keeping thumbnails.
pub(crate) fn pictured(descriptor: GalleryDescriptor) -> GalleryDescriptor {
    GalleryDescriptor { thumbnails: true, ..descriptor }
}

/// The row with a thumbnail of so many bytes, which depend on its identity.
pub(crate) fn with_thumbnail(row: Row, bytes: usize) -> Row {
    let content: Vec<u8> =
        (0..bytes).map(|at| (at as u8).wrapping_add(row.id.get() as u8)).collect();
    Row { thumbnail: Thumbnail::new(content), ..row }
}

/// A row with nothing optional.
pub(crate) fn bare_row(id: u128, components: Vec<f32>) -> Row {
    Row::new(TemplateId::new(id), "m", Embedding::normalize(components).unwrap())
}

/// A row with every second optional field, which ones depends on the identity.
pub(crate) fn row(id: u128, components: Vec<f32>) -> Row {
    let even = id.is_multiple_of(2);
    Row {
        external_face_id: even.then(|| format!("face-{id}").into()),
        external_image_id: (!even).then(|| "bild-ä".into()),
        bounding_box: even.then_some([0.1, 0.2, 0.3, 0.4]),
        confidence: (!even).then_some(0.5),
        quality: even.then_some(-0.0),
        attributes: (!even).then(|| "".into()),
        metadata: even.then(|| "{}".into()),
        created_at_us: -(id as i64),
        ..bare_row(id, components)
    }
}

#[test]
fn a_row_equals_the_copy_of_its_borrowed_form() {
    for id in 0..2 {
        let row = with_thumbnail(row(id, vec![3.0, 4.0]), 7 * id as usize);
        assert_eq!(row.thumbnail.is_some(), id > 0);
        assert_eq!(row.as_ref(Lsn::new(1)).to_row(), Ok(row));
    }
}
