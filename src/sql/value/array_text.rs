//! Arrays as text, `{a, "b c", NULL}`, with or without levels.

use crate::sql::{SqlError, SqlState};

/// How many levels an array may have, as in PostgreSQL.
const LEVELS_MAX: usize = 6;

/// An item of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sql) enum Item {
    Null,
    Text(String),
    Array(Vec<Item>),
}

/// The items of the array that `written` is.
///
/// # Errors
/// Text that is no array: 22P02.
pub(in crate::sql) fn read(written: &str) -> Result<Vec<Item>, SqlError> {
    let mut reader = Reader { rest: written.trim(), written, level: 0 };
    let array = reader.array()?;
    if reader.rest.trim().is_empty() { Ok(array) } else { Err(reader.malformed()) }
}

struct Reader<'a> {
    rest: &'a str,
    written: &'a str,
    level: usize,
}

impl Reader<'_> {
    fn malformed(&self) -> SqlError {
        let shown: String = self.written.chars().take(40).collect();
        let message = format!("malformed array literal: \"{shown}\"");
        SqlError::new(SqlState::InvalidTextRepresentation, message)
    }

    fn skip(&mut self, mark: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn array(&mut self) -> Result<Vec<Item>, SqlError> {
        if self.level == LEVELS_MAX || !self.skip('{') {
            return Err(self.malformed());
        }
        self.level += 1;
        let mut items = Vec::new();
        if !self.skip('}') {
            loop {
                items.push(self.item()?);
                if self.skip('}') {
                    break;
                }
                if !self.skip(',') {
                    return Err(self.malformed());
                }
            }
        }
        self.level -= 1;
        Ok(items)
    }

    fn item(&mut self) -> Result<Item, SqlError> {
        self.rest = self.rest.trim_start();
        match self.rest.chars().next() {
            Some('{') => self.array().map(Item::Array),
            Some('"') => {
                self.skip('"');
                self.quoted().map(Item::Text)
            }
            _ => self.bare(),
        }
    }

    /// The text up to the closing quote; a backslash takes the next character as it is.
    fn quoted(&mut self) -> Result<String, SqlError> {
        let mut value = String::new();
        let mut letters = self.rest.chars();
        loop {
            match letters.next() {
                Some('"') => break,
                Some('\\') => value.extend(letters.next()),
                Some(letter) => value.push(letter),
                None => return Err(self.malformed()),
            }
        }
        self.rest = letters.as_str();
        Ok(value)
    }

    /// An element without quotes: it ends at a comma or brace, and NULL is none.
    fn bare(&mut self) -> Result<Item, SqlError> {
        let end = self.rest.find([',', '}', '{', '"']).unwrap_or(self.rest.len());
        let (value, rest) = self.rest.split_at(end);
        let value = value.trim();
        if value.is_empty() {
            return Err(self.malformed());
        }
        self.rest = rest;
        if value.eq_ignore_ascii_case("null") {
            return Ok(Item::Null);
        }
        Ok(Item::Text(value.replace('\\', "")))
    }
}
