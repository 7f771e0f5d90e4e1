//! `timestamp(3)`, `time(0)`, `interval(2)`: seconds rounded to so many digits.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType,
    TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::ScalarUDF;

use super::function::{Kind, TimeFunction, types, undefined};
use crate::sql::grammar::marker::TO_PRECISION;
use crate::sql::value::infinity::is_infinite;

/// Microseconds from 1970 to 2000, from where PostgreSQL counts and rounds.
const EPOCH_US: i64 = 946_684_800_000_000;

pub(super) fn function() -> ScalarUDF {
    TimeFunction::of(
        TO_PRECISION,
        &[2],
        |arguments| match types(arguments).as_slice() {
            [time, _] if Kind::of(time).is_some_and(|kind| kind != Kind::Date) => {
                Ok((*time).clone())
            }
            _ => Err(undefined(TO_PRECISION, arguments)),
        },
        round,
    )
}

fn round(columns: &[ArrayRef], returned: &DataType) -> Result<ArrayRef, DataFusionError> {
    let [times, digits] = columns else { return internal_err!("a time and its digits") };
    let digits = cast(digits, &DataType::Int64)?;
    let digits = digits.as_primitive::<Int64Type>().iter().next().flatten().unwrap_or(6);
    let unit = 10_i64.pow(6 - u32::try_from(digits.clamp(0, 6)).unwrap_or(6));
    Ok(match returned {
        DataType::Timestamp(_, zone) => {
            let moments = cast(times, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?;
            let moments = moments.as_primitive::<TimestampMicrosecondType>();
            let moments = moments.unary::<_, TimestampMicrosecondType>(|it| moment(it, unit));
            cast(&moments.with_timezone_opt(zone.clone()), returned)?
        }
        DataType::Time64(_) => {
            let times = cast(times, &DataType::Time64(TimeUnit::Microsecond))?;
            let times = times.as_primitive::<Time64MicrosecondType>();
            let times = times.unary::<_, Time64MicrosecondType>(|time| nearest(time, unit));
            cast(&times, returned)?
        }
        DataType::Interval(_) => {
            let lengths = times.as_primitive::<IntervalMonthDayNanoType>();
            let length = |length: IntervalMonthDayNano| IntervalMonthDayNano {
                nanoseconds: nearest(length.nanoseconds, unit * 1000),
                ..length
            };
            Arc::new(lengths.unary::<_, IntervalMonthDayNanoType>(length))
        }
        other => return internal_err!("digits of {other}"),
    })
}

fn moment(moment: i64, unit: i64) -> i64 {
    if is_infinite(moment) {
        return moment;
    }
    nearest(moment.saturating_sub(EPOCH_US), unit).saturating_add(EPOCH_US)
}

/// The nearest multiple of `unit`, the one away from zero in the middle.
fn nearest(number: i64, unit: i64) -> i64 {
    let half = unit / 2;
    let further =
        if number < 0 { number.saturating_sub(half) } else { number.saturating_add(half) };
    further / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_away_from_where_time_is_counted_from() {
        let second = 1_000_000;
        assert_eq!(nearest(1_500_000, second), 2_000_000);
        assert_eq!(nearest(-1_500_000, second), -2_000_000);
        assert_eq!(nearest(1_499_999, second), 1_000_000);
        assert_eq!(nearest(1_234_565, 10), 1_234_570);
        assert_eq!(moment(EPOCH_US - 500_000, second), EPOCH_US - second);
        assert_eq!(moment(EPOCH_US + 500_000, second), EPOCH_US + second);
        assert_eq!(moment(i64::MAX, second), i64::MAX);
    }
}
