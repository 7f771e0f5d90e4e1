//! Times cut to a unit, or to a length of time: `date_trunc` and `date_bin`.

use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, PrimitiveArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, IntervalMonthDayNano, IntervalMonthDayNanoType, TimestampMicrosecondType,
};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{ReturnFieldArgs, ScalarUDF};

use super::function::{
    INTERVAL, Kind, TIMESTAMP, TimeFunction, moments as moments_of, out_of_range, timestamptz,
    types, undefined,
};
use super::unit::{Unit, unrecognized, unsupported};
use super::zone::{meant, shown, zone};
use crate::sql::value::infinity::is_infinite;
use crate::sql::{SqlError, SqlState};

const DAY_US: i64 = 86_400_000_000;

pub(super) fn functions() -> [ScalarUDF; 2] {
    [
        TimeFunction::of("date_trunc", &[2, 3], truncated_type, truncated),
        TimeFunction::of("date_bin", &[3], bin_type, bins),
    ]
}

/// Dates are times with a zone, as in PostgreSQL, which knows no others to cut.
fn truncated_type(arguments: &ReturnFieldArgs<'_>) -> Result<DataType, DataFusionError> {
    let types = types(arguments);
    match (types.get(1).and_then(|data_type| Kind::of(data_type)), types.len()) {
        (Some(Kind::Timestamp), 2) => Ok(TIMESTAMP),
        (Some(Kind::Interval), 2) => Ok(INTERVAL),
        (Some(Kind::Timestamptz | Kind::Date), _) => Ok(timestamptz()),
        _ => Err(undefined("date_trunc", arguments)),
    }
}

fn truncated(columns: &[ArrayRef], returns: &DataType) -> Result<ArrayRef, DataFusionError> {
    let [names, values, zones @ ..] = columns else { return internal_err!("a unit and a time") };
    let names = cast(names, &DataType::Utf8)?;
    let names = names.as_string::<i32>().iter();
    if *returns == INTERVAL {
        let values = cast(values, &INTERVAL)?;
        let pairs = names.zip(values.as_primitive::<IntervalMonthDayNanoType>());
        let cut = pairs.map(|pair| match pair {
            (Some(name), Some(length)) => cut_length(length, name).map(Some),
            _ => Ok(None),
        });
        return Ok(Arc::new(
            cut.collect::<Result<PrimitiveArray<IntervalMonthDayNanoType>, SqlError>>()?,
        ));
    }
    let kind = Kind::of(returns).unwrap_or(Kind::Timestamp);
    let values = moments_of(values)?;
    let zones = zones.first().map(|zones| cast(zones, &DataType::Utf8)).transpose()?;
    let zone_of = |row: usize| {
        zones.as_ref().map(|zones| {
            let zones = zones.as_string::<i32>();
            zones.is_valid(row).then(|| zones.value(row).to_owned())
        })
    };
    let pairs = names.zip(values.as_primitive::<TimestampMicrosecondType>()).enumerate();
    let cut = pairs.map(|(row, pair)| match (pair, zone_of(row)) {
        ((None, _) | (_, None), _) | (_, Some(None)) => Ok(None),
        ((_, Some(infinite)), _) if is_infinite(infinite) => Ok(Some(infinite)),
        ((Some(name), Some(moment)), None) => cut_moment(moment, name, kind).map(Some),
        ((Some(name), Some(moment)), Some(Some(zone))) => {
            cut_in_zone(moment, name, &zone).map(Some)
        }
    });
    let cut = cut.collect::<Result<TimestampMicrosecondArray, SqlError>>()?;
    Ok(in_zone_of(cut, returns))
}

