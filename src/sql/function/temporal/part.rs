//! Parts of dates, times and intervals: `extract` and `date_part`.

use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType,
    TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{ReturnFieldArgs, ScalarUDF};
use datafusion::scalar::ScalarValue;

use super::function::{INTERVAL, Kind, TIMESTAMP, TimeFunction, out_of_range, undefined};
use super::unit::{Unit, unsupported};
use crate::sql::SqlError;
use crate::sql::grammar::marker::EXTRACT;
use crate::sql::value::infinity::is_infinite;

/// Digits of a part.
const DIGITS: u8 = 20;
const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY_SECONDS: i64 = 86_400;
/// The number of 1970-01-01 in the count of days that astronomers have.
const JULIAN_1970: i64 = 2_440_588;

pub(super) fn functions() -> [ScalarUDF; 2] {
    [
        TimeFunction::of(EXTRACT, &[2], exact, |columns, _| {
            let (parts, scale) = parts(columns)?;
            let parts: Decimal128Array = parts.into_iter().collect();
            Ok(Arc::new(parts.with_precision_and_scale(DIGITS, scale)?))
        }),
        TimeFunction::of("date_part", &[2], inexact, |columns, _| {
            let columns = match columns {
                // Its hours are none of a date, but asked for.
                [names, days] if Kind::of(days.data_type()) == Some(Kind::Date) => {
                    vec![Arc::clone(names), cast(days, &TIMESTAMP)?]
                }
                others => others.to_vec(),
            };
            let (parts, scale) = parts(&columns)?;
            let one = 10_f64.powi(scale.into());
            let parts = parts.into_iter().map(|part| part.map(|part| part as f64 / one));
            Ok(Arc::new(parts.collect::<Float64Array>()))
        }),
    ]
}

fn exact(arguments: &ReturnFieldArgs<'_>) -> Result<DataType, DataFusionError> {
    let kind = kind(arguments).ok_or_else(|| undefined("extract", arguments))?;
    let unit = arguments.scalar_arguments.first().copied().flatten();
    let name = unit.and_then(ScalarValue::try_as_str).flatten().unwrap_or_default();
    Ok(DataType::Decimal128(DIGITS, Unit::of(name, kind)?.scale(kind)))
}

fn inexact(arguments: &ReturnFieldArgs<'_>) -> Result<DataType, DataFusionError> {
    kind(arguments).ok_or_else(|| undefined("date_part", arguments))?;
    Ok(DataType::Float64)
}

fn kind(arguments: &ReturnFieldArgs<'_>) -> Option<Kind> {
    Kind::of(arguments.arg_fields.get(1)?.data_type())
}

/// Parts of the values in the second column, and how many of their digits are behind the point.
fn parts(columns: &[ArrayRef]) -> Result<(Vec<Option<i128>>, i8), DataFusionError> {
    let [names, values] = columns else { return internal_err!("a unit and a time") };
    let names = cast(names, &DataType::Utf8)?;
    let names = names.as_string::<i32>();
    let Some(kind) = Kind::of(values.data_type()) else { return Ok((Vec::new(), 0)) };
    let first = names.iter().flatten().next();
    let scale = first.map_or(Ok(0), |name| Ok::<_, SqlError>(Unit::of(name, kind)?.scale(kind)))?;
    let values = Values::of(values, kind)?;
    let part = |(row, name): (usize, Option<&str>)| {
        let Some(name) = name else { return Ok(None) };
        let unit = Unit::of(name, kind)?;
        let Some(part) = values.part(row, unit, name)? else { return Ok(None) };
        // Rows may ask for units of other scales, which only date_part lets them.
        let shift = i32::from(scale) - i32::from(unit.scale(kind));
        let ten = 10_i128.pow(shift.unsigned_abs());
        Ok(Some(if shift < 0 { part / ten } else { part * ten }))
    };
    let parts = names.iter().enumerate().map(part).collect::<Result<_, SqlError>>()?;
    Ok((parts, scale))
}

/// A column of times or lengths of time.
enum Values {
    Days(ArrayRef),
    Times(ArrayRef),
    Moments(ArrayRef, Kind),
    Lengths(ArrayRef),
}

impl Values {
    fn of(values: &ArrayRef, kind: Kind) -> Result<Self, DataFusionError> {
        Ok(match kind {
            Kind::Date => Self::Days(cast(values, &DataType::Date32)?),
            Kind::Time => Self::Times(cast(values, &DataType::Time64(TimeUnit::Microsecond))?),
            Kind::Timestamp | Kind::Timestamptz => Self::Moments(cast(values, &TIMESTAMP)?, kind),
            Kind::Interval => Self::Lengths(cast(values, &INTERVAL)?),
        })
    }

    fn is_infinite(&self, row: usize) -> bool {
        match self {
            Self::Days(days) => {
                matches!(days.as_primitive::<Date32Type>().value(row), i32::MIN | i32::MAX)
            }
            Self::Moments(moments, _) => {
                is_infinite(moments.as_primitive::<TimestampMicrosecondType>().value(row))
            }
            Self::Times(_) | Self::Lengths(_) => false,
        }
    }

