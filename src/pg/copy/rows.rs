//! Rows as the data of COPY, one message's worth at a time.

use bytes::{BufMut, Bytes, BytesMut};
use datafusion::arrow::array::RecordBatch;

use super::super::column::{Column, Format};
use super::super::encode;
use super::super::error::PgError;
use super::{END_OF_DATA, SIGNATURE};
use crate::sql::{CopyCsv, CopyFormat, CopyHeader, CopyText};

/// Writes the rows of one COPY.
pub(super) struct RowWriter<'a> {
    format: &'a CopyFormat,
    columns: &'a [Column],
    /// Whether the head of the binary form is still to come: clients want it with the first row.
    head_is_due: bool,
    out: BytesMut,
    cell: BytesMut,
}

impl<'a> RowWriter<'a> {
    pub(super) fn new(format: &'a CopyFormat, columns: &'a [Column]) -> Self {
        let (out, cell) = (BytesMut::new(), BytesMut::new());
        Self { format, columns, head_is_due: format.is_binary(), out, cell }
    }

    /// The line that names the columns, if one is wanted.
    pub(super) fn header_line(&mut self) -> Option<Bytes> {
        let text = match self.format {
            CopyFormat::Text(text) => text,
            CopyFormat::Csv(csv) => &csv.text,
            CopyFormat::Binary => return None,
        };
        if text.header == CopyHeader::None {
            return None;
        }
        for (at, column) in self.columns.iter().enumerate() {
            if at > 0 {
                self.out.put_u8(text.delimiter);
            }
            match self.format {
                CopyFormat::Csv(csv) => quoted(csv, column.name.as_bytes(), false, &mut self.out),
                _ => escaped(text.delimiter, column.name.as_bytes(), &mut self.out),
            }
        }
        self.out.put_u8(b'\n');
        Some(self.out.split().freeze())
    }

    /// One row.
    ///
    /// # Errors
    /// When a value cannot be sent.
    pub(super) fn row(&mut self, batch: &RecordBatch, row: usize) -> Result<Bytes, PgError> {
        match self.format {
            CopyFormat::Text(text) => self.line(text, None, batch, row)?,
            CopyFormat::Csv(csv) => self.line(&csv.text, Some(csv), batch, row)?,
            CopyFormat::Binary => self.tuple(batch, row)?,
        }
        Ok(self.out.split().freeze())
    }

    /// What comes after the last row.
    pub(super) fn trailer(&mut self) -> Option<Bytes> {
        if !self.format.is_binary() {
            return None;
        }
        self.head();
        self.out.put_i16(-1);
        Some(self.out.split().freeze())
    }

    fn line(
        &mut self,
        text: &CopyText,
        csv: Option<&CopyCsv>,
        batch: &RecordBatch,
        row: usize,
    ) -> Result<(), PgError> {
        let is_single = self.columns.len() == 1;
        for (at, (column, array)) in self.columns.iter().zip(batch.columns()).enumerate() {
            if at > 0 {
                self.out.put_u8(text.delimiter);
            }
            self.cell.clear();
            if !encode::cell_text(array.as_ref(), row, column, &mut self.cell)? {
                self.out.put_slice(text.null.as_bytes());
                continue;
            }
            match csv {
                None => escaped(text.delimiter, &self.cell, &mut self.out),
                Some(csv) => {
                    // A line of just this would end the data.
                    let ends = is_single && self.cell == END_OF_DATA;
                    let force = ends || csv.force_quote.contains(&column.name);
                    quoted(csv, &self.cell, force, &mut self.out);
                }
            }
        }
        self.out.put_u8(b'\n');
        Ok(())
    }

    fn tuple(&mut self, batch: &RecordBatch, row: usize) -> Result<(), PgError> {
        self.head();
        let formats = vec![Format::Binary; self.columns.len()];
        let data = encode::data_row(batch, row, self.columns, &formats, &mut self.cell)?;
        self.out.put_i16(data.field_count);
        self.out.put_slice(&data.data);
        Ok(())
    }

    fn head(&mut self) {
        if std::mem::take(&mut self.head_is_due) {
            self.out.put_slice(SIGNATURE);
            // No flags, no extension.
            self.out.put_i32(0);
            self.out.put_i32(0);
        }
    }
}

/// Writes a field of the format text.
fn escaped(delimiter: u8, field: &[u8], out: &mut BytesMut) {
    for &byte in field {
        let letter = match byte {
            b'\\' => b'\\',
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x0b => b'v',
            other if other == delimiter => other,
            other => {
                out.put_u8(other);
                continue;
            }
        };
        out.put_u8(b'\\');
        out.put_u8(letter);
    }
}

/// Writes a field of the format csv.
fn quoted(csv: &CopyCsv, field: &[u8], force: bool, out: &mut BytesMut) {
    let special = |byte: &u8| [csv.text.delimiter, csv.quote, b'\n', b'\r'].contains(byte);
    if !force && field != csv.text.null.as_bytes() && !field.iter().any(special) {
        out.put_slice(field);
        return;
    }
    out.put_u8(csv.quote);
    for &byte in field {
        if byte == csv.quote || byte == csv.escape {
            out.put_u8(csv.escape);
        }
        out.put_u8(byte);
    }
    out.put_u8(csv.quote);
}
