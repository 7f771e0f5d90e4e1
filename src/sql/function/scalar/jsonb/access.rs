//! Parts of documents: `->`, `->>`, `#>`, `#>>` and their functions.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Array, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Signature, TypeSignature, Volatility};

use super::{
    Function, Value, arity, column, documents, integers, json, list_at, text, text_lists, texts,
    written,
};
use crate::sql::{SqlError, SqlState};
use datafusion::arrow::datatypes::Field;

/// The functions behind `->` and `->>` with a key, and with the place of an element.
pub(super) const FIELD: [&str; 2] = ["jsonb_object_field", "jsonb_object_field_text"];
pub(super) const ELEMENT: [&str; 2] = ["jsonb_array_element", "jsonb_array_element_text"];
/// Those behind `#>` and `#>>`.
pub(super) const PATH: [&str; 2] = ["#>", "#>>"];

pub(super) fn functions() -> Vec<Function> {
    let variadic = || {
        let some = TypeSignature::Variadic(vec![DataType::Utf8]);
        Signature::new(some, Volatility::Immutable)
    };
    vec![
        Function::any(FIELD[0], 2, json(), |columns| Ok(column(fields(columns)?))),
        Function::any(FIELD[1], 2, text(), |columns| Ok(shown(fields(columns)?))),
        Function::any(ELEMENT[0], 2, json(), |columns| Ok(column(elements(columns)?))),
        Function::any(ELEMENT[1], 2, text(), |columns| Ok(shown(elements(columns)?))),
        Function::any(PATH[0], 2, json(), |columns| Ok(column(at_paths(columns)?))),
        Function::any(PATH[1], 2, text(), |columns| Ok(shown(at_paths(columns)?))),
        Function {
            name: "jsonb_extract_path",
            signature: variadic(),
            returns: json(),
            body: |columns| Ok(column(extracted(columns)?)),
        },
        Function {
            name: "jsonb_extract_path_text",
            signature: variadic(),
            returns: text(),
            body: |columns| Ok(shown(extracted(columns)?)),
        },
        Function::any("jsonb_array_length", 1, Field::new("", DataType::Int32, true), lengths),
    ]
}

type Parts = Result<Vec<Option<Value>>, DataFusionError>;

fn fields(columns: &[ArrayRef]) -> Parts {
    let [left, keys] = columns else { return Err(arity(FIELD[0])) };
    let keys = texts(keys)?;
    let found = documents(left)?.into_iter().zip(&keys);
    Ok(found.map(|(document, key)| field(document?, key?)).collect())
}

fn elements(columns: &[ArrayRef]) -> Parts {
    let [left, places] = columns else { return Err(arity(ELEMENT[0])) };
    let places = integers(places)?;
    let found = documents(left)?.into_iter().zip(&places);
    Ok(found.map(|(document, place)| element(document?, place?)).collect())
}

fn at_paths(columns: &[ArrayRef]) -> Parts {
    let [left, paths] = columns else { return Err(arity(PATH[0])) };
    let paths = text_lists(paths)?;
    let found = documents(left)?.into_iter().enumerate();
    Ok(found.map(|(row, document)| at_path(document?, list_at(&paths, row)?)).collect())
}

fn extracted(columns: &[ArrayRef]) -> Parts {
    let [left, path @ ..] = columns else { return Err(arity("jsonb_extract_path")) };
    let path = path.iter().map(texts).collect::<Result<Vec<_>, _>>()?;
    let found = documents(left)?.into_iter().enumerate().map(|(row, document)| {
        let step = |steps: &StringArray| steps.iter().nth(row).flatten().map(str::to_owned);
        at_path(document?, path.iter().map(step).collect())
    });
    Ok(found.collect())
}

fn lengths(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [column] = columns else { return Err(arity("jsonb_array_length")) };
    let lengths = documents(column)?.into_iter().map(|document| match document {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(i32::try_from(items.len()).ok()),
        Some(Value::Object(_)) => Err(wrong("cannot get array length of a non-array")),
        Some(_) => Err(wrong("cannot get array length of a scalar")),
    });
    Ok(Arc::new(lengths.collect::<Result<Int32Array, SqlError>>()?))
}

/// What PostgreSQL says of documents of another kind.
pub(super) fn wrong(message: &str) -> SqlError {
    SqlError::new(SqlState::InvalidParameterValue, message)
}

fn field(document: Value, key: &str) -> Option<Value> {
    match document {
        Value::Object(mut members) => members.remove(key),
        _ => None,
    }
}

/// The element at `place`, counted from 0, or from -1 backwards. What is no array and no object is
/// an array of itself here, as in PostgreSQL.
fn element(document: Value, place: i64) -> Option<Value> {
    let mut items = match document {
        Value::Array(items) => items,
        Value::Object(_) => return None,
        scalar => vec![scalar],
    };
    let at = place_in(&items, place)?;
    Some(items.swap_remove(at))
}

/// Where an element is that may be counted from the end.
pub(super) fn place_in(items: &[Value], place: i64) -> Option<usize> {
    let length = i64::try_from(items.len()).ok()?;
    let at = if place < 0 { length + place } else { place };
    usize::try_from(at).ok().filter(|at| *at < items.len())
}

fn at_path(document: Value, path: Vec<Option<String>>) -> Option<Value> {
    path.into_iter().try_fold(document, |document, step| {
        let step = step?;
        match document {
            Value::Array(_) => element(document, step.parse().ok()?),
            other => field(other, &step),
        }
    })
}

/// Documents as text: a string without quotes, null as NULL.
fn shown(values: Vec<Option<Value>>) -> ArrayRef {
    let texts = values.into_iter().map(|value| value.and_then(as_text));
    Arc::new(texts.collect::<StringArray>())
}

pub(super) fn as_text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(written(&other)),
    }
}
