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

/// Whether an array is written with what vectors have not: no items, NULL, NaN, quotes or levels.
pub(in crate::sql) fn is_general(written: &str) -> bool {
    let inside = written.trim().strip_prefix('{').and_then(|inside| inside.strip_suffix('}'));
    let is_general =
        |inside: &str| inside.trim().is_empty() || inside.contains(['"', '{', 'n', 'N', '\\']);
    inside.is_some_and(is_general)
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

    /// An element without quotes: it ends at a comma or brace, and NULL is none. A backslash takes
    /// the next character as it is.
    fn bare(&mut self) -> Result<Item, SqlError> {
        let (mut value, mut is_escaped) = (String::new(), false);
        // How much of it the spaces behind it do not belong to.
        let mut length = 0;
        let mut letters = self.rest.chars();
        while let Some(letter) = letters.clone().next()
            && !matches!(letter, ',' | '}' | '{' | '"')
        {
            letters.next();
            let escaped = letter == '\\';
            let letter = if escaped { letters.next() } else { Some(letter) };
            value.extend(letter);
            is_escaped |= escaped;
            if escaped || letter.is_some_and(|letter| !letter.is_whitespace()) {
                length = value.len();
            }
        }
        value.truncate(length);
        if value.is_empty() {
            return Err(self.malformed());
        }
        self.rest = letters.as_str();
        if value.eq_ignore_ascii_case("null") && !is_escaped {
            return Ok(Item::Null);
        }
        Ok(Item::Text(value))
    }
}
