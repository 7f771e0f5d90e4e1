//! `jsonb_pretty`: documents over several lines.

use std::sync::Arc;

use datafusion::arrow::array::StringArray;
use datafusion::arrow::datatypes::DataType;

use super::value::in_order;
use super::{Function, Value, arity, documents, text};
use crate::sql::SqlError;
use crate::sql::function::allowance::Made;

/// Spaces of one level.
const LEVEL: usize = 4;

pub(super) fn function() -> Function {
    Function::exact("jsonb_pretty", [DataType::Utf8], text(), |columns| {
        let [left] = columns else { return Err(arity("jsonb_pretty")) };
        let mut made = Made::by("jsonb_pretty");
        let texts = documents(left)?.into_iter().map(|document| {
            let mut text = String::new();
            let Some(document) = document else { return Ok(None) };
            print(&document, 0, &mut text, &mut made)?;
            Ok::<_, SqlError>(Some(text))
        });
        Ok(Arc::new(texts.collect::<Result<StringArray, _>>()?))
    })
}

fn print(value: &Value, level: usize, out: &mut String, made: &mut Made) -> Result<(), SqlError> {
    match value {
        Value::Array(items) => {
            let items = items.iter().map(|item| (String::new(), item));
            lines(['[', ']'], items, level, out, made)
        }
        Value::Object(members) => {
            let members = in_order(members).into_iter();
            let members =
                members.map(|(key, value)| (format!("{}: ", Value::String(key.clone())), value));
            lines(['{', '}'], members, level, out, made)
        }
        plain => {
            let text = plain.to_string();
            made.add(text.len())?;
            out.push_str(&text);
            Ok(())
        }
    }
}

/// Parts, each on a line with what is before it, between brackets.
fn lines<'a>(
    [open, close]: [char; 2],
    parts: impl Iterator<Item = (String, &'a Value)>,
    level: usize,
    out: &mut String,
    made: &mut Made,
) -> Result<(), SqlError> {
    let line = |level: usize, out: &mut String| {
        out.push('\n');
        out.push_str(&" ".repeat(level * LEVEL));
    };
    out.push(open);
    for (at, (before, value)) in parts.enumerate() {
        out.push_str(if at > 0 { "," } else { "" });
        made.add((level + 1) * LEVEL + before.len())?;
        line(level + 1, out);
        out.push_str(&before);
        print(value, level + 1, out, made)?;
    }
    line(level, out);
    out.push(close);
    Ok(())
}
