//! `array_remove` and `array_replace`, which find every item, NULL too.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, Scalar, new_empty_array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::kernels::cmp::{distinct, not_distinct};
use datafusion::arrow::compute::kernels::zip::zip;
use datafusion::arrow::compute::{concat, filter};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::internal_err;
use datafusion::common::utils::ListCoercion;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ArrayFunctionArgument, ArrayFunctionSignature, ColumnarValue, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

/// What becomes of the items that are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Change {
    Remove,
    Replace,
}

pub(super) fn functions() -> [ScalarUDF; 2] {
    [Change::Remove, Change::Replace].map(|change| {
        let items = match change {
            Change::Remove => 1,
            Change::Replace => 2,
        };
        let items = std::iter::repeat_n(ArrayFunctionArgument::Element, items);
        let arguments = std::iter::once(ArrayFunctionArgument::Array).chain(items).collect();
        let array_coercion = Some(ListCoercion::FixedSizedListToList);
        let of_arrays = ArrayFunctionSignature::Array { arguments, array_coercion };
        let signature =
            Signature::new(TypeSignature::ArraySignature(of_arrays), Volatility::Immutable);
        ScalarUDF::from(Changed { change, signature })
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Changed {
    change: Change,
    signature: Signature,
}

impl ScalarUDFImpl for Changed {
    fn name(&self) -> &'static str {
        match self.change {
            Change::Remove => "array_remove",
            Change::Replace => "array_replace",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        let Some(array) = arguments.first() else {
            return internal_err!("an array was not given");
        };
        Ok(array.clone())
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let rows = arguments.number_rows;
        let columns = arguments.args.iter().map(|argument| argument.to_array(rows));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let [arrays, wanted, others @ ..] = columns.as_slice() else {
            return internal_err!("an array was not given");
        };
        let Some(lists) = arrays.as_list_opt::<i32>() else {
            // An array of no type has no items.
            return Ok(ColumnarValue::Array(Arc::clone(arrays)));
        };
        changed(lists, wanted, others.first()).map(ColumnarValue::Array)
    }
}

/// The arrays without the items that are `wanted`, or with others in their place.
fn changed(
    lists: &ListArray,
    wanted: &ArrayRef,
    others: Option<&ArrayRef>,
) -> Result<ArrayRef, DataFusionError> {
    let DataType::List(field) = lists.data_type() else { return internal_err!("no array") };
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(lists.len());
    for row in 0..lists.len() {
        if lists.is_null(row) {
            arrays.push(new_empty_array(field.data_type()));
            continue;
        }
        let (items, wanted) = (lists.value(row), Scalar::new(wanted.slice(row, 1)));
        arrays.push(match others {
            None => filter(&items, &distinct(&items, &wanted)?)?,
            Some(others) => {
                let found = not_distinct(&items, &wanted)?;
                zip(&found, &Scalar::new(others.slice(row, 1)), &items)?
            }
        });
    }
    let offsets = OffsetBuffer::from_lengths(arrays.iter().map(Array::len));
    let arrays: Vec<&dyn Array> = arrays.iter().map(|items| &**items).collect();
    let items = match arrays.as_slice() {
        [] => new_empty_array(field.data_type()),
        arrays => concat(arrays)?,
    };
    Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, items, lists.nulls().cloned())?))
}
