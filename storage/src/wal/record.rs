//! One record of the log: framing, and the batch inside it.

use crate::change::Change;
use crate::checksum::Checksum;
use crate::codec::{Cursor, DecodeError};
use crate::id::Lsn;
use crate::limits::{BATCH_OPERATIONS_MAX, RECORD_BYTES_MAX};

/// Bytes before a record's body: body length u32, checksum of the body u32.
pub(crate) const FRAME_BYTES: usize = 8;

/// A committed batch with the identities it was given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WalRecord {
    /// Position in commit order.
    pub(crate) lsn: Lsn,
    /// Every batch up to this LSN was durable when the record was written.
    pub(crate) synced: Lsn,
    /// The operations in order.
    pub(crate) changes: Vec<Change>,
}

impl WalRecord {
    /// Appends the framed record.
    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; FRAME_BYTES]);
        out.extend_from_slice(&self.lsn.get().to_le_bytes());
        out.extend_from_slice(&self.synced.get().to_le_bytes());
        out.extend_from_slice(&(self.changes.len() as u32).to_le_bytes());
        for change in &self.changes {
            change.encode_into(out);
        }
        let body = out.get(start + FRAME_BYTES..).unwrap_or_default();
        let (length, checksum) = (body.len() as u32, Checksum::of(body).get());
        if let Some((frame, _)) = out.get_mut(start..).and_then(<[u8]>::split_first_chunk_mut::<8>)
        {
            let (head, tail) = frame.split_at_mut(4);
            head.copy_from_slice(&length.to_le_bytes());
            tail.copy_from_slice(&checksum.to_le_bytes());
        }
    }

    /// Reads the record at the start of `bytes` and says how many bytes it takes.
    pub(crate) fn decode(bytes: &[u8]) -> Result<(Self, usize), DecodeError> {
        let mut cursor = Cursor::new(bytes);
        let length = cursor.u32()? as usize;
        if length > RECORD_BYTES_MAX {
            return Err(cursor.fault(format!("a record of {length} bytes is longer than allowed")));
        }
        let checksum = Checksum::from_stored(cursor.u32()?);
        let body = cursor.bytes(length)?;
        if Checksum::of(body) != checksum {
            return Err(DecodeError { offset: 0, what: "the checksum of a record differs".into() });
        }
        let mut cursor = Cursor::new(body);
        let record = Self::decode_body(&mut cursor)?;
        cursor.end()?;
        Ok((record, FRAME_BYTES + length))
    }

    fn decode_body(cursor: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        let (lsn, synced) = (Lsn::new(cursor.u64()?), Lsn::new(cursor.u64()?));
        let count = cursor.u32()? as usize;
        if count > BATCH_OPERATIONS_MAX {
            return Err(cursor.fault(format!("{count} operations are more than allowed")));
        }
        let changes = (0..count).map(|_| Change::decode(cursor)).collect::<Result<_, _>>()?;
        Ok(Self { lsn, synced, changes })
    }
}
