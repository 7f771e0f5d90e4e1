//! Lengths of time multiplied by numbers and divided by them.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, PrimitiveArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::sql::{SqlError, SqlState};

const DAYS_A_MONTH: f64 = 30.0;
const SECONDS_A_DAY: f64 = 86_400.0;
const MICROSECONDS: f64 = 1_000_000.0;

/// `interval * number`.
pub(super) fn product(interval: Expr, number: Expr) -> Expr {
    scaled(Scaled { by: By::Times, signature: signature() }, interval, number)
}

/// `interval / number`.
pub(super) fn quotient(interval: Expr, number: Expr) -> Expr {
    scaled(Scaled { by: By::Part, signature: signature() }, interval, number)
}

fn signature() -> Signature {
    let interval = DataType::Interval(IntervalUnit::MonthDayNano);
    Signature::exact(vec![interval, DataType::Float64], Volatility::Immutable)
}

fn scaled(function: Scaled, interval: Expr, number: Expr) -> Expr {
    ScalarUDF::from(function).call(vec![interval, number])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum By {
    Times,
    Part,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Scaled {
    by: By,
    signature: Signature,
}

impl ScalarUDFImpl for Scaled {
    fn name(&self) -> &'static str {
        match self.by {
            By::Times => "product of interval",
            By::Part => "part of interval",
        }
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
        let [intervals, numbers] = arguments.args.as_slice() else {
            return internal_err!("an interval and a number");
        };
        let intervals = intervals.to_array(rows)?;
        let numbers = cast(&numbers.to_array(rows)?, &DataType::Float64)?;
        let pairs = intervals
            .as_primitive::<IntervalMonthDayNanoType>()
            .iter()
            .zip(numbers.as_primitive::<Float64Type>());
        let scaled = pairs.map(|(interval, number)| match (interval, number, self.by) {
            (None, ..) | (_, None, _) => Ok(None),
            (_, Some(0.0), By::Part) => {
                Err(SqlError::new(SqlState::DivisionByZero, "division by zero"))
            }
            (Some(interval), Some(number), By::Times) => {
                scale(interval, |part| part * number).map(Some)
            }
            (Some(interval), Some(number), By::Part) => {
                scale(interval, |part| part / number).map(Some)
            }
        });
        let scaled = scaled.collect::<Result<PrimitiveArray<IntervalMonthDayNanoType>, _>>()?;
        Ok(ColumnarValue::Array(Arc::new(scaled)))
    }
}

/// `interval / number`.
///
/// # Errors
/// When it is longer than an interval may be.
pub(super) fn divided(
    interval: IntervalMonthDayNano,
    number: i64,
) -> Result<IntervalMonthDayNano, SqlError> {
    scale(interval, |part| part / number as f64)
}

/// What is left of a month are days, and of a day seconds; in doubles, as PostgreSQL does it.
fn scale(
    interval: IntervalMonthDayNano,
    by: impl Fn(f64) -> f64,
) -> Result<IntervalMonthDayNano, SqlError> {
    let out_of_range = || SqlError::new(SqlState::DatetimeFieldOverflow, "interval out of range");
    let rounded = |value: f64| (value * MICROSECONDS).round_ties_even() / MICROSECONDS;
    let months = by(interval.months.into());
    let days = by(interval.days.into());
    let whole_months = whole(months).ok_or_else(out_of_range)?;
    let mut whole_days = whole(days).ok_or_else(out_of_range)?;
    let days_of_months = rounded((months - months.trunc()) * DAYS_A_MONTH);
    let rest_of_days = days - days.trunc() + days_of_months - days_of_months.trunc();
    let mut seconds = rounded(rest_of_days * SECONDS_A_DAY);
    if seconds.abs() >= SECONDS_A_DAY {
        let carried = (seconds / SECONDS_A_DAY).trunc();
        seconds -= carried * SECONDS_A_DAY;
        whole_days = whole(f64::from(whole_days) + carried).ok_or_else(out_of_range)?;
    }
    let whole_days = whole(f64::from(whole_days) + days_of_months.trunc());
    let time = by((interval.nanoseconds / 1000) as f64) + seconds * MICROSECONDS;
    let time = time.round_ties_even();
    if !(time * 1000.0).abs().is_finite() || (time * 1000.0).abs() >= i64::MAX as f64 {
        return Err(out_of_range());
    }
    Ok(IntervalMonthDayNano {
        months: whole_months,
        days: whole_days.ok_or_else(out_of_range)?,
        nanoseconds: (time as i64) * 1000,
    })
}

/// The whole part of a number; none where it does not fit.
fn whole(value: f64) -> Option<i32> {
    let value = value.trunc();
    (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&value).then_some(value as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(months: i32, days: i32, seconds: i64) -> IntervalMonthDayNano {
        IntervalMonthDayNano { months, days, nanoseconds: seconds * 1_000_000_000 }
    }

    #[test]
    fn what_is_left_of_a_month_are_days_and_of_a_day_seconds() {
        let times = |interval, number: f64| scale(interval, |part| part * number).unwrap();
        assert_eq!(times(interval(0, 1, 7200), 1.5), interval(0, 1, 54_000));
        assert_eq!(times(interval(1, 0, 0), 2.5), interval(2, 15, 0));
        assert_eq!(times(interval(1, 0, 0), 1.0 / 3.0), interval(0, 10, 0));
        assert_eq!(times(interval(-5, 3, -60), -1.0), interval(5, -3, 60));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        for number in [1e10, f64::NAN, f64::INFINITY] {
            let error = scale(interval(1200, 0, 0), |part| part * number).unwrap_err();
            assert_eq!(error.state, SqlState::DatetimeFieldOverflow);
        }
    }
}
