//! Rows out of the data of COPY, whatever its format, and where in it an error is.

use bytes::Bytes;

use super::super::column::Format;
use super::super::error::{PgError, WireState};
use super::super::parameter;
use super::fields;
use super::lines::Lines;
use super::tuples::Tuples;
use crate::sql::{CopyFormat, CopyHeader, FaceCell, SqlType, WrongRow};

/// Characters of the client's data that the context of an error repeats.
const SHOWN_CHARS: usize = 100;

/// Reads the rows of one COPY.
pub(super) struct Reader {
    table: String,
    columns: Vec<(&'static str, SqlType)>,
    format: CopyFormat,
    source: Source,
    /// What the first line is, until it has come.
    header: CopyHeader,
    /// The line read last; nothing in the binary format.
    line: Bytes,
    /// The fields of the row read last.
    fields: Vec<Option<Bytes>>,
}

enum Source {
    Lines(Lines),
    Tuples(Tuples),
}

impl Reader {
    pub(super) fn new(
        table: &str,
        columns: Vec<(&'static str, SqlType)>,
        format: &CopyFormat,
    ) -> Self {
        let (source, header) = match format {
            CopyFormat::Text(text) => (Source::Lines(Lines::of_text()), text.header),
            CopyFormat::Csv(csv) => {
                (Source::Lines(Lines::of_csv(csv.quote, csv.escape)), csv.text.header)
            }
            CopyFormat::Binary => (Source::Tuples(Tuples::new(columns.len())), CopyHeader::None),
        };
        let (table, format, line) = (table.to_owned(), format.clone(), Bytes::new());
        Self { table, columns, format, source, header, line, fields: Vec::new() }
    }

    pub(super) fn feed(&mut self, data: &[u8]) {
        match &mut self.source {
            Source::Lines(lines) => lines.feed(data),
            Source::Tuples(tuples) => tuples.feed(data),
        }
    }

    /// The next row, one cell for each column; none where it has not come whole. `last` when no
    /// more comes.
    ///
    /// # Errors
    /// Data that is not of the format, cells that are no values of their types.
    pub(super) fn next(&mut self, last: bool) -> Result<Option<Vec<FaceCell>>, PgError> {
        let Some(fields) = self.fields(last).map_err(|error| self.located(error))? else {
            return Ok(None);
        };
        let format = if self.format.is_binary() { Format::Binary } else { Format::Text };
        let mut cells = Vec::with_capacity(fields.len());
        for (field, (column, sql_type)) in fields.iter().zip(&self.columns) {
            let cell = parameter::cell(*sql_type, format, field.as_deref());
            cells.push(cell.map_err(|error| self.located_in(error, column, field.as_deref()))?);
        }
        self.fields = fields;
        Ok(Some(cells))
    }

    /// The error of the row read last, or of one before it.
    pub(super) fn refused(&self, wrong: WrongRow) -> PgError {
        let WrongRow { error, column, line } = wrong;
        if let Some(line) = line {
            return self.in_line(error.into(), line);
        }
        let place = column.and_then(|name| self.columns.iter().position(|(own, _)| *own == name));
        match (column, place.and_then(|place| self.fields.get(place))) {
            (Some(column), Some(field)) => self.located_in(error.into(), column, field.as_deref()),
            _ => self.located(error.into()),
        }
    }

    /// The error of all rows together, or of one of them.
    pub(super) fn refused_at_last(&self, wrong: WrongRow) -> PgError {
        match wrong.line {
            Some(line) => self.in_line(wrong.error.into(), line),
            None => wrong.error.into(),
        }
    }

    fn in_line(&self, error: PgError, line: u64) -> PgError {
        error.with_context(format!("COPY {}, line {line}", self.table))
    }

    /// Adds to an error which line or row it is about.
    fn located(&self, error: PgError) -> PgError {
        let Self { table, line, .. } = self;
        let number = self.number();
        let shown = if line.is_empty() { String::new() } else { format!(": \"{}\"", shown(line)) };
        error.with_context(format!("COPY {table}, line {number}{shown}"))
    }

    fn located_in(&self, error: PgError, column: &str, field: Option<&[u8]>) -> PgError {
        let (table, number) = (&self.table, self.number());
        let shown = match field {
            Some(field) if !self.format.is_binary() => format!(": \"{}\"", shown(field)),
            _ => String::new(),
        };
        error.with_context(format!("COPY {table}, line {number}, column {column}{shown}"))
    }

    /// The line, or row, read last.
    pub(super) fn number(&self) -> u64 {
        match &self.source {
            Source::Lines(lines) => lines.number(),
            Source::Tuples(tuples) => tuples.number(),
        }
    }

    fn fields(&mut self, last: bool) -> Result<Option<Vec<Option<Bytes>>>, PgError> {
        loop {
            let lines = match &mut self.source {
                Source::Lines(lines) => lines,
                Source::Tuples(tuples) => return tuples.next(last),
            };
            self.line = Bytes::new();
            let Some(line) = lines.next(last)? else { return Ok(None) };
            self.line = line;
            let fields = self.split()?;
            match std::mem::replace(&mut self.header, CopyHeader::None) {
                CopyHeader::None => {}
                CopyHeader::Line => continue,
                CopyHeader::Match => {
                    self.check_header(&fields)?;
                    continue;
                }
            }
            self.check_count(fields.len())?;
            return Ok(Some(fields));
        }
    }

    fn split(&self) -> Result<Vec<Option<Bytes>>, PgError> {
        match &self.format {
            CopyFormat::Text(text) => Ok(fields::of_text(&self.line, text)),
            CopyFormat::Csv(csv) => {
                let columns: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
                fields::of_csv(&self.line, csv, &columns)
            }
            CopyFormat::Binary => Ok(Vec::new()),
        }
    }

    fn check_count(&self, fields: usize) -> Result<(), PgError> {
        if fields > self.columns.len() {
            return Err(bad("extra data after last expected column"));
        }
        match self.columns.get(fields) {
            Some((column, _)) => Err(bad(format!("missing data for column \"{column}\""))),
            None => Ok(()),
        }
    }

    fn check_header(&self, fields: &[Option<Bytes>]) -> Result<(), PgError> {
        if fields.len() != self.columns.len() {
            let (got, expected) = (fields.len(), self.columns.len());
            return Err(bad(format!(
                "wrong number of fields in header line: got {got}, expected {expected}"
            )));
        }
        for (at, (field, (column, _))) in fields.iter().zip(&self.columns).enumerate() {
            let got = shown(field.as_deref().unwrap_or_default());
            if got != *column {
                let number = at + 1;
                return Err(bad(format!(
                    "column name mismatch in header line field {number}: got \"{got}\", \
                     expected \"{column}\""
                )));
            }
        }
        Ok(())
    }
}

fn bad(message: impl Into<String>) -> PgError {
    PgError::error(WireState::BadCopyFileFormat, message)
}

/// The beginning of the client's own data.
fn shown(data: &[u8]) -> String {
    // A character has up to four bytes.
    let start = data.get(..data.len().min(4 * SHOWN_CHARS)).unwrap_or_default();
    let text = String::from_utf8_lossy(start);
    let shown: String = text.chars().take(SHOWN_CHARS).collect();
    let cut = if shown.len() < data.len() { "..." } else { "" };
    format!("{shown}{cut}")
}
