//! Rows in, the bytes of a sealed segment out.

use super::format::{
    ENDS_BYTES, FIXED_BYTES, HAS_BOX, HAS_CONFIDENCE, HAS_QUALITY, HAS_TEXT, ID_BYTES,
    SECTION_ALIGNMENT, Section, SegmentHeader,
};
use crate::checksum::Checksum;
use crate::codec::put_f32s;
use crate::gallery::GalleryDescriptor;
use crate::id::SegmentId;
use crate::row::RowRef;

/// The segment `id` of the rows given, which must be of one gallery and ascend by identity.
pub(crate) fn encode_segment<'a>(
    id: SegmentId,
    gallery: &GalleryDescriptor,
    rows: impl ExactSizeIterator<Item = RowRef<'a>>,
) -> Vec<u8> {
    let count = rows.len();
    let mut embeddings = Vec::with_capacity(count * gallery.dim.get() * 4);
    let mut ids = Vec::with_capacity(count * ID_BYTES);
    let mut fixed = Vec::with_capacity(count * FIXED_BYTES);
    let mut ends = Vec::with_capacity(count * ENDS_BYTES);
    let mut texts = Vec::new();
    for row in rows {
        put_f32s(&mut embeddings, row.embedding);
        ids.extend_from_slice(&row.id.get().to_le_bytes());
        put_fixed(&mut fixed, &row);
        for text in texts_of(&row) {
            texts.extend_from_slice(text.unwrap_or_default().as_bytes());
            ends.extend_from_slice(&(texts.len() as u64).to_le_bytes());
        }
    }
    assemble(id, gallery, count as u32, &[embeddings, ids, fixed, ends, texts])
}

/// The texts of a row in the order in which they are stored.
fn texts_of<'a>(row: &RowRef<'a>) -> [Option<&'a str>; 4] {
    [row.external_face_id, row.external_image_id, row.attributes, row.metadata]
}

fn put_fixed(out: &mut Vec<u8>, row: &RowRef<'_>) {
    out.extend_from_slice(&row.lsn.get().to_le_bytes());
    out.extend_from_slice(&row.created_at_us.to_le_bytes());
    put_f32s(out, &row.bounding_box.unwrap_or_default());
    put_f32s(out, &[row.confidence.unwrap_or_default(), row.quality.unwrap_or_default()]);
    let mut presence = 0;
    presence |= if row.bounding_box.is_some() { HAS_BOX } else { 0 };
    presence |= if row.confidence.is_some() { HAS_CONFIDENCE } else { 0 };
    presence |= if row.quality.is_some() { HAS_QUALITY } else { 0 };
    for (at, text) in texts_of(row).iter().enumerate() {
        presence |= if text.is_some() { HAS_TEXT << at } else { 0 };
    }
    out.extend_from_slice(&presence.to_le_bytes());
}

fn assemble(
    id: SegmentId,
    gallery: &GalleryDescriptor,
    rows: u32,
    contents: &[Vec<u8>; 5],
) -> Vec<u8> {
    let nothing = Section { offset: 0, length: 0, checksum: Checksum::from_stored(0) };
    let mut header = SegmentHeader {
        id,
        gallery: gallery.id,
        dim: gallery.dim,
        rows,
        model: (*gallery.model).into(),
        sections: [nothing; 5],
    };
    let mut offset = header.length().next_multiple_of(SECTION_ALIGNMENT);
    for (section, content) in header.sections.iter_mut().zip(contents) {
        *section = Section {
            offset: offset as u64,
            length: content.len() as u64,
            checksum: Checksum::of(content),
        };
        offset = (offset + content.len()).next_multiple_of(SECTION_ALIGNMENT);
    }
    let mut file = header.encode();
    for (section, content) in header.sections.iter().zip(contents) {
        file.resize(section.offset as usize, 0);
        file.extend_from_slice(content);
    }
    file
}
