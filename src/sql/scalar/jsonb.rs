//! Documents: reading and writing them as PostgreSQL's `jsonb` does.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::error::DataFusionError;
use serde_json::Value;

use super::super::columns::with_pg_type;
use super::super::marker::TO_JSONB;
use super::super::{SqlError, SqlState};
use super::{Function, arity};

pub(super) fn functions() -> Vec<Function> {
    let document = with_pg_type(Field::new("", DataType::Utf8, true), "jsonb");
    vec![Function::exact(TO_JSONB, [DataType::Utf8], document, documents)]
}

fn documents(arguments: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [texts] = arguments else { return Err(arity(TO_JSONB)) };
    let read = texts.as_string::<i32>().iter().map(|text| text.map(normalized).transpose());
    Ok(Arc::new(read.collect::<Result<StringArray, SqlError>>()?))
}

fn normalized(text: &str) -> Result<String, SqlError> {
    read(text).map(|document| written(&document))
}

/// The document that `text` is.
fn read(text: &str) -> Result<Value, SqlError> {
    serde_json::from_str(text).map_err(|error| {
        let message = "invalid input syntax for type json";
        SqlError::new(SqlState::InvalidTextRepresentation, message).with_detail(error.to_string())
    })
}

/// `document` as PostgreSQL shows it: short keys first, spaces behind commas and colons.
fn written(document: &Value) -> String {
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
