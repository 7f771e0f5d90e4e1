//! `jsonb_object`: a document of keys and texts in arrays.

use datafusion::arrow::array::ArrayRef;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Signature, TypeSignature, Volatility};

use super::value::Map;
use super::{Function, Value, arity, column, json, list_at, text_lists};
use crate::sql::{SqlError, SqlState};

pub(super) fn function() -> Function {
    let arguments = vec![TypeSignature::Any(1), TypeSignature::Any(2)];
    let signature = Signature::one_of(arguments, Volatility::Immutable);
    Function { name: "jsonb_object", signature, returns: json(), body: objects }
}

type Texts = Vec<Option<String>>;

fn objects(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let lists = columns.iter().map(text_lists).collect::<Result<Vec<_>, _>>()?;
    let rows = columns.first().map_or(0, |column| column.len());
    let objects = (0..rows).map(|row| match lists.as_slice() {
        [pairs] => list_at(pairs, row).map(in_turn).transpose(),
        [keys, values] => match (list_at(keys, row), list_at(values, row)) {
            (Some(keys), Some(values)) => beside(keys, values).map(Some),
            _ => Ok(None),
        },
        _ => Err(SqlError::unsupported(arity("jsonb_object").to_string())),
    });
    Ok(column(objects.collect::<Result<Vec<_>, _>>()?))
}

/// Keys and values in turn.
fn in_turn(items: Texts) -> Result<Value, SqlError> {
    if items.len() % 2 == 1 {
        return Err(wrong("array must have even number of elements"));
    }
    let mut items = items.into_iter();
    let pairs = std::iter::from_fn(|| Some((items.next()?, items.next()?)));
    object(pairs)
}

fn beside(keys: Texts, values: Texts) -> Result<Value, SqlError> {
    if keys.len() != values.len() {
        return Err(wrong("mismatched array dimensions"));
    }
    object(keys.into_iter().zip(values))
}

fn object(
    pairs: impl Iterator<Item = (Option<String>, Option<String>)>,
) -> Result<Value, SqlError> {
    let members = pairs.map(|(key, value)| {
        let message = "null value not allowed for object key";
        let key = key.ok_or_else(|| SqlError::new(SqlState::NullValueNotAllowed, message))?;
        Ok((key, value.map_or(Value::Null, Value::String)))
    });
    Ok(Value::Object(members.collect::<Result<Map, SqlError>>()?))
}

fn wrong(message: &str) -> SqlError {
    SqlError::new(SqlState::ArraySubscriptError, message)
}
