//! The write-ahead log: what it promises.
//!
//! A record is one committed batch. Records have consecutive LSNs, also across log files, and each
//! carries a checksum that rests on the salt of its file. A log file that is not the last ends
//! where its last record ends. The last one may end in zeros, which are room reserved, or in an
//! unfinished write: nothing of that was acknowledged, so that tail is cut off. Damage anywhere
//! else is an error that names file and offset, and so is a record that is whole but unreadable.
//!
//! An idle writer leaves a *note* behind the last record: a record without operations that says
//! that everything up to it is durable. With it, damage to the last group of batches is told from
//! an unfinished write. Bytes: `docs/format.md`.

mod reader;
mod record;
mod writer;

pub(crate) use reader::{LogEnd, LogHeader, LogReader};
pub(crate) use record::WalRecord;
#[cfg(test)]
pub(crate) use record::{FRAME_BYTES, NOTE_BYTES};
pub(crate) use writer::WalWriter;

/// First bytes of every log file.
pub(crate) const MAGIC: [u8; 8] = *b"LKNSWAL\0";
/// Layout version of log files.
pub(crate) const FORMAT_VERSION: u32 = 1;
/// Bytes of a log file's header: magic, version u32, sequence u64, first LSN u64,
/// salt u64, checksum u32.
pub(crate) const HEADER_BYTES: usize = 40;

const _: () = assert!(HEADER_BYTES == 8 + 4 + 8 + 8 + 8 + 4);
