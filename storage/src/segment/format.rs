//! Constants of the segment file and its header, unchecked and checked.

use crate::checksum::Checksum;
use crate::codec::{Cursor, DecodeError, put_text};
use crate::embedding::Dim;
use crate::id::{GalleryId, SegmentId};
use crate::limits::{SEGMENT_ROWS_MAX, TEXT_BYTES_MAX};

/// First bytes of every segment.
pub(crate) const MAGIC: [u8; 8] = *b"LKNSSEG\0";
/// Layout version.
pub(crate) const FORMAT_VERSION: u32 = 1;
/// Every section starts at a multiple of this, for the kernels.
pub(crate) const SECTION_ALIGNMENT: usize = 64;
/// Texts per row: external face id, external image id, attributes, metadata.
pub(crate) const TEXTS_PER_ROW: usize = 4;
/// Bytes per row of the fixed section: LSN, creation time, box, confidence, quality, presence.
pub(crate) const FIXED_BYTES: usize = 8 + 8 + 16 + 4 + 4 + 8;
/// Bytes of a row's identity.
pub(crate) const ID_BYTES: usize = 16;
/// Bytes per row of the text ends: one u64 per text.
pub(crate) const ENDS_BYTES: usize = 8 * TEXTS_PER_ROW;

/// Presence bits of a row's optional fields.
pub(crate) const HAS_BOX: u64 = 1;
/// See [`HAS_BOX`].
pub(crate) const HAS_CONFIDENCE: u64 = 1 << 1;
/// See [`HAS_BOX`].
pub(crate) const HAS_QUALITY: u64 = 1 << 2;
/// The presence bit of the first text; the others follow.
pub(crate) const HAS_TEXT: u64 = 1 << 3;

/// The sections in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SectionKind {
    Embeddings,
    Ids,
    Fixed,
    TextEnds,
    Texts,
}

impl SectionKind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Embeddings, Self::Ids, Self::Fixed, Self::TextEnds, Self::Texts];
}

/// Where a section is, and its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) checksum: Checksum,
}

/// What a segment says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) id: SegmentId,
    pub(crate) gallery: GalleryId,
    pub(crate) dim: Dim,
    pub(crate) rows: u32,
    pub(crate) model: Box<str>,
    pub(crate) sections: [Section; 5],
}

/// Bytes of the header before the section table.
const FIXED_HEADER_BYTES: usize = 8 + 4 + 4 + 8 + 8 + 4 + 4;
/// Bytes of one entry of the section table.
pub(crate) const SECTION_ENTRY_BYTES: usize = 24;
/// Most bytes of a header.
pub(crate) const HEADER_BYTES_MAX: usize = 4096;

const _: () = assert!(FIXED_HEADER_BYTES == 40);
const _: () = assert!(FIXED_BYTES.is_multiple_of(8));

impl SegmentHeader {
    /// The header as bytes, with its checksum at the end.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&(self.length() as u32).to_le_bytes());
        out.extend_from_slice(&self.id.get().to_le_bytes());
        out.extend_from_slice(&self.gallery.get().to_le_bytes());
        out.extend_from_slice(&(self.dim.get() as u32).to_le_bytes());
        out.extend_from_slice(&self.rows.to_le_bytes());
        for section in &self.sections {
            out.extend_from_slice(&section.offset.to_le_bytes());
            out.extend_from_slice(&section.length.to_le_bytes());
            out.extend_from_slice(&section.checksum.get().to_le_bytes());
            out.extend_from_slice(&[0; 4]);
        }
        put_text(&mut out, &self.model);
        out.extend_from_slice(&Checksum::of(&out).get().to_le_bytes());
        out
    }

    /// Bytes of the encoded header.
    pub(crate) fn length(&self) -> usize {
        FIXED_HEADER_BYTES + SECTION_ENTRY_BYTES * self.sections.len() + 4 + self.model.len() + 4
    }

    /// Reads and checks a header against itself and the length of its file.
    pub(crate) fn decode(file: &[u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(file);
        if cursor.bytes(MAGIC.len())? != MAGIC {
            return Err(DecodeError { offset: 0, what: "this is no segment".into() });
        }
        let version = cursor.u32()?;
        if version != FORMAT_VERSION {
            return Err(cursor.fault(format!(
                "segment format version {version} is unknown, this build knows {FORMAT_VERSION}; \
                 open the store with the release that wrote it"
            )));
        }
        let length = cursor.u32()? as usize;
        let checked = length.checked_sub(4).filter(|_| length <= HEADER_BYTES_MAX);
        let (Some(covered), Some(stored)) = (
            checked.and_then(|end| file.get(..end)),
            checked.and_then(|end| file.get(end..)?.first_chunk::<4>()),
        ) else {
            return Err(cursor.fault(format!("a header of {length} bytes is impossible")));
        };
        if Checksum::of(covered) != Checksum::from_stored(u32::from_le_bytes(*stored)) {
            return Err(DecodeError { offset: 0, what: "the header's checksum differs".into() });
        }
        let mut rest = Cursor::new(covered);
        rest.bytes(8 + 4 + 4)?;
        let header = Self::decode_fields(&mut rest)?;
        rest.end()?;
        header.check(file.len() as u64).map_err(|what| DecodeError { offset: 0, what })?;
        Ok(header)
    }

    fn decode_fields(cursor: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        let (id, gallery) = (SegmentId::new(cursor.u64()?), GalleryId::new(cursor.u64()?));
        let dim = Dim::new(cursor.u32()? as usize);
        let dim = dim.ok_or_else(|| cursor.fault("a segment has no dimension"))?;
        let rows = cursor.u32()?;
        let nothing = Section { offset: 0, length: 0, checksum: Checksum::from_stored(0) };
        let mut sections = [nothing; 5];
        for section in &mut sections {
            section.offset = cursor.u64()?;
            section.length = cursor.u64()?;
            section.checksum = Checksum::from_stored(cursor.u32()?);
            cursor.zeros(4)?;
        }
        let model = cursor.text(TEXT_BYTES_MAX)?.into();
        Ok(Self { id, gallery, dim, rows, model, sections })
    }

    /// Whether the sections are where the rows say they are, and inside the file.
    fn check(&self, file_bytes: u64) -> Result<(), String> {
        let rows = u64::from(self.rows);
        if self.rows as usize > SEGMENT_ROWS_MAX {
            return Err(format!("{rows} rows are more than allowed"));
        }
        let per_row = [self.dim.get() * 4, ID_BYTES, FIXED_BYTES, ENDS_BYTES];
        for (kind, section) in SectionKind::ALL.iter().zip(&self.sections) {
            let end = section.offset.checked_add(section.length);
            if end.is_none_or(|end| end > file_bytes) {
                return Err(format!("section {kind:?} reaches beyond the end of the file"));
            }
            if !section.offset.is_multiple_of(SECTION_ALIGNMENT as u64) {
                return Err(format!("section {kind:?} is not aligned"));
            }
        }
        for ((kind, section), bytes) in SectionKind::ALL.iter().zip(&self.sections).zip(per_row) {
            if section.length != rows * bytes as u64 {
                return Err(format!("section {kind:?} does not hold {rows} rows"));
            }
        }
        Ok(())
    }
}
