//! The columns that a function of regular expressions is given, row by row.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::Int64Type;

use super::finder::{Finder, Options};
use crate::sql::{SqlError, SqlState};

/// Columns of arguments.
pub(super) struct Arguments<'a> {
    columns: &'a [ArrayRef],
}

impl<'a> Arguments<'a> {
    pub(super) fn new(columns: &'a [ArrayRef]) -> Self {
        Self { columns }
    }

    /// The rows in which nothing is NULL, and none for the others.
    pub(super) fn rows(&self) -> impl Iterator<Item = Option<Row<'a>>> + use<'a> {
        let (columns, count) = (self.columns, self.columns.first().map_or(0, Array::len));
        (0..count).map(move |at| {
            let known = columns.iter().all(|column| column.is_valid(at));
            known.then_some(Row { columns, at })
        })
    }
}

/// The arguments of one call.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    columns: &'a [ArrayRef],
    at: usize,
}

impl<'a> Row<'a> {
    /// The text at a place; no text where there are not so many arguments.
    pub(super) fn text(self, place: usize) -> &'a str {
        self.columns.get(place).map_or("", |column| column.as_string::<i32>().value(self.at))
    }

    pub(super) fn has(self, place: usize) -> bool {
        place < self.columns.len()
    }

    /// The number at a place, which is at least `least`; zero where it is not given.
    pub(super) fn number(self, place: usize, name: &str, least: i64) -> Result<usize, SqlError> {
        let Some(column) = self.columns.get(place) else { return Ok(0) };
        let number = column.as_primitive::<Int64Type>().value(self.at);
        match usize::try_from(number) {
            Ok(known) if number >= least => Ok(known),
            _ => {
                let message = format!("invalid value for parameter \"{name}\": {number}");
                Err(SqlError::new(SqlState::InvalidParameterValue, message))
            }
        }
    }

    /// As [`Self::number`], for what is counted from one and is one where it is not given.
    pub(super) fn ordinal(self, place: usize, name: &str) -> Result<usize, SqlError> {
        Ok(self.number(place, name, 1)?.max(1))
    }

    /// What is found by the pattern at the second place with the flags at another.
    pub(super) fn finder(
        self,
        last: Option<Finder>,
        flags: usize,
        function: &str,
    ) -> Result<Finder, SqlError> {
        let options = Options::read(self.text(flags))?;
        options.only_once(function)?;
        Finder::new(last, self.text(1), options)
    }
}

/// Where the letter of a number, counted from one, begins; the end for one behind it.
pub(super) fn offset(text: &str, letter: usize) -> Option<usize> {
    let before = letter.saturating_sub(1);
    let mut starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    starts.nth(before)
}
