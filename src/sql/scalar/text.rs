//! Functions of texts.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::error::DataFusionError;
use md5::{Digest, Md5};

use super::super::marker::{LIKE_ESCAPE, TO_CHARACTERS, TO_UUID};
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
        Function::exact(TO_UUID, [DataType::Utf8], text(), uuids),
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

/// Identifiers in the form in which PostgreSQL shows them.
fn uuids(arguments: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [texts] = arguments else { return Err(arity(TO_UUID)) };
    let read = texts.as_string::<i32>().iter().map(|text| text.map(uuid).transpose());
    Ok(Arc::new(read.collect::<Result<StringArray, _>>()?))
}

fn uuid(text: &str) -> Result<String, SqlError> {
    let trimmed = text.trim();
    let inner = trimmed.strip_prefix('{').map_or(Some(trimmed), |inner| inner.strip_suffix('}'));
    let digits: Option<String> = inner.and_then(|inner| {
        let groups_fit = inner.split('-').all(|group| group.len() % 4 == 0 && !group.is_empty());
        let digits: String = inner.chars().filter(|letter| *letter != '-').collect();
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        (groups_fit && is_hex && digits.len() == 32).then(|| digits.to_ascii_lowercase())
    });
    let Some(mut shown) = digits else {
        let message = format!("invalid input syntax for type uuid: \"{text}\"");
        return Err(SqlError::new(SqlState::InvalidTextRepresentation, message));
    };
    for place in [20, 16, 12, 8] {
        shown.insert(place, '-');
    }
    Ok(shown)
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

    #[test]
    fn identifiers_are_read_in_all_their_forms() {
        let shown = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
        let forms = [
            shown,
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
            "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}",
            " a0eebc999c0b4ef8bb6d6bb9bd380a11 ",
        ];
        for text in forms {
            assert_eq!(uuid(text).unwrap(), shown, "{text}");
        }
        for bad in ["", "a0eebc99", "{a0eebc999c0b4ef8bb6d6bb9bd380a11"] {
            assert_eq!(uuid(bad).unwrap_err().state, SqlState::InvalidTextRepresentation, "{bad}");
        }
    }
}
