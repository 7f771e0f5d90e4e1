//! Numbers in sequence, as arrays.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayBuilder, ArrayRef, AsArray, Int32Builder, Int64Builder, ListArray, ListBuilder,
    StructArray,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Int64Type};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use datafusion::scalar::ScalarValue;

use super::{Function, arity, decimals, moments};
use crate::sql::answer::wording::type_name;
use crate::sql::grammar::marker::{NUMBERED, SERIES};
use crate::sql::{SqlError, SqlState};

/// Most numbers of one batch: they are all in memory, and the memory pool does not count them.
pub(super) const NUMBERS_MAX: usize = 1 << 20;

pub(super) fn functions() -> Vec<Function> {
    let list = |element| {
        Field::new("", DataType::List(Arc::new(Field::new_list_field(element, true))), true)
    };
    vec![Function::any(NUMBERED, 1, list(DataType::Struct(numbered_fields())), numbered)]
}

/// What an item is in the array of items with their numbers.
fn numbered_fields() -> Fields {
    Fields::from(vec![
        Field::new("x", DataType::Int64, true),
        Field::new("n", DataType::Int32, true),
    ])
}

/// The whole numbers of each array with their places, from 1.
fn numbered(arguments: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [arrays] = arguments else { return Err(arity(NUMBERED)) };
    let arrays = cast(arrays, &DataType::new_list(DataType::Int64, true))?;
    let (mut items, mut places, mut lengths) =
        (Int64Builder::new(), Int32Builder::new(), Vec::with_capacity(arrays.len()));
    for array in arrays.as_list::<i32>().iter() {
        let length = array.as_ref().map_or(0, Array::len);
        if let Some(array) = array {
            array.as_primitive::<Int64Type>().iter().for_each(|item| items.append_option(item));
            (1..).take(length).for_each(|place| places.append_value(place));
        }
        lengths.push(length);
    }
    let columns: Vec<ArrayRef> = vec![Arc::new(items.finish()), Arc::new(places.finish())];
    let pairs = StructArray::try_new(numbered_fields(), columns, None)?;
    let item = Field::new_list_field(DataType::Struct(numbered_fields()), true);
    let lists = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(Arc::new(item), lists, Arc::new(pairs), None)?))
}

/// `generate_series` of whole numbers, as an array of the type of its bounds.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Series {
    signature: Signature,
}

/// The function that looks at the types of its arguments.
pub(super) fn typed_functions() -> impl Iterator<Item = ScalarUDF> {
    let bounds = vec![TypeSignature::Any(2), TypeSignature::Any(3)];
    let signature = Signature::one_of(bounds, Volatility::Immutable);
    [ScalarUDF::from(Series { signature })].into_iter()
}

impl ScalarUDFImpl for Series {
    fn name(&self) -> &'static str {
        SERIES
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        if let [from, _, _] = arguments
            && let Some(item) = moments::item_type(from)
        {
            return Ok(DataType::new_list(item, true));
        }
        if let Some(item) = decimals::item_type(arguments) {
            return Ok(DataType::new_list(item, true));
        }
        let whole = |bound: &&DataType| bound.is_integer() || bound.is_null();
        if let Some(other) = arguments.iter().find(|bound| !whole(bound)) {
            let name = type_name(&other.to_string()).to_owned();
            let what = format!("generate_series of {name}");
            return Err(SqlError::unsupported(what).into());
        }
        let narrow = |bound: &DataType| matches!(bound, DataType::Int16 | DataType::Int32);
        let item = if arguments.iter().all(narrow) { DataType::Int32 } else { DataType::Int64 };
        Ok(DataType::new_list(item, true))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let constant = arguments.args.iter().all(|bound| matches!(bound, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { arguments.number_rows };
        let bounds = arguments.args.iter().map(|bound| bound.to_array(rows));
        let bounds = bounds.collect::<Result<Vec<_>, _>>()?;
        let of_moments = bounds.first().is_some_and(|bound| bound.data_type().is_temporal());
        let numbers = match arguments.return_field.data_type() {
            _ if of_moments => moments::series(&bounds, NUMBERS_MAX, too_many)?,
            DataType::List(item) if item.data_type().is_decimal() => {
                decimals::series(&bounds, item.data_type(), NUMBERS_MAX, too_many)?
            }
            _ => series(&bounds)?,
        };
        let numbers = cast(&numbers, arguments.return_field.data_type())?;
        Ok(if constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&numbers, 0)?)
        } else {
            ColumnarValue::Array(numbers)
        })
    }
}

/// From the first argument to the second, by steps of the third or of one.
fn series(arguments: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let columns = arguments.iter().map(|column| cast(column, &DataType::Int64));
    let columns: Vec<_> = columns.collect::<Result<_, _>>()?;
    let columns: Vec<_> = columns.iter().map(AsArray::as_primitive::<Int64Type>).collect();
    let rows = arguments.first().map_or(0, Array::len);
    let mut lists = ListBuilder::new(Int64Builder::new());
    for row in 0..rows {
        if columns.iter().any(|column| column.is_null(row)) {
            lists.append_null();
            continue;
        }
        let mut bounds = columns.iter().map(|column| column.value(row));
        let (from, to) = (bounds.next().unwrap_or(1), bounds.next().unwrap_or(0));
        let step = bounds.next().unwrap_or(1);
        if step == 0 {
            let message = "step size cannot equal zero";
            return Err(SqlError::new(SqlState::InvalidParameterValue, message).into());
        }
        let within = |next: &i64| if step > 0 { *next <= to } else { *next >= to };
        let mut next = Some(from);
        while let Some(value) = next.filter(within) {
            if lists.values().len() == NUMBERS_MAX {
                return Err(too_many().into());
            }
            lists.values().append_value(value);
            next = value.checked_add(step);
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

/// 54000 for more than [`NUMBERS_MAX`].
pub(super) fn too_many() -> SqlError {
    let message = format!("a set made of arrays has more than {NUMBERS_MAX} numbers");
    SqlError::new(SqlState::ProgramLimitExceeded, message)
}
