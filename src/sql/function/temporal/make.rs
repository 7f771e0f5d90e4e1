//! Dates, times and intervals made of numbers: `make_date` and its like.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Float64Array, Int32Array, PrimitiveArray, StringArray,
    Time64MicrosecondArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Float64Type, Int32Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::ScalarUDF;

use super::function::{INTERVAL, TIMESTAMP, TimeFunction, out_of_range, timestamptz};
use super::zone::{meant, zone};
use crate::sql::{SqlError, SqlState, SqlType};

const SECOND: f64 = 1_000_000.0;
const DAY_SECONDS: i64 = 86_400;

pub(super) fn functions() -> [ScalarUDF; 5] {
    [
        TimeFunction::of("make_date", &[3], |_| Ok(DataType::Date32), dates),
        TimeFunction::of("make_time", &[3], |_| Ok(SqlType::Time.arrow_type()), times),
        TimeFunction::of("make_timestamp", &[6], |_| Ok(TIMESTAMP), moments),
        TimeFunction::of("make_timestamptz", &[6, 7], |_| Ok(timestamptz()), moments),
        TimeFunction::of("make_interval", &[7], |_| Ok(INTERVAL), lengths),
    ]
}

/// Columns of arguments: whole numbers, then seconds, then the name of a zone.
struct Numbers {
    whole: Vec<Int32Array>,
    seconds: Option<Float64Array>,
    zones: Option<StringArray>,
    rows: usize,
}

impl Numbers {
    fn of(columns: &[ArrayRef], whole: usize) -> Result<Self, DataFusionError> {
        let rows = columns.first().map_or(0, Array::len);
        let numbers = columns
            .iter()
            .take(whole)
            .map(|column| Ok(cast(column, &DataType::Int32)?.as_primitive::<Int32Type>().clone()));
        let numbers = numbers.collect::<Result<Vec<_>, DataFusionError>>()?;
        let seconds = columns.get(whole).map(|column| cast(column, &DataType::Float64));
        let seconds = seconds.transpose()?;
        let zones = columns.get(whole + 1).map(|column| cast(column, &DataType::Utf8));
        Ok(Self {
            whole: numbers,
            seconds: seconds.map(|seconds| seconds.as_primitive::<Float64Type>().clone()),
            zones: zones.transpose()?.map(|zones| zones.as_string::<i32>().clone()),
            rows,
        })
    }

    /// What is made of each row; NULL where one of its numbers is.
    fn each<T>(
        &self,
        made: impl Fn(&[i32], f64, usize) -> Result<T, SqlError>,
    ) -> Result<Vec<Option<T>>, SqlError> {
        let each = (0..self.rows).map(|row| {
            let known = |numbers: &Int32Array| numbers.is_valid(row).then(|| numbers.value(row));
            let whole: Option<Vec<i32>> = self.whole.iter().map(known).collect();
            let seconds = match &self.seconds {
                Some(seconds) => seconds.is_valid(row).then(|| seconds.value(row)),
                None => Some(0.0),
            };
            let zone_is_known = self.zones.as_ref().is_none_or(|zones| zones.is_valid(row));
            match (whole, seconds) {
                (Some(whole), Some(seconds)) if zone_is_known => {
                    made(&whole, seconds, row).map(Some)
                }
                _ => Ok(None),
            }
        });
        each.collect()
    }
}

fn dates(columns: &[ArrayRef], _returns: &DataType) -> Result<ArrayRef, DataFusionError> {
    let days = Numbers::of(columns, 3)?.each(|whole, _, _| days(whole))?;
    Ok(Arc::new(Date32Array::from(days)))
}

fn times(columns: &[ArrayRef], _returns: &DataType) -> Result<ArrayRef, DataFusionError> {
    let times = Numbers::of(columns, 2)?.each(|whole, seconds, _| time(whole, seconds))?;
    Ok(Arc::new(Time64MicrosecondArray::from(times)))
}

