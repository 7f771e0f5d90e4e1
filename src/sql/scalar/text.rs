//! Functions of texts.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::error::DataFusionError;
use md5::{Digest, Md5};

use super::super::marker::{LIKE_ESCAPE, TO_CHARACTERS};
use super::super::{SqlError, SqlState};
use super::{Function, arity};

/// Longest `char(n)`, as in PostgreSQL.
const CHARACTERS_MAX: i64 = 10_485_760;

/// Most bytes of padding of one batch: results are not counted by the memory pool.
const PADDING_BYTES_MAX: usize = 16 << 20;

pub(super) fn functions() -> Vec<Function> {
    let text = || Field::new("", DataType::Utf8, true);
    let texts = [DataType::Utf8, DataType::Utf8];
    vec![
        Function::exact(TO_CHARACTERS, [DataType::Utf8, DataType::Int64], text(), characters),
        Function::exact(LIKE_ESCAPE, texts, text(), like_escapes),
        Function::exact("md5", [DataType::Utf8], text(), digests),
    ]
}

/// `text::char(n)`: cut or filled with spaces to so many characters.
fn characters(arguments: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [texts, lengths] = arguments else { return Err(arity(TO_CHARACTERS)) };
    let lengths = lengths.as_primitive::<Int64Type>();
    let mut padding = 0;
    let fitted = texts.as_string::<i32>().iter().zip(lengths.iter()).map(|(text, length)| {
        let (Some(text), Some(length)) = (text, length) else { return Ok(None) };
        let Some(length) = usize::try_from(length).ok().filter(|_| length <= CHARACTERS_MAX) else {
            let message = format!("length for type char cannot exceed {CHARACTERS_MAX}");
            return Err(SqlError::new(SqlState::InvalidParameterValue, message));
        };
        let mut fitted: String = text.chars().take(length).collect();
        let missing = length - fitted.chars().count();
        padding += missing;
        if padding > PADDING_BYTES_MAX {
            let message = "values of type char are too long here";
            return Err(SqlError::new(SqlState::ProgramLimitExceeded, message));
        }
        fitted.extend(std::iter::repeat_n(' ', missing));
        Ok(Some(fitted))
    });
    Ok(Arc::new(fitted.collect::<Result<StringArray, _>>()?))
}

/// A LIKE pattern with the escapes of its own as backslashes.
fn like_escapes(arguments: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [patterns, escapes] = arguments else { return Err(arity(LIKE_ESCAPE)) };
    let pairs = patterns.as_string::<i32>().iter().zip(escapes.as_string::<i32>().iter());
    let escaped = pairs.map(|(pattern, escape)| match (pattern, escape) {
        (Some(pattern), Some(escape)) => like_escape(pattern, escape).map(Some),
        _ => Ok(None),
    });
    Ok(Arc::new(escaped.collect::<Result<StringArray, _>>()?))
}

fn like_escape(pattern: &str, escape: &str) -> Result<String, SqlError> {
    let mut letters = escape.chars();
    let (escape, None) = (letters.next(), letters.next()) else {
        let message = "invalid escape string";
        return Err(SqlError::new(SqlState::InvalidEscapeSequence, message)
            .with_hint("Escape string must be empty or one character."));
    };
    let mut output = String::with_capacity(pattern.len());
    let mut rest = pattern.chars();
    while let Some(letter) = rest.next() {
        if Some(letter) == escape {
            output.push('\\');
            output.extend(rest.next());
        } else if letter == '\\' {
            output.push_str("\\\\");
        } else {
            output.push(letter);
        }
    }
    Ok(output)
}

/// MD5 digests in hexadecimal digits; a checksum here, no protection.
fn digests(arguments: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [texts] = arguments else { return Err(arity("md5")) };
    let digest = |text: &str| hex::encode(Md5::digest(text));
    let digests = texts.as_string::<i32>().iter().map(|text| text.map(digest));
    Ok(Arc::new(digests.collect::<StringArray>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_patterns_become_backslashes() {
        let escaped = |pattern, escape| like_escape(pattern, escape).unwrap();
        assert_eq!(escaped("a!%b!!c", "!"), "a\\%b\\!c");
        assert_eq!(escaped("a\\b", "!"), "a\\\\b");
        assert_eq!(escaped("a\\%", ""), "a\\\\%");
        let error = like_escape("a", "ab").unwrap_err();
        assert_eq!(error.state, SqlState::InvalidEscapeSequence);
    }
}
