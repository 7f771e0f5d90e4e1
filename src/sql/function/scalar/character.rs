//! `chr`, which makes no letter that texts cannot hold.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::error::DataFusionError;

use super::{Function, arity};
use crate::sql::{SqlError, SqlState};

pub(super) fn functions() -> Vec<Function> {
    let text = Field::new("", DataType::Utf8, true);
    vec![Function::exact("chr", [DataType::Int64], text, characters)]
}

fn characters(arguments: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [codes] = arguments else { return Err(arity("chr")) };
    let letters = codes.as_primitive::<Int64Type>().iter();
    let letters = letters.map(|code| code.map(character).transpose());
    Ok(Arc::new(letters.collect::<Result<StringArray, SqlError>>()?))
}

fn character(code: i64) -> Result<String, SqlError> {
    if code < 0 {
        let message = "character number must be positive";
        return Err(SqlError::new(SqlState::InvalidParameterValue, message));
    }
    let refused = |message: String| SqlError::new(SqlState::ProgramLimitExceeded, message);
    match u32::try_from(code).ok().and_then(char::from_u32) {
        Some('\0') => Err(refused("null character not permitted".to_owned())),
        Some(letter) => Ok(letter.to_string()),
        None if code > i64::from(u32::from(char::MAX)) => {
            Err(refused(format!("requested character too large for encoding: {code}")))
        }
        None => Err(refused(format!("requested character not valid for encoding: {code}"))),
    }
}
