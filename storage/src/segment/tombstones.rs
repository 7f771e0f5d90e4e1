//! The deleted rows of one segment, as a value and as a file.

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
    /// Marks a row; false where it was marked already.
    pub(crate) fn insert(&mut self, row: RowOrdinal) -> bool {
        self.0.insert(row.get())
    }

    /// Whether the row is deleted.
    pub(crate) fn contains(&self, row: RowOrdinal) -> bool {
        self.0.contains(row.get())
    }

    /// The number of deleted rows.
    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether no row is deleted.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
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
                "tombstone format version {version} is unknown, this build knows {FORMAT_VERSION}"
            )));
        }
        if cursor.u64()? != segment.get() {
            return Err(cursor.fault("the tombstones belong to another segment"));
        }
        let length = cursor.u32()? as usize;
        let bytes = cursor.bytes(length)?;
        cursor.end()?;
        let bitmap = RoaringBitmap::deserialize_from(bytes)
            .map_err(|error| cursor.fault(error.to_string()))?;
        if bitmap.max().is_some_and(|last| last >= rows) {
            return Err(cursor.fault("a tombstone lies beyond the last row"));
        }
        Ok(Self(bitmap))
    }
}
