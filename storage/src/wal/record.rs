//! One record of the log: framing, and the batch inside it.

use crate::change::Change;
use crate::checksum::Checksum;
use crate::codec::{Cursor, DecodeError};
use crate::id::{Lsn, SegmentId};
use crate::limits::{BATCH_OPERATIONS_MAX, RECORD_BYTES_MAX};

/// Bytes before a record's body: body length u32, checksum u32 of the log file's salt and the body,
/// checksum u32 of the salt and the head.
pub(crate) const FRAME_BYTES: usize = 12;

/// Bytes of a body that belong to the head: LSN, durable LSN.
const HEAD_BODY_BYTES: usize = 16;

/// Bytes of a note, the smallest record: frame, LSN, durable LSN, count of operations.
pub(crate) const NOTE_BYTES: usize = FRAME_BYTES + 8 + 8 + 4;

/// A committed batch with the identities it was given, or a note of durability.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WalRecord {
    /// Position in commit order; of a note, that of the batch before it.
    pub(crate) lsn: Lsn,
    /// Every batch up to this LSN was durable when the record was written.
    pub(crate) synced: Lsn,
    /// The operations in order.
    pub(crate) changes: Vec<Change>,
}

impl WalRecord {
    /// The note that everything up to `lsn`, the last batch written, is durable.
    pub(crate) fn note(lsn: Lsn) -> Self {
        Self { lsn, synced: lsn, changes: Vec::new() }
    }

    /// Whether this is a note. A batch cannot have been durable before it was written.
    pub(crate) fn is_note(&self) -> bool {
        self.lsn == self.synced && self.changes.is_empty()
    }

    /// The segments that it attaches: until the next checkpoint no manifest names them.
    pub(crate) fn attached(&self) -> impl Iterator<Item = (Lsn, SegmentId)> {
        self.changes.iter().filter_map(|change| match change {
            Change::Attach { segment, .. } => Some((self.lsn, *segment)),
            _ => None,
        })
    }

    /// Appends the framed record, for the log file with this salt.
    pub(crate) fn encode_into(&self, salt: u64, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; FRAME_BYTES]);
        out.extend_from_slice(&self.lsn.get().to_le_bytes());
        out.extend_from_slice(&self.synced.get().to_le_bytes());
        out.extend_from_slice(&(self.changes.len() as u32).to_le_bytes());
        for change in &self.changes {
            change.encode_into(out);
        }
        let body = out.get(start + FRAME_BYTES..).unwrap_or_default();
        let numbers = [
            body.len() as u32,
            Checksum::of_salted(salt, body).get(),
            head_checksum(salt, body.len() as u32, body).get(),
        ];
        let frame = out.get_mut(start..).unwrap_or_default().as_chunks_mut::<4>().0;
        for (place, number) in frame.iter_mut().zip(numbers) {
            *place = number.to_le_bytes();
        }
    }

    /// The LSN and the durable LSN of the record at the start of `bytes`, whose head is right under
    /// the salt of its file. Quick whatever the length that the head names.
    pub(crate) fn head(bytes: &[u8], salt: u64) -> Option<(u64, u64)> {
        let mut cursor = Cursor::new(bytes);
        let (length, _, checksum) = (cursor.u32().ok()?, cursor.u32().ok()?, cursor.u32().ok()?);
        let head = head_checksum(salt, length, bytes.get(FRAME_BYTES..)?);
        let is_right = head == Checksum::from_stored(checksum);
        if is_right { Some((cursor.u64().ok()?, cursor.u64().ok()?)) } else { None }
    }

    /// The body of the record at the start of `bytes`, whose checksum is right under the salt of
    /// its file: bytes that a client put into a text do not pass for a record.
    pub(crate) fn body(bytes: &[u8], salt: u64) -> Result<&[u8], DecodeError> {
        let mut cursor = Cursor::new(bytes);
        let length = cursor.u32()? as usize;
        if length > RECORD_BYTES_MAX {
            return Err(cursor.fault(format!("a record of {length} bytes is longer than allowed")));
        }
        let checksum = Checksum::from_stored(cursor.u32()?);
        let head = Checksum::from_stored(cursor.u32()?);
        let body = cursor.bytes(length)?;
        let is_right = Checksum::of_salted(salt, body) == checksum
            && head_checksum(salt, length as u32, body) == head;
        if !is_right {
            return Err(DecodeError { offset: 0, what: "the checksum of a record differs".into() });
        }
        Ok(body)
    }

    /// Reads a record from its body. Offsets of errors count from the start of the record.
    pub(crate) fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(body);
        Self::decode_fields(&mut cursor)
            .and_then(|record| cursor.end().map(|()| record))
            .map_err(|fault| DecodeError { offset: fault.offset + FRAME_BYTES as u64, ..fault })
    }

    fn decode_fields(cursor: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        let (lsn, synced) = (Lsn::new(cursor.u64()?), Lsn::new(cursor.u64()?));
        let count = cursor.u32()? as usize;
        if count > BATCH_OPERATIONS_MAX {
            return Err(cursor.fault(format!("{count} operations are more than allowed")));
        }
        let changes = (0..count).map(|_| Change::decode(cursor)).collect::<Result<_, _>>()?;
        Ok(Self { lsn, synced, changes })
    }
}

