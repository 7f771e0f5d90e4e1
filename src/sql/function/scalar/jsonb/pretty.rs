//! `jsonb_pretty`: documents over several lines.

use std::sync::Arc;

use datafusion::arrow::array::StringArray;
use datafusion::arrow::datatypes::DataType;

use super::value::in_order;
use super::{Function, Value, arity, documents, text};

/// Spaces of one level.
const LEVEL: usize = 4;

pub(super) fn function() -> Function {
    Function::exact("jsonb_pretty", [DataType::Utf8], text(), |columns| {
        let [left] = columns else { return Err(arity("jsonb_pretty")) };
        let texts = documents(left)?.into_iter().map(|document| {
            let mut text = String::new();
            document.map(|document| {
                print(&document, 0, &mut text);
                text
            })
        });
        Ok(Arc::new(texts.collect::<StringArray>()))
    })
}

fn print(value: &Value, level: usize, out: &mut String) {
    match value {
        Value::Array(items) => {
            let items = items.iter().map(|item| (String::new(), item));
            lines(['[', ']'], items, level, out);
        }
        Value::Object(members) => {
            let members = in_order(members).into_iter();
            let members =
                members.map(|(key, value)| (format!("{}: ", Value::String(key.clone())), value));
            lines(['{', '}'], members, level, out);
        }
        plain => out.push_str(&plain.to_string()),
    }
}

/// Parts, each on a line with what is before it, between brackets.
fn lines<'a>(
    [open, close]: [char; 2],
    parts: impl Iterator<Item = (String, &'a Value)>,
    level: usize,
    out: &mut String,
) {
    let line = |level: usize, out: &mut String| {
        out.push('\n');
        out.push_str(&" ".repeat(level * LEVEL));
    };
    out.push(open);
    for (at, (before, value)) in parts.enumerate() {
        out.push_str(if at > 0 { "," } else { "" });
        line(level + 1, out);
        out.push_str(&before);
        print(value, level + 1, out);
    }
    line(level, out);
    out.push(close);
}
