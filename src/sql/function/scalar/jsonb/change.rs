//! Documents made of others: `||`, `-`, `#-`, `jsonb_set`, `jsonb_insert`, `jsonb_strip_nulls`.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Signature, TypeSignature, Volatility};

use super::access::{place_in, wrong};
use super::value::Map;
use super::{
    Function, Value, arity, column, documents, integers, json, list_at, text_lists, texts,
};
use crate::sql::{SqlError, SqlState};

pub(super) const CONCAT: &str = "jsonb_concat";
pub(super) const DELETE: &str = "jsonb_delete";
pub(super) const DELETE_PATH: &str = "jsonb_delete_path";

pub(super) fn functions() -> Vec<Function> {
    let three_or_four = || {
        let lists = vec![TypeSignature::Any(3), TypeSignature::Any(4)];
        Signature::one_of(lists, Volatility::Immutable)
    };
    vec![
        Function::any(CONCAT, 2, json(), |columns| {
            let [left, right] = columns else { return Err(arity(CONCAT)) };
            let pairs = documents(left)?.into_iter().zip(documents(right)?);
            Ok(column(pairs.map(|(left, right)| Some(joined(left?, right?)))))
        }),
        Function::any(DELETE, 2, json(), deletions),
        Function::any(DELETE_PATH, 2, json(), |columns| {
            let [left, paths] = columns else { return Err(arity(DELETE_PATH)) };
            let paths = text_lists(paths)?;
            let changed = documents(left)?.into_iter().enumerate().map(|(row, document)| {
                let mut document = document?;
                delete_path(&mut document, &list_at(&paths, row)?);
                Some(document)
            });
            Ok(column(changed))
        }),
        Function {
            name: "jsonb_set",
            signature: three_or_four(),
            returns: json(),
            body: |columns| {
                changed(columns, "jsonb_set", true, |document, path, value, create| {
                    set(document, path, value, create);
                    Ok(())
                })
            },
        },
        Function {
            name: "jsonb_insert",
            signature: three_or_four(),
            returns: json(),
            body: |columns| changed(columns, "jsonb_insert", false, insert),
        },
        Function::exact("jsonb_strip_nulls", [DataType::Utf8], json(), |columns| {
            let [left] = columns else { return Err(arity("jsonb_strip_nulls")) };
            Ok(column(documents(left)?.into_iter().map(|document| document.map(without_nulls))))
        }),
    ]
}

/// Members of both, those of the right in case of doubt, or elements of both: what is no array is
/// one element.
fn joined(left: Value, right: Value) -> Value {
    match (left, right) {
        (Value::Object(mut left), Value::Object(right)) => {
            left.extend(right);
            Value::Object(left)
        }
        (left, right) => {
            let items = |value| match value {
                Value::Array(items) => items,
                other => vec![other],
            };
            Value::Array(items(left).into_iter().chain(items(right)).collect())
        }
    }
}

fn deletions(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [left, right] = columns else { return Err(arity(DELETE)) };
    let documents = documents(left)?.into_iter();
    let changed: Result<Vec<_>, SqlError> = if right.data_type().is_integer() {
        let places = integers(right)?;
        let pairs = documents.zip(places.iter());
        pairs.map(|(document, place)| without_place(document, place)).collect()
    } else if matches!(right.data_type(), DataType::List(_)) {
        let keys = text_lists(right)?;
        let pairs = documents.enumerate().map(|(row, document)| (document, list_at(&keys, row)));
        pairs.map(|(document, keys)| without_keys(document, keys)).collect()
    } else {
        let keys = texts(right)?;
        let pairs = documents.zip(keys.iter());
        let keys = |key: Option<&str>| key.map(|key| vec![Some(key.to_owned())]);
        pairs.map(|(document, key)| without_keys(document, keys(key))).collect()
    };
    Ok(column(changed?))
}

fn without_place(document: Option<Value>, place: Option<i64>) -> Result<Option<Value>, SqlError> {
    match (document, place) {
        (Some(Value::Array(mut items)), Some(place)) => {
            if let Some(at) = place_in(&items, place) {
                items.remove(at);
            }
            Ok(Some(Value::Array(items)))
        }
        (Some(Value::Object(_)), Some(_)) => {
            Err(wrong("cannot delete from object using integer index"))
        }
        (Some(_), Some(_)) => Err(wrong("cannot delete from scalar")),
        _ => Ok(None),
    }
}

fn without_keys(
    document: Option<Value>,
    keys: Option<Vec<Option<String>>>,
) -> Result<Option<Value>, SqlError> {
    let (Some(document), Some(keys)) = (document, keys) else { return Ok(None) };
    let keys: Vec<String> = keys.into_iter().flatten().collect();
    match document {
        Value::Object(mut members) => {
            members.retain(|key, _| !keys.contains(key));
            Ok(Some(Value::Object(members)))
        }
        Value::Array(mut items) => {
            items.retain(|item| !keys.iter().any(|key| item.is_string(key)));
            Ok(Some(Value::Array(items)))
        }
        _ => Err(wrong("cannot delete from scalar")),
    }
}

