//! Constants of the segment file and its header, unchecked and checked.

use std::ops::Range;

use crate::checksum::Checksum;
use crate::code::{GROUP_ROWS, code_bytes, has_codes};
use crate::codec::{Cursor, DecodeError, put_text};
use crate::embedding::Dim;
use crate::gallery::GalleryDescriptor;
use crate::id::{GalleryId, SegmentId};
use crate::limits::{SEGMENT_ROWS_MAX, TEXT_BYTES_MAX};
use crate::precision::Precision;

/// First bytes of every segment.
pub(crate) const MAGIC: [u8; 8] = *b"LKNSSEG\0";
/// Layout version of rows without thumbnails.
pub(crate) const FORMAT_VERSION: u32 = 2;
/// Layout version of rows of which one or more have a thumbnail.
pub(crate) const FORMAT_VERSION_WITH_THUMBNAILS: u32 = 3;
/// Layout version without codes, which is read and never written.
pub(crate) const FORMAT_VERSION_WITHOUT_CODES: u32 = 1;
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

/// Bytes per row of the thumbnail ends.
pub(crate) const THUMBNAIL_END_BYTES: usize = 8;

/// Presence bits of a row's optional fields.
pub(crate) const HAS_BOX: u64 = 1;
/// See [`HAS_BOX`].
pub(crate) const HAS_CONFIDENCE: u64 = 1 << 1;
/// See [`HAS_BOX`].
pub(crate) const HAS_QUALITY: u64 = 1 << 2;
/// The presence bit of the first text; the others follow.
pub(crate) const HAS_TEXT: u64 = 1 << 3;
/// See [`HAS_BOX`].
pub(crate) const HAS_THUMBNAIL: u64 = HAS_TEXT << TEXTS_PER_ROW;

/// The number of sections there can be.
pub(crate) const SECTIONS: usize = 8;

/// The sections in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SectionKind {
    Codes,
    Embeddings,
    Ids,
    Fixed,
    TextEnds,
    Texts,
    ThumbnailEnds,
    Thumbnails,
}

impl SectionKind {
    pub(crate) const ALL: [Self; SECTIONS] = [
        Self::Codes,
        Self::Embeddings,
        Self::Ids,
        Self::Fixed,
        Self::TextEnds,
        Self::Texts,
        Self::ThumbnailEnds,
        Self::Thumbnails,
    ];
}

/// Where a section is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// What a segment says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// The layout; sections that it does not have are empty.
    pub(crate) version: u32,
    pub(crate) id: SegmentId,
    pub(crate) gallery: GalleryId,
    pub(crate) dim: Dim,
    pub(crate) precision: Precision,
    pub(crate) rows: u32,
    /// Where the checksums of the blocks start: everything before it is covered by them.
    pub(crate) checksums: u64,
    pub(crate) model: Box<str>,
    pub(crate) sections: [Section; SECTIONS],
}

/// Bytes of the header before the section table.
const FIXED_HEADER_BYTES: usize = 8 + 4 + 4 + 8 + 8 + 4 + 4 + 8;
/// Bytes of one entry of the section table.
pub(crate) const SECTION_ENTRY_BYTES: usize = 16;
/// Bytes that one checksum covers.
pub(crate) const BLOCK_BYTES: usize = 4096;
/// Bytes of one checksum.
pub(crate) const CHECKSUM_BYTES: usize = 4;
/// Most bytes of a header.
pub(crate) const HEADER_BYTES_MAX: usize = 4096;

const _: () = assert!(FIXED_HEADER_BYTES == 48);
const _: () = assert!(FIXED_BYTES.is_multiple_of(8));

impl SegmentHeader {
    /// Lays out the sections of `rows` rows with so many bytes of texts and of thumbnails.
    pub(crate) fn lay_out(
        id: SegmentId,
        gallery: &GalleryDescriptor,
        rows: u32,
        text_bytes: u64,
        thumbnail_bytes: u64,
    ) -> Self {
        let pictured = thumbnail_bytes > 0;
        let version = if pictured { FORMAT_VERSION_WITH_THUMBNAILS } else { FORMAT_VERSION };
        let mut header = Self {
            version,
            id,
            gallery: gallery.id,
            dim: gallery.dim,
            precision: gallery.precision,
            rows,
            checksums: 0,
            model: (*gallery.model).into(),
            sections: [Section::default(); SECTIONS],
        };
        let alignment = SECTION_ALIGNMENT as u64;
        let mut offset = (header.length() as u64).next_multiple_of(alignment);
        let present = header.present();
        let lengths = header.lengths(text_bytes, thumbnail_bytes);
        let sections = header.sections.iter_mut().zip(lengths).take(present.end);
        for (section, length) in sections.skip(present.start) {
            *section = Section { offset, length };
            offset = (offset + length).next_multiple_of(alignment);
        }
        header.checksums = offset;
        header
    }

    /// The number of blocks that have a checksum; the last one may be short.
    pub(crate) fn blocks(&self) -> u64 {
        self.checksums.div_ceil(BLOCK_BYTES as u64)
    }

