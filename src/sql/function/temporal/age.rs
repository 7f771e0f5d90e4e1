//! Lengths of time as people tell them: `age`, and `justify_hours` and its like.

use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDateTime, Timelike};
use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, PrimitiveArray, new_null_array};
use datafusion::arrow::compute::{cast, is_not_null};
use datafusion::arrow::datatypes::{
    DataType, IntervalMonthDayNano, IntervalMonthDayNanoType, TimestampMicrosecondType,
};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{ReturnFieldArgs, ScalarUDF};

use super::function::{INTERVAL, Kind, TimeFunction, moments, out_of_range, types, undefined};
use crate::sql::SqlError;
use crate::sql::value::infinity::is_infinite;

const DAY: i64 = 86_400_000_000_000;
const DAYS_A_MONTH: i32 = 30;

pub(super) fn functions() -> [ScalarUDF; 5] {
    [
        TimeFunction::of("age", &[2], age_type, ages),
        TimeFunction::of("justify_days", &[1], length_type, |columns, _| {
            justified(columns, by_days)
        }),
        TimeFunction::of("justify_hours", &[1], length_type, |columns, _| {
            justified(columns, by_hours)
        }),
        TimeFunction::of("justify_interval", &[1], length_type, |columns, _| {
            justified(columns, by_both)
        }),
        TimeFunction::of("isfinite", &[1], finite_type, |columns, _| {
            let [values] = columns else { return internal_err!("a time") };
            let finite: BooleanArray = if Kind::of(values.data_type()) == Some(Kind::Interval) {
                let known = is_not_null(values)?;
                known.values().iter().map(|known| known.then_some(true)).collect()
            } else {
                let moments = moments(values)?;
                let moments = moments.as_primitive::<TimestampMicrosecondType>().iter();
                moments.map(|moment| moment.map(|it| !is_infinite(it))).collect()
            };
            Ok(Arc::new(finite))
        }),
    ]
}

fn age_type(arguments: &ReturnFieldArgs<'_>) -> Result<DataType, DataFusionError> {
    let is_moment = |data_type: &&DataType| {
        let kind = Kind::of(data_type);
        let moment = [Kind::Date, Kind::Timestamp, Kind::Timestamptz];
        data_type.is_null() || kind.is_some_and(|kind| moment.contains(&kind))
    };
    let all = types(arguments).iter().all(is_moment);
    if all { Ok(INTERVAL) } else { Err(undefined("age", arguments)) }
}

fn length_type(arguments: &ReturnFieldArgs<'_>) -> Result<DataType, DataFusionError> {
    match types(arguments).as_slice() {
        [DataType::Null | DataType::Interval(_)] => Ok(INTERVAL),
        _ => Err(undefined("justify_interval", arguments)),
    }
}

fn finite_type(arguments: &ReturnFieldArgs<'_>) -> Result<DataType, DataFusionError> {
    match types(arguments).as_slice() {
        [data_type] if Kind::of(data_type).is_some_and(|kind| kind != Kind::Time) => {
            Ok(DataType::Boolean)
        }
        _ => Err(undefined("isfinite", arguments)),
    }
}

fn justified(columns: &[ArrayRef], by: fn(Parts) -> Parts) -> Result<ArrayRef, DataFusionError> {
    let [lengths] = columns else { return internal_err!("an interval") };
    if lengths.data_type().is_null() {
        return Ok(new_null_array(&INTERVAL, lengths.len()));
    }
    let lengths = cast(lengths, &INTERVAL)?;
    let lengths = lengths.as_primitive::<IntervalMonthDayNanoType>().iter();
    let lengths = lengths.map(|length| length.map(|length| Parts::of(length, by)).transpose());
    Ok(Arc::new(lengths.collect::<Result<PrimitiveArray<IntervalMonthDayNanoType>, _>>()?))
}

/// An interval whose parts may be carried over.
#[derive(Debug, Clone, Copy)]
struct Parts {
    months: i64,
    days: i64,
    nanoseconds: i64,
}

impl Parts {
    fn of(
        length: IntervalMonthDayNano,
        by: fn(Self) -> Self,
    ) -> Result<IntervalMonthDayNano, SqlError> {
        let IntervalMonthDayNano { months, days, nanoseconds } = length;
        let parts = by(Self { months: months.into(), days: days.into(), nanoseconds });
        let fits = |part: i64| i32::try_from(part).map_err(|_| out_of_range("interval"));
        Ok(IntervalMonthDayNano::new(fits(parts.months)?, fits(parts.days)?, parts.nanoseconds))
    }
}

