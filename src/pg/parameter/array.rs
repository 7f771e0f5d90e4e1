//! Array parameters: the text forms `{1,2}` (PostgreSQL) and `[1,2]` (pgvector), and the lists
//! that arrays become.

use std::borrow::Cow;
use std::str::Chars;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, Float32Array, Float64Array, StringArray, new_empty_array,
};
use datafusion::arrow::compute::concat;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::error::DataFusionError;
use datafusion::scalar::ScalarValue;

use super::ParameterError;
use crate::sql::SqlType;

/// Values that are put into an array together.
const PART: usize = 1024;

/// What makes an item more than the text between two commas.
const SYNTAX: [char; 6] = ['{', '}', '[', ']', '"', '\\'];

/// The items of an array in text form, each none for NULL.
///
/// # Errors
/// When the brackets, quotes or commas do not fit together, or arrays nest.
pub(super) fn items(
    sql_type: SqlType,
    text: &str,
) -> Result<Vec<Option<Cow<'_, str>>>, ParameterError> {
    let syntax = || ParameterError::syntax(sql_type, text);
    let braces = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let brackets = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let inside = braces.or(brackets).ok_or_else(syntax)?;
    let mut items = Vec::new();
    if inside.trim().is_empty() {
        return Ok(items);
    }
    if !inside.contains(SYNTAX) {
        return inside.split(',').map(|item| plain(item).map_err(|_| syntax())).collect();
    }
    let mut rest = inside.chars();
    loop {
        let (item, end) = item(&mut rest).map_err(|wrong| match wrong {
            Wrong::Nested => ParameterError::Dimensions,
            Wrong::Malformed => syntax(),
        })?;
        items.push(item.map(Cow::Owned));
        if end == End::Array {
            return Ok(items);
        }
    }
}

/// An item without any of [`SYNTAX`]; none for NULL.
fn plain(item: &str) -> Result<Option<Cow<'_, str>>, Wrong> {
    match item.trim() {
        "" => Err(Wrong::Malformed),
        null if null.eq_ignore_ascii_case("null") => Ok(None),
        text => Ok(Some(Cow::Borrowed(text))),
    }
}

/// What an item ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Comma,
    Array,
}

/// Why something is no item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    /// It is an array itself.
    Nested,
    Malformed,
}

/// Reads one item and the comma after it.
fn item(rest: &mut Chars<'_>) -> Result<(Option<String>, End), Wrong> {
    let (mut text, mut started, mut quoted, mut escaped) = (String::new(), false, false, false);
    let end = loop {
        match rest.next() {
            None => break End::Array,
            Some(',') => break End::Comma,
            Some(space) if quoted && space.is_whitespace() => {}
            Some('{' | '[') if !started => return Err(Wrong::Nested),
            Some('"') if !started => {
                text = quoted_item(rest)?;
                (started, quoted) = (true, true);
            }
            Some('{' | '}' | '[' | ']' | '"') => return Err(Wrong::Malformed),
            Some(_) if quoted => return Err(Wrong::Malformed),
            Some('\\') => {
                text.push(rest.next().ok_or(Wrong::Malformed)?);
                (started, escaped) = (true, true);
            }
            Some(other) => {
                started |= !other.is_whitespace();
                text.push(other);
            }
        }
    };
    if quoted {
        return Ok((Some(text), end));
    }
    match text.trim() {
        "" => Err(Wrong::Malformed),
        null if !escaped && null.eq_ignore_ascii_case("null") => Ok((None, end)),
        text => Ok((Some(text.to_owned()), end)),
    }
}

/// The rest of an item after its opening quote.
fn quoted_item(rest: &mut Chars<'_>) -> Result<String, Wrong> {
    let mut text = String::new();
    loop {
        match rest.next().ok_or(Wrong::Malformed)? {
            '"' => return Ok(text),
            '\\' => text.push(rest.next().ok_or(Wrong::Malformed)?),
            other => text.push(other),
        }
    }
}

/// A list of values of one type.
///
/// # Errors
/// The first error among the items.
pub(super) fn values(
    item_type: SqlType,
    items: impl Iterator<Item = Option<Result<ScalarValue, ParameterError>>>,
) -> Result<ScalarValue, ParameterError> {
    let data_type = item_type.arrow_type();
    let null = ScalarValue::try_from(&data_type)?;
    let mut items = items.map(|item| item.unwrap_or_else(|| Ok(null.clone()))).peekable();
    let mut parts = vec![new_empty_array(&data_type)];
    while items.peek().is_some() {
        // Values one by one are many times as large as in an array.
        let part = items.by_ref().take(PART).collect::<Result<Vec<_>, _>>()?;
        parts.push(ScalarValue::iter_to_array(part)?);
    }
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    let items = concat(&parts).map_err(DataFusionError::from)?;
    Ok(SingleRowListArrayBuilder::new(items).with_nullable(true).build_list_scalar())
}

/// A list of reals.
///
/// # Errors
/// The first error among the items.
pub(super) fn float4(
    items: impl Iterator<Item = Result<Option<f32>, ParameterError>>,
) -> Result<ScalarValue, ParameterError> {
    let items: Float32Array = items.collect::<Result<Vec<_>, _>>()?.into();
    Ok(list(items))
}

/// A list of doubles.
///
/// # Errors
/// The first error among the items.
pub(super) fn float8(
    items: impl Iterator<Item = Result<Option<f64>, ParameterError>>,
) -> Result<ScalarValue, ParameterError> {
    let items: Float64Array = items.collect::<Result<Vec<_>, _>>()?.into();
    Ok(list(items))
}

/// A list of texts.
pub(super) fn text<T: AsRef<str>>(items: Vec<Option<T>>) -> ScalarValue {
    list(items.into_iter().collect::<StringArray>())
}

fn list(items: impl Array + 'static) -> ScalarValue {
    let items: ArrayRef = Arc::new(items);
    SingleRowListArrayBuilder::new(items).with_nullable(true).build_list_scalar()
}
