//! Following the whole chain: is every record there, and as it was written?

use std::path::Path;

use super::AUDIT_FOLDER;
use super::chain::Link;
use super::file::{Line, LogFile};
use super::head;
use super::log::{AuditError, refused};
use super::record::{AuditAction, AuditRecord};

/// What following the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Records that are there and right.
    pub records: u64,
    /// Number of the first of them; 0 where there is none.
    pub first: u64,
    /// The newest of them.
    pub last: Link,
    /// What is wrong, in the order of the records. Nothing: the log is whole.
    pub problems: Vec<String>,
    /// Whether the link asked for was met.
    pub has_link: bool,
}

/// Follows the chain of the audit log of the data directory `data`, also while a server writes to
/// it, and looks for `link` on the way.
///
/// # Errors
/// [`AuditError::Missing`], or the operating system refuses. Damage is in the answer.
pub fn verify(data: &Path, link: Option<Link>) -> Result<Verification, AuditError> {
    let folder = data.join(AUDIT_FOLDER);
    if !folder.is_dir() {
        return Err(AuditError::Missing(data.to_owned()));
    }
    let io = || refused(&folder, "read");
    // First, because the log may grow while it is read.
    let head = head::read(&folder).map_err(io())?;
    let files = LogFile::list(&folder).map_err(io())?;
    let mut walk = Walk::new(head, link);
    for file in &files {
        walk.file(file).map_err(io())?;
    }
    Ok(walk.end())
}

/// The state of following a chain.
struct Walk {
    head: Option<Link>,
    asked: Option<Link>,
    found: Verification,
    /// The heading of the oldest file: what stands before it was pruned, or is missing.
    start: Option<Link>,
    /// Up to where the log says that it was pruned.
    pruned: Option<Link>,
    /// Where the chain goes on, unless it broke.
    expected: Option<Link>,
}

impl Walk {
    fn new(head: Option<Link>, asked: Option<Link>) -> Self {
        let has_link = asked.is_none_or(|link| link == Link::START);
        let found = Verification {
            records: 0,
            first: 0,
            last: Link::START,
            problems: Vec::new(),
            has_link,
        };
        Self { head, asked, found, start: None, pruned: None, expected: None }
    }

    fn file(&mut self, file: &LogFile) -> std::io::Result<()> {
        let name = file.path.file_name().unwrap_or_default().display();
        let Some(mut reader) = file.open()? else {
            self.found.problems.push(format!("{name}: the heading is damaged"));
            self.expected = None;
            return Ok(());
        };
        if self.start.is_none() {
            self.start = Some(reader.link);
        }
        if let Some(expected) = self.expected.filter(|expected| *expected != reader.link) {
            let (last, first) = (expected.seq, file.first);
            let problem = format!("{name}: begins at {first} and does not follow record {last}");
            self.found.problems.push(problem);
        }
        let mut number = 1_u64;
        while let Some(line) = reader.next()? {
            number += 1;
            match line {
                Line::Record(record) => self.record(&record, reader.link),
                Line::Damaged(why) => {
                    self.found.problems.push(format!("{name}: line {number} {why}"));
                    self.expected = None;
                    return Ok(());
                }
                // The newest file may be written to right now; the head tells what must be there.
                Line::Unfinished => {}
            }
        }
        self.expected = Some(reader.link);
        Ok(())
    }

    fn record(&mut self, record: &AuditRecord, link: Link) {
        self.found.records += 1;
        if self.found.first == 0 {
            self.found.first = link.seq;
        }
        self.found.last = link;
        self.found.has_link |= self.asked == Some(link);
        if self.head.is_some_and(|head| head.seq == link.seq && head != link) {
            let problem = format!("record {} is not the one that the head names", link.seq);
            self.found.problems.push(problem);
        }
        if record.entry.action == AuditAction::Prune {
            let anchor = record.entry.anchor.as_ref().and_then(|anchor| anchor.parse().ok());
            self.pruned = anchor.or(self.pruned);
        }
    }

    fn end(mut self) -> Verification {
        let start = self.start.unwrap_or(Link::START);
        if start.seq > 0 && !self.pruned.is_some_and(|pruned| permits(pruned, start)) {
            let last = start.seq;
            let problem = format!("records 1 to {last} are missing, and no record of a prune is");
            self.found.problems.insert(0, problem + " there for them");
        }
        let last = self.found.last.seq.max(start.seq);
        match self.head {
            Some(head) if head.seq > last => {
                let (from, to) = (last + 1, head.seq);
                self.found.problems.push(format!("records {from} to {to} are missing at the end"));
            }
            None if last > 0 => self.found.problems.push("the file head is missing".to_owned()),
            _ => {}
        }
        self.found
    }
}

/// Whether a prune up to `pruned` explains a log that begins behind `start`. A prune that a crash
/// stopped may have removed less than it recorded.
fn permits(pruned: Link, start: Link) -> bool {
    pruned == start || pruned.seq > start.seq
}
