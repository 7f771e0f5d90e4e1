//! The end of the log that is written to: the newest file, and where its chain stands.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chain::Link;
use super::file::{Line, LogFile};
use super::head;
use super::record::{AuditEntry, AuditRecord};

/// The newest file, open at its end.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    file: Arc<File>,
    /// Number of the file's first record.
    first: u64,
    /// Its whole lines, in bytes.
    bytes: u64,
    /// Bytes after which a new file is begun.
    file_bytes_max: u64,
    link: Link,
    /// When the newest record of the file was made, in microseconds since the Unix epoch.
    at_us: i64,
    /// A write failed and could not be undone: the file's end is unknown.
    broken: bool,
}

/// What was found where the log is to go on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Bytes of a record that a crash left unfinished; they are cut off.
    pub(super) torn_bytes: u64,
    /// The newest file is damaged, or shorter than it was. It stays as it is, and the log goes on
    /// in a new file.
    pub(super) is_damaged: bool,
}

impl Journal {
    /// Opens the log in `folder` where it ends.
    pub(super) fn open(folder: &Path, file_bytes_max: u64) -> io::Result<(Self, Found)> {
        let head = head::read(folder)?;
        let Some(newest) = LogFile::list(folder)?.pop() else {
            // Records that were there and are not any more keep their numbers.
            let link = head.unwrap_or(Link::START);
            let found = Found { is_damaged: link != Link::START, ..Found::default() };
            return Ok((Self::begin(folder, link, file_bytes_max)?, found));
        };
        let mut damaged_at = Link { seq: newest.first.saturating_sub(1), ..Link::START };
        if let Some(mut reader) = newest.open()? {
            let (mut agrees, mut at_us) = (true, 0);
            let end = loop {
                agrees &=
                    head.is_none_or(|head| head.seq != reader.link.seq || head == reader.link);
                match reader.next()? {
                    Some(Line::Record(record)) => at_us = record.at_us(),
                    end => break end,
                }
            };
            damaged_at = reader.link;
            agrees &= head.is_none_or(|head| head.seq <= reader.link.seq);
            if agrees && !matches!(end, Some(Line::Damaged(_))) {
                let mut file = File::options().read(true).write(true).open(&newest.path)?;
                let torn_bytes = file.metadata()?.len().saturating_sub(reader.bytes);
                file.set_len(reader.bytes)?;
                file.seek(SeekFrom::End(0))?;
                let journal = Self {
                    folder: folder.to_owned(),
                    file: Arc::new(file),
                    first: newest.first,
                    bytes: reader.bytes,
                    file_bytes_max,
                    link: reader.link,
                    at_us,
                    broken: false,
                };
                return Ok((journal, Found { torn_bytes, is_damaged: false }));
            }
        }
        let link = head.filter(|head| head.seq >= damaged_at.seq).unwrap_or(damaged_at);
        let found = Found { torn_bytes: 0, is_damaged: true };
        Ok((Self::begin(folder, link, file_bytes_max)?, found))
    }

    fn begin(folder: &Path, link: Link, file_bytes_max: u64) -> io::Result<Self> {
        let (LogFile { first, .. }, file, bytes) = LogFile::create(folder, link)?;
        let (folder, file) = (folder.to_owned(), Arc::new(file));
        let (at_us, broken) = (0, false);
        Ok(Self { folder, file, first, bytes, file_bytes_max, link, at_us, broken })
    }

    /// The newest record.
    pub(super) fn link(&self) -> Link {
        self.link
    }

    /// Number of the newest file's first record.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// What has to be synced for the newest records to be on disk.
    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Writes a record behind the newest one. It is on disk when the file was synced.
    pub(super) fn append(&mut self, at_us: i64, entry: AuditEntry) -> io::Result<Link> {
        if self.broken {
            return Err(io::Error::other("an earlier write failed"));
        }
        if self.bytes >= self.file_bytes_max {
            self.file.sync_data()?;
            let next = Self::begin(&self.folder, self.link, self.file_bytes_max)?;
            *self = Self { at_us: self.at_us, ..next };
        }
        // Readers know no other order than that of the times.
        let at_us = at_us.max(self.at_us + 1);
        let record = serde_json::to_string(&AuditRecord::new(self.link.seq + 1, at_us, entry))?;
        let link = self.link.next(record.as_bytes());
        let line = format!("{} {record}\n", link.digits());
        if let Err(error) = (&*self.file).write_all(line.as_bytes()) {
            // Half a line would make all behind it unreadable.
            let end = SeekFrom::Start(self.bytes);
            let undone = self.file.set_len(self.bytes).and_then(|()| (&*self.file).seek(end));
            self.broken = undone.is_err();
            return Err(error);
        }
        self.bytes += line.len() as u64;
        (self.link, self.at_us) = (link, at_us);
        Ok(link)
    }
}
