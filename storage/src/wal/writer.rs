//! Appending records: one write and one sync for a whole group of batches.

use super::reader::LogEnd;
use super::record::WalRecord;
use super::{FORMAT_VERSION, HEADER_BYTES, MAGIC};
use crate::checksum::Checksum;
use crate::error::IoFailure;
use crate::id::{LogSeq, Lsn};
use crate::io::{AppendFile, Directory, FileName};
use crate::limits::LOG_RESERVE_BYTES;

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
    /// The LSN of the last record.
    last: Lsn,
    /// Whether nothing was written that a note has not named.
    is_noted: bool,
    /// Bytes of room left behind the end of the file.
    reserved: usize,
    /// Bytes of records and notes in the file.
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
        let last = Lsn::new(first.get().saturating_sub(1));
        Ok(Self {
            seq,
            salt,
            file,
            last,
            is_noted: true,
            reserved: 0,
            record_bytes: 0,
            buffer: Vec::new(),
        })
    }

    /// Goes on in an existing log file at `end`, behind its header and whole records, all of them
    /// durable from here on. `tail` is what of them the file does not prove to be on disk.
    pub(crate) fn resume(
        directory: &dyn Directory,
        seq: LogSeq,
        end: LogEnd,
        tail: &[u8],
    ) -> Result<Self, IoFailure> {
        let file = directory.append_behind(FileName::Log(seq), end.proven_bytes as u64, tail)?;
        let record_bytes = end.valid_bytes.saturating_sub(HEADER_BYTES) as u64;
        let (LogEnd { salt, last, is_noted, .. }, buffer) = (end, Vec::new());
        let mut writer =
            Self { seq, salt, file, last, is_noted, reserved: 0, record_bytes, buffer };
        writer.note()?;
        Ok(writer)
    }

    /// The number of the log file being written.
    pub(crate) fn seq(&self) -> LogSeq {
        self.seq
    }

    /// Bytes of records and notes in the log file being written.
    pub(crate) fn record_bytes(&self) -> u64 {
        self.record_bytes
    }

    /// Makes a group of records durable. After an error nothing may be written any more.
    pub(crate) fn commit(&mut self, records: &[WalRecord]) -> Result<(), IoFailure> {
        let mut is_small = true;
        for record in records {
            record.encode_into(self.salt, &mut self.buffer);
            (self.last, self.is_noted) = (record.lsn, false);
            if self.buffer.len() >= WRITE_BYTES {
                self.flush()?;
                is_small = false;
            }
        }
        // A large group would use the room up at once: writing it twice is not worth it.
        let bytes = self.buffer.len();
        if is_small && bytes > self.reserved && bytes < LOG_RESERVE_BYTES {
            self.file.reserve(LOG_RESERVE_BYTES as u64)?;
            self.reserved = LOG_RESERVE_BYTES;
        }
        self.flush()?;
        self.file.sync()
    }

    /// Notes that everything written is durable, which it is after `commit`, unless the file says
    /// so already. The note itself is not synced: if it gets lost, nothing else does.
    pub(crate) fn note(&mut self) -> Result<(), IoFailure> {
        if self.is_noted {
            return Ok(());
        }
        WalRecord::note(self.last).encode_into(self.salt, &mut self.buffer);
        self.is_noted = true;
        self.flush()
    }

    /// Ends the file with its last record or note, durably. Only then may a next file be there:
    /// one that is not the last has no unfinished end.
    pub(crate) fn finish(&mut self) -> Result<(), IoFailure> {
        self.file.cut()?;
        self.reserved = 0;
        self.file.sync()
    }

    fn flush(&mut self) -> Result<(), IoFailure> {
        self.file.append(&self.buffer)?;
        self.reserved = self.reserved.saturating_sub(self.buffer.len());
        self.record_bytes += self.buffer.len() as u64;
        self.buffer.clear();
        self.buffer.shrink_to(WRITE_BYTES);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Change;
    use crate::id::GalleryId;
    use crate::io::memory::MemoryDirectory;
    use crate::wal::LogReader;
    use crate::wal::record::NOTE_BYTES;

    const SEQ: LogSeq = LogSeq::new(1);

    fn writer(directory: &MemoryDirectory) -> WalWriter {
        WalWriter::create(directory, SEQ, Lsn::new(1)).unwrap()
    }

    /// A batch of so many operations.
    fn record(lsn: u64, operations: usize) -> WalRecord {
        let changes = vec![Change::DropGallery(GalleryId::new(1)); operations];
        WalRecord { lsn: Lsn::new(lsn), synced: Lsn::new(lsn - 1), changes }
    }

    /// The bytes of the file, and of what is valid in it; checks the LSNs.
    fn lengths(directory: &MemoryDirectory, last: u64) -> (usize, usize) {
        let bytes = directory.content(FileName::Log(SEQ));
        let mut log = LogReader::open(&bytes, SEQ, Lsn::new(1), true).unwrap();
        let lsns: Vec<u64> = log.by_ref().map(|record| record.unwrap().lsn.get()).collect();
        assert_eq!(lsns, (1..=last).collect::<Vec<_>>());
        assert_eq!(log.end().torn_bytes, 0);
        (bytes.len(), log.end().valid_bytes)
    }

    #[test]
    fn small_groups_are_written_into_reserved_room_and_a_finished_file_has_none() {
        let directory = MemoryDirectory::default();
        let mut writer = writer(&directory);
        let mut growths = 0;
        let mut length = HEADER_BYTES;
        for lsn in 1..=20 {
            writer.commit(&[record(lsn, 3)]).unwrap();
            let (now, valid) = lengths(&directory, lsn);
            assert!(valid <= now && now - valid < LOG_RESERVE_BYTES);
            growths += u32::from(now > length);
            length = now;
        }
        assert!((2..10).contains(&growths), "{growths} times");
        writer.finish().unwrap();
        let (now, valid) = lengths(&directory, 20);
        assert_eq!((now, valid as u64), (valid, HEADER_BYTES as u64 + writer.record_bytes()));
    }

    #[test]
    fn a_large_group_is_appended_without_a_reservation() {
        let directory = MemoryDirectory::default();
        let mut writer = writer(&directory);
        writer.commit(&[record(1, LOG_RESERVE_BYTES)]).unwrap();
        let (length, valid) = lengths(&directory, 1);
        assert_eq!(length, valid);
        // Its last piece alone is small.
        writer.commit(&[record(2, WRITE_BYTES / 8), record(3, 1)]).unwrap();
        let (length, valid) = lengths(&directory, 3);
        assert_eq!(length, valid);
    }

    #[test]
    fn a_note_is_written_once_for_what_was_committed() {
        let directory = MemoryDirectory::default();
        let mut writer = writer(&directory);
        writer.note().unwrap();
        assert_eq!(writer.record_bytes(), 0, "there is nothing to note in a new file");
        writer.commit(&[record(1, 1), record(2, 1)]).unwrap();
        let before = writer.record_bytes();
        writer.note().unwrap();
        writer.note().unwrap();
        assert_eq!(writer.record_bytes() - before, NOTE_BYTES as u64);
        writer.commit(&[record(3, 1)]).unwrap();
        lengths(&directory, 3);
    }

    #[test]
    fn a_writer_that_resumes_notes_what_it_made_durable() {
        let directory = MemoryDirectory::default();
        writer(&directory).commit(&[record(1, 1)]).unwrap();
        for notes in [1, 1] {
            let bytes = directory.content(FileName::Log(SEQ));
            let mut log = LogReader::open(&bytes, SEQ, Lsn::new(1), true).unwrap();
            assert_eq!(log.by_ref().count(), 1);
            let tail = &bytes[log.end().proven_bytes..log.end().valid_bytes];
            WalWriter::resume(&directory, SEQ, log.end(), tail).unwrap();
            let mut expected = Vec::new();
            record(1, 1).encode_into(log.end().salt, &mut expected);
            let (length, valid) = lengths(&directory, 1);
            assert_eq!(length, valid, "nothing is reserved yet");
            assert_eq!(length, HEADER_BYTES + expected.len() + notes * NOTE_BYTES);
        }
    }
}
