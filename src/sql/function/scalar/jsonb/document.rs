//! Documents: reading and writing them as PostgreSQL's `jsonb` does.

use std::sync::Arc;

use datafusion::arrow::array::StringArray;
use datafusion::arrow::datatypes::DataType;

use super::{Function, Value, arity, column, documents, json, text};
use crate::sql::grammar::marker::{AS_JSONB, TO_JSONB};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::exact(TO_JSONB, [DataType::Utf8], json(), |columns| {
            let [texts] = columns else { return Err(arity(TO_JSONB)) };
            Ok(column(documents(texts)?))
        }),
        // What a set of documents is made of has lost its mark.
        Function::exact(AS_JSONB, [DataType::Utf8], json(), |columns| match columns {
            [documents] => Ok(documents.clone()),
            _ => Err(arity(AS_JSONB)),
        }),
        Function::exact("jsonb_typeof", [DataType::Utf8], text(), |columns| {
            let [column] = columns else { return Err(arity("jsonb_typeof")) };
            let types = documents(column)?;
            let types = types.iter().map(|document| document.as_ref().map(type_name));
            Ok(Arc::new(types.collect::<StringArray>()))
        }),
    ]
}

fn type_name(document: &Value) -> &'static str {
    match document {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// `document` as PostgreSQL shows it.
pub(in crate::sql) fn written(document: &Value) -> String {
    document.to_string()
}
