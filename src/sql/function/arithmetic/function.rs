//! The operators and casts of numbers as functions that check their results.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, Datum, PrimitiveArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float32Type, Float64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::physical_expr_common::datum::apply;

use crate::sql::{SqlError, SqlState};

/// An operator between two numbers of one type.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Checked {
    operator: Operator,
    signature: Signature,
}

impl Checked {
    /// What such functions are called.
    pub(super) const NAMES: [&str; 5] = ["+", "-", "*", "/", "%"];

    pub(super) fn new(operator: Operator) -> Self {
        Self { operator, signature: Signature::any(2, Volatility::Immutable) }
    }

    fn compute(&self, left: &dyn Datum, right: &dyn Datum) -> Result<ArrayRef, ArrowError> {
        let result = match self.operator {
            Operator::Plus => numeric::add(left, right),
            Operator::Minus => numeric::sub(left, right),
            Operator::Multiply => numeric::mul(left, right),
            Operator::Divide => {
                refuse_zero(left, right)?;
                numeric::div(left, right)
            }
            Operator::Modulo => {
                refuse_zero(left, right)?;
                numeric::rem(left, right)
            }
            _ => Err(ArrowError::InvalidArgumentError("an operator of no numbers".to_owned())),
        }?;
        let (left, right) = (left.get().0, right.get().0);
        Ok(match result.data_type() {
            DataType::Float32 => {
                self.check_range::<Float32Type>([left, right, &*result])?;
                Arc::new(result.as_primitive::<Float32Type>().unary::<_, Float32Type>(|number| {
                    if number.is_nan() { f32::NAN } else { number }
                }))
            }
            DataType::Float64 => {
                self.check_range::<Float64Type>([left, right, &*result])?;
                Arc::new(result.as_primitive::<Float64Type>().unary::<_, Float64Type>(plain))
            }
            _ => result,
        })
    }

    /// A fraction that became infinite, or zero, of others that were not.
    fn check_range<T>(&self, columns: [&dyn Array; 3]) -> Result<(), ArrowError>
    where
        T: ArrowPrimitiveType,
        T::Native: Into<f64>,
    {
        let [left, right, results] = columns.map(AsArray::as_primitive::<T>);
        // A constant has one row only.
        let at = |side: &PrimitiveArray<T>, row: usize| -> f64 {
            side.value(if side.len() == 1 { 0 } else { row }).into()
        };
        let multiplies = matches!(self.operator, Operator::Multiply | Operator::Divide);
        for (row, result) in results.iter().enumerate() {
            let Some(result) = result.map(Into::<f64>::into) else { continue };
            if result.is_finite() && result != 0.0 {
                continue;
            }
            let (left, right) = (at(left, row), at(right, row));
            let vanished = multiplies && result == 0.0 && left != 0.0 && right != 0.0;
            if left.is_finite() && right.is_finite() && (result.is_infinite() || vanished) {
                let what = if vanished { "underflow" } else { "overflow" };
                return Err(ArrowError::ArithmeticOverflow(what.to_owned()));
            }
        }
        Ok(())
    }
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &'static str {
        match self.operator {
            Operator::Plus => "+",
            Operator::Minus => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            _ => "%",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        let [left, _] = arguments else { return internal_err!("an operator has two sides") };
        Ok(left.clone())
    }

    fn return_field_from_args(
        &self,
        arguments: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        let [left, right] = arguments.arg_fields else {
            return internal_err!("an operator has two sides");
        };
        let nullable = left.is_nullable() || right.is_nullable();
        Ok(Arc::new(Field::new(self.name(), left.data_type().clone(), nullable)))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let [left, right] = arguments.args.as_slice() else {
            return internal_err!("an operator has two sides");
        };
        let number = left.data_type();
        apply(left, right, |left, right| self.compute(left, right))
            .map_err(|error| out_of_range(error, &number))
    }
}

/// The machine gives what is not a number a sign, by which it would be told from others.
pub(in crate::sql::function) fn plain(number: f64) -> f64 {
    if number.is_nan() { f64::NAN } else { number }
}

