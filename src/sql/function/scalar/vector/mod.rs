//! Functions and operators of vectors, by pgvector's names and with its errors.

mod calculation;
mod distance;
mod operator;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float32Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::DataFusionError;

pub(in crate::sql) use operator::VectorOperators;

use super::{Function, arity};
use crate::sql::answer::wording::plain;
use crate::sql::value::types::real_array;
use crate::sql::{SqlError, SqlState};

pub(super) fn functions() -> Vec<Function> {
    distance::functions().into_iter().chain(calculation::functions()).collect()
}

/// Vectors of so many components that do not go together.
fn different_dimensions(left: usize, right: usize) -> SqlError {
    let message = format!("different vector dimensions {left} and {right}");
    SqlError::new(SqlState::DataException, message)
}

/// A column of numbers as one of `real[]`.
fn vectors(column: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    if matches!(column.data_type(), DataType::List(_) | DataType::Null) {
        return Ok(cast(column, &real_array())?);
    }
    let message = format!("{} is no vector", plain(&column.data_type().to_string()));
    Err(SqlError::new(SqlState::DatatypeMismatch, message).into())
}

fn vector(column: &ArrayRef, row: usize) -> Result<Option<Float32Array>, DataFusionError> {
    let lists = column.as_list::<i32>();
    if lists.is_null(row) {
        return Ok(None);
    }
    let numbers: Float32Array = lists.value(row).as_primitive().clone();
    if numbers.null_count() > 0 {
        let message = "vector must not contain NULL";
        return Err(SqlError::new(SqlState::NullValueNotAllowed, message).into());
    }
    Ok(Some(numbers))
}
