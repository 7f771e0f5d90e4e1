//! Functions of texts.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Int64Type};
use datafusion::error::DataFusionError;

use super::{Function, arity};
use crate::sql::function::allowance::Made;
use crate::sql::function::pattern::{replacement, similar};
use crate::sql::grammar::marker::{LIKE_ESCAPE, REPLACEMENT, SIMILAR_PATTERN};
use crate::sql::{SqlError, SqlState};

pub(super) fn functions() -> Vec<Function> {
    let text = || Field::new("", DataType::Utf8, true);
    let texts = [DataType::Utf8, DataType::Utf8];
    vec![
        Function::exact(LIKE_ESCAPE, texts, text(), like_escapes),
        Function::one_of(
            SIMILAR_PATTERN,
            vec![vec![DataType::Utf8], vec![DataType::Utf8, DataType::Utf8]],
            text(),
            similar_patterns,
        ),
        Function::exact(REPLACEMENT, [DataType::Utf8], text(), |columns| {
            let [written] = columns else { return Err(arity(REPLACEMENT)) };
            let replacements = written.as_string::<i32>().iter().map(|text| text.map(replacement));
            Ok(Arc::new(replacements.collect::<StringArray>()))
        }),
        Function::one_of(
            "to_hex",
            vec![vec![DataType::Int32], vec![DataType::Int64]],
            text(),
            hexadecimals,
        ),
        Function::exact(
            "replace",
            [DataType::Utf8, DataType::Utf8, DataType::Utf8],
            text(),
            replaced,
        ),
        Function::one_of("length", texts_or_bytes(), length(), |columns| {
            lengths(columns, |text| text.chars().count())
        }),
        Function::one_of("octet_length", texts_or_bytes(), length(), |columns| {
            lengths(columns, str::len)
        }),
    ]
}

/// Texts with one part in place of another wherever that is; nothing is nowhere.
fn replaced(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [texts, from, to] = columns else { return Err(arity("replace")) };
    let [texts, from, to] = [texts, from, to].map(AsArray::as_string::<i32>);
    let mut made = Made::by("replace");
    let rows = texts.iter().zip(from).zip(to).map(|((text, from), to)| {
        let (Some(text), Some(from), Some(to)) = (text, from, to) else { return Ok(None) };
        if from.is_empty() {
            return Ok(Some(text.to_owned()));
        }
        made.add(text.len().saturating_add(text.matches(from).count().saturating_mul(to.len())))?;
        Ok::<_, SqlError>(Some(text.replace(from, to)))
    });
    Ok(Arc::new(rows.collect::<Result<StringArray, _>>()?))
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
    let escape = escape_of(escape)?;
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

fn texts_or_bytes() -> Vec<Vec<DataType>> {
    vec![vec![DataType::Utf8], vec![DataType::Binary]]
}

fn length() -> Field {
    Field::new("", DataType::Int32, true)
}

/// How long texts are, or how many bytes there are.
fn lengths(columns: &[ArrayRef], of_text: fn(&str) -> usize) -> Result<ArrayRef, DataFusionError> {
    let [values] = columns else { return Err(arity("length")) };
    let integer = |length: usize| i32::try_from(length).unwrap_or(i32::MAX);
    let lengths: Int32Array = if *values.data_type() == DataType::Binary {
        let bytes = values.as_binary::<i32>().iter();
        bytes.map(|bytes| bytes.map(|bytes| integer(bytes.len()))).collect()
    } else {
        let texts = values.as_string::<i32>().iter();
        texts.map(|text| text.map(|text| integer(of_text(text)))).collect()
    };
    Ok(Arc::new(lengths))
}

/// Whole numbers in hexadecimal digits, negative ones as their bits.
fn hexadecimals(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [numbers] = columns else { return Err(arity("to_hex")) };
    let digits: StringArray = if *numbers.data_type() == DataType::Int32 {
        let numbers = numbers.as_primitive::<Int32Type>().iter();
        numbers.map(|number| number.map(|number| format!("{number:x}"))).collect()
    } else {
        let numbers = numbers.as_primitive::<Int64Type>().iter();
        numbers.map(|number| number.map(|number| format!("{number:x}"))).collect()
    };
    Ok(Arc::new(digits))
}

/// `SIMILAR TO` patterns as regular expressions; a backslash escapes where nothing else is said to.
fn similar_patterns(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [patterns, escapes @ ..] = columns else { return Err(arity(SIMILAR_PATTERN)) };
    let escapes = escapes.first().map(AsArray::as_string::<i32>);
    let patterns = patterns.as_string::<i32>().iter().enumerate().map(|(row, pattern)| {
        let escape = match escapes {
            Some(escapes) if escapes.is_null(row) => return Ok(None),
            Some(escapes) => escape_of(escapes.value(row))?,
            None => Some('\\'),
        };
        Ok(pattern.map(|pattern| similar(pattern, escape)))
    });
    Ok(Arc::new(patterns.collect::<Result<StringArray, SqlError>>()?))
}

/// The letter that escapes; none where nothing does.
fn escape_of(written: &str) -> Result<Option<char>, SqlError> {
    let mut letters = written.chars();
    match (letters.next(), letters.next()) {
        (escape, None) => Ok(escape),
        _ => Err(SqlError::new(SqlState::InvalidEscapeSequence, "invalid escape string")
            .with_hint("Escape string must be empty or one character.")),
    }
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