    /// Bytes of the whole file.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.checksums + (self.blocks() + 1) * CHECKSUM_BYTES as u64
    }

    /// The header as bytes, with its checksum at the end.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&(self.length() as u32).to_le_bytes());
        out.extend_from_slice(&self.id.get().to_le_bytes());
        out.extend_from_slice(&self.gallery.get().to_le_bytes());
        let dimensions = self.precision.mark(self.dim.get());
        out.extend_from_slice(&u32::from(dimensions).to_le_bytes());
        out.extend_from_slice(&self.rows.to_le_bytes());
        out.extend_from_slice(&self.checksums.to_le_bytes());
        for section in self.sections.get(self.present()).unwrap_or_default() {
            out.extend_from_slice(&section.offset.to_le_bytes());
            out.extend_from_slice(&section.length.to_le_bytes());
        }
        put_text(&mut out, &self.model);
        out.extend_from_slice(&Checksum::of(&out).get().to_le_bytes());
        out
    }

    /// Bytes of the encoded header.
    pub(crate) fn length(&self) -> usize {
        FIXED_HEADER_BYTES + SECTION_ENTRY_BYTES * self.present().len() + 4 + self.model.len() + 4
    }

    /// The sections that the table of this version has.
    fn present(&self) -> Range<usize> {
        let without_thumbnails = SectionKind::ThumbnailEnds as usize;
        match self.version {
            FORMAT_VERSION_WITHOUT_CODES => SectionKind::Embeddings as usize..without_thumbnails,
            FORMAT_VERSION => 0..without_thumbnails,
            _ => 0..SECTIONS,
        }
    }

    /// Whether a row has a thumbnail.
    pub(crate) fn has_thumbnails(&self) -> bool {
        self.version == FORMAT_VERSION_WITH_THUMBNAILS
    }

    /// Bytes of a row's embedding.
    pub(crate) fn embedding_bytes(&self) -> usize {
        self.dim.get() * self.precision.bytes()
    }

    /// The bytes of the sections. Those of texts and thumbnails do not follow from the number of
    /// rows.
    fn lengths(&self, texts: u64, thumbnails: u64) -> [u64; SECTIONS] {
        let rows = self.rows as usize;
        let coded = has_codes(self.dim) && self.version != FORMAT_VERSION_WITHOUT_CODES;
        let groups = if coded { rows.div_ceil(GROUP_ROWS) } else { 0 };
        let codes = code_bytes(self.dim, groups) as u64;
        let thumbnail_end = if self.has_thumbnails() { THUMBNAIL_END_BYTES } else { 0 };
        let per_row = [self.embedding_bytes(), ID_BYTES, FIXED_BYTES, ENDS_BYTES, thumbnail_end];
        let per_row = per_row.map(|bytes| bytes as u64 * rows as u64);
        let [embeddings, ids, fixed, text_ends, thumbnail_ends] = per_row;
        [codes, embeddings, ids, fixed, text_ends, texts, thumbnail_ends, thumbnails]
    }

    /// Reads and checks a header against itself and the length of its file.
    pub(crate) fn decode(file: &[u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(file);
        if cursor.bytes(MAGIC.len())? != MAGIC {
            return Err(DecodeError { offset: 0, what: "this is no segment".into() });
        }
        let version = cursor.u32()?;
        if !(FORMAT_VERSION_WITHOUT_CODES..=FORMAT_VERSION_WITH_THUMBNAILS).contains(&version) {
            return Err(cursor.fault(format!(
                "segment format version {version} is unknown, this build knows those up to \
                 {FORMAT_VERSION_WITH_THUMBNAILS}; open the store with the release that wrote it"
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
        let header = Self::decode_fields(version, &mut rest)?;
        rest.end()?;
        header.check(file.len() as u64).map_err(|what| DecodeError { offset: 0, what })?;
        Ok(header)
    }

    fn decode_fields(version: u32, cursor: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        let (id, gallery) = (SegmentId::new(cursor.u64()?), GalleryId::new(cursor.u64()?));
        let (precision, dimensions) = Precision::unmark(cursor.u32()?);
        let dim = Dim::new(dimensions);
        let dim = dim.ok_or_else(|| cursor.fault("a segment has no dimension"))?;
        let (rows, checksums) = (cursor.u32()?, cursor.u64()?);
        let sections = [Section::default(); SECTIONS];
        let model = "".into();
        let mut header =
            Self { version, id, gallery, dim, precision, rows, checksums, model, sections };
        let present = header.present();
        for section in header.sections.get_mut(present).unwrap_or_default() {
            *section = Section { offset: cursor.u64()?, length: cursor.u64()? };
        }
        header.model = cursor.text(TEXT_BYTES_MAX)?.into();
        Ok(header)
    }

    /// Whether the sections are where the rows say they are, and the file as long as they say.
    fn check(&self, file_bytes: u64) -> Result<(), String> {
        let rows = u64::from(self.rows);
        if self.rows as usize > SEGMENT_ROWS_MAX {
            return Err(format!("{rows} rows are more than allowed"));
        }
        let mut end = self.length() as u64;
        let (sections, present) = (SectionKind::ALL.iter().zip(&self.sections), self.present());
        for (kind, section) in sections.clone().take(present.end).skip(present.start) {
            if section.offset != end.next_multiple_of(SECTION_ALIGNMENT as u64) {
                return Err(format!("section {kind:?} does not follow the one before it"));
            }
            end = section
                .offset
                .checked_add(section.length)
                .filter(|end| *end <= file_bytes)
                .ok_or_else(|| format!("section {kind:?} reaches beyond the end of the file"))?;
        }
        let [.., texts, _, thumbnails] = self.sections.map(|section| section.length);
        for ((kind, section), length) in sections.zip(self.lengths(texts, thumbnails)) {
            if section.length != length {
                return Err(format!("section {kind:?} does not hold {rows} rows"));
            }
        }
        if self.checksums != end.next_multiple_of(SECTION_ALIGNMENT as u64) {
            return Err("the checksums do not follow the last section".into());
        }
        let expected = self.file_bytes();
        if expected != file_bytes {
            return Err(format!("the file has {file_bytes} bytes instead of {expected}"));
        }
        Ok(())
    }
}
