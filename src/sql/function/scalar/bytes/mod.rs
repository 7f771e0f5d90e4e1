//! Functions of bytes: digests, their texts, and texts in other encodings.

mod charset;
mod digest;
mod written;

use datafusion::arrow::array::{ArrayRef, AsArray, BinaryArray, StringArray};
use datafusion::error::DataFusionError;

use super::{Function, arity};

pub(super) fn functions() -> impl Iterator<Item = Function> {
    digest::functions().into_iter().chain(written::functions()).chain(charset::functions())
}

/// Two columns, of which the second is of texts, as pairs.
fn pairs<'a, Value>(
    left: impl Iterator<Item = Option<Value>> + 'a,
    right: &'a StringArray,
) -> impl Iterator<Item = Option<(Value, &'a str)>> + 'a {
    left.zip(right).map(|(left, right)| Some((left?, right?)))
}

/// Bytes and the names beside them.
fn named_bytes<'a>(
    columns: &'a [ArrayRef],
    function: &str,
) -> Result<(&'a BinaryArray, &'a StringArray), DataFusionError> {
    let [bytes, names] = columns else { return Err(arity(function)) };
    Ok((bytes.as_binary::<i32>(), names.as_string::<i32>()))
}
