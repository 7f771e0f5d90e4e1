//! The lines of textual COPY data, cut out of messages that end anywhere.

use bytes::{Buf, Bytes, BytesMut};

use super::super::error::{PgError, WireState};
use super::END_OF_DATA;
use crate::sql::SqlState;

/// Longest line: an image of the largest size in hexadecimal digits fits several times.
const LINE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Cuts lines.
#[derive(Debug)]
pub(super) struct Lines {
    quotes: Option<Quotes>,
    buffer: BytesMut,
    /// Bytes of `buffer` that have been looked at.
    scanned: usize,
    /// How lines end, once one has.
    ending: Option<Ending>,
    /// The number of the line cut last; ends of lines inside of quotes count.
    number: u64,
    /// Ends of lines inside of quotes in what has been looked at of the next line.
    breaks: u64,
    /// Whether the client said that no more counts.
    over: bool,
}

/// Quotes of the format csv, inside of which lines do not end.
#[derive(Debug)]
struct Quotes {
    quote: u8,
    /// None where quotes are doubled.
    escape: Option<u8>,
    inside: bool,
    escaped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Newline,
    Return,
    Both,
}

impl Lines {
    /// Lines of the format text.
    pub(super) fn of_text() -> Self {
        let (quotes, buffer) = (None, BytesMut::new());
        Self { quotes, buffer, scanned: 0, ending: None, number: 0, breaks: 0, over: false }
    }

    /// Lines of the format csv.
    pub(super) fn of_csv(quote: u8, escape: u8) -> Self {
        let escape = (escape != quote).then_some(escape);
        let quotes = Some(Quotes { quote, escape, inside: false, escaped: false });
        Self { quotes, ..Self::of_text() }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn feed(&mut self, data: &[u8]) {
        if !self.over {
            self.buffer.extend_from_slice(data);
        }
    }

    /// The next line without its end; none where it has not come whole. `last` when no more comes.
    ///
    /// # Errors
    /// Lines that end differently, or do not end.
    pub(super) fn next(&mut self, last: bool) -> Result<Option<Bytes>, PgError> {
        let (length, ending) = match self.end_of_line(last) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(error) => {
                // It is about the line that comes.
                self.number += 1 + self.breaks;
                return Err(error);
            }
        };
        let line = self.buffer.split_to(length).freeze();
        self.buffer.advance(ending);
        self.scanned = 0;
        if line == END_OF_DATA {
            self.over = true;
            self.buffer.clear();
            return Ok(None);
        }
        self.number += 1 + std::mem::take(&mut self.breaks);
        Ok(Some(line))
    }

    /// Length of the next line and of its end.
    fn end_of_line(&mut self, last: bool) -> Result<Option<(usize, usize)>, PgError> {
        while let Some(&byte) = self.buffer.get(self.scanned) {
            let at = self.scanned;
            let is_quoted = self.quotes.as_mut().is_some_and(|quotes| quotes.pass(byte));
            if is_quoted {
                let end = if self.ending == Some(Ending::Return) { b'\r' } else { b'\n' };
                self.breaks += u64::from(byte == end);
                self.scanned += 1;
                continue;
            }
            if self.quotes.is_none() && byte == b'\\' {
                if at + 1 == self.buffer.len() && !last {
                    return Ok(None);
                }
                if self.buffer.get(at + 1) == Some(&b'.') && !self.is_end_of_data(at, last)? {
                    return Ok(None);
                }
                // What is behind a backslash is data, even the end of a line.
                self.scanned = (at + 2).min(self.buffer.len());
                continue;
            }
            if matches!(byte, b'\n' | b'\r') {
                let Some(width) = self.ending_at(at, byte, last)? else { return Ok(None) };
                return Ok(Some((at, width)));
            }
            self.scanned += 1;
        }
        if self.buffer.len() > LINE_BYTES_MAX {
            let message = format!("a line of COPY has more than {LINE_BYTES_MAX} bytes");
            return Err(PgError::error(SqlState::ProgramLimitExceeded, message));
        }
        Ok((last && !self.buffer.is_empty()).then_some((self.buffer.len(), 0)))
    }

    /// Whether the mark at `at` ends the data; false where that shows with the next byte.
    fn is_end_of_data(&self, at: usize, last: bool) -> Result<bool, PgError> {
        match self.buffer.get(at + END_OF_DATA.len()) {
            Some(b'\n' | b'\r') if at == 0 => Ok(true),
            None if at == 0 => Ok(last),
            _ => {
                let message = "end-of-copy marker is not alone on its line";
                Err(PgError::error(WireState::BadCopyFileFormat, message))
            }
        }
    }

    /// How many bytes end a line at `at`; none where that shows with the next byte.
    fn ending_at(&mut self, at: usize, byte: u8, last: bool) -> Result<Option<usize>, PgError> {
        let next = self.buffer.get(at + 1).copied();
        let found = match (byte, next) {
            (b'\n', _) => Ending::Newline,
            (_, Some(b'\n')) => Ending::Both,
            (_, None) if !last && self.ending != Some(Ending::Return) => return Ok(None),
            _ => Ending::Return,
        };
        let ending = *self.ending.get_or_insert(found);
        match (ending, found) {
            (Ending::Newline, Ending::Newline)
            | (Ending::Return, Ending::Return | Ending::Both) => Ok(Some(1)),
            (Ending::Both, Ending::Both) => Ok(Some(2)),
            (_, Ending::Newline) => Err(self.stray("newline", "\\n")),
            (_, Ending::Return | Ending::Both) => Err(self.stray("carriage return", "\\r")),
        }
    }

    fn stray(&self, what: &str, escape: &str) -> PgError {
        let (kind, hint) = if self.quotes.is_some() {
            ("unquoted", format!("Use quoted CSV field to represent {what}."))
        } else {
            ("literal", format!("Use \"{escape}\" to represent {what}."))
        };
        let message = format!("{kind} {what} found in data");
        PgError::error(WireState::BadCopyFileFormat, message).with_hint(hint)
    }
}

impl Quotes {
    /// Takes note of a byte; whether it is inside of quotes.
    fn pass(&mut self, byte: u8) -> bool {
        let is_escape = self.escape == Some(byte);
        if is_escape && self.inside {
            self.escaped = !self.escaped;
        }
        if byte == self.quote && !self.escaped {
            self.inside = !self.inside;
        }
        if !is_escape {
            self.escaped = false;
        }
        self.inside
    }
}
