//! Moments in sequence, as arrays.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayBuilder, ArrayRef, AsArray, ListBuilder, TimestampMicrosecondBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, IntervalMonthDayNano, IntervalMonthDayNanoType, TimeUnit, TimestampMicrosecondType,
};
use datafusion::error::DataFusionError;

use super::arity;
use crate::sql::function::temporal::{INTERVAL, TIMESTAMP, later, moments};
use crate::sql::function::text_column;
use crate::sql::grammar::marker::SERIES;
use crate::sql::{SqlError, SqlState};

const DAY_US: i64 = 86_400_000_000;
const MONTH_DAYS: i128 = 30;

/// The type of a series from such a bound; dates are moments in UTC, as in PostgreSQL.
pub(super) fn item_type(bound: &DataType) -> Option<DataType> {
    match bound {
        DataType::Timestamp(_, None) => Some(DataType::Timestamp(TimeUnit::Microsecond, None)),
        DataType::Timestamp(..) | DataType::Date32 => {
            Some(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))
        }
        _ => None,
    }
}

/// From the first argument to the second, by steps of the third; at most so many.
pub(super) fn series(
    arguments: &[ArrayRef],
    most: usize,
    too_many: fn() -> SqlError,
) -> Result<ArrayRef, DataFusionError> {
    let [from, to, steps] = arguments else { return Err(arity(SERIES)) };
    let (from, to) = (moments(&read(from, &TIMESTAMP)?)?, moments(&read(to, &TIMESTAMP)?)?);
    let steps = cast(&read(steps, &INTERVAL)?, &INTERVAL)?;
    let (from, to) = (
        from.as_primitive::<TimestampMicrosecondType>(),
        to.as_primitive::<TimestampMicrosecondType>(),
    );
    let steps = steps.as_primitive::<IntervalMonthDayNanoType>();
    let mut lists = ListBuilder::new(TimestampMicrosecondBuilder::new());
    for row in 0..steps.len() {
        if from.is_null(row) || to.is_null(row) || steps.is_null(row) {
            lists.append_null();
            continue;
        }
        let (to, step) = (to.value(row), steps.value(row));
        let forwards = length(step);
        if forwards == 0 {
            let message = "step size cannot equal zero";
            return Err(SqlError::new(SqlState::InvalidParameterValue, message).into());
        }
        let within = |next: &i64| if forwards > 0 { *next <= to } else { *next >= to };
        let mut next = Some(from.value(row));
        while let Some(value) = next.filter(within) {
            if lists.values().len() == most {
                return Err(too_many().into());
            }
            lists.values().append_value(value);
            next = later(value, step);
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

/// `values`, or what they are as texts.
fn read(values: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, DataFusionError> {
    if !values.data_type().is_string() {
        return Ok(Arc::clone(values));
    }
    text_column::read(cast(values, &DataType::Utf8)?.as_string::<i32>(), data_type)
}

/// How long a step is, in nanoseconds.
fn length(step: IntervalMonthDayNano) -> i128 {
    let days = i128::from(step.months) * MONTH_DAYS + i128::from(step.days);
    days * i128::from(DAY_US) * 1000 + i128::from(step.nanoseconds)
}
