//! Functions of exact numbers that the planner lacks: `div`, `width_bucket`, `factorial`, `sign`,
//! and those of the digits behind the point.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Decimal256Array, Int32Array, Int64Array, new_null_array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal256Type, Float64Type, Int64Type, i256};
use datafusion::common::plan_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::bucket::{Bounds, fraction_bucket};
use super::{DIGITS_MAX, SCALE, digits_of, shifted, too_large, type_of, unconstrained_type};
use crate::sql::{SqlError, SqlState};

/// Digits of numbers while they are computed with.
const WIDE: DataType = DataType::Decimal256(DIGITS_MAX, 0);

pub(super) fn functions() -> impl Iterator<Item = ScalarUDF> {
    let of_digits = [What::Scale, What::MinScale, What::Trim];
    let all = [What::Div, What::Bucket, What::Factorial, What::Sign];
    all.into_iter().chain(of_digits).map(|what| {
        let signature = Signature::user_defined(Volatility::Immutable);
        ScalarUDF::from(ExactFunction { what, signature })
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    Div,
    Bucket,
    Factorial,
    Scale,
    MinScale,
    Trim,
    /// Of other numbers it is `double precision`.
    Sign,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ExactFunction {
    what: What,
    signature: Signature,
}

impl ScalarUDFImpl for ExactFunction {
    fn name(&self) -> &'static str {
        match self.what {
            What::Div => "div",
            What::Bucket => "width_bucket",
            What::Factorial => "factorial",
            What::Scale => "scale",
            What::MinScale => "min_scale",
            What::Trim => "trim_scale",
            What::Sign => "signum",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        let types: Option<Vec<DataType>> = match (self.what, arguments) {
            (What::Div, [_, _]) | (What::Scale | What::MinScale | What::Trim, [_]) => {
                arguments.iter().map(exact).collect()
            }
            (What::Sign, [number]) if number.is_decimal() => Some(vec![number.clone()]),
            (What::Sign, [number]) => {
                let is_number = number.is_numeric() || number.is_null() || number.is_string();
                is_number.then(|| vec![DataType::Float64])
            }
            (What::Factorial, [whole]) if whole.is_integer() || whole.is_null() => {
                Some(vec![DataType::Int64])
            }
            (What::Bucket, [bounds @ .., _]) if bounds.len() == 3 => {
                let fractions = bounds.iter().any(DataType::is_floating);
                let bound = |given| if fractions { Some(DataType::Float64) } else { exact(given) };
                bounds.iter().map(bound).chain([Some(DataType::Int64)]).collect()
            }
            _ => None,
        };
        let Some(types) = types else {
            return plan_err!("No function matches {} with these arguments", self.name());
        };
        Ok(types)
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(match self.what {
            What::Sign if arguments == [DataType::Float64] => DataType::Float64,
            What::Sign => type_of(1, 0),
            What::Div | What::Factorial => WIDE,
            What::Bucket | What::Scale | What::MinScale => DataType::Int32,
            // Of numbers of no particular scale zeros at the end are not shown.
            What::Trim => match arguments.first().and_then(digits_of) {
                Some((digits, scale)) if scale < SCALE => {
                    type_of(digits + i32::from(SCALE - scale), SCALE)
                }
                _ => arguments.first().cloned().unwrap_or_else(unconstrained_type),
            },
        })
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let rows = arguments.number_rows;
        let columns = arguments.args.iter().map(|argument| argument.to_array(rows));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let results = match (self.what, columns.as_slice()) {
            (What::Div, [dividend, divisor]) => quotients(dividend, divisor)?,
            (What::Factorial, [numbers]) => factorials(numbers)?,
            (What::Sign, [numbers]) => cast(&signs(numbers)?, arguments.return_field.data_type())?,
            (What::Scale, [numbers]) => scales(numbers, true)?,
            (What::MinScale, [numbers]) => scales(numbers, false)?,
            (What::Trim, [numbers]) => cast(numbers, arguments.return_field.data_type())?,
            (What::Bucket, [values @ .., counts]) if values.len() == 3 => buckets(values, counts)?,
            _ => new_null_array(arguments.return_field.data_type(), rows),
        };
        Ok(ColumnarValue::Array(results))
    }
}

/// The exact type that a value of this type is taken for.
fn exact(given: &DataType) -> Option<DataType> {
    if given.is_null() || given.is_string() {
        return Some(unconstrained_type());
    }
    let (digits, scale) = digits_of(given)?;
    Some(if given.is_decimal() { given.clone() } else { type_of(digits, scale) })
}

/// Numbers in units of their last digit, and how many digits are behind the point.
fn units(numbers: &ArrayRef) -> Result<(Decimal256Array, i8), DataFusionError> {
    let scale = digits_of(numbers.data_type()).map_or(0, |(_, scale)| scale);
    let wide = cast(numbers, &DataType::Decimal256(DIGITS_MAX, scale))?;
    Ok((wide.as_primitive::<Decimal256Type>().clone(), scale))
}

fn wide(numbers: Vec<Option<i256>>) -> Result<ArrayRef, DataFusionError> {
    let numbers: Decimal256Array = numbers.into_iter().collect();
    let numbers = numbers.with_precision_and_scale(DIGITS_MAX, 0)?;
    numbers.validate_decimal_precision(DIGITS_MAX).map_err(|_| too_large())?;
    Ok(Arc::new(numbers))
}

fn quotients(dividends: &ArrayRef, divisors: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    let ((dividends, scale), (divisors, other)) = (units(dividends)?, units(divisors)?);
    let most = scale.max(other);
    let quotient = |(dividend, divisor): (Option<i256>, Option<i256>)| {
        let (Some(dividend), Some(divisor)) = (dividend, divisor) else { return Ok(None) };
        if divisor == i256::ZERO {
            return Err(SqlError::new(SqlState::DivisionByZero, "division by zero"));
        }
        let dividend = shifted(dividend, most - scale).map_err(|_| too_large())?;
        let divisor = shifted(divisor, most - other).map_err(|_| too_large())?;
        Ok(dividend.checked_div(divisor))
    };
    wide(dividends.iter().zip(divisors.iter()).map(quotient).collect::<Result<_, _>>()?)
}

fn factorials(numbers: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    let factorial = |number: Option<i64>| {
        let Some(number) = number else { return Ok(None) };
        if number < 0 {
            let message = "factorial of a negative number is undefined";
            return Err(SqlError::new(SqlState::NumericValueOutOfRange, message));
        }
        let mut factors = (2..=number).map(i128::from).map(i256::from_i128);
        let product = factors.try_fold(i256::ONE, i256::checked_mul);
        product.map(Some).ok_or_else(too_large)
    };
    let numbers = numbers.as_primitive::<Int64Type>().iter();
    wide(numbers.map(factorial).collect::<Result<_, _>>()?)
}

fn signs(numbers: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    if let Some(numbers) = numbers.as_primitive_opt::<Float64Type>() {
        // The sign of zero is neither.
        let sign = |number: f64| if number == 0.0 { 0.0 } else { number.signum() };
        return Ok(Arc::new(numbers.unary::<_, Float64Type>(sign)));
    }
    let (numbers, _) = units(numbers)?;
    wide(numbers.iter().map(|number| number.map(i256::signum)).collect())
}

/// Digits behind the point: those that are shown, or those that are needed.
fn scales(numbers: &ArrayRef, shown: bool) -> Result<ArrayRef, DataFusionError> {
    let (numbers, scale) = units(numbers)?;
    let ten = i256::from_i128(10);
    let needed = |mut number: i256| {
        let mut digits = i32::from(scale);
        while digits > 0 && number.checked_rem(ten) == Some(i256::ZERO) {
            digits -= 1;
            number = number.checked_div(ten).unwrap_or(number);
        }
        digits
    };
    let digits = |number: i256| {
        if shown && scale < SCALE { i32::from(scale) } else { needed(number) }
    };
    Ok(Arc::new(numbers.iter().map(|number| number.map(digits)).collect::<Int32Array>()))
}

fn buckets(values: &[ArrayRef], counts: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    let [operands, lows, highs] = values else { return Ok(new_null_array(&DataType::Int32, 0)) };
    let counts = counts.as_primitive::<Int64Type>();
    if operands.data_type().is_floating() {
        let [operands, lows, highs] =
            [operands, lows, highs].map(AsArray::as_primitive::<Float64Type>);
        return each(operands.iter().zip(lows).zip(highs), counts, fraction_bucket);
    }
    let [operands, lows, highs] = [units(operands)?, units(lows)?, units(highs)?];
    let most = operands.1.max(lows.1).max(highs.1);
    let alike = |(numbers, scale): &(Decimal256Array, i8)| {
        let shift =
            |number: Option<i256>| number.map(|number| shifted(number, most - scale)).transpose();
        numbers.iter().map(shift).collect::<Result<Vec<_>, _>>().map_err(|_| too_large())
    };
    let (operands, lows, highs) = (alike(&operands)?, alike(&lows)?, alike(&highs)?);
    let rows = operands.into_iter().zip(lows).zip(highs);
    each(rows, counts, |operand, bounds, count| bounds.bucket(operand, count))
}

type Rows<T> = ((Option<T>, Option<T>), Option<T>);

fn each<T>(
    rows: impl Iterator<Item = Rows<T>>,
    counts: &Int64Array,
    bucket: impl Fn(T, Bounds<T>, i64) -> Result<i32, SqlError>,
) -> Result<ArrayRef, DataFusionError> {
    let buckets =
        rows.zip(counts).map(|(((operand, low), high), count)| match (operand, low, high, count) {
            (Some(operand), Some(low), Some(high), Some(count)) => {
                bucket(operand, Bounds { low, high }, count).map(Some)
            }
            _ => Ok(None),
        });
    Ok(Arc::new(buckets.collect::<Result<Int32Array, SqlError>>()?))
}
