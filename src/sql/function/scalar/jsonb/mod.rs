//! Operators and functions of documents, as PostgreSQL's `jsonb` has them.
//!
//! A document travels as text, marked as `jsonb` by its field; it is read where something in it is
//! looked at.

mod access;
mod build;
mod cast;
mod change;
mod comparison;
mod contain;
mod document;
mod form;
mod number;
mod operator;
mod order;
mod pairs;
mod pretty;
mod reader;
mod set;
mod value;

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::ScalarUDF;

use super::{Function, arity};
use crate::sql::SqlError;
use crate::sql::value::types::with_pg_type;
pub(in crate::sql) use build::value as document_of;
pub(in crate::sql) use cast::{cast_by_value, is_cast_by_value};
pub(in crate::sql) use comparison::ComparedDocuments;
pub(in crate::sql) use document::written as written_document;
use document::written;
pub(in crate::sql) use form::is_written as is_written_document;
pub(in crate::sql) use operator::{JsonOperators, as_document, document_of_text, same_documents};
pub(in crate::sql) use order::{in_sort_order, items_in_sort_order, sort_keys_of as document_keys};
pub(in crate::sql) use reader::read as read_document;
use reader::read;
use value::Value;

/// The name of the type in fields.
pub(in crate::sql) const JSONB: &str = "jsonb";

pub(super) fn functions() -> Vec<Function> {
    [
        document::functions(),
        access::functions(),
        contain::functions(),
        order::functions(),
        change::functions(),
        set::functions(),
    ]
    .into_iter()
    .flatten()
    .chain([pairs::function(), pretty::function()])
    .collect()
}

/// Those that look at the types of their arguments.
pub(super) fn typed_functions() -> impl Iterator<Item = ScalarUDF> {
    build::functions()
}

fn json() -> Field {
    with_pg_type(Field::new("", DataType::Utf8, true), JSONB)
}

fn text() -> Field {
    Field::new("", DataType::Utf8, true)
}

fn truth() -> Field {
    Field::new("", DataType::Boolean, true)
}

/// The documents in a column.
fn documents(column: &ArrayRef) -> Result<Vec<Option<Value>>, DataFusionError> {
    let texts = texts(column)?;
    let read = texts.iter().map(|text| text.map(read).transpose());
    Ok(read.collect::<Result<_, SqlError>>()?)
}

/// Documents as a column.
fn column(values: impl IntoIterator<Item = Option<Value>>) -> ArrayRef {
    let texts = values.into_iter().map(|value| value.as_ref().map(written));
    Arc::new(texts.collect::<StringArray>())
}

fn texts(column: &ArrayRef) -> Result<StringArray, DataFusionError> {
    Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone())
}

fn integers(column: &ArrayRef) -> Result<Int64Array, DataFusionError> {
    Ok(cast(column, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}

/// A column of arrays of texts.
fn text_lists(column: &ArrayRef) -> Result<ListArray, DataFusionError> {
    let item = Arc::new(Field::new_list_field(DataType::Utf8, true));
    Ok(cast(column, &DataType::List(item))?.as_list::<i32>().clone())
}

/// The texts in one of `lists`; none where it is NULL.
fn list_at(lists: &ListArray, row: usize) -> Option<Vec<Option<String>>> {
    let list = (!lists.is_null(row)).then(|| lists.value(row))?;
    Some(list.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect())
}
