//! A sealed segment: mapped, validated, immutable.

use super::format::{
    ENDS_BYTES, FIXED_BYTES, HAS_BOX, HAS_CONFIDENCE, HAS_QUALITY, HAS_TEXT, ID_BYTES, Section,
    SectionKind, SegmentHeader, TEXTS_PER_ROW,
};
use crate::checksum::Checksum;
use crate::codec::{Cursor, DecodeError};
use crate::embedding::Dim;
use crate::id::{GalleryId, Lsn, RowOrdinal, SegmentId, TemplateId};
use crate::io::Mapping;
use crate::row::RowRef;

/// Rows of one gallery in ascending order of identity.
#[derive(Debug)]
pub(crate) struct Segment {
    header: SegmentHeader,
    mapping: Mapping,
}

impl Segment {
    /// Checks the header, and with it where the sections are; not their content.
    pub(crate) fn open(mapping: Mapping) -> Result<Self, DecodeError> {
        let header = SegmentHeader::decode(mapping.bytes())?;
        let segment = Self { header, mapping };
        let values = segment.header.rows as usize * segment.header.dim.get();
        if segment.embeddings().len() != values {
            return Err(DecodeError { offset: 0, what: "the embeddings are not aligned".into() });
        }
        Ok(segment)
    }

    /// Reads every byte and checks every section's checksum and the order of the rows.
    pub(crate) fn verify(&self) -> Result<(), DecodeError> {
        for (kind, section) in SectionKind::ALL.into_iter().zip(&self.header.sections) {
            if Checksum::of(self.section(kind)) != section.checksum {
                let what = format!("the checksum of section {kind:?} differs");
                return Err(DecodeError { offset: section.offset, what });
            }
        }
        let ids = (0..self.header.rows).filter_map(|row| self.id_at(RowOrdinal::new(row)));
        if !ids.is_sorted_by(|a, b| a < b) {
            let offset = self.header.sections.get(1).map_or(0, |section| section.offset);
            return Err(DecodeError { offset, what: "the rows are not in order".into() });
        }
        Ok(())
    }

    /// The segment's number.
    pub(crate) fn id(&self) -> SegmentId {
        self.header.id
    }

    /// Whose rows these are.
    pub(crate) fn gallery(&self) -> GalleryId {
        self.header.gallery
    }

    /// Components of an embedding.
    pub(crate) fn dim(&self) -> Dim {
        self.header.dim
    }

    /// The number of rows, deleted ones included.
    pub(crate) fn row_count(&self) -> u32 {
        self.header.rows
    }

    /// All embeddings back to back, [`Segment::dim`] components each.
    pub(crate) fn embeddings(&self) -> &[f32] {
        let Some(section) = self.header.sections.first() else { return &[] };
        let range = range(section);
        self.mapping.f32s(range).unwrap_or_default()
    }

    /// The identity of a row.
    pub(crate) fn id_at(&self, row: RowOrdinal) -> Option<TemplateId> {
        let bytes = element::<ID_BYTES>(self.section(SectionKind::Ids), row)?;
        bytes.first_chunk().map(|bytes| TemplateId::new(u128::from_le_bytes(*bytes)))
    }

    /// The row of this identity.
    pub(crate) fn find(&self, id: TemplateId) -> Option<RowOrdinal> {
        let row = self.first_row_where(|found| found >= id);
        (self.id_at(row) == Some(id)).then_some(row)
    }

    /// The first row behind this identity; the row count where there is none.
    pub(crate) fn first_after(&self, id: Option<TemplateId>) -> RowOrdinal {
        id.map_or(RowOrdinal::new(0), |id| self.first_row_where(|found| found > id))
    }

    fn first_row_where(&self, reached: impl Fn(TemplateId) -> bool) -> RowOrdinal {
        let (mut low, mut high) = (0, self.header.rows);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.id_at(RowOrdinal::new(middle)) {
                Some(id) if !reached(id) => low = middle + 1,
                _ => high = middle,
            }
        }
        RowOrdinal::new(low)
    }

    /// A row; `None` beyond the last one, or where its texts are damaged.
    pub(crate) fn row(&self, row: RowOrdinal) -> Option<RowRef<'_>> {
        let id = self.id_at(row)?;
        let mut fixed = Cursor::new(element::<FIXED_BYTES>(self.section(SectionKind::Fixed), row)?);
        let lsn = Lsn::new(fixed.u64().ok()?);
        let created_at_us = fixed.i64().ok()?;
        let mut float = || fixed.f32().ok();
        let bounding_box = [float()?, float()?, float()?, float()?];
        let (confidence, quality) = (float()?, float()?);
        let presence = fixed.u64().ok()?;
        let [external_face_id, external_image_id, attributes, metadata] =
            self.texts(row, presence)?;
        let dim = self.header.dim.get();
        let start = (row.get() as usize).checked_mul(dim)?;
        Some(RowRef {
            id,
            lsn,
            model: &self.header.model,
            external_face_id,
            external_image_id,
            bounding_box: (presence & HAS_BOX != 0).then_some(bounding_box),
            confidence: (presence & HAS_CONFIDENCE != 0).then_some(confidence),
            quality: (presence & HAS_QUALITY != 0).then_some(quality),
            attributes,
            metadata,
            created_at_us,
            embedding: self.embeddings().get(start..start.checked_add(dim)?)?,
        })
    }

    fn texts(&self, row: RowOrdinal, presence: u64) -> Option<[Option<&str>; TEXTS_PER_ROW]> {
        let ends = self.section(SectionKind::TextEnds);
        let mut cursor = Cursor::new(element::<ENDS_BYTES>(ends, row)?);
        let mut start = match row.get().checked_sub(1) {
            None => 0,
            Some(before) => {
                let last = element::<ENDS_BYTES>(ends, RowOrdinal::new(before))?.last_chunk()?;
                u64::from_le_bytes(*last)
            }
        };
        let heap = self.section(SectionKind::Texts);
        let mut texts = [None; TEXTS_PER_ROW];
        for (at, text) in texts.iter_mut().enumerate() {
            let end = cursor.u64().ok()?;
            let bytes = heap.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)?;
            if presence & (HAS_TEXT << at) != 0 {
                *text = Some(std::str::from_utf8(bytes).ok()?);
            }
            start = end;
        }
        Some(texts)
    }

    fn section(&self, kind: SectionKind) -> &[u8] {
        let section = self.header.sections.get(kind as usize);
        section.and_then(|section| self.mapping.bytes().get(range(section))).unwrap_or_default()
    }
}

fn range(section: &Section) -> std::ops::Range<usize> {
    section.offset as usize..(section.offset + section.length) as usize
}

/// The `row`-th of elements of `N` bytes each.
fn element<const N: usize>(bytes: &[u8], row: RowOrdinal) -> Option<&[u8]> {
    let start = (row.get() as usize).checked_mul(N)?;
    bytes.get(start..start.checked_add(N)?)
}