/// The place of what `path` leads to, in the value before its last step.
fn parent<'a>(document: &'a mut Value, path: &[Option<String>]) -> Option<&'a mut Value> {
    path.iter().try_fold(document, |value, step| {
        let step = step.as_deref()?;
        match value {
            Value::Object(members) => members.get_mut(step),
            Value::Array(items) => {
                let at = place_in(items, step.parse().ok()?)?;
                items.get_mut(at)
            }
            _ => None,
        }
    })
}

fn delete_path(document: &mut Value, path: &[Option<String>]) {
    let Some((Some(last), steps)) = path.split_last() else { return };
    match parent(document, steps) {
        Some(Value::Object(members)) => {
            members.remove(last);
        }
        Some(Value::Array(items)) => {
            let at = last.parse().ok().and_then(|place| place_in(items, place));
            at.map(|at| items.remove(at));
        }
        _ => {}
    }
}

/// Puts a value at the end of a path into a document; the last argument says how.
type Change = fn(&mut Value, &[Option<String>], Value, bool) -> Result<(), SqlError>;

/// Documents with other values at the ends of paths; `default` is the last argument where there is
/// none.
fn changed(
    columns: &[ArrayRef],
    name: &str,
    default: bool,
    change: Change,
) -> Result<ArrayRef, DataFusionError> {
    let (left, paths, values, how) = match columns {
        [left, paths, values] => (left, paths, values, None),
        [left, paths, values, how] => (left, paths, values, Some(how)),
        _ => return Err(arity(name)),
    };
    if paths.data_type().is_string() {
        let message = format!("function {name}(jsonb, text, jsonb) does not exist");
        let error = SqlError::new(SqlState::UndefinedFunction, message);
        return Err(error.with_hint("Paths are of type text[].").into());
    }
    let (paths, mut values) = (text_lists(paths)?, documents(values)?.into_iter());
    let changed = documents(left)?.into_iter().enumerate().map(|(row, document)| {
        let (value, path) = (values.next().flatten(), list_at(&paths, row));
        let how = match how.map(AsArray::as_boolean) {
            Some(how) if how.is_null(row) => return None,
            Some(how) => how.value(row),
            None => default,
        };
        let (mut document, path, value) = (document?, path?, value?);
        let changed =
            check_path(&document, &path).and_then(|()| change(&mut document, &path, value, how));
        Some(changed.map(|()| document))
    });
    let changed: Result<Vec<_>, SqlError> = changed.map(Option::transpose).collect();
    Ok(column(changed?))
}

/// That a path may lead into a document: no scalar has parts, and those of an array have numbers.
fn check_path(document: &Value, path: &[Option<String>]) -> Result<(), SqlError> {
    match (document, path.first()) {
        (Value::Object(_), _) | (Value::Array(_), None | Some(None)) => Ok(()),
        (Value::Array(_), Some(Some(step))) if step.parse::<i32>().is_ok() => Ok(()),
        (Value::Array(_), Some(Some(step))) => {
            let message = format!("path element at position 1 is not an integer: \"{step}\"");
            Err(SqlError::new(SqlState::InvalidTextRepresentation, message))
        }
        _ => Err(wrong("cannot set path in scalar")),
    }
}

/// Inserts `value` before the element that the path leads to, or behind it, or as a new member.
fn insert(
    document: &mut Value,
    path: &[Option<String>],
    value: Value,
    behind: bool,
) -> Result<(), SqlError> {
    let Some((Some(last), steps)) = path.split_last() else { return Ok(()) };
    match parent(document, steps) {
        Some(Value::Object(members)) => {
            if members.contains_key(last) {
                let hint = "Try using the function jsonb_set to replace key value.";
                return Err(wrong("cannot replace existing key").with_hint(hint));
            }
            members.insert(last.clone(), value);
        }
        Some(Value::Array(items)) => {
            let Ok(place) = last.parse::<i64>() else { return Ok(()) };
            match place_in(items, place) {
                Some(at) => items.insert(at + usize::from(behind), value),
                None if place < 0 => items.insert(0, value),
                None => items.push(value),
            }
        }
        _ => {}
    }
    Ok(())
}

/// Puts `value` in the place of what the path leads to, or makes the place.
fn set(document: &mut Value, path: &[Option<String>], value: Value, create: bool) {
    let Some((Some(last), steps)) = path.split_last() else { return };
    match parent(document, steps) {
        Some(Value::Object(members)) if create || members.contains_key(last) => {
            members.insert(last.clone(), value);
        }
        Some(Value::Array(items)) => {
            let Ok(place) = last.parse::<i64>() else { return };
            match place_in(items, place).and_then(|at| items.get_mut(at)) {
                Some(item) => *item = value,
                None if create && place < 0 => items.insert(0, value),
                None if create => items.push(value),
                None => {}
            }
        }
        _ => {}
    }
}

fn without_nulls(document: Value) -> Value {
    match document {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| !value.is_null());
            let kept = kept.map(|(key, value)| (key, without_nulls(value)));
            Value::Object(kept.collect::<Map>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}
