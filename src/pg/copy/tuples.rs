//! The rows of binary COPY data, cut out of messages that end anywhere.

use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};

use super::super::error::{PgError, WireState};
use super::SIGNATURE;
use crate::sql::SqlState;

/// Longest row: several images of the largest size.
const ROW_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Flags that a reader must know; there are none that this one does.
const CRITICAL_FLAGS: u32 = 0xffff_0000;
/// Signature, flags, length of the extension.
const HEAD_BYTES: usize = SIGNATURE.len() + 8;

/// Cuts rows.
#[derive(Debug)]
pub(super) struct Tuples {
    columns: usize,
    buffer: BytesMut,
    part: Part,
    /// The number of the row cut last, or looked for.
    number: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Head,
    /// So many bytes of an extension of the head, to be passed over.
    Extension(usize),
    Rows,
    End,
}

impl Tuples {
    pub(super) fn new(columns: usize) -> Self {
        Self { columns, buffer: BytesMut::new(), part: Part::Head, number: 0 }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn feed(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// The fields of the next row, each none for NULL; none where it has not come whole.
    ///
    /// # Errors
    /// 22P04 for data that is not of the format, also where `last` comes too early.
    pub(super) fn next(&mut self, last: bool) -> Result<Option<Vec<Option<Bytes>>>, PgError> {
        loop {
            let moved = match self.part {
                Part::Head => self.head(last)?,
                Part::Extension(bytes) => {
                    let passed = bytes.min(self.buffer.len());
                    self.buffer.advance(passed);
                    let left = bytes - passed;
                    self.part = if left == 0 { Part::Rows } else { Part::Extension(left) };
                    left == 0
                }
                Part::Rows => match self.row()? {
                    Found::Row(fields) => return Ok(Some(fields)),
                    Found::End => true,
                    Found::Nothing => false,
                },
                Part::End if self.buffer.is_empty() => return Ok(None),
                Part::End => return Err(bad("received copy data after EOF marker")),
            };
            if moved {
                continue;
            }
            // PostgreSQL takes data without its trailer, but no half row.
            let between_rows = self.part == Part::Rows && self.buffer.is_empty();
            return if last && !between_rows { Err(cut_short()) } else { Ok(None) };
        }
    }

    fn head(&mut self, last: bool) -> Result<bool, PgError> {
        if self.buffer.len() < HEAD_BYTES {
            let known = self.buffer.len().min(SIGNATURE.len());
            let is_start = SIGNATURE.starts_with(self.buffer.get(..known).unwrap_or_default());
            return if last || !is_start { Err(no_signature()) } else { Ok(false) };
        }
        let signature = self.buffer.split_to(SIGNATURE.len());
        if signature != SIGNATURE.as_slice() {
            return Err(no_signature());
        }
        if self.buffer.get_u32() & CRITICAL_FLAGS != 0 {
            return Err(bad("unrecognized critical flags in COPY file header"));
        }
        let extension = usize::try_from(self.buffer.get_i32());
        let extension = extension.map_err(|_| bad("invalid COPY file header (missing length)"))?;
        self.part = Part::Extension(extension);
        Ok(true)
    }

    fn row(&mut self) -> Result<Found, PgError> {
        let mut rest = self.buffer.as_ref();
        if rest.len() < 2 {
            return Ok(Found::Nothing);
        }
        let count = rest.get_i16();
        if count == -1 {
            self.buffer.advance(2);
            self.part = Part::End;
            return Ok(Found::End);
        }
        if usize::try_from(count) != Ok(self.columns) {
            self.number += 1;
            let expected = self.columns;
            return Err(bad(format!("row field count is {count}, expected {expected}")));
        }
        let Some(Place { fields, length }) = self.place()? else {
            if self.buffer.len() > ROW_BYTES_MAX {
                let message = format!("a row of COPY has more than {ROW_BYTES_MAX} bytes");
                return Err(PgError::error(SqlState::ProgramLimitExceeded, message));
            }
            return Ok(Found::Nothing);
        };
        self.number += 1;
        let row = self.buffer.split_to(length).freeze();
        Ok(Found::Row(fields.into_iter().map(|field| Some(row.slice(field?))).collect()))
    }

    /// Where the next row is; none where it is not whole.
    fn place(&self) -> Result<Option<Place>, PgError> {
        let mut fields = Vec::with_capacity(self.columns);
        let mut at = 2;
        for _ in 0..self.columns {
            let Some(length) = self.buffer.get(at..at + 4) else { return Ok(None) };
            let length = <[u8; 4]>::try_from(length).map(i32::from_be_bytes).unwrap_or_default();
            at += 4;
            if length == -1 {
                fields.push(None);
                continue;
            }
            let length = usize::try_from(length).map_err(|_| bad("invalid field size"))?;
            if length > ROW_BYTES_MAX {
                return Err(bad("invalid field size"));
            }
            fields.push(Some(at..at + length));
            at += length;
        }
        Ok((at <= self.buffer.len()).then_some(Place { fields, length: at }))
    }
}

/// Where a row is in the buffer.
struct Place {
    /// Each none for NULL.
    fields: Vec<Option<Range<usize>>>,
    length: usize,
}

/// What the data holds next.
enum Found {
    Row(Vec<Option<Bytes>>),
    End,
    Nothing,
}

fn bad(message: impl Into<String>) -> PgError {
    PgError::error(WireState::BadCopyFileFormat, message)
}

fn no_signature() -> PgError {
    bad("COPY file signature not recognized")
}

fn cut_short() -> PgError {
    bad("unexpected EOF in COPY data")
}
