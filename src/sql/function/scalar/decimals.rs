//! Exact numbers in sequence, for `generate_series`.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayBuilder, ArrayRef, AsArray, Decimal256Builder, ListBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal256Type, i256};
use datafusion::error::DataFusionError;

use crate::sql::value::numeric::{common_type, too_large};
use crate::sql::{SqlError, SqlState};

/// The type of the numbers between bounds of these types; none unless one of them is exact.
pub(super) fn item_type(bounds: &[DataType]) -> Option<DataType> {
    bounds.iter().any(DataType::is_decimal).then(|| common_type(bounds))?
}

/// From the first argument to the second, by steps of the third or of one; at most so many.
pub(super) fn series(
    arguments: &[ArrayRef],
    item: &DataType,
    most: usize,
    too_many: fn() -> SqlError,
) -> Result<ArrayRef, DataFusionError> {
    let columns = arguments.iter().map(|column| cast(column, item));
    let columns: Vec<_> = columns.collect::<Result<_, _>>()?;
    let columns: Vec<_> = columns.iter().map(AsArray::as_primitive::<Decimal256Type>).collect();
    let one = match item {
        DataType::Decimal256(_, scale) => {
            i256::from_i128(10).checked_pow(scale.unsigned_abs().into())
        }
        _ => None,
    };
    let one = one.ok_or_else(too_large)?;
    let rows = arguments.first().map_or(0, Array::len);
    let numbers = Decimal256Builder::new().with_data_type(item.clone());
    let mut lists = ListBuilder::new(numbers);
    for row in 0..rows {
        if columns.iter().any(|column| column.is_null(row)) {
            lists.append_null();
            continue;
        }
        let mut bounds = columns.iter().map(|column| column.value(row));
        let (from, to) = (bounds.next().unwrap_or(one), bounds.next().unwrap_or(i256::ZERO));
        let step = bounds.next().unwrap_or(one);
        if step == i256::ZERO {
            let message = "step size cannot equal zero";
            return Err(SqlError::new(SqlState::InvalidParameterValue, message).into());
        }
        let within = |next: &i256| if step > i256::ZERO { *next <= to } else { *next >= to };
        let mut next = Some(from);
        while let Some(value) = next.filter(within) {
            if lists.values().len() == most {
                return Err(too_many().into());
            }
            lists.values().append_value(value);
            next = value.checked_add(step);
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}
