//! Replaying the log, and telling a torn tail from damage.

use super::record::WalRecord;
use super::{FORMAT_VERSION, HEADER_BYTES, MAGIC};
use crate::checksum::Checksum;
use crate::codec::{Cursor, DecodeError};
use crate::id::{LogSeq, Lsn};

/// What one log file holds.
#[derive(Debug)]
pub(crate) struct LogContent {
    /// Its records in order.
    pub(crate) records: Vec<WalRecord>,
    /// Bytes of the file that are header and whole records.
    pub(crate) valid_bytes: u64,
}

/// Reads the log file `seq`, whose first record must have LSN `first`. In the last file of the log
/// a torn tail ends the records; anywhere else it is an error.
pub(crate) fn read_log(
    bytes: &[u8],
    seq: LogSeq,
    first: Lsn,
    is_last: bool,
) -> Result<LogContent, DecodeError> {
    if let Err(fault) = check_header(bytes, seq, first) {
        // A crash while the file was created: no record can have followed.
        if is_last && bytes.len() <= HEADER_BYTES {
            return Ok(LogContent { records: Vec::new(), valid_bytes: 0 });
        }
        return Err(fault);
    }
    let mut records: Vec<WalRecord> = Vec::new();
    let (mut at, mut expected) = (HEADER_BYTES, first);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match next_record(rest, expected) {
            Ok((record, length)) => {
                records.push(record);
                at += length;
                expected = expected.next();
            }
            Err(fault) if is_last && !was_durable(rest, expected) => {
                let _ = fault;
                break;
            }
            Err(fault) => {
                return Err(DecodeError { offset: fault.offset + at as u64, what: fault.what });
            }
        }
    }
    Ok(LogContent { records, valid_bytes: at as u64 })
}

fn check_header(bytes: &[u8], seq: LogSeq, first: Lsn) -> Result<(), DecodeError> {
    let mut cursor = Cursor::new(bytes);
    let header = cursor.bytes(HEADER_BYTES)?;
    let mut cursor = Cursor::new(header);
    if cursor.bytes(MAGIC.len())? != MAGIC {
        return Err(DecodeError { offset: 0, what: "this is no log file".into() });
    }
    let version = cursor.u32()?;
    if version != FORMAT_VERSION {
        return Err(cursor.fault(format!(
            "log format version {version} is unknown, this build knows {FORMAT_VERSION}"
        )));
    }
    let (found_seq, found_first) = (LogSeq::new(cursor.u64()?), Lsn::new(cursor.u64()?));
    let checked = header.get(..HEADER_BYTES - 4).unwrap_or_default();
    if Checksum::of(checked) != Checksum::from_stored(cursor.u32()?) {
        return Err(DecodeError { offset: 0, what: "the checksum of the header differs".into() });
    }
    if (found_seq, found_first) != (seq, first) {
        return Err(DecodeError {
            offset: 0,
            what: format!(
                "log {found_seq} from LSN {found_first} stands where log {seq} from LSN {first} \
                 should"
            ),
        });
    }
    Ok(())
}

fn next_record(rest: &[u8], expected: Lsn) -> Result<(WalRecord, usize), DecodeError> {
    let (record, length) = WalRecord::decode(rest)?;
    if record.lsn == expected {
        return Ok((record, length));
    }
    let what = format!("LSN {} stands where LSN {expected} should", record.lsn);
    Err(DecodeError { offset: 0, what })
}

/// Whether some whole record behind the fault was written when LSN `lsn` was durable already: then
/// the fault is damage. Otherwise it is a write that never finished.
fn was_durable(rest: &[u8], lsn: Lsn) -> bool {
    (1..rest.len()).any(|at| {
        let behind = rest.get(at..).unwrap_or_default();
        let mut cursor = Cursor::new(behind);
        let plausible = cursor.u32().is_ok_and(|length| length as usize <= behind.len())
            && cursor.u32().is_ok()
            && cursor.u64().is_ok_and(|found| found > lsn.get())
            && cursor.u64().is_ok_and(|synced| synced >= lsn.get());
        plausible && WalRecord::decode(behind).is_ok()
    })
}
