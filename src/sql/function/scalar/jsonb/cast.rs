//! Documents as numbers and truths: `('{"a": 5.7}'::jsonb -> 'a')::int`.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Decimal256Array, Float32Array, Float64Array, Int16Array, Int32Array,
    Int64Array,
};
use datafusion::arrow::datatypes::{DataType, i256};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;

use super::{Value, documents};
use crate::sql::value::numeric::{self, NumericError, too_large, unconstrained_type};
use crate::sql::value::types::SqlType;
use crate::sql::{SqlError, SqlState};

/// Whether documents are cast to this type by what they are, not by their texts.
pub(in crate::sql) fn is_cast_by_value(to: &DataType) -> bool {
    matches!(
        to,
        DataType::Boolean
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Float32
            | DataType::Float64
            | DataType::Decimal128(..)
            | DataType::Decimal256(..)
    )
}

/// A column of documents as one of this type.
///
/// # Errors
/// 22023 for documents of another kind, 22003 for numbers that the type does not hold.
pub(in crate::sql) fn cast_by_value(
    column: &ArrayRef,
    to: &DataType,
) -> Result<ArrayRef, DataFusionError> {
    let documents = documents(column)?;
    let target = SqlType::of_arrow(to);
    let digits = || documents.iter().map(|document| number(document.as_ref(), target));
    Ok(match to {
        DataType::Boolean => {
            let truths = documents.iter().map(|document| truth(document.as_ref(), target));
            Arc::new(truths.collect::<Result<BooleanArray, _>>()?)
        }
        DataType::Int16 => Arc::new(whole::<i16>(digits(), target)?.collect::<Int16Array>()),
        DataType::Int32 => Arc::new(whole::<i32>(digits(), target)?.collect::<Int32Array>()),
        DataType::Int64 => Arc::new(whole::<i64>(digits(), target)?.collect::<Int64Array>()),
        DataType::Float32 => {
            let numbers = digits().map(|digits| fraction(digits?, target, f32::is_finite));
            Arc::new(numbers.collect::<Result<Float32Array, _>>()?)
        }
        DataType::Float64 => {
            let numbers = digits().map(|digits| fraction(digits?, target, f64::is_finite));
            Arc::new(numbers.collect::<Result<Float64Array, _>>()?)
        }
        DataType::Decimal128(..) | DataType::Decimal256(..) => {
            let numbers = digits().map(|digits| digits?.as_deref().map(exact).transpose());
            let DataType::Decimal256(digits, scale) = unconstrained_type() else {
                return internal_err!("numbers of no scale are wide ones");
            };
            let numbers = numbers.collect::<Result<Decimal256Array, _>>()?;
            let numbers: ArrayRef = Arc::new(numbers.with_precision_and_scale(digits, scale)?);
            datafusion::arrow::compute::cast(&numbers, to)?
        }
        other => return internal_err!("a document as {other}"),
    })
}

/// The digits of a document that is a number.
fn number(document: Option<&Value>, to: SqlType) -> Result<Option<String>, SqlError> {
    match document {
        None => Ok(None),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(other) => Err(mismatch(other, to)),
    }
}

fn truth(document: Option<&Value>, to: SqlType) -> Result<Option<bool>, SqlError> {
    match document {
        None => Ok(None),
        Some(Value::Bool(truth)) => Ok(Some(*truth)),
        Some(other) => Err(mismatch(other, to)),
    }
}

fn mismatch(document: &Value, to: SqlType) -> SqlError {
    let kind = match document {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "numeric",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let message = format!("cannot cast jsonb {kind} to type {}", to.name());
    SqlError::new(SqlState::InvalidParameterValue, message)
}

/// Numbers rounded to whole ones.
fn whole<T: TryFrom<i128>>(
    digits: impl Iterator<Item = Result<Option<String>, SqlError>>,
    to: SqlType,
) -> Result<impl Iterator<Item = Option<T>>, SqlError> {
    let out_of_range = || {
        let message = format!("{} out of range", to.name());
        SqlError::new(SqlState::NumericValueOutOfRange, message)
    };
    let rounded = |digits: String| {
        let number = numeric::units(&digits, 0).and_then(i256::to_i128);
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(out_of_range)
    };
    let numbers = digits.map(|digits| digits?.map(rounded).transpose());
    Ok(numbers.collect::<Result<Vec<_>, _>>()?.into_iter())
}

fn fraction<T: std::str::FromStr + Copy>(
    digits: Option<String>,
    to: SqlType,
    is_finite: fn(T) -> bool,
) -> Result<Option<T>, SqlError> {
    let Some(digits) = digits else { return Ok(None) };
    match digits.parse::<T>() {
        Ok(number) if is_finite(number) => Ok(Some(number)),
        _ => {
            let message = format!("\"{digits}\" is out of range for type {}", to.name());
            Err(SqlError::new(SqlState::NumericValueOutOfRange, message))
        }
    }
}

fn exact(digits: &str) -> Result<i256, SqlError> {
    numeric::scaled(digits).map_err(|error| match error {
        NumericError::Range | NumericError::Syntax | NumericError::NotFinite => too_large(),
    })
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{AsArray, StringArray};
    use datafusion::arrow::datatypes::{Float64Type, Int32Type};

    use super::*;

    fn cast(document: &str, to: &DataType) -> Result<ArrayRef, String> {
        let column: ArrayRef = Arc::new(StringArray::from(vec![Some(document), None]));
        cast_by_value(&column, to).map_err(|error| SqlError::from(error).to_string())
    }

    #[test]
    fn numbers_are_rounded_as_exact_ones() {
        for (document, whole) in [("5.7", 6), ("5.5", 6), ("2.5", 3), ("-2.5", -3), ("1e2", 100)] {
            let numbers = cast(document, &DataType::Int32).unwrap();
            let numbers: Vec<_> = numbers.as_primitive::<Int32Type>().iter().collect();
            assert_eq!(numbers, [Some(whole), None], "{document}");
        }
        let doubles = cast("5.7", &DataType::Float64).unwrap();
        assert!(doubles.as_primitive::<Float64Type>().value(0).to_bits() == 5.7_f64.to_bits());
        assert!(cast("true", &DataType::Boolean).unwrap().as_boolean().value(0));
    }

    #[test]
    fn other_documents_are_named_by_their_kind() {
        let cases = [
            ("\"5\"", DataType::Int32, "cannot cast jsonb string to type integer"),
            ("null", DataType::Boolean, "cannot cast jsonb null to type boolean"),
            ("1", DataType::Boolean, "cannot cast jsonb numeric to type boolean"),
            ("[5]", DataType::Int16, "cannot cast jsonb array to type smallint"),
            ("{}", DataType::Float64, "cannot cast jsonb object to type double precision"),
            ("1e10", DataType::Int32, "integer out of range"),
        ];
        for (document, to, message) in cases {
            let error = cast(document, &to).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
