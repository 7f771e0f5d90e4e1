//! `numeric`: exact decimal numbers, kept as Arrow's decimals.
//!
//! Arrow's decimals have one scale for a whole column, PostgreSQL's one for each value. Where a
//! statement says the scale, by the digits of a literal or by `numeric(10, 2)`, it is that; where
//! it does not, columns have [`SCALE`] digits behind the point, and zeros at their end are not
//! shown.

mod bucket;
mod convert;
mod digits;
mod function;
mod operands;
mod quotient;
mod whole;

use std::sync::Arc;

use datafusion::arrow::array::ArrowNativeTypeOp;
use datafusion::arrow::datatypes::{DataType, i256};
use datafusion::arrow::error::ArrowError;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::ScalarUDF;

use crate::sql::{SqlError, SqlState};
pub use digits::{NumericError, unconstrained};
pub(in crate::sql) use digits::{exact, inexact, plain_digits, scaled, units};
pub(in crate::sql) use operands::{NumericOperands, typed};

/// Digits behind the point where nothing says how many there are.
pub const SCALE: i8 = 20;

/// Digits of such a number; a sum of them has room for more.
pub(in crate::sql) const PRECISION: u8 = 56;

/// Digits behind the point of a quotient, as many as PostgreSQL shows of most.
const QUOTIENT_SCALE: i8 = 16;

/// Most digits of a `numeric`, and of one that is kept in 128 bits.
const DIGITS_MAX: u8 = 76;
const DIGITS_MAX_OF_128: u8 = 38;

/// The type of numbers of no particular scale.
pub(in crate::sql) fn unconstrained_type() -> DataType {
    DataType::Decimal256(PRECISION, SCALE)
}

/// The narrowest type of so many digits, `scale` of them behind the point.
pub(in crate::sql) fn type_of(digits: i32, scale: i8) -> DataType {
    let digits = u8::try_from(digits.max(1)).unwrap_or(DIGITS_MAX).min(DIGITS_MAX);
    if digits <= DIGITS_MAX_OF_128 {
        DataType::Decimal128(digits, scale)
    } else {
        DataType::Decimal256(digits, scale)
    }
}

/// An exact type, in 256 bits, that has all numbers of these; none where one of them is not exact.
pub(in crate::sql) fn common_type(types: &[DataType]) -> Option<DataType> {
    let digits = types.iter().filter(|of| !of.is_null()).map(digits_of);
    let digits = digits.collect::<Option<Vec<_>>>()?;
    let scale = digits.iter().map(|(_, scale)| *scale).max()?;
    let whole = digits.iter().map(|(digits, scale)| digits - i32::from(*scale)).max()?;
    let digits = u8::try_from(whole + i32::from(scale)).unwrap_or(DIGITS_MAX);
    Some(DataType::Decimal256(digits.min(DIGITS_MAX), scale))
}

/// The scale of what is divided, one way or another.
pub(in crate::sql) fn quotient_scale(scale: i8) -> i8 {
    scale.max(QUOTIENT_SCALE)
}

/// Digits of a number of this type, and those behind the point; none for what is not exact.
pub(in crate::sql) fn digits_of(data_type: &DataType) -> Option<(i32, i8)> {
    Some(match data_type {
        DataType::Int8 | DataType::UInt8 | DataType::Int16 => (5, 0),
        DataType::UInt16 | DataType::Int32 | DataType::UInt32 => (10, 0),
        DataType::Int64 => (19, 0),
        DataType::UInt64 => (20, 0),
        DataType::Decimal32(digits, scale)
        | DataType::Decimal64(digits, scale)
        | DataType::Decimal128(digits, scale)
        | DataType::Decimal256(digits, scale) => (i32::from(*digits), *scale),
        _ => return None,
    })
}

/// A fraction as the nearest whole number, the one away from zero in the middle.
pub(in crate::sql) fn rounded_quotient(dividend: i256, divisor: i256) -> Result<i256, ArrowError> {
    let quotient = dividend.div_checked(divisor)?;
    let rest = dividend.sub_checked(quotient.mul_checked(divisor)?)?;
    let magnitude =
        |number: i256| if number < i256::ZERO { number.neg_checked() } else { Ok(number) };
    let (rest, whole) = (magnitude(rest)?, magnitude(divisor)?);
    if rest < whole.sub_checked(rest)? {
        return Ok(quotient);
    }
    let negative = (dividend < i256::ZERO) != (divisor < i256::ZERO);
    if negative { quotient.sub_checked(i256::ONE) } else { quotient.add_checked(i256::ONE) }
}

/// `number` with so many digits more.
pub(in crate::sql) fn shifted(number: i256, digits: i8) -> Result<i256, ArrowError> {
    let digits = u32::try_from(digits).unwrap_or_default();
    number.mul_checked(i256::from_i128(10).pow_checked(digits)?)
}

/// What PostgreSQL says of a number that is too large.
pub(in crate::sql) fn too_large() -> SqlError {
    SqlError::new(SqlState::NumericValueOutOfRange, "value overflows numeric format")
}

/// Makes the functions of such numbers known to a session.
pub(in crate::sql) fn register(state: &mut SessionState) -> Result<(), SqlError> {
    state.register_udf(Arc::new(ScalarUDF::from(convert::Convert::default())))?;
    for function in function::functions().chain(whole::functions()) {
        state.register_udf(Arc::new(function))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_are_rounded_away_from_zero_in_the_middle() {
        let cases =
            [(7, 2, 4), (-7, 2, -4), (7, -2, -4), (-7, -2, 4), (5, 3, 2), (4, 3, 1), (0, 5, 0)];
        for (dividend, divisor, expected) in cases {
            let [dividend, divisor, expected] = [dividend, divisor, expected].map(i256::from_i128);
            assert_eq!(rounded_quotient(dividend, divisor).unwrap(), expected);
        }
        assert!(rounded_quotient(i256::ONE, i256::ZERO).is_err());
    }
}
