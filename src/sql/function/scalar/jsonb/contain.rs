//! What documents hold and whether they are equal: `@>`, `<@`, `?`, `?|`, `?&`, `=`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::error::DataFusionError;

use super::{Function, Value, arity, documents, list_at, text_lists, texts, truth};

pub(super) const CONTAINS: &str = "jsonb_contains";
pub(super) const CONTAINED: &str = "jsonb_contained";
pub(super) const EXISTS: &str = "jsonb_exists";
pub(super) const EXISTS_ANY: &str = "jsonb_exists_any";
pub(super) const EXISTS_ALL: &str = "jsonb_exists_all";
pub(super) const EQUAL: &str = "jsonb_eq";
pub(super) const UNEQUAL: &str = "jsonb_ne";

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::any(CONTAINS, 2, truth(), |columns| compared(columns, contains)),
        Function::any(CONTAINED, 2, truth(), |columns| {
            compared(columns, |inner, outer| contains(outer, inner))
        }),
        Function::any(EQUAL, 2, truth(), |columns| compared(columns, |a, b| a == b)),
        Function::any(UNEQUAL, 2, truth(), |columns| compared(columns, |a, b| a != b)),
        Function::any(EXISTS, 2, truth(), |columns| {
            let [left, keys] = columns else { return Err(arity(EXISTS)) };
            let (left, keys) = (documents(left)?, texts(keys)?);
            let found = left.iter().zip(&keys);
            let found = found.map(|(document, key)| Some(has(document.as_ref()?, key?)));
            Ok(Arc::new(found.collect::<BooleanArray>()))
        }),
        Function::any(EXISTS_ANY, 2, truth(), |columns| {
            among(columns, |document, keys| keys.iter().flatten().any(|key| has(document, key)))
        }),
        Function::any(EXISTS_ALL, 2, truth(), |columns| {
            among(columns, |document, keys| keys.iter().flatten().all(|key| has(document, key)))
        }),
    ]
}

pub(super) fn compared(
    columns: &[ArrayRef],
    holds: impl Fn(&Value, &Value) -> bool,
) -> Result<ArrayRef, DataFusionError> {
    let [left, right] = columns else { return Err(arity(CONTAINS)) };
    let (left, right) = (documents(left)?, documents(right)?);
    let pairs = left.iter().zip(&right);
    let found = pairs.map(|(left, right)| Some(holds(left.as_ref()?, right.as_ref()?)));
    Ok(Arc::new(found.collect::<BooleanArray>()))
}

fn among(
    columns: &[ArrayRef],
    holds: impl Fn(&Value, &[Option<String>]) -> bool,
) -> Result<ArrayRef, DataFusionError> {
    let [left, keys] = columns else { return Err(arity(EXISTS_ANY)) };
    let (left, keys) = (documents(left)?, text_lists(keys)?);
    let found = left.iter().enumerate();
    let found = found.map(|(row, document)| Some(holds(document.as_ref()?, &list_at(&keys, row)?)));
    Ok(Arc::new(found.collect::<BooleanArray>()))
}

/// Whether `key` is a key or a string element at the top of a document.
fn has(document: &Value, key: &str) -> bool {
    match document {
        Value::Object(members) => members.contains_key(key),
        Value::Array(items) => items.iter().any(|item| item.is_string(key)),
        other => other.is_string(key),
    }
}

/// Whether everything in `inner` is in `outer`; an array also contains what is an element of it.
fn contains(outer: &Value, inner: &Value) -> bool {
    match (outer, inner) {
        (
            Value::Array(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_),
        ) => items.contains(inner),
        _ => contains_deeply(outer, inner),
    }
}

fn contains_deeply(outer: &Value, inner: &Value) -> bool {
    match (outer, inner) {
        (Value::Object(outer), Value::Object(inner)) => inner
            .iter()
            .all(|(key, value)| outer.get(key).is_some_and(|found| contains_deeply(found, value))),
        (Value::Array(outer), Value::Array(inner)) => {
            inner.iter().all(|wanted| outer.iter().any(|found| contains_deeply(found, wanted)))
        }
        (outer, inner) => outer == inner,
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    #[test]
    fn documents_contain_what_they_contain_in_postgresql() {
        let cases = [
            (r#"{"a": 1, "b": {"c": [1, 2]}}"#, r#"{"b": {"c": [2]}}"#, true),
            (r#"{"a": 1}"#, r#"{"a": 1.0}"#, true),
            (r#"{"a": 1}"#, r#"{"a": 2}"#, false),
            (r#"{"a": 1}"#, "{}", true),
            (r#"["foo", "bar"]"#, r#""bar""#, true),
            (r#""bar""#, r#"["bar"]"#, false),
            ("[1, 2, [1, 3]]", "[1, 3]", false),
            ("[1, 2, [1, 3]]", "[[1, 3]]", true),
            ("[1, 2]", "[2, 2, 1]", true),
            (r#"[{"a": 1, "b": 2}]"#, r#"[{"a": 1}]"#, true),
            (r#"{"a": [1]}"#, r#"{"a": 1}"#, false),
            ("1", "1", true),
            ("null", "null", true),
        ];
        for (outer, inner, expected) in cases {
            let found = contains(&read(outer).unwrap(), &read(inner).unwrap());
            assert_eq!(found, expected, "{outer} @> {inner}");
        }
    }
}
