//! The fields of one line of textual COPY data.

use bytes::Bytes;

use super::super::error::{PgError, WireState};
use crate::sql::{CopyCsv, CopyText};

/// The fields of a line of the format text, each none for NULL.
pub(super) fn of_text(line: &[u8], text: &CopyText) -> Vec<Option<Bytes>> {
    let mut fields = Vec::new();
    let (mut field, mut start, mut at) = (Vec::new(), 0, 0);
    loop {
        let byte = line.get(at).copied();
        match byte {
            Some(b'\\') => at += unescape(line.get(at + 1..).unwrap_or_default(), &mut field) + 1,
            Some(byte) if byte != text.delimiter => {
                field.push(byte);
                at += 1;
            }
            end => {
                let raw = line.get(start..at).unwrap_or_default();
                let value = std::mem::take(&mut field);
                fields.push((raw != text.null.as_bytes()).then(|| value.into()));
                if end.is_none() {
                    return fields;
                }
                at += 1;
                start = at;
            }
        }
    }
}

/// Reads what is behind a backslash, and tells how many bytes that was.
fn unescape(rest: &[u8], field: &mut Vec<u8>) -> usize {
    let digits = |base: u32, most: usize, from: usize| {
        let digits = rest.iter().skip(from).take(most);
        digits.map_while(move |byte| char::from(*byte).to_digit(base)).collect::<Vec<u32>>()
    };
    let number = |base: u32, digits: &[u32]| {
        // PostgreSQL keeps the lowest eight bits.
        digits.iter().fold(0_u32, |number, digit| number * base + digit) as u8
    };
    let (byte, length) = match rest.first() {
        None => (b'\\', 0),
        Some(b'0'..=b'7') => {
            let digits = digits(8, 3, 0);
            (number(8, &digits), digits.len())
        }
        Some(b'x') => match digits(16, 2, 1) {
            none if none.is_empty() => (b'x', 1),
            digits => (number(16, &digits), digits.len() + 1),
        },
        Some(b'b') => (0x08, 1),
        Some(b'f') => (0x0c, 1),
        Some(b'n') => (b'\n', 1),
        Some(b'r') => (b'\r', 1),
        Some(b't') => (b'\t', 1),
        Some(b'v') => (0x0b, 1),
        Some(other) => (*other, 1),
    };
    field.push(byte);
    length
}

/// The fields of a line of the format csv, each none for NULL; `columns` are the names of those
/// that are read.
///
/// # Errors
/// 22P04 for quotes that do not end.
pub(super) fn of_csv(
    line: &[u8],
    csv: &CopyCsv,
    columns: &[&str],
) -> Result<Vec<Option<Bytes>>, PgError> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = csv_field(rest, csv)?;
        let column = columns.get(fields.len()).copied().unwrap_or_default();
        fields.push(field.value(csv, column));
        match after {
            Some(after) => rest = after,
            None => return Ok(fields),
        }
    }
}

/// A field as it was written.
struct CsvField {
    text: Vec<u8>,
    quoted: bool,
}

impl CsvField {
    fn value(self, csv: &CopyCsv, column: &str) -> Option<Bytes> {
        let may_be_null = if self.quoted {
            csv.force_null.contains(column)
        } else {
            !csv.force_not_null.contains(column)
        };
        let is_null = may_be_null && self.text == csv.text.null.as_bytes();
        (!is_null).then(|| self.text.into())
    }
}

/// Reads one field, and what is behind the delimiter after it; none at the end of the line.
fn csv_field<'a>(line: &'a [u8], csv: &CopyCsv) -> Result<(CsvField, Option<&'a [u8]>), PgError> {
    let mut field = CsvField { text: Vec::new(), quoted: false };
    let (mut at, mut inside) = (0, false);
    while let Some(&byte) = line.get(at) {
        at += 1;
        if !inside && byte == csv.text.delimiter {
            return Ok((field, line.get(at..)));
        } else if !inside && byte == csv.quote {
            (inside, field.quoted) = (true, true);
        } else if inside
            && byte == csv.escape
            && let Some(&next) = line.get(at)
            && (next == csv.quote || next == csv.escape)
        {
            field.text.push(next);
            at += 1;
        } else if inside && byte == csv.quote {
            inside = false;
        } else {
            field.text.push(byte);
        }
    }
    if inside {
        return Err(PgError::error(WireState::BadCopyFileFormat, "unterminated CSV quoted field"));
    }
    Ok((field, None))
}
