//! `generate_subscripts`: the places of an array's items, as an array.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayBuilder, ArrayRef, AsArray, Int32Builder, ListBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::arity;
use super::series::{NUMBERS_MAX, too_many};
use crate::sql::grammar::marker::SUBSCRIPTS;
use crate::sql::value::types::begins_at_zero;

/// The function that looks at more than the values of its arguments.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Subscripts {
    signature: Signature,
}

pub(super) fn function() -> ScalarUDF {
    ScalarUDF::from(Subscripts { signature: Signature::any(2, Volatility::Immutable) })
}

impl ScalarUDFImpl for Subscripts {
    fn name(&self) -> &'static str {
        SUBSCRIPTS
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::new_list(DataType::Int32, true))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let first = i32::from(!arguments.arg_fields.first().is_some_and(|f| begins_at_zero(f)));
        let arrays = arguments.args.iter().map(|value| value.to_array(arguments.number_rows));
        let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
        Ok(ColumnarValue::Array(subscripts(&arrays, first)?))
    }
}

/// The subscripts of arrays, which begin at `first`, in one of their dimensions.
fn subscripts(arguments: &[ArrayRef], first: i32) -> Result<ArrayRef, DataFusionError> {
    let [arrays, dimensions] = arguments else { return Err(arity(SUBSCRIPTS)) };
    let dimensions = cast(dimensions, &DataType::Int64)?;
    let dimensions = dimensions.as_primitive::<Int64Type>();
    let mut lists = ListBuilder::new(Int32Builder::new());
    for (row, dimension) in dimensions.iter().enumerate() {
        let length = dimension.and_then(|dimension| length_at(arrays, row, dimension));
        let Some(length) = length else {
            lists.append_null();
            continue;
        };
        if lists.values().len() + length > NUMBERS_MAX {
            return Err(too_many().into());
        }
        for subscript in (first..).take(length) {
            lists.values().append_value(subscript);
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

/// How many elements the array in `row` has in its `dimension`, counted from 1.
fn length_at(arrays: &ArrayRef, row: usize, dimension: i64) -> Option<usize> {
    if arrays.is_null(row) || dimension < 1 {
        return None;
    }
    let elements = match arrays.data_type() {
        DataType::List(_) => arrays.as_list::<i32>().value(row),
        DataType::LargeList(_) => arrays.as_list::<i64>().value(row),
        DataType::FixedSizeList(..) => arrays.as_fixed_size_list().value(row),
        _ => return None,
    };
    match dimension {
        1 => Some(elements.len()),
        _ if elements.is_empty() => None,
        deeper => length_at(&elements, 0, deeper - 1),
    }
}
