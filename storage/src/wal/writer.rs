//! Appending records: one write and one sync for a whole group of batches.

use super::record::WalRecord;
use super::{FORMAT_VERSION, HEADER_BYTES, MAGIC};
use crate::checksum::Checksum;
use crate::error::IoFailure;
use crate::id::{LogSeq, Lsn};
use crate::io::{AppendFile, Directory, FileName};

/// The open end of the log.
#[derive(Debug)]
pub(crate) struct WalWriter {
    seq: LogSeq,
    file: Box<dyn AppendFile>,
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
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        header.extend_from_slice(&seq.get().to_le_bytes());
        header.extend_from_slice(&first.get().to_le_bytes());
        header.extend_from_slice(&Checksum::of(&header).get().to_le_bytes());
        let mut file = directory.create(FileName::Log(seq))?;
        file.append(&header)?;
        file.sync()?;
        directory.sync()?;
        Ok(Self { seq, file, buffer: Vec::new() })
    }

    /// Goes on in an existing log file, which is cut to `length` bytes first.
    pub(crate) fn resume(
        directory: &dyn Directory,
        seq: LogSeq,
        length: u64,
    ) -> Result<Self, IoFailure> {
        let mut file = directory.append_at(FileName::Log(seq), length)?;
        file.sync()?;
        Ok(Self { seq, file, buffer: Vec::new() })
    }

    /// The number of the log file being written.
    pub(crate) fn seq(&self) -> LogSeq {
        self.seq
    }

    /// Makes a group of records durable. After an error nothing may be written any more.
    pub(crate) fn commit(&mut self, records: &[WalRecord]) -> Result<(), IoFailure> {
        self.buffer.clear();
        for record in records {
            record.encode_into(&mut self.buffer);
        }
        self.file.append(&self.buffer)?;
        self.file.sync()
    }
}
