//! A moment and an interval behind it, a date and days behind it; infinite ones stay what they are.

use std::sync::Arc;

use chrono::{DateTime, Months};
use datafusion::arrow::array::{
    ArrayRef, AsArray, Date32Array, TimestampMicrosecondArray, new_null_array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::INTERVAL;
use crate::sql::value::infinity::is_infinite;
use crate::sql::{SqlError, SqlState};

const DAY_US: i64 = 86_400_000_000;

/// The moment a step after another; none where no calendar has it.
pub(in crate::sql) fn later(moment: i64, step: IntervalMonthDayNano) -> Option<i64> {
    if is_infinite(moment) {
        return Some(moment);
    }
    let at = DateTime::from_timestamp_micros(moment)?;
    let months = Months::new(step.months.unsigned_abs());
    let at = if step.months < 0 {
        at.checked_sub_months(months)?
    } else {
        at.checked_add_months(months)?
    };
    let days = i64::from(step.days).checked_mul(DAY_US)?;
    at.timestamp_micros().checked_add(days)?.checked_add(step.nanoseconds / 1000)
}

/// `moment + step`, or `moment - step`.
pub(super) fn moved(moment: Expr, step: Expr, backwards: bool) -> Expr {
    let signature = Signature::any(2, Volatility::Immutable);
    ScalarUDF::from(Later { of: Of::Moments, backwards, signature }).call(vec![moment, step])
}

/// `date + days`, or `date - days`.
pub(super) fn moved_by_days(date: Expr, days: Expr, backwards: bool) -> Expr {
    let signature = Signature::any(2, Volatility::Immutable);
    ScalarUDF::from(Later { of: Of::Dates, backwards, signature }).call(vec![date, days])
}

/// What is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Of {
    Moments,
    Dates,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Later {
    of: Of,
    backwards: bool,
    signature: Signature,
}

impl ScalarUDFImpl for Later {
    fn name(&self) -> &'static str {
        if self.backwards { "earlier" } else { "later" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(match arguments.first() {
            Some(DataType::Timestamp(_, zone)) => {
                DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
            }
            _ => DataType::Date32,
        })
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let constant =
            arguments.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { arguments.number_rows };
        let [from, step] = arguments.args.as_slice() else { return internal_err!("two sides") };
        let (from, step) = (from.to_array(rows)?, step.to_array(rows)?);
        let result_type = arguments.return_field.data_type();
        let moved: ArrayRef = match self.of {
            // The planner asks what NULL of no type gives.
            Of::Moments if !matches!(result_type, DataType::Timestamp(..)) => {
                new_null_array(result_type, rows)
            }
            Of::Moments => {
                Arc::new(self.moments(&cast(&from, result_type)?, &step, result_type)?)
            }
            Of::Dates => Arc::new(self.dates(&from, &step)?),
        };
        Ok(if constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&moved, 0)?)
        } else {
            ColumnarValue::Array(moved)
        })
    }
}

impl Later {
    fn moments(
        &self,
        from: &ArrayRef,
        step: &ArrayRef,
        result_type: &DataType,
    ) -> Result<TimestampMicrosecondArray, DataFusionError> {
        let step = cast(step, &INTERVAL)?;
        let pairs = from.as_primitive::<TimestampMicrosecondType>().iter();
        let pairs = pairs.zip(step.as_primitive::<IntervalMonthDayNanoType>());
        let moved = pairs.map(|(from, step)| {
            from.zip(step).map(|(from, step)| self.moment(from, step)).transpose()
        });
        let moved = moved.collect::<Result<TimestampMicrosecondArray, _>>()?;
        // A cast would look infinite ones up in the calendar of the zone.
        Ok(match result_type {
            DataType::Timestamp(_, zone) => moved.with_timezone_opt(zone.clone()),
            _ => moved,
        })
    }

    fn dates(&self, from: &ArrayRef, step: &ArrayRef) -> Result<Date32Array, DataFusionError> {
        // The same is asked of dates.
        let (from, step) = (cast(from, &DataType::Date32)?, cast(step, &DataType::Int64)?);
        let pairs = from.as_primitive::<Date32Type>().iter();
        let moved = pairs.zip(step.as_primitive::<Int64Type>()).map(|(from, step)| {
            from.zip(step).map(|(from, step)| self.date(from, step)).transpose()
        });
        Ok(moved.collect::<Result<Date32Array, SqlError>>()?)
    }

    fn moment(&self, from: i64, step: IntervalMonthDayNano) -> Result<i64, SqlError> {
        let step = if self.backwards { negated(step) } else { Some(step) };
        let moved = step.and_then(|step| later(from, step));
        let moved = moved.filter(|moved| is_infinite(from) || !is_infinite(*moved));
        moved.ok_or_else(|| out_of_range("timestamp"))
    }

    fn date(&self, from: i32, days: i64) -> Result<i32, SqlError> {
        const INFINITIES: [i32; 2] = [i32::MIN, i32::MAX];
        if INFINITIES.contains(&from) {
            return Ok(from);
        }
        let days = if self.backwards { days.checked_neg() } else { Some(days) };
        let moved = days.and_then(|days| i64::from(from).checked_add(days));
        let moved = moved.and_then(|moved| i32::try_from(moved).ok());
        let moved = moved.filter(|moved| !INFINITIES.contains(moved));
        moved.ok_or_else(|| out_of_range("date"))
    }
}

fn negated(step: IntervalMonthDayNano) -> Option<IntervalMonthDayNano> {
    Some(IntervalMonthDayNano {
        months: step.months.checked_neg()?,
        days: step.days.checked_neg()?,
        nanoseconds: step.nanoseconds.checked_neg()?,
    })
}

fn out_of_range(what: &str) -> SqlError {
    SqlError::new(SqlState::DatetimeFieldOverflow, format!("{what} out of range"))
}
