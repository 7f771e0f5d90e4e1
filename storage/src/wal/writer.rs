//! Appending records: one write and one sync for a whole group of batches.

use super::reader::LogEnd;
use super::record::WalRecord;
use super::{FORMAT_VERSION, HEADER_BYTES, MAGIC};
use crate::checksum::Checksum;
use crate::error::IoFailure;
use crate::id::{LogSeq, Lsn};
use crate::io::{AppendFile, Directory, FileName};

/// A group is written in pieces of about this size, so that many large batches that share one
/// sync do not share one buffer.
const WRITE_BYTES: usize = 4 << 20;

/// The open end of the log.
#[derive(Debug)]
pub(crate) struct WalWriter {
    seq: LogSeq,
    /// Part of every checksum of this file.
    salt: u64,
    file: Box<dyn AppendFile>,
    /// Bytes of records in the file.
    record_bytes: u64,
    /// Reused between groups.
    buffer: Vec<u8>,
}

impl WalWriter {
    /// Starts the log file `seq`, whose first record will have LSN `first`.
    pub(crate) fn create(
        directory: &dyn Directory,
        seq: LogSeq,
        first: Lsn,
    ) -> Result<Self, IoFailure> {
        let salt = directory.salt();
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        header.extend_from_slice(&seq.get().to_le_bytes());
        header.extend_from_slice(&first.get().to_le_bytes());
        header.extend_from_slice(&salt.to_le_bytes());
        header.extend_from_slice(&Checksum::of(&header).get().to_le_bytes());
        let mut file = directory.create(FileName::Log(seq))?;
        file.append(&header)?;
        file.sync()?;
        directory.sync()?;
        Ok(Self { seq, salt, file, record_bytes: 0, buffer: Vec::new() })
    }

    /// Goes on in an existing log file at `end`, behind `kept`, its header and whole records.
    pub(crate) fn resume(
        directory: &dyn Directory,
        seq: LogSeq,
        end: LogEnd,
        kept: &[u8],
    ) -> Result<Self, IoFailure> {
        let file = directory.append_behind(FileName::Log(seq), kept)?;
        let record_bytes = kept.len().saturating_sub(HEADER_BYTES) as u64;
        Ok(Self { seq, salt: end.salt, file, record_bytes, buffer: Vec::new() })
    }

    /// The number of the log file being written.
    pub(crate) fn seq(&self) -> LogSeq {
        self.seq
    }

    /// Bytes of records in the log file being written.
    pub(crate) fn record_bytes(&self) -> u64 {
        self.record_bytes
    }

    /// Makes a group of records durable. After an error nothing may be written any more.
    pub(crate) fn commit(&mut self, records: &[WalRecord]) -> Result<(), IoFailure> {
        for record in records {
            record.encode_into(self.salt, &mut self.buffer);
            if self.buffer.len() >= WRITE_BYTES {
                self.flush()?;
            }
        }
        self.flush()?;
        self.file.sync()
    }

    fn flush(&mut self) -> Result<(), IoFailure> {
        self.file.append(&self.buffer)?;
        self.record_bytes += self.buffer.len() as u64;
        self.buffer.clear();
        self.buffer.shrink_to(WRITE_BYTES);
        Ok(())
    }
}
