//! Division of exact numbers, with as many digits as PostgreSQL gives most quotients.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Decimal256Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal256Type, i256};
use datafusion::arrow::error::ArrowError;
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::{DIGITS_MAX, digits_of, quotient_scale, rounded_quotient, shifted, too_large, type_of};

/// `/` between numbers of which at least one is `numeric`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Quotient {
    signature: Signature,
}

impl Default for Quotient {
    fn default() -> Self {
        Self { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Quotient {
    fn name(&self) -> &'static str {
        "/"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        let digits: Option<Vec<_>> = arguments.iter().map(digits_of).collect();
        let Some([(digits, scale), (_, divisor_scale)]) = digits.as_deref() else {
            return internal_err!("a quotient of {arguments:?}");
        };
        let whole = digits - i32::from(*scale) + i32::from(*divisor_scale);
        let scale = quotient_scale(*scale.max(divisor_scale));
        Ok(type_of(whole + i32::from(scale), scale))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let [dividend, divisor] = arguments.args.as_slice() else {
            return internal_err!("a quotient has two sides");
        };
        let constant =
            [dividend, divisor].iter().all(|side| matches!(side, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { arguments.number_rows };
        let returned = arguments.return_field.data_type();
        let quotients = divide(&dividend.to_array(rows)?, &divisor.to_array(rows)?, returned)?;
        Ok(if constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&quotients, 0)?)
        } else {
            ColumnarValue::Array(quotients)
        })
    }
}

fn divide(
    dividends: &ArrayRef,
    divisors: &ArrayRef,
    returned: &DataType,
) -> Result<ArrayRef, DataFusionError> {
    let (dividends, scale) = units(dividends)?;
    let (divisors, divisor_scale) = units(divisors)?;
    let (precision, result_scale) = match returned {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            (*precision, *scale)
        }
        other => return internal_err!("a quotient of type {other}"),
    };
    let more = result_scale + divisor_scale - scale;
    let pairs = dividends.as_primitive::<Decimal256Type>().iter();
    let pairs = pairs.zip(divisors.as_primitive::<Decimal256Type>().iter());
    let quotients = pairs.map(|(dividend, divisor)| match dividend.zip(divisor) {
        Some((dividend, divisor)) => quotient(dividend, divisor, more).map(Some),
        None => Ok(None),
    });
    let quotients: Vec<Option<i256>> = quotients.collect::<Result<_, _>>()?;
    if let DataType::Decimal256(..) = returned {
        let quotients: Decimal256Array = quotients.into_iter().collect();
        return Ok(Arc::new(quotients.with_precision_and_scale(precision, result_scale)?));
    }
    let narrow = |number: i256| number.to_i128().ok_or_else(too_large);
    let quotients = quotients.into_iter().map(|number| number.map(narrow).transpose());
    let quotients: Decimal128Array = quotients.collect::<Result<_, _>>()?;
    Ok(Arc::new(quotients.with_precision_and_scale(precision, result_scale)?))
}

/// Numbers in units of their last digit, and how many digits stand behind the point.
fn units(numbers: &ArrayRef) -> Result<(ArrayRef, i8), DataFusionError> {
    let Some((_, scale)) = digits_of(numbers.data_type()) else {
        return internal_err!("a quotient of {}", numbers.data_type());
    };
    Ok((cast(numbers, &DataType::Decimal256(DIGITS_MAX, scale))?, scale))
}

fn quotient(dividend: i256, divisor: i256, more: i8) -> Result<i256, DataFusionError> {
    if divisor == i256::ZERO {
        return Err(ArrowError::DivideByZero.into());
    }
    let quotient = shifted(dividend, more).and_then(|units| rounded_quotient(units, divisor));
    Ok(quotient.map_err(|_| too_large())?)
}