fn by_hours(mut parts: Parts) -> Parts {
    (parts.days, parts.nanoseconds) = carried(parts.days, parts.nanoseconds, DAY);
    parts
}

fn by_days(mut parts: Parts) -> Parts {
    (parts.months, parts.days) = carried(parts.months, parts.days, i64::from(DAYS_A_MONTH));
    parts
}

/// Two parts after whole units of the smaller went over to the larger; both have one sign then.
fn carried(larger: i64, smaller: i64, unit: i64) -> (i64, i64) {
    let (larger, smaller) = (larger + smaller / unit, smaller % unit);
    if larger > 0 && smaller < 0 {
        (larger - 1, smaller + unit)
    } else if larger < 0 && smaller > 0 {
        (larger + 1, smaller - unit)
    } else {
        (larger, smaller)
    }
}

fn by_both(mut parts: Parts) -> Parts {
    let month = i64::from(DAYS_A_MONTH);
    parts.days += parts.nanoseconds / DAY;
    parts.nanoseconds %= DAY;
    parts.months += parts.days / month;
    parts.days %= month;
    let rest = (parts.days, parts.nanoseconds);
    if parts.months > 0 && rest < (0, 0) {
        parts.days += month;
        parts.months -= 1;
    } else if parts.months < 0 && rest > (0, 0) {
        parts.days -= month;
        parts.months += 1;
    }
    by_hours(parts)
}

fn ages(columns: &[ArrayRef], _returns: &DataType) -> Result<ArrayRef, DataFusionError> {
    let [later, earlier] = columns else { return internal_err!("two moments") };
    let (later, earlier) = (moments(later)?, moments(earlier)?);
    let pairs = later
        .as_primitive::<TimestampMicrosecondType>()
        .iter()
        .zip(earlier.as_primitive::<TimestampMicrosecondType>());
    let ages = pairs.map(|pair| match pair {
        (Some(later), Some(earlier)) => age(later, earlier).map(Some),
        _ => Ok(None),
    });
    let ages = ages.collect::<Result<PrimitiveArray<IntervalMonthDayNanoType>, SqlError>>()?;
    Ok(Arc::new(ages))
}

/// Years, months, days and time between two moments; borrowed days are those of the month in
/// which the earlier one lies.
fn age(first: i64, second: i64) -> Result<IntervalMonthDayNano, SqlError> {
    let moment = |at: i64| {
        let moment = DateTime::from_timestamp_micros(at).map(|moment| moment.naive_utc());
        moment.ok_or_else(|| out_of_range("timestamp"))
    };
    let (later, earlier) = (moment(first.max(second))?, moment(first.min(second))?);
    let mut nanoseconds = time_of_day(later) - time_of_day(earlier);
    let day = |moment: NaiveDateTime| i32::try_from(moment.day()).unwrap_or_default();
    let mut days = day(later) - day(earlier);
    let month = |moment: NaiveDateTime| {
        moment.year() * 12 + i32::try_from(moment.month0()).unwrap_or_default()
    };
    let mut months = month(later) - month(earlier);
    if nanoseconds < 0 {
        nanoseconds += DAY;
        days -= 1;
    }
    while days < 0 {
        days += i32::from(earlier.num_days_in_month());
        months -= 1;
    }
    let sign = if first < second { -1 } else { 1 };
    Ok(IntervalMonthDayNano::new(sign * months, sign * days, i64::from(sign) * nanoseconds))
}

fn time_of_day(moment: NaiveDateTime) -> i64 {
    let seconds = i64::from(moment.num_seconds_from_midnight());
    seconds * 1_000_000_000 + i64::from(moment.nanosecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_borrows_days_from_the_month_of_the_earlier_moment() {
        let at = |text: &str| text.parse::<NaiveDateTime>().unwrap().and_utc().timestamp_micros();
        let of = |first: &str, second: &str| {
            let age = age(at(first), at(second)).unwrap();
            (age.months, age.days, age.nanoseconds / 1_000_000_000)
        };
        assert_eq!(of("2024-03-01T00:00:00", "2023-01-15T12:00:00"), (13, 16, 43_200));
        assert_eq!(of("2023-01-15T12:00:00", "2024-03-01T00:00:00"), (-13, -16, -43_200));
        assert_eq!(of("2024-01-31T10:00:00", "2023-12-31T11:00:00"), (0, 30, 82_800));
    }
}