    /// A part of the value in a row, without its point.
    fn part(&self, row: usize, unit: Unit, name: &str) -> Result<Option<i128>, SqlError> {
        let (Self::Days(column)
        | Self::Times(column)
        | Self::Moments(column, _)
        | Self::Lengths(column)) = self;
        if column.is_null(row) || (self.is_infinite(row) && !unit.grows()) {
            return Ok(None);
        }
        let (part, kind) = match self {
            Self::Days(days) => {
                let days = i64::from(days.as_primitive::<Date32Type>().value(row));
                (part_of_day(days, unit)?, Kind::Date)
            }
            Self::Times(times) => (
                part_of_time(times.as_primitive::<Time64MicrosecondType>().value(row), unit),
                Kind::Time,
            ),
            Self::Moments(moments, kind) => {
                let moment = moments.as_primitive::<TimestampMicrosecondType>().value(row);
                (part_of_moment(moment, unit, *kind)?, *kind)
            }
            Self::Lengths(lengths) => {
                let length = lengths.as_primitive::<IntervalMonthDayNanoType>().value(row);
                (part_of_length(length, unit), Kind::Interval)
            }
        };
        part.map(|part| Some(part.into())).ok_or_else(|| unsupported(name, kind))
    }
}

fn part_of_moment(moment: i64, unit: Unit, kind: Kind) -> Result<Option<i64>, SqlError> {
    let date_time =
        DateTime::from_timestamp_micros(moment).ok_or_else(|| out_of_range("timestamp"))?;
    let date_time: NaiveDateTime = date_time.naive_utc();
    let days = moment.div_euclid(DAY_SECONDS * SECOND);
    let time = moment.rem_euclid(DAY_SECONDS * SECOND);
    Ok(match unit {
        Unit::Epoch => Some(moment),
        Unit::Zone | Unit::ZoneHour | Unit::ZoneMinute => (kind == Kind::Timestamptz).then_some(0),
        Unit::Julian if time != 0 => {
            return Err(SqlError::unsupported("the Julian day of a time of day"));
        }
        Unit::Hour => Some(date_time.hour().into()),
        Unit::Minute | Unit::Second | Unit::Millisecond | Unit::Microsecond => {
            part_of_time(time, unit)
        }
        _ => part_of_day(days, unit)?,
    })
}

fn part_of_time(time: i64, unit: Unit) -> Option<i64> {
    Some(match unit {
        Unit::Hour => time / HOUR,
        Unit::Minute => time / MINUTE % 60,
        // The scales of the three put the point where it belongs.
        Unit::Second | Unit::Millisecond | Unit::Microsecond => time % MINUTE,
        Unit::Epoch => time,
        _ => return None,
    })
}

fn part_of_day(days: i64, unit: Unit) -> Result<Option<i64>, SqlError> {
    let seconds = days.checked_mul(DAY_SECONDS);
    let date = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let date: NaiveDate = date.ok_or_else(|| out_of_range("date"))?.date_naive();
    let year = i64::from(date.year());
    let week = date.iso_week();
    Ok(Some(match unit {
        Unit::Day => date.day().into(),
        Unit::Week => week.week().into(),
        Unit::Month => date.month().into(),
        Unit::Quarter => (date.month0() / 3 + 1).into(),
        Unit::Year => shown(year),
        Unit::Decade => year.div_euclid(10),
        Unit::Century => counted(year, 100),
        Unit::Millennium => counted(year, 1000),
        Unit::DayOfWeek => date.weekday().num_days_from_sunday().into(),
        Unit::DayOfIsoWeek => date.weekday().number_from_monday().into(),
        Unit::DayOfYear => date.ordinal().into(),
        Unit::IsoYear => shown(week.year().into()),
        Unit::Epoch => days * DAY_SECONDS,
        Unit::Julian => days + JULIAN_1970,
        _ => return Ok(None),
    }))
}

/// There is no year 0: the one before 1 is 1 BC, told as -1.
fn shown(year: i64) -> i64 {
    if year > 0 { year } else { year - 1 }
}

/// Centuries and millennia are counted from year 1.
fn counted(year: i64, years: i64) -> i64 {
    if year > 0 { (year + years - 1) / years } else { -((years - year) / years) }
}

fn part_of_length(length: IntervalMonthDayNano, unit: Unit) -> Option<i64> {
    let (months, days) = (i64::from(length.months), i64::from(length.days));
    let time = length.nanoseconds / 1000;
    let (years, month) = (months / 12, months % 12);
    Some(match unit {
        Unit::Day => days,
        Unit::Month => month,
        Unit::Quarter => month / 3 + 1,
        Unit::Year => years,
        Unit::Decade => years / 10,
        Unit::Century => years / 100,
        Unit::Millennium => years / 1000,
        // A year has 365 days and a quarter.
        Unit::Epoch => (1461 * years + 120 * month + 4 * days) * (DAY_SECONDS / 4) * SECOND + time,
        _ => return part_of_time(time, unit),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_before_christ_are_counted_as_postgresql_counts_them() {
        let of = |year: i32, unit| {
            let date = NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
            let days = date.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp() / DAY_SECONDS;
            part_of_day(days, unit).unwrap().unwrap()
        };
        assert_eq!([0, 1].map(|year| of(year, Unit::Year)), [-1, 1]);
        assert_eq!([-100, -99, 1, 100, 101].map(|year| of(year, Unit::Century)), [-2, -1, 1, 1, 2]);
        assert_eq!([2000, 2001].map(|year| of(year, Unit::Millennium)), [2, 3]);
        assert_eq!([-1, 0, 9, 10].map(|year| of(year, Unit::Decade)), [-1, 0, 0, 1]);
    }
}
