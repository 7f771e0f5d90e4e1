//! The log: every record, and whether all of them together fit the state before them.

use super::examiner::Examiner;
use crate::change::Change;
use crate::error::IoFailure;
use crate::gallery::GalleryDescriptor;
use crate::id::{LogSeq, SegmentId};
use crate::io::FileName;
use crate::manifest::Manifest;
use crate::segment::Segment;
use crate::version::{Misfit, SegmentView, Version};
use crate::wal::{LogEnd, LogHeader, LogReader, WalRecord};

impl Examiner<'_> {
    /// Applies the log to the state of the manifest, as far as it can be read.
    pub(super) fn replay(
        &mut self,
        manifest: &Manifest,
        version: &mut Version,
    ) -> Result<(), IoFailure> {
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
            is_whole = self.log_file(seq, &bytes, (is_last, may_be_cut), version, is_whole)?;
            expected = seq.next();
        }
        if logs.is_empty() {
            self.damage(FileName::Log(expected), 0, "the log file is missing");
            is_whole = false;
        }
        self.report.lsn = version.lsn;
        if is_whole && let Some(what) = manifest.lost_batches(version.lsn) {
            let name = FileName::Log(logs.last().copied().unwrap_or(expected));
            self.damage(name, self.log_end, what);
        }
        // Damaged segments hide rows that batches removed, which would be taken for doubles.
        if is_whole && self.report.damages.is_empty() {
            self.check_attached(version);
        }
        Ok(())
    }

    /// A log file of which nobody knows what came before.
    pub(super) fn log_by_itself(&mut self, seq: LogSeq) -> Result<(), IoFailure> {
        let Some(bytes) = self.read(FileName::Log(seq))? else { return Ok(()) };
        let mut version = Version::default();
        self.log_file(seq, &bytes, (true, true), &mut version, false)?;
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
    ) -> Result<bool, IoFailure> {
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
                return Ok(false);
            }
        };
        loop {
            match log.next() {
                Some(Ok(record)) => {
                    self.report.log_records += 1;
                    if is_whole {
                        self.redo(name, log.record_offset(), version, &record)?;
                    }
                    version.lsn = record.lsn;
                }
                Some(Err(fault)) => {
                    self.fault(name, fault);
                    is_whole = false;
                    if !log.skip_damage() {
                        return Ok(false);
                    }
                }
                None => break,
            }
        }
        self.log_end = log.end().valid_bytes as u64;
        self.check_end(name, log.end(), may_be_cut);
        Ok(is_whole)
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

    fn redo(
        &mut self,
        name: FileName,
        offset: u64,
        version: &mut Version,
        record: &WalRecord,
    ) -> Result<(), IoFailure> {
        for change in &record.changes {
            let applied = version
                .check(change)
                .and_then(|()| Ok(version.apply(record.lsn, change).map(drop)?));
            // Of damaged rows that the batch needs to look at, the segments have told.
            if let Err(Misfit::State(what)) = applied {
                let what = format!("the batch with LSN {} {what}", record.lsn);
                self.damage(name, offset, what);
            } else if let Change::Attach { gallery, segment, rows } = *change
                && let Some(view) = version.gallery(gallery)
                && let Some(segment) = self.attached(segment, rows, &view.descriptor)?
            {
                version.attach(gallery, SegmentView::new(segment, record.lsn));
            }
        }
        Ok(())
    }

    /// A segment that the log names.
    fn attached(
        &mut self,
        id: SegmentId,
        rows: u32,
        gallery: &GalleryDescriptor,
    ) -> Result<Option<Segment>, IoFailure> {
        let Some(segment) = self.segment_of(id, gallery)? else { return Ok(None) };
        if segment.row_count() != rows {
            let what = format!("it has {} rows, the log says {rows}", segment.row_count());
            self.damage(FileName::Segment(id), 0, what);
        }
        Ok(Some(segment))
    }

    /// Whether rows that the log attached or enrolled are live once.
    fn check_attached(&mut self, version: &Version) {
        for view in version.galleries() {
            self.check_identities(view);
            for row in view.tables().into_iter().flat_map(|table| table.rows(None)) {
                for segment in &view.segments {
                    // What cannot be read was reported before.
                    if let Ok(Some(at)) = segment.find_live(row.id) {
                        self.is_twice(segment, at, row.id);
                    }
                }
            }
        }
    }
}