/// Moments of UTC as ones of this type.
fn in_zone_of(moments: TimestampMicrosecondArray, returns: &DataType) -> ArrayRef {
    let zone = match returns {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    Arc::new(moments.with_timezone_opt(zone))
}

fn cut_in_zone(moment: i64, name: &str, zone_name: &str) -> Result<i64, SqlError> {
    let range = || out_of_range("timestamp");
    let zone = zone(zone_name)?;
    let at = DateTime::from_timestamp_micros(moment).ok_or_else(range)?.naive_utc();
    let clock = shown(zone, at).ok_or_else(range)?.and_utc().timestamp_micros();
    let cut = cut_moment(clock, name, Kind::Timestamptz)?;
    if is_within_a_day(Unit::of(name, Kind::Timestamptz)?) {
        // A clock that is set back shows an hour twice: the one that the moment is in is meant.
        return Ok(moment - (clock - cut));
    }
    let cut = DateTime::from_timestamp_micros(cut).ok_or_else(range)?.naive_utc();
    Ok(meant(zone, cut).ok_or_else(range)?.and_utc().timestamp_micros())
}

fn is_within_a_day(unit: Unit) -> bool {
    let units = [Unit::Microsecond, Unit::Millisecond, Unit::Second, Unit::Minute, Unit::Hour];
    units.contains(&unit)
}

fn cut_moment(moment: i64, name: &str, kind: Kind) -> Result<i64, SqlError> {
    let range = || out_of_range("timestamp");
    let at: NaiveDateTime = DateTime::from_timestamp_micros(moment).ok_or_else(range)?.naive_utc();
    let cut = |unit: i64| moment - moment.rem_euclid(unit);
    let (date, year) = (at.date(), at.year());
    let first = match Unit::of(name, kind)? {
        Unit::Microsecond => return Ok(moment),
        Unit::Millisecond => return Ok(cut(1000)),
        Unit::Second => return Ok(cut(1_000_000)),
        Unit::Minute => return Ok(cut(60_000_000)),
        Unit::Hour => return Ok(cut(3_600_000_000)),
        Unit::Day => return Ok(cut(DAY_US)),
        Unit::Week => {
            let since_monday = i64::from(date.weekday().num_days_from_monday());
            date.checked_sub_signed(TimeDelta::days(since_monday))
        }
        Unit::Month => NaiveDate::from_ymd_opt(year, date.month(), 1),
        Unit::Quarter => NaiveDate::from_ymd_opt(year, date.month0() / 3 * 3 + 1, 1),
        Unit::Year => NaiveDate::from_ymd_opt(year, 1, 1),
        Unit::Decade => NaiveDate::from_ymd_opt(year.div_euclid(10) * 10, 1, 1),
        Unit::Century => NaiveDate::from_ymd_opt((year - 1).div_euclid(100) * 100 + 1, 1, 1),
        Unit::Millennium => NaiveDate::from_ymd_opt((year - 1).div_euclid(1000) * 1000 + 1, 1, 1),
        Unit::Zone | Unit::ZoneHour | Unit::ZoneMinute => return Err(unsupported(name, kind)),
        _ => return Err(unrecognized(name, kind)),
    };
    let first = first.and_then(|date| date.and_hms_opt(0, 0, 0)).ok_or_else(range)?;
    Ok(first.and_utc().timestamp_micros())
}

fn cut_length(length: IntervalMonthDayNano, name: &str) -> Result<IntervalMonthDayNano, SqlError> {
    let IntervalMonthDayNano { months, days, nanoseconds } = length;
    let months_cut = |unit: i32| IntervalMonthDayNano::new(months / unit * unit, 0, 0);
    let time_cut = |unit: i64| IntervalMonthDayNano::new(months, days, nanoseconds / unit * unit);
    Ok(match Unit::of(name, Kind::Interval)? {
        Unit::Microsecond => length,
        Unit::Millisecond => time_cut(1_000_000),
        Unit::Second => time_cut(1_000_000_000),
        Unit::Minute => time_cut(60_000_000_000),
        Unit::Hour => time_cut(3_600_000_000_000),
        Unit::Day => IntervalMonthDayNano::new(months, days, 0),
        Unit::Month => months_cut(1),
        Unit::Quarter => months_cut(3),
        Unit::Year => months_cut(12),
        Unit::Decade => months_cut(120),
        Unit::Century => months_cut(1200),
        Unit::Millennium => months_cut(12_000),
        Unit::Week | Unit::Zone | Unit::ZoneHour | Unit::ZoneMinute => {
            return Err(unsupported(name, Kind::Interval));
        }
        _ => return Err(unrecognized(name, Kind::Interval)),
    })
}

fn bin_type(arguments: &ReturnFieldArgs<'_>) -> Result<DataType, DataFusionError> {
    let types = types(arguments);
    let kinds: Vec<_> = types.iter().map(|data_type| Kind::of(data_type)).collect();
    match kinds.as_slice() {
        [_, Some(Kind::Timestamp), Some(Kind::Timestamp | Kind::Date) | None]
        | [_, Some(Kind::Date) | None, Some(Kind::Timestamp)] => Ok(TIMESTAMP),
        [_, Some(Kind::Timestamptz | Kind::Date) | None, Some(_) | None]
        | [_, Some(Kind::Timestamp), Some(Kind::Timestamptz)] => Ok(timestamptz()),
        _ => Err(undefined("date_bin", arguments)),
    }
}

fn bins(columns: &[ArrayRef], returns: &DataType) -> Result<ArrayRef, DataFusionError> {
    let [strides, moments, origins] = columns else {
        return internal_err!("a stride, a time and an origin");
    };
    let strides = cast(strides, &INTERVAL)?;
    let (moments, origins) = (moments_of(moments)?, moments_of(origins)?);
    let rows = strides
        .as_primitive::<IntervalMonthDayNanoType>()
        .iter()
        .zip(moments.as_primitive::<TimestampMicrosecondType>())
        .zip(origins.as_primitive::<TimestampMicrosecondType>());
    let bins = rows.map(|row| match row {
        ((Some(stride), Some(moment)), Some(origin)) => bin(stride, moment, origin).map(Some),
        _ => Ok(None),
    });
    let bins = bins.collect::<Result<TimestampMicrosecondArray, SqlError>>()?;
    Ok(in_zone_of(bins, returns))
}

fn bin(stride: IntervalMonthDayNano, moment: i64, origin: i64) -> Result<i64, SqlError> {
    if stride.months != 0 {
        let message = "timestamps cannot be binned into intervals containing months or years";
        return Err(SqlError::new(SqlState::FeatureNotSupported, message));
    }
    let days = i64::from(stride.days).checked_mul(DAY_US);
    let length = days.and_then(|days| days.checked_add(stride.nanoseconds / 1000));
    let length = length.ok_or_else(|| out_of_range("interval"))?;
    if length <= 0 {
        let message = "stride must be greater than zero";
        return Err(SqlError::new(SqlState::DatetimeFieldOverflow, message));
    }
    if is_infinite(moment) {
        return Ok(moment);
    }
    if is_infinite(origin) {
        return Err(out_of_range("origin"));
    }
    let since = moment.checked_sub(origin).ok_or_else(|| out_of_range("interval"))?;
    let into = since.rem_euclid(length);
    moment.checked_sub(into).ok_or_else(|| out_of_range("timestamp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centuries_and_bins_begin_before_what_is_cut() {
        let cut = |name, text: &str| {
            let moment = text.parse::<NaiveDateTime>().unwrap().and_utc().timestamp_micros();
            let cut = cut_moment(moment, name, Kind::Timestamp).unwrap();
            DateTime::from_timestamp_micros(cut).unwrap().date_naive().to_string()
        };
        assert_eq!(cut("century", "2000-02-03T01:02:03"), "1901-01-01");
        assert_eq!(cut("week", "2024-12-31T01:02:03"), "2024-12-30");
        let stride = IntervalMonthDayNano::new(0, 0, 10_000);
        assert_eq!([3, 10, -1, -10].map(|at| bin(stride, at, 0).unwrap()), [0, 10, -10, -10]);
    }
}