fn moments(columns: &[ArrayRef], returns: &DataType) -> Result<ArrayRef, DataFusionError> {
    let numbers = Numbers::of(columns, 5)?;
    let moments = numbers.each(|whole, seconds, row| {
        let (date, clock) = whole.split_at(whole.len().min(3));
        let midnight = i64::from(days(date)?) * DAY_SECONDS * 1_000_000;
        let moment = midnight + time(clock, seconds)?;
        let Some(zones) = &numbers.zones else { return Ok(moment) };
        let clock = DateTime::from_timestamp_micros(moment).map(|clock| clock.naive_utc());
        let zone = zone(zones.value(row))?;
        let meant = clock.and_then(|clock| meant(zone, clock));
        let meant = meant.ok_or_else(|| out_of_range("timestamp"))?;
        Ok(meant.and_utc().timestamp_micros())
    })?;
    Ok(cast(&TimestampMicrosecondArray::from(moments), returns)?)
}

fn lengths(columns: &[ArrayRef], _returns: &DataType) -> Result<ArrayRef, DataFusionError> {
    let lengths = Numbers::of(columns, 6)?.each(|whole, seconds, _| length(whole, seconds))?;
    Ok(Arc::new(PrimitiveArray::<IntervalMonthDayNanoType>::from(lengths)))
}

/// Days since 1970 of a year, a month and a day; years below 0 are those before Christ.
fn days(whole: &[i32]) -> Result<i32, SqlError> {
    let [year, month, day] = whole else { return Err(out_of_range("date")) };
    let wrong = || {
        let message = format!("date field value out of range: {year}-{month:02}-{day:02}");
        SqlError::new(SqlState::DatetimeFieldOverflow, message)
    };
    let calendar = match year {
        0 => return Err(wrong()),
        1.. => *year,
        before => before.checked_add(1).ok_or_else(wrong)?,
    };
    let part = |number: &i32| u32::try_from(*number).map_err(|_| wrong());
    let date = NaiveDate::from_ymd_opt(calendar, part(month)?, part(day)?).ok_or_else(wrong)?;
    let seconds = date.signed_duration_since(DateTime::UNIX_EPOCH.date_naive());
    i32::try_from(seconds.num_days()).map_err(|_| wrong())
}

/// Microseconds since midnight of an hour, a minute and seconds.
fn time(whole: &[i32], seconds: f64) -> Result<i64, SqlError> {
    let [hour, minute] = whole else { return Err(out_of_range("time")) };
    let fits = (0..24).contains(hour) && (0..60).contains(minute) && (0.0..60.0).contains(&seconds);
    if !fits {
        let message = format!("time field value out of range: {hour}:{minute:02}:{seconds:02}");
        return Err(SqlError::new(SqlState::DatetimeFieldOverflow, message));
    }
    let minutes = i64::from(hour * 60 + minute);
    Ok(minutes * 60_000_000 + (seconds * SECOND).round_ties_even() as i64)
}

/// Years, months, weeks, days, hours, minutes and seconds.
fn length(whole: &[i32], seconds: f64) -> Result<IntervalMonthDayNano, SqlError> {
    let range = || out_of_range("interval");
    let [years, months, weeks, days, hours, minutes] = whole else { return Err(range()) };
    let summed = |large: &i32, factor: i32, small: &i32| {
        large.checked_mul(factor).and_then(|sum| sum.checked_add(*small)).ok_or_else(range)
    };
    let minutes = i64::from(*hours) * 60 + i64::from(*minutes);
    let microseconds = (seconds * SECOND).round_ties_even();
    if !microseconds.is_finite() || microseconds.abs() > 1e15 {
        return Err(range());
    }
    let time = (minutes * 60_000_000).checked_add(microseconds as i64);
    let nanoseconds = time.and_then(|time| time.checked_mul(1000)).ok_or_else(range)?;
    Ok(IntervalMonthDayNano::new(summed(years, 12, months)?, summed(weeks, 7, days)?, nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_told() {
        assert_eq!(days(&[1970, 1, 2]).unwrap(), 1);
        assert!(days(&[-44, 3, 15]).unwrap() < days(&[1, 1, 1]).unwrap());
        assert_eq!(time(&[8, 15], 23.5).unwrap(), 29_723_500_000);
        let errors = [
            days(&[2023, 2, 29]).unwrap_err(),
            days(&[0, 1, 1]).unwrap_err(),
            time(&[25, 0], 0.0).unwrap_err(),
            time(&[0, 0], f64::NAN).unwrap_err(),
            length(&[i32::MAX, 0, 0, 0, 0, 0], 0.0).unwrap_err(),
            length(&[0; 6], f64::INFINITY).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.state, SqlState::DatetimeFieldOverflow, "{error}");
        }
    }
}
