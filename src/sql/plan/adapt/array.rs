//! Arrays written as text: `'{a, "b c", NULL}'`, with or without levels.

use datafusion::sql::sqlparser::ast::{Array, DataType, Expr, Value};

use super::syntax::{cast, literal_text, text};
use crate::sql::{SqlError, SqlState};

/// How many levels an array may have, as in PostgreSQL.
const LEVELS_MAX: usize = 6;

/// The array that `written` is, each element cast to `element`.
///
/// # Errors
/// Text that is no array: 22P02.
pub(super) fn array(written: &str, element: &DataType) -> Result<Expr, SqlError> {
    let mut reader = Reader { rest: written.trim(), written, element, level: 0 };
    let array = reader.array()?;
    if reader.rest.trim().is_empty() { Ok(array) } else { Err(reader.malformed()) }
}

/// The items of the array that `written` is, those of all levels one after the other; none for
/// NULL.
///
/// # Errors
/// As for [`array`].
pub(in crate::sql) fn items(written: &str) -> Result<Vec<Option<String>>, SqlError> {
    let mut items = Vec::new();
    push_items(array(written, &DataType::Text)?, &mut items);
    Ok(items)
}

fn push_items(array: Expr, items: &mut Vec<Option<String>>) {
    match array {
        Expr::Array(array) => array.elem.into_iter().for_each(|item| push_items(item, items)),
        Expr::Cast { expr, .. } => items.push(literal_text(&expr).map(str::to_owned)),
        _ => {}
    }
}

struct Reader<'a> {
    rest: &'a str,
    written: &'a str,
    element: &'a DataType,
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

    fn array(&mut self) -> Result<Expr, SqlError> {
        if self.level == LEVELS_MAX || !self.skip('{') {
            return Err(self.malformed());
        }
        self.level += 1;
        let mut elem = Vec::new();
        if !self.skip('}') {
            loop {
                elem.push(self.item()?);
                if self.skip('}') {
                    break;
                }
                if !self.skip(',') {
                    return Err(self.malformed());
                }
            }
        }
        self.level -= 1;
        Ok(Expr::Array(Array { elem, named: true }))
    }

    fn item(&mut self) -> Result<Expr, SqlError> {
        self.rest = self.rest.trim_start();
        match self.rest.chars().next() {
            Some('{') => self.array(),
            Some('"') => {
                self.skip('"');
                let value = self.quoted()?;
                Ok(cast(text(value), self.element.clone()))
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
    fn bare(&mut self) -> Result<Expr, SqlError> {
        let end = self.rest.find([',', '}', '{', '"']).unwrap_or(self.rest.len());
        let (value, rest) = self.rest.split_at(end);
        let value = value.trim();
        if value.is_empty() {
            return Err(self.malformed());
        }
        self.rest = rest;
        if value.eq_ignore_ascii_case("null") {
            return Ok(cast(Expr::value(Value::Null), self.element.clone()));
        }
        Ok(cast(text(value.replace('\\', "")), self.element.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(written: &str) -> Result<String, SqlError> {
        array(written, &DataType::Text).map(|array| array.to_string().replace("::TEXT", ""))
    }

    #[test]
    fn elements_are_bare_quoted_nested_or_null() {
        let cases = [
            ("{}", "ARRAY[]"),
            (" { a , b c } ", "ARRAY['a', 'b c']"),
            ("{\"a,}\",\"\\\"\",NULL,\"null\"}", "ARRAY['a,}', '\"', NULL, 'null']"),
            ("{{1,2},{3,4}}", "ARRAY[ARRAY['1', '2'], ARRAY['3', '4']]"),
        ];
        for (written, expected) in cases {
            assert_eq!(read(written).unwrap(), expected, "{written}");
        }
    }

    #[test]
    fn items_of_all_levels_follow_each_other() {
        let read = items("{{a,NULL},{\"null\",\"\"}}").unwrap();
        let read: Vec<Option<&str>> = read.iter().map(Option::as_deref).collect();
        assert_eq!(read, [Some("a"), None, Some("null"), Some("")]);
        assert_eq!(items("{}").unwrap(), []);
    }

    #[test]
    fn what_is_no_array_is_refused() {
        let deep = "{".repeat(10_000);
        for bad in ["", "a", "{", "{a", "{a,}", "{,a}", "{a}b", "{\"a}", "{a\"b\"}", &deep] {
            let error = read(bad).unwrap_err();
            assert_eq!(error.state, SqlState::InvalidTextRepresentation, "{bad}");
        }
    }
}
