//! `timestamp - timestamp`: days, and what is left of the last one.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, Int32Array, PrimitiveArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::sql::value::infinity::is_infinite;
use crate::sql::{SqlError, SqlState};

const DAY_US: i64 = 86_400_000_000;

/// `later - earlier`.
pub(super) fn difference(later: Expr, earlier: Expr) -> Expr {
    let signature = Signature::any(2, Volatility::Immutable);
    ScalarUDF::from(Difference { signature }).call(vec![later, earlier])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Difference {
    signature: Signature,
}

impl ScalarUDFImpl for Difference {
    fn name(&self) -> &'static str {
        "difference of timestamps"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Interval(IntervalUnit::MonthDayNano))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let rows = arguments.number_rows;
        let moments = arguments.args.iter().map(|argument| {
            let moments = argument.to_array(rows)?;
            Ok(cast(&moments, &DataType::Timestamp(TimeUnit::Microsecond, None))?)
        });
        let moments = moments.collect::<Result<Vec<_>, DataFusionError>>()?;
        let [later, earlier] = moments.as_slice() else { return internal_err!("two moments") };
        let pairs = later
            .as_primitive::<TimestampMicrosecondType>()
            .iter()
            .zip(earlier.as_primitive::<TimestampMicrosecondType>());
        let lengths = pairs.map(|pair| match pair {
            (Some(later), Some(earlier)) => between(later, earlier).map(Some),
            _ => Ok(None),
        });
        let lengths = lengths.collect::<Result<PrimitiveArray<IntervalMonthDayNanoType>, _>>()?;
        Ok(ColumnarValue::Array(Arc::new(lengths)))
    }
}

/// `later - earlier` of dates, in days.
pub(super) fn days_between(later: Expr, earlier: Expr) -> Expr {
    let signature = Signature::exact(vec![DataType::Date32; 2], Volatility::Immutable);
    ScalarUDF::from(DaysBetween { signature }).call(vec![later, earlier])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct DaysBetween {
    signature: Signature,
}

impl ScalarUDFImpl for DaysBetween {
    fn name(&self) -> &'static str {
        "difference of dates"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Int32)
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let rows = arguments.number_rows;
        let dates = arguments.args.iter().map(|argument| argument.to_array(rows));
        let dates = dates.collect::<Result<Vec<_>, _>>()?;
        let [later, earlier] = dates.as_slice() else { return internal_err!("two dates") };
        let (later, earlier) = (
            later.as_primitive::<Date32Type>().iter(),
            earlier.as_primitive::<Date32Type>().iter(),
        );
        let days = later.zip(earlier).map(|pair| match pair {
            (Some(later), Some(earlier)) => days(later, earlier).map(Some),
            _ => Ok(None),
        });
        Ok(ColumnarValue::Array(Arc::new(days.collect::<Result<Int32Array, _>>()?)))
    }
}

fn days(later: i32, earlier: i32) -> Result<i32, SqlError> {
    if [later, earlier].iter().any(|day| matches!(*day, i32::MIN | i32::MAX)) {
        return Err(infinite("dates"));
    }
    let out_of_range = || SqlError::new(SqlState::DatetimeFieldOverflow, "date out of range");
    later.checked_sub(earlier).ok_or_else(out_of_range)
}

fn infinite(what: &str) -> SqlError {
    let message = format!("cannot subtract infinite {what}");
    SqlError::new(SqlState::DatetimeFieldOverflow, message)
}

fn between(later: i64, earlier: i64) -> Result<IntervalMonthDayNano, SqlError> {
    let out_of_range = || SqlError::new(SqlState::DatetimeFieldOverflow, "interval out of range");
    if is_infinite(later) || is_infinite(earlier) {
        return Err(infinite("timestamps"));
    }
    let length = later.checked_sub(earlier).ok_or_else(out_of_range)?;
    let days = i32::try_from(length / DAY_US).map_err(|_| out_of_range())?;
    Ok(IntervalMonthDayNano { months: 0, days, nanoseconds: length % DAY_US * 1000 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_have_the_sign_of_the_whole() {
        let length = between(0, DAY_US + 5).unwrap();
        assert_eq!((length.months, length.days, length.nanoseconds), (0, -1, -5000));
        assert!(between(i64::MAX - 1, i64::MIN + 1).is_err());
        let error = between(i64::MAX, 0).unwrap_err();
        assert_eq!(error.message, "cannot subtract infinite timestamps");
        assert_eq!(days(3, 5).unwrap(), -2);
        assert_eq!(days(i32::MIN, 5).unwrap_err().message, "cannot subtract infinite dates");
    }
}
