//! The thumbnails of a segment: two sections of their own, read by nobody but who asks for one.

use std::ops::Range;

use super::format::{SectionKind, THUMBNAIL_END_BYTES};
use super::reader::Segment;
use crate::error::Corruption;
use crate::id::RowOrdinal;
use crate::limits::THUMBNAIL_BYTES_MAX;
use crate::thumbnail::SealedThumbnails;

impl Segment {
    /// Where in their section the thumbnail of a row ends.
    fn thumbnail_end(&self, row: RowOrdinal) -> Result<u64, Corruption> {
        let end = self.element::<THUMBNAIL_END_BYTES>(SectionKind::ThumbnailEnds, row)?;
        Ok(u64::from_le_bytes(*end))
    }
}

impl SealedThumbnails for Segment {
    fn place(&self, row: RowOrdinal) -> Result<Range<usize>, Corruption> {
        let what = "has a thumbnail that is none";
        let none = || self.fault(SectionKind::ThumbnailEnds, row, THUMBNAIL_END_BYTES, what);
        let section = self.section(SectionKind::Thumbnails);
        if section.length == 0 {
            // There are no ends either.
            return Err(none());
        }
        let before = row.get().checked_sub(1).map(RowOrdinal::new);
        let start = before.map_or(Ok(0), |before| self.thumbnail_end(before))?;
        let end = self.thumbnail_end(row)?;
        let length = end.checked_sub(start).filter(|_| end <= section.length);
        if !length.is_some_and(|length| (1..=THUMBNAIL_BYTES_MAX as u64).contains(&length)) {
            return Err(none());
        }
        Ok((section.offset + start) as usize..(section.offset + end) as usize)
    }

    fn read(&self, place: Range<usize>) -> Result<&[u8], Corruption> {
        self.bytes(place)
    }
}
