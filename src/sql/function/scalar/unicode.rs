//! `unistr`: letters written by their numbers.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::error::DataFusionError;

use super::{Function, arity};
use crate::sql::{SqlError, SqlState};

/// How a number may be written behind a backslash: the sign before it, and how many digits it has.
const FORMS: [(&str, usize); 4] = [("+", 6), ("u", 4), ("U", 8), ("", 4)];

pub(super) fn function() -> Function {
    let text = Field::new("", DataType::Utf8, true);
    Function::exact("unistr", [DataType::Utf8], text, unescaped)
}

fn unescaped(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [texts] = columns else { return Err(arity("unistr")) };
    let texts = texts.as_string::<i32>().iter().map(|text| text.map(unescape).transpose());
    Ok(Arc::new(texts.collect::<Result<StringArray, _>>()?))
}

/// Numbers are letters, or units of UTF-16 of which two are one.
fn unescape(text: &str) -> Result<String, SqlError> {
    let mut output = String::with_capacity(text.len());
    let (mut rest, mut high) = (text, None);
    while let Some((before, behind)) = rest.split_once('\\') {
        let plain = if behind.starts_with('\\') { "\\" } else { "" };
        if high.is_some() && !(before.is_empty() && plain.is_empty()) {
            return Err(no_pair());
        }
        output.extend([before, plain]);
        if plain.is_empty() {
            let (unit, after) = number(behind).ok_or_else(no_escape)?;
            high = letter(high, unit, &mut output)?;
            rest = after;
        } else {
            rest = behind.split_at(plain.len()).1;
        }
    }
    if high.is_some() {
        return Err(no_pair());
    }
    output.push_str(rest);
    Ok(output)
}

/// The number that `text` begins with, and what is behind it.
fn number(text: &str) -> Option<(u32, &str)> {
    let (sign, digits) = FORMS.iter().find(|(sign, _)| text.starts_with(sign))?;
    let (number, after) = text.strip_prefix(sign)?.split_at_checked(*digits)?;
    let is_number = number.bytes().all(|digit| digit.is_ascii_hexdigit());
    Some((u32::from_str_radix(number, 16).ok().filter(|_| is_number)?, after))
}

/// Writes a letter behind the first half of one, if there was such; the half that it is if it is.
fn letter(high: Option<u32>, unit: u32, output: &mut String) -> Result<Option<u32>, SqlError> {
    let code = match (high, unit) {
        (None, 0xd800..=0xdbff) => return Ok(Some(unit)),
        (Some(high), 0xdc00..=0xdfff) => 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00),
        (Some(_), _) | (None, 0xdc00..=0xdfff) => return Err(no_pair()),
        (None, code) => code,
    };
    match char::from_u32(code) {
        Some(letter) if letter != '\0' => output.push(letter),
        _ => {
            let message = format!("invalid Unicode code point: {code:04X}");
            return Err(SqlError::new(SqlState::InvalidParameterValue, message));
        }
    }
    Ok(None)
}

fn no_pair() -> SqlError {
    SqlError::new(SqlState::SyntaxError, "invalid Unicode surrogate pair")
}

fn no_escape() -> SqlError {
    let hint = "Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.";
    SqlError::new(SqlState::SyntaxError, "invalid Unicode escape").with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_letters() {
        let read = |text| unescape(text).map_err(|error| error.state.code());
        assert_eq!(read("d\\0061t\\+000061").as_deref(), Ok("data"));
        assert_eq!(read("\\u0441\\U0001F600\\\\").as_deref(), Ok("с😀\\"));
        assert_eq!(read("\\ud83d\\ude00").as_deref(), Ok("😀"));
        for wrong in ["\\zz", "\\", "\\u12", "\\ud83d", "\\ud83dx", "\\ude00", "\\ud83d\\\\"] {
            assert_eq!(read(wrong), Err("42601"), "{wrong}");
        }
        assert_eq!(read("\\0000"), Err("22023"));
        assert_eq!(read("\\U00110000"), Err("22023"));
    }
}
