//! One file of the log: a heading that ties it to the files before it, then one record a line.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use super::chain::{HASH_DIGITS, Link};
use super::record::AuditRecord;

/// First word of a file, with the version of its layout.
const HEADING: &str = "likeness-audit-1";
/// Ending of a file's name; before it stands the number of its first record.
const EXTENSION: &str = "log";
/// Digits of its hash by which a record is told from others.
const ID_DIGITS: usize = 16;
/// Longest line that is read. A record with every field at its longest is a tenth of it.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// A file of the log, told by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogFile {
    /// Number of its first record.
    pub(super) first: u64,
    /// Where it is.
    pub(super) path: PathBuf,
}

/// What follows in a file.
#[derive(Debug)]
pub(super) enum Line {
    /// A record whose hash is right.
    Record(Box<AuditRecord>),
    /// Bytes that are no such record: where reading stops.
    Damaged(&'static str),
    /// A line without its end, the last one: a record that is being written, or was in a crash.
    Unfinished,
}

/// Reads the records of a file and follows their chain.
#[derive(Debug)]
pub(super) struct LogReader {
    lines: BufReader<File>,
    /// The last link whose record was right.
    pub(super) link: Link,
    /// Bytes up to there.
    pub(super) bytes: u64,
    ended: bool,
}

impl LogFile {
    /// The files of `folder` in the order of their records.
    pub(super) fn list(folder: &Path) -> io::Result<Vec<Self>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let is_log = path.extension().is_some_and(|extension| extension == EXTENSION);
            let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            if let (true, Some(first)) = (is_log, number) {
                files.push(Self { first, path });
            }
        }
        files.sort_by_key(|file| file.first);
        Ok(files)
    }

    /// A new file for the records behind `link`; it appears whole or not at all.
    pub(super) fn create(folder: &Path, link: Link) -> io::Result<(Self, File, u64)> {
        let first = link.seq + 1;
        let path = folder.join(format!("{first:020}.{EXTENSION}"));
        let heading = format!("{HEADING} {link}\n");
        let temporary = folder.join("new");
        let mut file = private(&temporary)?;
        file.write_all(heading.as_bytes())?;
        file.sync_data()?;
        if path.exists() {
            // Damaged from its first line on, else it would be written on. It is kept to be seen.
            fs::rename(&path, path.with_extension("damaged"))?;
        }
        fs::rename(&temporary, &path)?;
        sync_folder(folder)?;
        Ok((Self { first, path }, file, heading.len() as u64))
    }

    /// Reads the heading; none where it is damaged.
    pub(super) fn open(&self) -> io::Result<Option<LogReader>> {
        let mut lines = BufReader::new(File::open(&self.path)?);
        let Some(heading) = line(&mut lines)? else { return Ok(None) };
        let bytes = heading.len() as u64;
        let link = str::from_utf8(&heading).ok().and_then(|text| {
            let link = text.strip_suffix('\n')?.strip_prefix(HEADING)?.strip_prefix(' ')?;
            link.parse::<Link>().ok().filter(|link| link.seq + 1 == self.first)
        });
        Ok(link.map(|link| LogReader { lines, link, bytes, ended: false }))
    }
}

impl LogReader {
    /// The next line; none at the end, and behind a line that is no record.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        if self.ended {
            return Ok(None);
        }
        let Some(text) = line(&mut self.lines)? else { return Ok(None) };
        let line = self.read(&text);
        self.ended = !matches!(line, Line::Record(_));
        Ok(Some(line))
    }

    fn read(&mut self, text: &[u8]) -> Line {
        let Some(text_only) = text.strip_suffix(b"\n") else {
            let is_long = text.len() as u64 >= LINE_BYTES_MAX;
            return if is_long { Line::Damaged("is longer than any") } else { Line::Unfinished };
        };
        let Some((digits, [b' ', record @ ..])) = text_only.split_at_checked(HASH_DIGITS) else {
            return Line::Damaged("does not begin with a hash");
        };
        let link = self.link.next(record);
        if digits != link.digits().as_bytes() {
            return Line::Damaged("does not have the hash it begins with");
        }
        match serde_json::from_slice::<AuditRecord>(record) {
            Ok(mut record) if record.seq == link.seq => {
                self.link = link;
                record.id = link.digits().chars().take(ID_DIGITS).collect();
                self.bytes += text.len() as u64;
                Line::Record(Box::new(record))
            }
            Ok(_) => Line::Damaged("has another number than its place"),
            Err(_) => Line::Damaged("is not of this version's layout"),
        }
    }
}

/// The next line with its end, or what there is of it; none where there is nothing.
fn line(lines: &mut BufReader<File>) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut text)?;
    Ok((!text.is_empty()).then_some(text))
}

/// Creates a file that its owner alone can read.
pub(super) fn private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(true).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes created, renamed and removed names survive a crash.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
