//! Vectors made of others: sums, differences and products of components, parts, and directions.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float32Builder, ListBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::error::DataFusionError;
use likeness_storage::limits::DIM_MAX;

use super::{Function, arity, different_dimensions, vector, vectors};
use crate::sql::value::types::{SqlType, real_element};
use crate::sql::{SqlError, SqlState};

/// What operators between vectors become.
pub(super) const ADD: &str = "vector_add";
pub(super) const SUBTRACT: &str = "vector_sub";
pub(super) const MULTIPLY: &str = "vector_mul";
pub(super) const CONCATENATE: &str = "vector_concat";

pub(super) fn functions() -> Vec<Function> {
    let made = || SqlType::Vector.field();
    vec![
        Function::any(ADD, 2, made(), |columns| combined(columns, |left, right| left + right)),
        Function::any(SUBTRACT, 2, made(), |columns| combined(columns, |left, right| left - right)),
        Function::any(MULTIPLY, 2, made(), |columns| combined(columns, product)),
        Function::any(CONCATENATE, 2, made(), |columns| {
            of_pairs(columns, |left, right| {
                let count = left.len() + right.len();
                if count > DIM_MAX {
                    let message = format!("vector cannot have more than {DIM_MAX} dimensions");
                    return Err(SqlError::new(SqlState::ProgramLimitExceeded, message));
                }
                Ok([left, right].concat())
            })
        }),
        Function::any("l2_normalize", 1, made(), |columns| {
            let [column] = columns else { return Err(arity("l2_normalize")) };
            let column = vectors(column)?;
            let rows = (0..column.len()).map(|row| {
                let Some(numbers) = vector(&column, row)? else { return Ok(None) };
                Ok(Some(direction(numbers.values())))
            });
            collected(rows)
        }),
        Function::any("subvector", 3, made(), subvectors),
    ]
}

type Made = Result<Option<Vec<f32>>, DataFusionError>;

fn collected(rows: impl Iterator<Item = Made>) -> Result<ArrayRef, DataFusionError> {
    let mut lists = ListBuilder::new(Float32Builder::new()).with_field(real_element());
    for numbers in rows {
        let numbers = numbers?;
        if let Some(numbers) = &numbers {
            lists.values().append_slice(numbers);
        }
        lists.append(numbers.is_some());
    }
    Ok(Arc::new(lists.finish()))
}

fn of_pairs(
    columns: &[ArrayRef],
    make: impl Fn(&[f32], &[f32]) -> Result<Vec<f32>, SqlError>,
) -> Result<ArrayRef, DataFusionError> {
    let [left, right] = columns else { return Err(arity("a calculation with vectors")) };
    let (left, right) = (vectors(left)?, vectors(right)?);
    let rows = (0..left.len()).map(|row| {
        let (Some(left), Some(right)) = (vector(&left, row)?, vector(&right, row)?) else {
            return Ok(None);
        };
        Ok(Some(make(left.values(), right.values())?))
    });
    collected(rows)
}

/// Vectors made of two component by component.
fn combined(
    columns: &[ArrayRef],
    operator: fn(f32, f32) -> f32,
) -> Result<ArrayRef, DataFusionError> {
    of_pairs(columns, |left, right| {
        if left.len() != right.len() {
            return Err(different_dimensions(left.len(), right.len()));
        }
        left.iter().zip(right).map(|(left, right)| checked(operator(*left, *right))).collect()
    })
}

/// NaN where a product is too small for its type.
fn product(left: f32, right: f32) -> f32 {
    let product = left * right;
    if product == 0.0 && left != 0.0 && right != 0.0 { f32::NAN } else { product }
}

/// A component that its type cannot hold is an error. Those of vectors are finite, so that none
/// becomes NaN by itself.
fn checked(component: f32) -> Result<f32, SqlError> {
    let what = match component {
        finite if finite.is_finite() => return Ok(finite),
        infinite if infinite.is_infinite() => "overflow",
        _ => "underflow",
    };
    let message = format!("value out of range: {what}");
    Err(SqlError::new(SqlState::NumericValueOutOfRange, message))
}

/// The vector of length 1 in the same direction; zero has none, and stays.
fn direction(numbers: &[f32]) -> Vec<f32> {
    let length = numbers.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
    if length == 0.0 {
        return vec![0.0; numbers.len()];
    }
    numbers.iter().map(|number| (f64::from(*number) / length) as f32).collect()
}

/// `subvector(vector, start, count)`: places begin at 1, and what lies outside is left away.
fn subvectors(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [column, starts, counts] = columns else { return Err(arity("subvector")) };
    let column = vectors(column)?;
    let whole = |column| cast(column, &DataType::Int64);
    let (starts, counts) = (whole(starts)?, whole(counts)?);
    let (starts, counts) = (starts.as_primitive::<Int64Type>(), counts.as_primitive::<Int64Type>());
    let rows = (0..column.len()).map(|row| {
        let Some(numbers) = vector(&column, row)? else { return Ok(None) };
        if starts.is_null(row) || counts.is_null(row) {
            return Ok(None);
        }
        Ok(Some(part(numbers.values(), starts.value(row), counts.value(row))?))
    });
    collected(rows)
}

fn part(numbers: &[f32], start: i64, count: i64) -> Result<Vec<f32>, SqlError> {
    let end = start.saturating_add(count.max(0)).saturating_sub(1).max(0);
    let skipped = usize::try_from(start.saturating_sub(1).max(0)).unwrap_or(usize::MAX);
    let end = usize::try_from(end).unwrap_or(usize::MAX).min(numbers.len());
    match numbers.get(skipped..end) {
        Some(part) if !part.is_empty() => Ok(part.to_vec()),
        _ => {
            let message = "vector must have at least 1 dimension";
            Err(SqlError::new(SqlState::DataException, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_what_lies_inside() {
        let numbers = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(part(&numbers, 1, 3).unwrap(), [1.0, 2.0, 3.0]);
        assert_eq!(part(&numbers, 3, 9).unwrap(), [3.0, 4.0, 5.0]);
        assert_eq!(part(&numbers, -1, 3).unwrap(), [1.0]);
        assert_eq!(part(&numbers, 5, i64::MAX).unwrap(), [5.0]);
        for (start, count) in [(1, 0), (6, 1), (-1, 2), (1, -1), (i64::MIN, 1), (i64::MAX, 2)] {
            assert!(part(&numbers, start, count).is_err(), "{start} {count}");
        }
    }

    #[test]
    fn components_that_leave_their_type_are_errors() {
        let message = |component| checked(component).unwrap_err().message;
        assert_eq!(message(f32::MAX + f32::MAX), "value out of range: overflow");
        assert_eq!(message(product(1e-30, 1e-30)), "value out of range: underflow");
        assert_eq!((product(0.0, 5.0), product(-1.0, 2.0)), (0.0, -2.0));
    }
}
