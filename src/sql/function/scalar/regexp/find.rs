//! `regexp_match`, `regexp_matches`, and how often, where and as what something is found.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Array, ListBuilder, StringArray, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use regex::Match;

use super::arguments::{Arguments, Row, offset};
use super::finder::{Finder, Options, parts};
use super::{Function, function};
use crate::sql::function::allowance::Made;
use crate::sql::grammar::marker::ALL_MATCHES;
use crate::sql::{SqlError, SqlState};

/// What a part takes besides its letters.
const PART_BYTES: usize = size_of::<&str>();

pub(super) fn functions() -> [Function; 5] {
    let (text, whole) = (DataType::Utf8, DataType::Int64);
    let texts = DataType::new_list(DataType::Utf8, true);
    let pattern = [text.clone(), text.clone(), text.clone()];
    let (t, n) = (|| text.clone(), || whole.clone());
    [
        function("regexp_match", &pattern, 2, texts.clone(), first_matches),
        function(ALL_MATCHES, &pattern, 2, DataType::new_list(texts, true), all_matches),
        function("regexp_count", &[t(), t(), n(), t()], 2, DataType::Int32, counts),
        function(
            "regexp_instr",
            &[t(), t(), n(), n(), n(), t(), n()],
            2,
            DataType::Int32,
            positions,
        ),
        function("regexp_substr", &[t(), t(), n(), n(), t(), n()], 2, text, substrings),
    ]
}

fn first_matches(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let (mut lists, mut last) = (ListBuilder::new(StringBuilder::new()), None);
    for row in Arguments::new(columns).rows() {
        let Some(row) = row else {
            lists.append_null();
            continue;
        };
        let finder = row.finder(last.take(), 2, "regexp_match")?;
        match finder.first(row.text(0)) {
            Some(found) => lists.append_value(parts(&found)),
            None => lists.append_null(),
        }
        last = Some(finder);
    }
    Ok(Arc::new(lists.finish()))
}

/// The rows of `regexp_matches`, as an array.
fn all_matches(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let (mut rows, mut last) = (ListBuilder::new(ListBuilder::new(StringBuilder::new())), None);
    let mut made = Made::by("regexp_matches");
    for row in Arguments::new(columns).rows() {
        let Some(row) = row else {
            rows.append_null();
            continue;
        };
        let finder = Finder::new(last.take(), row.text(1), Options::read(row.text(2))?)?;
        let wanted = if finder.options().all { usize::MAX } else { 1 };
        for found in finder.places(row.text(0), 0).take(wanted) {
            let parts = parts(&found);
            made.add(parts.iter().map(|part| part.map_or(0, str::len) + PART_BYTES).sum())?;
            rows.values().append_value(parts);
        }
        rows.append(true);
        last = Some(finder);
    }
    Ok(Arc::new(rows.finish()))
}

fn counts(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let mut last = None;
    let counts = Arguments::new(columns).rows().map(|row| {
        let Some(row) = row else { return Ok(None) };
        let start = row.ordinal(2, "start")?;
        let finder = row.finder(last.take(), 3, "regexp_count")?;
        let text = row.text(0);
        let count = offset(text, start).map_or(0, |start| finder.places(text, start).count());
        last = Some(finder);
        Ok::<_, SqlError>(Some(integer(count)))
    });
    Ok(Arc::new(counts.collect::<Result<Int32Array, _>>()?))
}

fn positions(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let mut last = None;
    let positions = Arguments::new(columns).rows().map(|row| {
        let Some(row) = row else { return Ok(None) };
        let behind = row.number(4, "endoption", 0)?;
        if behind > 1 {
            let message = format!("invalid value for parameter \"endoption\": {behind}");
            return Err(SqlError::new(SqlState::InvalidParameterValue, message));
        }
        let asked = Asked::read(row, 6)?;
        let finder = row.finder(last.take(), 5, "regexp_instr")?;
        let text = row.text(0);
        let position = asked.find(&finder, text).map_or(0, |found| {
            let at = if behind == 1 { found.end() } else { found.start() };
            text.get(..at).map_or(0, |before| before.chars().count()) + 1
        });
        last = Some(finder);
        Ok(Some(integer(position)))
    });
    Ok(Arc::new(positions.collect::<Result<Int32Array, _>>()?))
}

fn substrings(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let mut last = None;
    let texts = Arguments::new(columns).rows().map(|row| {
        let Some(row) = row else { return Ok(None) };
        let asked = Asked::read(row, 5)?;
        let finder = row.finder(last.take(), 4, "regexp_substr")?;
        let found = asked.find(&finder, row.text(0)).map(|found| found.as_str());
        last = Some(finder);
        Ok::<_, SqlError>(found)
    });
    Ok(Arc::new(texts.collect::<Result<StringArray, _>>()?))
}

/// Which of the places, and which part of it.
struct Asked {
    start: usize,
    number: usize,
    part: usize,
}

impl Asked {
    /// The start and the number stand behind the pattern, the part where it is said.
    fn read(row: Row<'_>, part: usize) -> Result<Self, SqlError> {
        Ok(Self {
            start: row.ordinal(2, "start")?,
            number: row.ordinal(3, "n")?,
            part: row.number(part, "subexpr", 0)?,
        })
    }

    fn find<'t>(&self, finder: &Finder, text: &'t str) -> Option<Match<'t>> {
        let start = offset(text, self.start)?;
        let found = finder.places(text, start).nth(self.number - 1)?;
        found.get(self.part)
    }
}

fn integer(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
