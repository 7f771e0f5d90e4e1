//! The function that `expr::numeric` becomes, where nothing says how many digits the result has.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal256Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type, i256};
use datafusion::common::plan_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::digits::scaled;
use super::{NumericError, PRECISION, SCALE, digits_of, too_large, type_of, unconstrained_type};
use crate::sql::answer::wording::type_name;
use crate::sql::grammar::marker::TO_NUMERIC;
use crate::sql::{SqlError, SqlState};

/// Makes exact numbers of other numbers and of texts.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Convert {
    signature: Signature,
}

impl Default for Convert {
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Convert {
    fn name(&self) -> &'static str {
        TO_NUMERIC
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        match arguments {
            [given] if given.is_string() => Ok(vec![DataType::Utf8]),
            [given] => Ok(vec![given.clone()]),
            _ => plan_err!("No function matches numeric with these arguments"),
        }
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        let given = arguments.first().unwrap_or(&DataType::Null);
        if given.is_decimal() {
            return Ok(given.clone());
        }
        if given.is_string() || given.is_floating() || given.is_null() {
            return Ok(unconstrained_type());
        }
        let Some((digits, scale)) = digits_of(given) else {
            let message = format!("cannot cast type {} to numeric", type_name(&given.to_string()));
            return Err(SqlError::new(SqlState::CannotCoerce, message).into());
        };
        Ok(type_of(digits, scale))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let returned = arguments.return_field.data_type();
        match arguments.args.as_slice() {
            [ColumnarValue::Scalar(value)] => {
                let converted = convert(&value.to_array()?, returned)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&converted, 0)?))
            }
            [ColumnarValue::Array(values)] => Ok(ColumnarValue::Array(convert(values, returned)?)),
            _ => plan_err!("No function matches numeric with these arguments"),
        }
    }
}

fn convert(values: &ArrayRef, returned: &DataType) -> Result<ArrayRef, DataFusionError> {
    let numbers = match values.data_type() {
        DataType::Utf8 => {
            let texts = values.as_string::<i32>().iter();
            texts.map(|text| text.map(read).transpose()).collect::<Result<Vec<_>, _>>()?
        }
        // As many digits as are sure, as in PostgreSQL.
        DataType::Float32 => {
            let reals = values.as_primitive::<Float32Type>().iter();
            written(reals.map(|real| real.map(|real| format!("{real:.5e}"))))?
        }
        DataType::Float64 => {
            let doubles = values.as_primitive::<Float64Type>().iter();
            written(doubles.map(|double| double.map(|double| format!("{double:.14e}"))))?
        }
        _ => return Ok(cast(values, returned)?),
    };
    let numbers: Decimal256Array = numbers.into_iter().collect();
    Ok(Arc::new(numbers.with_precision_and_scale(PRECISION, SCALE)?))
}

fn written(
    numbers: impl Iterator<Item = Option<String>>,
) -> Result<Vec<Option<i256>>, DataFusionError> {
    let read = |text: String| scaled(&text).map_err(|_| too_large());
    Ok(numbers.map(|text| text.map(read).transpose()).collect::<Result<_, _>>()?)
}

fn read(text: &str) -> Result<i256, SqlError> {
    scaled(text).map_err(|error| match error {
        NumericError::Range => too_large(),
        NumericError::NotFinite => SqlError::unsupported("a numeric that is NaN or infinite"),
        NumericError::Syntax => {
            let message = format!("invalid input syntax for type numeric: \"{text}\"");
            SqlError::new(SqlState::InvalidTextRepresentation, message)
        }
    })
}
