//! Distances between vectors, by pgvector's names.
//!
//! Sums are of `double precision`, in the order of the components, so that the same vectors are
//! as far apart on every machine.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Array, Int32Array};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::error::DataFusionError;

use super::{Function, arity, different_dimensions, vector, vectors};

pub(super) fn functions() -> Vec<Function> {
    let number = || Field::new("", DataType::Float64, true);
    vec![
        Function::any("cosine_distance", 2, number(), |columns| distances(columns, cosine)),
        Function::any("l2_distance", 2, number(), |columns| distances(columns, l2)),
        Function::any("l1_distance", 2, number(), |columns| distances(columns, l1)),
        Function::any("inner_product", 2, number(), |columns| distances(columns, inner)),
        Function::any("vector_negative_inner_product", 2, number(), |columns| {
            distances(columns, |pairs| 0.0 - inner(pairs))
        }),
        Function::any("vector_norm", 1, number(), norms),
        Function::any("vector_dims", 1, Field::new("", DataType::Int32, true), dimensions),
    ]
}

/// Components side by side.
type Pairs<'a> = &'a [(f64, f64)];

/// Never `-0`, by which it would be less than 0.
fn inner(pairs: Pairs<'_>) -> f64 {
    pairs.iter().map(|(left, right)| left * right).sum::<f64>() + 0.0
}

fn l2(pairs: Pairs<'_>) -> f64 {
    pairs.iter().map(|(left, right)| (left - right).powi(2)).sum::<f64>().sqrt()
}

fn l1(pairs: Pairs<'_>) -> f64 {
    pairs.iter().map(|(left, right)| (left - right).abs()).sum()
}

/// NaN where one of the vectors is zero, as in pgvector.
fn cosine(pairs: Pairs<'_>) -> f64 {
    let square =
        |side: fn(&(f64, f64)) -> f64| pairs.iter().map(|pair| side(pair).powi(2)).sum::<f64>();
    let lengths = (square(|(left, _)| *left) * square(|(_, right)| *right)).sqrt();
    // Rounding must not make anything nearer than equal.
    1.0 - (inner(pairs) / lengths).clamp(-1.0, 1.0)
}

fn distances(
    columns: &[ArrayRef],
    distance: impl Fn(Pairs<'_>) -> f64,
) -> Result<ArrayRef, DataFusionError> {
    let [left, right] = columns else { return Err(arity("a distance")) };
    let (left, right) = (vectors(left)?, vectors(right)?);
    let mut pairs = Vec::new();
    let rows = (0..left.len()).map(|row| {
        let (Some(left), Some(right)) = (vector(&left, row)?, vector(&right, row)?) else {
            return Ok(None);
        };
        if left.len() != right.len() {
            return Err(different_dimensions(left.len(), right.len()).into());
        }
        let both = left.values().iter().zip(right.values());
        pairs.clear();
        pairs.extend(both.map(|(left, right)| (f64::from(*left), f64::from(*right))));
        Ok(Some(distance(&pairs)))
    });
    Ok(Arc::new(rows.collect::<Result<Float64Array, DataFusionError>>()?))
}

fn norms(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [column] = columns else { return Err(arity("vector_norm")) };
    let column = vectors(column)?;
    let norm = |row| {
        let square = |number: &f32| f64::from(*number).powi(2);
        let vector = vector(&column, row)?;
        Ok(vector.map(|vector| vector.values().iter().map(square).sum::<f64>().sqrt()))
    };
    let norms = (0..column.len()).map(norm);
    Ok(Arc::new(norms.collect::<Result<Float64Array, DataFusionError>>()?))
}

fn dimensions(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [column] = columns else { return Err(arity("vector_dims")) };
    let column = vectors(column)?;
    let count = |row| Ok(vector(&column, row)?.and_then(|vector| i32::try_from(vector.len()).ok()));
    let counts = (0..column.len()).map(count);
    Ok(Arc::new(counts.collect::<Result<Int32Array, DataFusionError>>()?))
}
