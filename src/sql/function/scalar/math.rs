//! Functions of `double precision` that refuse what has no value, as PostgreSQL's do.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type};
use datafusion::error::DataFusionError;

use super::{Body, Function, arity};
use crate::sql::{SqlError, SqlState};

pub(super) fn functions() -> Vec<Function> {
    let number = || Field::new("", DataType::Float64, true);
    let of_one = |name, body: Body| Function::exact(name, [DataType::Float64], number(), body);
    let of_two = |name, body: Body| {
        Function::exact(name, [DataType::Float64, DataType::Float64], number(), body)
    };
    vec![
        of_one("acos", |columns| each(columns, |x| within(x, x.abs() <= 1.0, f64::acos))),
        of_one("acosh", |columns| each(columns, |x| within(x, x >= 1.0, f64::acosh))),
        of_one("asin", |columns| each(columns, |x| within(x, x.abs() <= 1.0, f64::asin))),
        of_one("atanh", |columns| each(columns, |x| within(x, x.abs() <= 1.0, f64::atanh))),
        of_one("exp", |columns| each(columns, exponential)),
        of_one("ln", |columns| each(columns, |x| logarithm(x, f64::ln))),
        of_one("log10", |columns| each(columns, |x| logarithm(x, f64::log10))),
        of_one("sqrt", |columns| each(columns, root)),
        Function::one_of(
            "log",
            vec![vec![DataType::Float64], vec![DataType::Float64, DataType::Float64]],
            number(),
            |columns| match columns {
                [_] => each(columns, |x| logarithm(x, f64::log10)),
                _ => pairs(columns, |base, x| {
                    let (base, x) = (logarithm(base, f64::ln)?, logarithm(x, f64::ln)?);
                    if base == 0.0 { Err(division_by_zero()) } else { Ok(x / base) }
                }),
            },
        ),
        of_two("power", |columns| pairs(columns, power)),
        of_two("pow", |columns| pairs(columns, power)),
    ]
}

fn each(
    columns: &[ArrayRef],
    function: impl Fn(f64) -> Result<f64, SqlError>,
) -> Result<ArrayRef, DataFusionError> {
    let [numbers] = columns else { return Err(arity("a function of one number")) };
    let numbers = numbers.as_primitive::<Float64Type>().iter();
    let results = numbers.map(|number| number.map(&function).transpose());
    Ok(Arc::new(results.collect::<Result<Float64Array, _>>()?))
}

fn pairs(
    columns: &[ArrayRef],
    function: impl Fn(f64, f64) -> Result<f64, SqlError>,
) -> Result<ArrayRef, DataFusionError> {
    let [left, right] = columns else { return Err(arity("a function of two numbers")) };
    let left = left.as_primitive::<Float64Type>().iter();
    let results = left.zip(right.as_primitive::<Float64Type>()).map(|pair| match pair {
        (Some(left), Some(right)) => function(left, right).map(Some),
        _ => Ok(None),
    });
    Ok(Arc::new(results.collect::<Result<Float64Array, _>>()?))
}

/// What a function has for `x` where it has something.
fn within(x: f64, known: bool, function: fn(f64) -> f64) -> Result<f64, SqlError> {
    if known || x.is_nan() {
        return Ok(function(x));
    }
    Err(SqlError::new(SqlState::NumericValueOutOfRange, "input is out of range"))
}

fn root(x: f64) -> Result<f64, SqlError> {
    if x < 0.0 {
        let message = "cannot take square root of a negative number";
        return Err(SqlError::new(SqlState::InvalidArgumentForPower, message));
    }
    Ok(x.sqrt())
}

fn logarithm(x: f64, function: fn(f64) -> f64) -> Result<f64, SqlError> {
    let refused = |what: &str| {
        let message = format!("cannot take logarithm of {what}");
        Err(SqlError::new(SqlState::InvalidArgumentForLogarithm, message))
    };
    if x == 0.0 {
        return refused("zero");
    }
    if x < 0.0 { refused("a negative number") } else { Ok(function(x)) }
}

fn exponential(x: f64) -> Result<f64, SqlError> {
    let result = x.exp();
    if x.is_finite() { in_range(result) } else { Ok(result) }
}

fn power(base: f64, exponent: f64) -> Result<f64, SqlError> {
    let refused = |message| Err(SqlError::new(SqlState::InvalidArgumentForPower, message));
    if base == 0.0 && exponent < 0.0 {
        return refused("zero raised to a negative power is undefined");
    }
    if base < 0.0 && exponent.is_finite() && exponent.fract() != 0.0 {
        return refused("a negative number raised to a non-integer power yields a complex result");
    }
    let result = base.powf(exponent);
    if base.is_finite() && exponent.is_finite() && base != 0.0 {
        in_range(result)
    } else {
        Ok(result)
    }
}

/// A result that the type can hold.
fn in_range(result: f64) -> Result<f64, SqlError> {
    let refused = |what| {
        let message = format!("value out of range: {what}");
        Err(SqlError::new(SqlState::NumericValueOutOfRange, message))
    };
    if result.is_infinite() {
        return refused("overflow");
    }
    if result == 0.0 { refused("underflow") } else { Ok(result) }
}

fn division_by_zero() -> SqlError {
    SqlError::new(SqlState::DivisionByZero, "division by zero")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_value_is_refused_with_postgresqls_code() {
        let states = [
            (root(-1.0), "2201F"),
            (logarithm(0.0, f64::ln), "2201E"),
            (logarithm(-1.0, f64::log10), "2201E"),
            (power(0.0, -1.0), "2201F"),
            (power(-8.0, 0.5), "2201F"),
            (power(10.0, 400.0), "22003"),
            (exponential(1000.0), "22003"),
            (exponential(-1000.0), "22003"),
            (within(2.0, false, f64::asin), "22003"),
        ];
        for (result, state) in states {
            assert_eq!(result.unwrap_err().state.code(), state);
        }
        assert_eq!(power(-2.0, 2.0), Ok(4.0));
        assert_eq!(power(0.0, 0.0), Ok(1.0));
        assert_eq!(exponential(f64::NEG_INFINITY), Ok(0.0));
        assert!(within(f64::NAN, false, f64::asin).unwrap().is_nan());
    }
}
