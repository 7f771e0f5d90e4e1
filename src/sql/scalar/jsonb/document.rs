//! Documents: reading and writing them as PostgreSQL's `jsonb` does.

use std::sync::Arc;

use datafusion::arrow::array::StringArray;
use datafusion::arrow::datatypes::DataType;
use serde_json::Value;

use super::super::super::marker::{AS_JSONB, TO_JSONB};
use super::super::super::{SqlError, SqlState};
use super::{Function, arity, column, documents, json, text};

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

/// The document that `text` is.
pub(in crate::sql) fn read(text: &str) -> Result<Value, SqlError> {
    serde_json::from_str(text).map_err(|error| {
        let message = "invalid input syntax for type json";
        SqlError::new(SqlState::InvalidTextRepresentation, message).with_detail(error.to_string())
    })
}

/// `document` as PostgreSQL shows it: short keys first, spaces behind commas and colons.
pub(in crate::sql) fn written(document: &Value) -> String {
    let mut output = String::new();
    write(document, &mut output);
    output
}

fn write(document: &Value, output: &mut String) {
    match document {
        Value::Array(items) => {
            output.push('[');
            for (at, item) in items.iter().enumerate() {
                output.push_str(if at > 0 { ", " } else { "" });
                write(item, output);
            }
            output.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| (key.len(), key.as_bytes()));
            output.push('{');
            for (at, (key, value)) in members.into_iter().enumerate() {
                output.push_str(if at > 0 { ", " } else { "" });
                output.push_str(&Value::String(key.clone()).to_string());
                output.push_str(": ");
                write(value, output);
            }
            output.push('}');
        }
        plain => output.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalized(text: &str) -> Result<String, SqlError> {
        read(text).map(|document| written(&document))
    }

    #[test]
    fn documents_are_shown_as_in_postgresql() {
        let cases = [
            (
                r#"{"bb":1,"a":[1,2.5,null],"c":{"x":"\"y\""}}"#,
                r#"{"a": [1, 2.5, null], "c": {"x": "\"y\""}, "bb": 1}"#,
            ),
            (" [ ] ", "[]"),
            (r#"{"a":1,"a":2}"#, r#"{"a": 2}"#),
            ("\"x\"", "\"x\""),
        ];
        for (text, expected) in cases {
            assert_eq!(normalized(text).unwrap(), expected);
        }
        let error = normalized("{a}").unwrap_err();
        assert_eq!(error.state, SqlState::InvalidTextRepresentation);
    }
}
