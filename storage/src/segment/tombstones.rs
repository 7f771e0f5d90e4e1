//! The deleted rows of one segment, as a value and as a file.

use std::ops::Range;

use roaring::RoaringBitmap;

use crate::checksum::Checksum;
use crate::codec::{Cursor, DecodeError};
use crate::id::{RowOrdinal, SegmentId};

/// First bytes of every tombstone file.
pub(crate) const MAGIC: [u8; 8] = *b"LKNSTOM\0";
/// Layout version.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// Row ordinals of deleted rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tombstones(RoaringBitmap);

impl Tombstones {
    /// Every one of so many rows.
    pub(crate) fn all(rows: u32) -> Self {
        Self((0..rows).collect())
    }

    /// Marks a row; false where it was marked already.
    pub(crate) fn insert(&mut self, row: RowOrdinal) -> bool {
        self.0.insert(row.get())
    }

    /// Whether the row is deleted.
    pub(crate) fn contains(&self, row: RowOrdinal) -> bool {
        self.0.contains(row.get())
    }

    /// The deleted rows of a range, ascending.
    pub(crate) fn within(&self, rows: Range<u32>) -> impl Iterator<Item = RowOrdinal> + '_ {
        self.0.range(rows).map(RowOrdinal::new)
    }

    /// The number of deleted rows.
    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether no row is deleted.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rows that are deleted here and not in `other`.
    pub(crate) fn without(&self, other: &Self) -> impl Iterator<Item = RowOrdinal> + use<> {
        (&self.0 - &other.0).into_iter().map(RowOrdinal::new)
    }

    /// The tombstone file of a segment.
    pub(crate) fn encode(&self, segment: SegmentId) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.0.serialized_size());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&segment.get().to_le_bytes());
        out.extend_from_slice(&(self.0.serialized_size() as u32).to_le_bytes());
        // Writing to a vector cannot fail.
        let _ = self.0.serialize_into(&mut out);
        out.extend_from_slice(&Checksum::of(&out).get().to_le_bytes());
        out
    }

    /// Reads the tombstone file of the segment `segment`, which has `rows` rows.
    pub(crate) fn decode(file: &[u8], segment: SegmentId, rows: u32) -> Result<Self, DecodeError> {
        let fault = |what: &str| DecodeError { offset: 0, what: what.into() };
        let (covered, stored) =
            file.split_last_chunk::<4>().ok_or_else(|| fault("the file is too short"))?;
        if Checksum::of(covered) != Checksum::from_stored(u32::from_le_bytes(*stored)) {
            return Err(fault("the checksum differs"));
        }
        let mut cursor = Cursor::new(covered);
        if cursor.bytes(MAGIC.len())? != MAGIC {
            return Err(fault("this is no tombstone file"));
        }
        let version = cursor.u32()?;
        if version != FORMAT_VERSION {
            return Err(cursor.fault(format!(
                "tombstone format version {version} is unknown, this build knows {FORMAT_VERSION}; \
                 open the store with the release that wrote it"
            )));
        }
        if cursor.u64()? != segment.get() {
            return Err(cursor.fault("the tombstones belong to another segment"));
        }
        let length = cursor.u32()? as usize;
        let mut bytes = cursor.bytes(length)?;
        cursor.end()?;
        let bitmap = RoaringBitmap::deserialize_from(&mut bytes)
            .map_err(|error| cursor.fault(error.to_string()))?;
        if !bytes.is_empty() {
            return Err(cursor.fault("bytes follow the bitmap"));
        }
        if bitmap.max().is_some_and(|last| last >= rows) {
            return Err(cursor.fault("a tombstone lies beyond the last row"));
        }
        Ok(Self(bitmap))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT: SegmentId = SegmentId::new(5);

    fn some() -> Tombstones {
        let mut tombstones = Tombstones::default();
        for row in [0, 7, 70_000] {
            assert!(tombstones.insert(RowOrdinal::new(row)));
        }
        assert!(!tombstones.insert(RowOrdinal::new(7)));
        tombstones
    }

    #[test]
    fn tombstones_are_read_back() {
        let read = Tombstones::decode(&some().encode(SEGMENT), SEGMENT, 70_001).unwrap();
        assert_eq!((read.len(), read.is_empty()), (3, false));
        assert_eq!(read, some());
        assert!(read.contains(RowOrdinal::new(7)) && !read.contains(RowOrdinal::new(8)));
    }

    #[test]
    fn tombstones_of_another_segment_or_beyond_its_rows_are_refused() {
        let bytes = some().encode(SEGMENT);
        assert!(Tombstones::decode(&bytes, SegmentId::new(6), 70_001).is_err());
        assert!(Tombstones::decode(&bytes, SEGMENT, 70_000).is_err());
    }

    #[test]
    fn every_changed_byte_is_found() {
        let bytes = some().encode(SEGMENT);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(Tombstones::decode(&damaged, SEGMENT, u32::MAX).is_err(), "byte {at}");
        }
    }

    #[test]
    fn bytes_behind_the_bitmap_are_refused() {
        let mut bytes = some().encode(SEGMENT);
        bytes.truncate(bytes.len() - 4);
        bytes.push(0);
        let length = u32::from_le_bytes(bytes[20..24].try_into().unwrap()) + 1;
        bytes[20..24].copy_from_slice(&length.to_le_bytes());
        let checksum = Checksum::of(&bytes);
        bytes.extend_from_slice(&checksum.get().to_le_bytes());
        let fault = Tombstones::decode(&bytes, SEGMENT, u32::MAX).unwrap_err();
        assert_eq!(fault.what, "bytes follow the bitmap");
    }
}
