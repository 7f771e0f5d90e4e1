//! Arrays of which those that are NULL have no items: the planner's functions that add an item take
//! the items of an array without asking whether it is there.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, UInt64Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

/// The functions that add an item.
pub(super) const ADDING: [&str; 2] = ["array_append", "array_prepend"];

/// `array` without items where it is NULL.
pub(super) fn emptied(array: Expr) -> Expr {
    let signature = Signature::any(1, Volatility::Immutable);
    ScalarUDF::from(Emptied { signature }).call(vec![array])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Emptied {
    signature: Signature,
}

impl ScalarUDFImpl for Emptied {
    fn name(&self) -> &'static str {
        "emptied array"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        internal_err!("the type of an array is that of its field")
    }

    fn return_field_from_args(
        &self,
        arguments: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        let [array] = arguments.arg_fields else {
            return internal_err!("one array is emptied at a time");
        };
        Ok(Arc::clone(array))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let Some(arrays) = arguments.args.first() else {
            return internal_err!("nothing is emptied");
        };
        let arrays = arrays.to_array(arguments.number_rows)?;
        let hidden = arrays.as_list_opt::<i32>().is_some_and(hides_items);
        Ok(ColumnarValue::Array(if hidden { without_hidden(&arrays)? } else { arrays }))
    }
}

fn hides_items(arrays: &ListArray) -> bool {
    arrays.null_count() > 0
        && (0..arrays.len()).any(|row| arrays.is_null(row) && arrays.value_length(row) > 0)
}

fn without_hidden(arrays: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    let rows = (0_u64..).zip(0..arrays.len()).map(|(row, at)| arrays.is_valid(at).then_some(row));
    Ok(take(arrays, &rows.collect::<UInt64Array>(), None)?)
}
