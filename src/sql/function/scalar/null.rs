//! `num_nulls` and `num_nonnulls`: how many of the arguments have no value, or one.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int32Array};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::{Signature, Volatility};

use super::{Body, Function};

pub(super) fn functions() -> [Function; 2] {
    let counting = |name, body: Body| Function {
        name,
        signature: Signature::variadic_any(Volatility::Immutable),
        returns: Field::new("", DataType::Int32, false),
        body,
    };
    [
        counting("num_nulls", |columns| Ok(counts(columns, true))),
        counting("num_nonnulls", |columns| Ok(counts(columns, false))),
    ]
}

fn counts(columns: &[ArrayRef], of_nulls: bool) -> ArrayRef {
    let rows = columns.first().map_or(0, Array::len);
    let count = |row: usize| {
        // A column of nothing but NULLs does not say so of its rows.
        let is_null = |column: &&ArrayRef| column.is_null(row) || column.data_type().is_null();
        let counted = columns.iter().filter(|column| is_null(column) == of_nulls).count();
        i32::try_from(counted).unwrap_or(i32::MAX)
    };
    Arc::new((0..rows).map(count).collect::<Int32Array>())
}
