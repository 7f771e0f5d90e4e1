//! The order of documents: `<`, `<=`, `>`, `>=`, and what stands for documents where rows are
//! sorted, grouped and joined.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, ListArray, StructArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, ScalarUDF};

use super::contain::compared;
use super::number::Number;
use super::value::{Value, in_order};
use super::{Function, JSONB, arity, column, documents, json, truth};
use crate::sql::value::types::PG_TYPE_KEY;

pub(super) const LESS: &str = "jsonb_lt";
pub(super) const LESS_OR_EQUAL: &str = "jsonb_le";
pub(super) const GREATER: &str = "jsonb_gt";
pub(super) const GREATER_OR_EQUAL: &str = "jsonb_ge";
/// The functions that rules put where documents are compared.
pub(super) const ALIKE: &str = "jsonb alike";
const IN_ORDER: &str = "jsonb in order";
const ITEMS_IN_ORDER: &str = "jsonb items in order";

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::any(LESS, 2, truth(), |columns| compared(columns, |a, b| a.compare(b).is_lt())),
        Function::any(LESS_OR_EQUAL, 2, truth(), |columns| {
            compared(columns, |a, b| a.compare(b).is_le())
        }),
        Function::any(GREATER, 2, truth(), |columns| {
            compared(columns, |a, b| a.compare(b).is_gt())
        }),
        Function::any(GREATER_OR_EQUAL, 2, truth(), |columns| {
            compared(columns, |a, b| a.compare(b).is_ge())
        }),
    ]
}

/// A document in a form that equal documents share.
pub(super) fn compared_alike(document: Expr) -> Expr {
    let function = Function::any(ALIKE, 1, json(), |columns| {
        let [column_of_documents] = columns else { return Err(arity(ALIKE)) };
        let documents = documents(column_of_documents)?.into_iter();
        Ok(column(documents.map(|document| document.map(alike))))
    });
    ScalarUDF::from(function).call(vec![document])
}

/// A record with its documents in that form; `field` tells its type.
pub(super) fn record_compared_alike(record: Expr, field: &Field) -> Expr {
    let function = Function::any(ALIKE, 1, field.clone(), |columns| {
        let [column] = columns else { return Err(arity(ALIKE)) };
        Ok(Arc::new(records_alike(column.as_struct())?))
    });
    ScalarUDF::from(function).call(vec![record])
}

fn records_alike(records: &StructArray) -> Result<StructArray, DataFusionError> {
    let fields = records.fields().clone();
    let values = fields.iter().zip(records.columns()).map(|(field, values)| {
        Ok::<ArrayRef, DataFusionError>(match values.data_type() {
            DataType::Struct(_) => Arc::new(records_alike(values.as_struct())?),
            _ if is_of_documents(field) => {
                let documents = documents(values)?.into_iter();
                column(documents.map(|document| document.map(alike)))
            }
            _ => Arc::clone(values),
        })
    });
    let (values, nulls) = (values.collect::<Result<Vec<_>, _>>()?, records.nulls().cloned());
    Ok(StructArray::try_new_with_length(fields, values, nulls, records.len())?)
}

/// Whether values are documents, or records that have some.
pub(super) fn hold_documents(field: &Field) -> bool {
    match field.data_type() {
        DataType::Struct(fields) => fields.iter().any(|field| hold_documents(field)),
        _ => is_of_documents(field),
    }
}

pub(super) fn is_of_documents(field: &Field) -> bool {
    field.metadata().get(PG_TYPE_KEY).is_some_and(|name| name == JSONB)
}

/// Bytes that are in the order of documents.
pub(in crate::sql) fn in_sort_order(document: Expr) -> Expr {
    let bytes = Field::new("", DataType::Binary, true);
    let function = Function::any(IN_ORDER, 1, bytes, sort_keys);
    ScalarUDF::from(function).call(vec![document])
}