/// The checksum of a record's length and of the numbers that its body begins with.
fn head_checksum(salt: u64, length: u32, body: &[u8]) -> Checksum {
    let numbers = body.get(..HEAD_BODY_BYTES).unwrap_or(body);
    let mut head = [0; 4 + HEAD_BODY_BYTES];
    for (place, byte) in head.iter_mut().zip(length.to_le_bytes().iter().chain(numbers)) {
        *place = *byte;
    }
    Checksum::of_salted(salt, &head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{GalleryId, SegmentId, TemplateId};
    use crate::limits::THUMBNAIL_BYTES_MAX;
    use crate::row::tests::{descriptor, half_descriptor, pictured, row, with_thumbnail};

    const SALT: u64 = 0x5a17;

    #[test]
    fn a_batch_of_every_kind_of_change_is_read_back() {
        let gallery = GalleryId::new(4);
        let changes = vec![
            Change::CreateGallery(descriptor(4, "g", 2)),
            Change::CreateGallery(half_descriptor(5, "h", 2)),
            Change::CreateGallery(pictured(half_descriptor(6, "i", 4096))),
            Change::Enroll { gallery, row: row(1, vec![1.0, 2.0]).into() },
            Change::Enroll { gallery, row: row(2, vec![1.0, 2.0]).into() },
            Change::Enroll { gallery, row: with_thumbnail(row(3, vec![1.0, 2.0]), 900).into() },
            Change::Remove { gallery, template: TemplateId::new(1) },
            Change::Attach { gallery, segment: SegmentId::new(u64::MAX - 1), rows: 3 },
            Change::AlterGallery { gallery, name: "n".into(), description: Some("d".into()) },
            Change::AlterGallery { gallery, name: "n".into(), description: None },
            Change::DropGallery(gallery),
        ];
        let bound: usize = changes.iter().map(Change::size_hint).sum();
        let record = WalRecord { lsn: Lsn::new(9), synced: Lsn::new(7), changes };
        let mut bytes = vec![1, 2, 3];
        record.encode_into(SALT, &mut bytes);
        assert!(bytes.len() - 3 <= bound, "the bound of a batch must hold for its record");
        bytes.extend_from_slice(b"next");
        let body = WalRecord::body(&bytes[3..], SALT).unwrap();
        assert_eq!(body.len() + FRAME_BYTES, bytes.len() - 7);
        assert_eq!(WalRecord::decode(body), Ok(record));
    }

    #[test]
    fn a_changed_byte_is_no_record() {
        let mut bytes = Vec::new();
        let changes = vec![Change::DropGallery(GalleryId::new(4))];
        WalRecord { lsn: Lsn::new(9), synced: Lsn::new(7), changes }.encode_into(SALT, &mut bytes);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(WalRecord::body(&damaged, SALT).is_err(), "byte {at}");
        }
        assert!(WalRecord::body(&bytes, SALT + 1).is_err(), "a record of another file");
    }

    #[test]
    fn a_thumbnail_that_is_empty_or_larger_than_allowed_is_no_record() {
        let gallery = GalleryId::new(4);
        let row = with_thumbnail(row(1, vec![1.0]), THUMBNAIL_BYTES_MAX);
        let changes = vec![Change::Enroll { gallery, row: row.into() }];
        let mut bytes = Vec::new();
        WalRecord { lsn: Lsn::new(9), synced: Lsn::new(7), changes }.encode_into(SALT, &mut bytes);
        let body = &bytes[FRAME_BYTES..];
        assert!(WalRecord::decode(body).is_ok());
        let length = body.len() - THUMBNAIL_BYTES_MAX - 4;
        let with_length = |bytes: usize| {
            let mut body = body[..length].to_vec();
            body.extend_from_slice(&(bytes as u32).to_le_bytes());
            body.resize(body.len() + bytes, 1);
            WalRecord::decode(&body).map_err(|fault| (fault.offset as usize, fault.what))
        };
        let place = FRAME_BYTES + length;
        let too_large = "8193 bytes are more than allowed".to_owned();
        assert_eq!(with_length(THUMBNAIL_BYTES_MAX + 1), Err((place, too_large)));
        assert_eq!(with_length(0), Err((place, "a thumbnail is empty".to_owned())));
    }

    #[test]
    fn hostile_lengths_and_counts_are_refused_before_anything_is_allocated() {
        assert!(WalRecord::body(&[255; 64], SALT).is_err());
        let body = [[0; 16].as_slice(), &[255; 4]].concat();
        let fault = WalRecord::decode(&body).unwrap_err();
        assert!(fault.what.contains("more than allowed"), "{fault:?}");
        let body = [[0; 16].as_slice(), &4_000_000u32.to_le_bytes()].concat();
        assert!(WalRecord::decode(&body).is_err());
    }
}
