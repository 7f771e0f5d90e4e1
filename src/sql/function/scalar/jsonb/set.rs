//! The sets that documents are made of, as arrays to be unnested.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::error::DataFusionError;

use super::access::{as_text, wrong};
use super::{Function, Value, arity, documents, written};
use crate::sql::SqlError;
use crate::sql::grammar::marker::{
    JSON_ELEMENTS, JSON_ELEMENTS_TEXT, JSON_KEYS, JSON_RECORD, JSON_RECORDS, JSON_VALUES,
    JSON_VALUES_TEXT,
};

pub(super) fn functions() -> Vec<Function> {
    let element = Arc::new(Field::new_list_field(DataType::Utf8, true));
    let list = || Field::new("", DataType::List(Arc::clone(&element)), true);
    vec![
        Function::exact(JSON_ELEMENTS, [DataType::Utf8], list(), |columns| {
            lists(columns, |document| Ok(documents_of(&elements(document)?)))
        }),
        Function::exact(JSON_ELEMENTS_TEXT, [DataType::Utf8], list(), |columns| {
            lists(columns, |document| Ok(texts_of(elements(document)?)))
        }),
        Function::exact(JSON_RECORD, [DataType::Utf8], list(), record_lists),
        Function::exact(JSON_RECORDS, [DataType::Utf8], list(), |columns| {
            lists(columns, |document| Ok(documents_of(&records(document)?)))
        }),
        Function::exact(JSON_KEYS, [DataType::Utf8], list(), |columns| {
            lists(columns, |document| {
                let (keys, _): (_, Vec<_>) = members(document, "jsonb_object_keys")?;
                Ok(keys)
            })
        }),
        Function::exact(JSON_VALUES, [DataType::Utf8], list(), |columns| {
            lists(columns, |document| {
                let (_, values): (Vec<_>, _) = members(document, "jsonb_each")?;
                Ok(documents_of(&values))
            })
        }),
        Function::exact(JSON_VALUES_TEXT, [DataType::Utf8], list(), |columns| {
            lists(columns, |document| {
                let (_, values): (Vec<_>, _) = members(document, "jsonb_each_text")?;
                Ok(texts_of(values))
            })
        }),
    ]
}

fn lists(
    columns: &[ArrayRef],
    items: impl Fn(Value) -> Result<Vec<Option<String>>, SqlError>,
) -> Result<ArrayRef, DataFusionError> {
    let [column] = columns else { return Err(arity("a set of a document")) };
    let mut lists = ListBuilder::new(StringBuilder::new());
    for document in documents(column)? {
        match document {
            Some(document) => lists.append_value(items(document)?),
            None => lists.append_null(),
        }
    }
    Ok(Arc::new(lists.finish()))
}

fn elements(document: Value) -> Result<Vec<Value>, SqlError> {
    match document {
        Value::Array(items) => Ok(items),
        Value::Object(_) => Err(wrong("cannot extract elements from an object")),
        _ => Err(wrong("cannot extract elements from a scalar")),
    }
}

/// Each document by itself; NULL is a row, too, of nothing but NULLs.
fn record_lists(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [column] = columns else { return Err(arity("a row of a document")) };
    let mut lists = ListBuilder::new(StringBuilder::new());
    for document in documents(column)? {
        let wrong = |what| wrong(&format!("cannot call populate_composite on {what}"));
        match document {
            Some(Value::Object(_)) | None => {}
            Some(Value::Array(_)) => return Err(wrong("an array").into()),
            Some(_) => return Err(wrong("a scalar").into()),
        }
        lists.append_value([document.as_ref().map(written)]);
    }
    Ok(Arc::new(lists.finish()))
}

fn records(document: Value) -> Result<Vec<Value>, SqlError> {
    let Value::Array(items) = document else {
        return Err(wrong("cannot call jsonb_to_recordset on a non-array"));
    };
    if items.iter().all(|item| matches!(item, Value::Object(_))) {
        return Ok(items);
    }
    Err(wrong("argument of jsonb_to_recordset must be an array of objects"))
}

/// Keys and values, short keys first, as PostgreSQL keeps them.
fn members(document: Value, function: &str) -> Result<(Vec<Option<String>>, Vec<Value>), SqlError> {
    let members = match document {
        Value::Object(members) => members,
        Value::Array(_) => return Err(wrong(&format!("cannot call {function} on an array"))),
        _ => return Err(wrong(&format!("cannot call {function} on a scalar"))),
    };
    let mut members: Vec<_> = members.into_iter().collect();
    members.sort_by(|(left, _), (right, _)| (left.len(), left).cmp(&(right.len(), right)));
    Ok(members.into_iter().map(|(key, value)| (Some(key), value)).unzip())
}

fn documents_of(values: &[Value]) -> Vec<Option<String>> {
    values.iter().map(|value| Some(written(value))).collect()
}

fn texts_of(values: Vec<Value>) -> Vec<Option<String>> {
    values.into_iter().map(as_text).collect()
}
