//! The log: every record, and whether all of them together fit the state before them.

use super::examiner::Examiner;
use crate::error::IoFailure;
use crate::id::LogSeq;
use crate::io::FileName;
use crate::manifest::Manifest;
use crate::version::{Misfit, Version};
use crate::wal::{LogEnd, LogHeader, LogReader, WalRecord};

impl Examiner<'_> {
    /// Applies the log to the state of the manifest; false where some of it could not be read.
    pub(super) fn replay(
        &mut self,
        manifest: &Manifest,
        version: &mut Version,
    ) -> Result<bool, IoFailure> {
        let mut is_whole = true;
        let mut expected = manifest.first_log;
        let logs: Vec<LogSeq> = self.logs().filter(|seq| *seq >= expected).collect();
        for (at, &seq) in logs.iter().enumerate() {
            if seq != expected {
                self.damage(FileName::Log(expected), 0, "the log file is missing");
                is_whole = false;
            }
            let Some(bytes) = self.read(FileName::Log(seq))? else { continue };
            let is_last = at + 1 == logs.len();
            let may_be_cut = is_last && seq != manifest.first_log;
            is_whole = self.log_file(seq, &bytes, (is_last, may_be_cut), version, is_whole);
            expected = seq.next();
        }
        if logs.is_empty() {
            self.damage(FileName::Log(expected), 0, "the log file is missing");
            is_whole = false;
        }
        self.report.lsn = version.lsn;
        Ok(is_whole)
    }

    /// A log file of which nobody knows what came before.
    pub(super) fn log_by_itself(&mut self, seq: LogSeq) -> Result<(), IoFailure> {
        let Some(bytes) = self.read(FileName::Log(seq))? else { return Ok(()) };
        let mut version = Version::default();
        self.log_file(seq, &bytes, (true, true), &mut version, false);
        self.report.lsn = self.report.lsn.max(version.lsn);
        Ok(())
    }

    /// Reads a file of the log to its end, over all damage. Where `is_whole`, every batch before
    /// it was applied to the version; the answer says the same of those behind it.
    fn log_file(
        &mut self,
        seq: LogSeq,
        bytes: &[u8],
        (is_last, may_be_cut): (bool, bool),
        version: &mut Version,
        mut is_whole: bool,
    ) -> bool {
        let name = FileName::Log(seq);
        // What was lost in front of the file cannot be known: it is taken at its word.
        let first = match LogHeader::decode(bytes) {
            Ok(header) if !is_whole && header.first > version.lsn => header.first,
            _ => version.lsn.next(),
        };
        let mut log = match LogReader::open(bytes, seq, first, is_last) {
            Ok(log) => log,
            Err(fault) => {
                self.fault(name, fault);
                return false;
            }
        };
        loop {
            match log.next() {
                Some(Ok(record)) => {
                    self.report.log_records += 1;
                    if is_whole {
                        self.redo(name, log.record_offset(), version, &record);
                    }
                    version.lsn = record.lsn;
                }
                Some(Err(fault)) => {
                    self.fault(name, fault);
                    is_whole = false;
                    if !log.skip_damage() {
                        return false;
                    }
                }
                None => break,
            }
        }
        self.check_end(name, log.end(), may_be_cut);
        is_whole
    }

    fn check_end(&mut self, name: FileName, end: LogEnd, may_be_cut: bool) {
        let (at, torn) = (end.valid_bytes as u64, end.torn_bytes);
        if at == 0 && !may_be_cut {
            self.damage(name, 0, "the header of the log is cut short");
        } else if at == 0 {
            self.note(name, 0, "the file was not finished; the next start makes it anew");
        } else if torn > 0 {
            let what = format!("{torn} bytes of an unfinished write; the next start cuts them off");
            self.note(name, at, what);
        }
    }

    fn redo(&mut self, name: FileName, offset: u64, version: &mut Version, record: &WalRecord) {
        for change in &record.changes {
            let applied = version
                .check(change)
                .and_then(|()| Ok(version.apply(record.lsn, change).map(drop)?));
            // Of damaged rows that the batch needs to look at, the segments have told.
            if let Err(Misfit::State(what)) = applied {
                let what = format!("the batch with LSN {} {what}", record.lsn);
                self.damage(name, offset, what);
            }
        }
    }
}