/// The same of the items of arrays.
pub(in crate::sql) fn items_in_sort_order(arrays: Expr) -> Expr {
    let item = Arc::new(Field::new_list_field(DataType::Binary, true));
    let lists = Field::new("", DataType::List(item), true);
    let function = Function::any(ITEMS_IN_ORDER, 1, lists, |columns| {
        let [column] = columns else { return Err(arity(ITEMS_IN_ORDER)) };
        let texts = Arc::new(Field::new_list_field(DataType::Utf8, true));
        let lists = cast(column, &DataType::List(texts))?;
        let lists = lists.as_list::<i32>();
        let item = Arc::new(Field::new_list_field(DataType::Binary, true));
        let (offsets, nulls) = (lists.offsets().clone(), lists.nulls().cloned());
        let keys = sort_keys_of(lists.values())?;
        Ok(Arc::new(ListArray::try_new(item, offsets, keys, nulls)?))
    });
    ScalarUDF::from(function).call(vec![arrays])
}

fn alike(document: Value) -> Value {
    match document {
        Value::Number(number) => Value::Number(number.shortest()),
        Value::Array(items) => Value::Array(items.into_iter().map(alike).collect()),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(key, value)| (key, alike(value))).collect())
        }
        other => other,
    }
}

fn sort_keys(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [column] = columns else { return Err(arity(IN_ORDER)) };
    sort_keys_of(column)
}

/// For each document bytes that are in the order of documents.
pub(in crate::sql) fn sort_keys_of(column: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    let keys = documents(column)?;
    let keys = keys.iter().map(|document| document.as_ref().map(sort_key));
    Ok(Arc::new(keys.collect::<BinaryArray>()))
}

fn sort_key(document: &Value) -> Vec<u8> {
    let mut key = Vec::new();
    match document {
        // It comes before everything, if it is the whole document.
        Value::Array(items) if items.is_empty() => key.push(0),
        _ => push(document, &mut key),
    }
    key
}

fn push(part: &Value, key: &mut Vec<u8>) {
    key.push(part.rank() + 1);
    match part {
        Value::Null => {}
        Value::Bool(truth) => key.push(u8::from(*truth)),
        Value::Number(number) => push_number(number, key),
        Value::String(text) => push_text(text, key),
        Value::Array(items) => {
            push_length(items.len(), key);
            for item in items {
                push(item, key);
            }
        }
        Value::Object(members) => {
            push_length(members.len(), key);
            for (name, value) in in_order(members) {
                push_text(name, key);
                push(value, key);
            }
        }
    }
}

/// A text and its end, which no text holds.
fn push_text(text: &str, key: &mut Vec<u8>) {
    key.extend_from_slice(text.as_bytes());
    key.push(0);
}

fn push_length(length: usize, key: &mut Vec<u8>) {
    key.extend_from_slice(&(length as u64).to_be_bytes());
}

/// Sign, length of the whole part, digits; the other way round where less is more.
fn push_number(number: &Number, key: &mut Vec<u8>) {
    let (negative, whole, fraction) = number.parts();
    let mut magnitude = Vec::new();
    push_length(whole.len(), &mut magnitude);
    magnitude.extend_from_slice(whole.as_bytes());
    push_text(fraction, &mut magnitude);
    key.push(u8::from(!negative));
    key.extend(magnitude.into_iter().map(|byte| if negative { !byte } else { byte }));
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_documents() {
        let texts = [
            "[]",
            "null",
            "\"\"",
            "\"a\"",
            "\"aa\"",
            "\"é\"",
            "-20.5",
            "-20",
            "-3",
            "0",
            "0.05",
            "9",
            "10",
            "10.5",
            "true",
            "false",
            "[[]]",
            "[1]",
            "[1, 2]",
            "{}",
            "{\"a\": 1}",
            "{\"bb\": 1}",
            "{\"c\": 0}",
            "{\"a\": 1, \"b\": [1]}",
            "[{\"a\": 2}]",
        ];
        let documents = texts.map(|text| read(text).unwrap());
        for left in &documents {
            for right in &documents {
                let expected = left.compare(right);
                assert_eq!(sort_key(left).cmp(&sort_key(right)), expected, "{left} {right}");
            }
        }
    }

    #[test]
    fn equal_documents_have_one_form() {
        let form = |text| alike(read(text).unwrap()).to_string();
        assert_eq!(form("{\"b\": 1.0, \"a\": [1e2, 1.50]}"), "{\"a\": [100, 1.5], \"b\": 1}");
    }
}