/// An overflow in PostgreSQL's words.
fn out_of_range(error: DataFusionError, number: &DataType) -> DataFusionError {
    let DataFusionError::ArrowError(cause, _) = &error else { return error };
    let ArrowError::ArithmeticOverflow(what) = &**cause else { return error };
    if number.is_floating() {
        let message = format!("value out of range: {what}");
        return SqlError::new(SqlState::NumericValueOutOfRange, message).into();
    }
    let name = match number {
        DataType::Int16 => "smallint",
        DataType::Int32 => "integer",
        DataType::Int64 => "bigint",
        _ => "value",
    };
    let message = format!("{name} out of range");
    SqlError::new(SqlState::NumericValueOutOfRange, message).into()
}

/// A fraction divided by zero is an error too; whole numbers are checked where they are divided.
fn refuse_zero(left: &dyn Datum, right: &dyn Datum) -> Result<(), ArrowError> {
    let (left, right) = (left.get().0, right.get().0);
    let zero = match right.data_type() {
        DataType::Float32 => has_zero(right.as_primitive::<Float32Type>(), 0.0),
        DataType::Float64 => has_zero(right.as_primitive::<Float64Type>(), 0.0),
        _ => false,
    };
    // NULL divided by zero is NULL.
    if zero && left.null_count() < left.len() { Err(ArrowError::DivideByZero) } else { Ok(()) }
}

fn has_zero<T: ArrowPrimitiveType>(divisors: &PrimitiveArray<T>, zero: T::Native) -> bool {
    divisors.iter().flatten().any(|divisor| divisor == zero)
}

/// A fraction as the nearest whole number, an even one from the middle.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Rounded {
    signature: Signature,
}

impl Default for Rounded {
    fn default() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Rounded {
    fn name(&self) -> &'static str {
        "round to even"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        let [number] = arguments else { return internal_err!("one number is rounded") };
        Ok(number.clone())
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let Some(numbers) = arguments.args.first() else {
            return internal_err!("nothing is rounded");
        };
        Ok(ColumnarValue::Array(rounded(&numbers.to_array(arguments.number_rows)?)?))
    }
}

/// Numbers rounded to whole ones: fractions to even ones from the middle, exact ones away from
/// zero.
pub(in crate::sql) fn rounded(numbers: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    Ok(match numbers.data_type() {
        DataType::Float32 => Arc::new(
            numbers.as_primitive::<Float32Type>().unary::<_, Float32Type>(f32::round_ties_even),
        ),
        DataType::Float64 => Arc::new(
            numbers.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::round_ties_even),
        ),
        DataType::Decimal128(digits, 1..) => cast(numbers, &DataType::Decimal128(*digits, 0))?,
        DataType::Decimal256(digits, 1..) => cast(numbers, &DataType::Decimal256(*digits, 0))?,
        _ => Arc::clone(numbers),
    })
}

/// A `double precision` as a `real`, which holds less.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Narrowed {
    signature: Signature,
}

impl Default for Narrowed {
    fn default() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Narrowed {
    fn name(&self) -> &'static str {
        "real of double precision"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Float32)
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let Some(numbers) = arguments.args.first() else {
            return internal_err!("nothing is narrowed");
        };
        let numbers = numbers.to_array(arguments.number_rows)?;
        let narrow = cast(&numbers, &DataType::Float32)?;
        let pairs = numbers.as_primitive::<Float64Type>().iter().flatten();
        for (wide, narrow) in pairs.zip(narrow.as_primitive::<Float32Type>().iter().flatten()) {
            let vanished = narrow == 0.0 && wide != 0.0;
            if (narrow.is_infinite() && wide.is_finite()) || vanished {
                let what = if vanished { "underflow" } else { "overflow" };
                let message = format!("value out of range: {what}");
                return Err(SqlError::new(SqlState::NumericValueOutOfRange, message).into());
            }
        }
        Ok(ColumnarValue::Array(narrow))
    }
}
