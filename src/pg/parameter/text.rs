//! Parameters in text form.

use std::str::FromStr;

use datafusion::scalar::ScalarValue;
use serde::de::IgnoredAny;

use super::{ParameterError, array, integer, numeric, time};
use crate::sql::SqlType;

/// Reads the text form of a value.
///
/// # Errors
/// When the text is no value of that type.
pub(super) fn read(sql_type: SqlType, text: &str) -> Result<ScalarValue, ParameterError> {
    let syntax = || ParameterError::syntax(sql_type, text);
    let trimmed = text.trim();
    Ok(match sql_type {
        SqlType::Bool => ScalarValue::from(boolean(trimmed)?),
        SqlType::Int2 | SqlType::Int4 | SqlType::Int8 | SqlType::Oid | SqlType::Regproc => {
            let value: i128 = trimmed.parse().map_err(|_| syntax())?;
            let value = i64::try_from(value).map_err(|_| ParameterError::range(sql_type))?;
            integer(sql_type, value)?
        }
        SqlType::Float4 => ScalarValue::from(float::<f32>(sql_type, trimmed)?),
        SqlType::Float8 => ScalarValue::from(float::<f64>(sql_type, trimmed)?),
        SqlType::Numeric => numeric(trimmed)?,
        SqlType::Text
        | SqlType::Name
        | SqlType::Char
        | SqlType::Varchar
        | SqlType::Bpchar
        | SqlType::Unknown => ScalarValue::from(text),
        SqlType::Bytea => ScalarValue::Binary(Some(bytea(text)?)),
        SqlType::Jsonb => {
            serde_json::from_str::<IgnoredAny>(text).map_err(|_| syntax())?;
            ScalarValue::from(text)
        }
        SqlType::Uuid => ScalarValue::from(crate::sql::uuid(text).ok_or_else(syntax)?),
        SqlType::Timestamptz
        | SqlType::Timestamp
        | SqlType::Date
        | SqlType::Time
        | SqlType::Interval => time::text(sql_type, trimmed)?,
        _ => return read_array(sql_type, trimmed),
    })
}

/// Reads the text form of an array or a vector.
fn read_array(sql_type: SqlType, text: &str) -> Result<ScalarValue, ParameterError> {
    let items = array::items(sql_type, text)?;
    let given = items.iter().map(Option::as_deref);
    match (sql_type, sql_type.item()) {
        (SqlType::Float4Array | SqlType::Vector, _) => {
            let number = |item: &str| float(SqlType::Float4, item.trim());
            array::float4(given.map(|item| item.map(number).transpose()))
        }
        (SqlType::Float8Array, _) => {
            let number = |item: &str| float(SqlType::Float8, item.trim());
            array::float8(given.map(|item| item.map(number).transpose()))
        }
        (SqlType::TextArray, _) | (_, None) => Ok(array::text(items)),
        (_, Some(item_type)) => {
            array::values(item_type, given.map(|item| item.map(|item| read(item_type, item))))
        }
    }
}

/// The numbers of an embedding.
///
/// # Errors
/// When the text is no array of numbers, or has a NULL among them.
pub(super) fn reals(sql_type: SqlType, text: &str) -> Result<Vec<f32>, ParameterError> {
    let items = array::items(sql_type, text.trim())?;
    let numbers = items.iter().map(|item| {
        let item = item.as_deref().ok_or(ParameterError::NullItem)?;
        float(SqlType::Float4, item.trim())
    });
    numbers.collect()
}

/// PostgreSQL takes any unambiguous beginning of these words.
fn boolean(given: &str) -> Result<bool, ParameterError> {
    let text = given.to_ascii_lowercase();
    let begins = |word: &str, least: usize| text.len() >= least && word.starts_with(&text);
    if begins("true", 1) || begins("yes", 1) || begins("on", 2) || text == "1" {
        Ok(true)
    } else if begins("false", 1) || begins("no", 1) || begins("off", 2) || text == "0" {
        Ok(false)
    } else {
        Err(ParameterError::syntax(SqlType::Bool, given))
    }
}

fn float<F: Float>(sql_type: SqlType, text: &str) -> Result<F, ParameterError> {
    let value: F = text.parse().map_err(|_| ParameterError::syntax(sql_type, text))?;
    // Digits that overflow read as infinity; only the word may mean it.
    if value.is_infinite() && text.bytes().any(|byte| byte.is_ascii_digit()) {
        return Err(ParameterError::range(sql_type));
    }
    Ok(value)
}

/// Read in their own width: rounding twice, through a double, can give a neighbouring value.
trait Float: FromStr {
    fn is_infinite(&self) -> bool;
}

impl Float for f32 {
    fn is_infinite(&self) -> bool {
        Self::is_infinite(*self)
    }
}

impl Float for f64 {
    fn is_infinite(&self) -> bool {
        Self::is_infinite(*self)
    }
}

/// Both of PostgreSQL's forms: `\x` and hexadecimal digits, or characters with octal escapes.
fn bytea(text: &str) -> Result<Vec<u8>, ParameterError> {
    let bytes = match text.strip_prefix("\\x") {
        Some(digits) => hexadecimal(digits),
        None => escaped(text.as_bytes()),
    };
    bytes.ok_or_else(|| ParameterError::syntax(SqlType::Bytea, text))
}

fn hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    if rest.is_empty() { bytes.collect() } else { None }
}

fn escaped(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    loop {
        text = match text {
            [] => return Some(bytes),
            [b'\\', b'\\', rest @ ..] => {
                bytes.push(b'\\');
                rest
            }
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest
            }
            [b'\\', ..] => return None,
            [byte, rest @ ..] => {
                bytes.push(*byte);
                rest
            }
        };
    }
}
