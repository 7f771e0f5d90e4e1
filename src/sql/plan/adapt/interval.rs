//! Lengths of time that say which units they are of: `interval '1-2' year to month`.

use datafusion::arrow::datatypes::IntervalMonthDayNano;
use datafusion::sql::sqlparser::ast::{DataType, DateTimeField, Expr, Interval, IntervalFields};

use super::syntax::{literal_text, text};
use super::time;
use crate::sql::SqlError;
use crate::sql::answer::wording::no_value;
use crate::sql::value::interval::interval;

const MONTHS_A_YEAR: i32 = 12;
const NANOSECONDS_AN_HOUR: i64 = 3_600_000_000_000;
const NANOSECONDS_A_MINUTE: i64 = 60_000_000_000;

/// What a number may count, from the longest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

impl Unit {
    fn of(field: &DateTimeField) -> Option<Self> {
        Some(match field {
            DateTimeField::Year => Self::Year,
            DateTimeField::Month => Self::Month,
            DateTimeField::Day => Self::Day,
            DateTimeField::Hour => Self::Hour,
            DateTimeField::Minute => Self::Minute,
            DateTimeField::Second => Self::Second,
            _ => return None,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
        }
    }
}

/// The units of a type, the longest and the shortest.
fn units(fields: IntervalFields) -> (Unit, Unit) {
    match fields {
        IntervalFields::Year => (Unit::Year, Unit::Year),
        IntervalFields::Month => (Unit::Month, Unit::Month),
        IntervalFields::Day => (Unit::Day, Unit::Day),
        IntervalFields::Hour => (Unit::Hour, Unit::Hour),
        IntervalFields::Minute => (Unit::Minute, Unit::Minute),
        IntervalFields::Second => (Unit::Second, Unit::Second),
        IntervalFields::YearToMonth => (Unit::Year, Unit::Month),
        IntervalFields::DayToHour => (Unit::Day, Unit::Hour),
        IntervalFields::DayToMinute => (Unit::Day, Unit::Minute),
        IntervalFields::DayToSecond => (Unit::Day, Unit::Second),
        IntervalFields::HourToMinute => (Unit::Hour, Unit::Minute),
        IntervalFields::HourToSecond => (Unit::Hour, Unit::Second),
        IntervalFields::MinuteToSecond => (Unit::Minute, Unit::Second),
    }
}

/// A length of time as the planner reads it; none where `written` is none.
pub(super) fn length(written: &str) -> Option<Expr> {
    interval(written).map(length_of)
}

/// The same of a length that is known.
fn length_of(length: IntervalMonthDayNano) -> Expr {
    let (months, days, microseconds) = (length.months, length.days, length.nanoseconds / 1000);
    text(format!("{months} months {days} days {microseconds} microseconds"))
}

/// A literal with its units as one without; none where it has none.
///
/// # Errors
/// 22007 for text that is no length of time.
pub(super) fn literal(written: &Interval) -> Result<Option<Expr>, SqlError> {
    let (Some(text), Some(first)) =
        (literal_text(&written.value), written.leading_field.as_ref().and_then(Unit::of))
    else {
        return Ok(None);
    };
    let last = written.last_field.as_ref().map_or(Some(first), Unit::of).unwrap_or(first);
    let value = Box::new(length_of(read(text, first, last)?));
    let plain = Expr::Interval(Interval {
        value,
        leading_field: None,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    });
    let digits = written.fractional_seconds_precision.or(written.leading_precision);
    Ok(Some(match digits.filter(|digits| *digits < time::DIGITS_MAX) {
        Some(digits) => time::rounded(plain, digits),
        None => plain,
    }))
}

/// Takes the units out of a type to which `value`, a text, is cast, and counts it in them.
///
/// # Errors
/// 22007 for text that is no length of time.
pub(super) fn take_units(value: &mut Expr, data_type: &mut DataType) -> Result<(), SqlError> {
    let DataType::Interval { fields, .. } = data_type else { return Ok(()) };
    if let (Some(text), Some(of)) = (literal_text(value), &*fields) {
        let (first, last) = units(*of);
        *value = length_of(read(text, first, last)?);
        *fields = None;
    }
    Ok(())
}

/// What a text means where it is counted in units from `first` to `last`. What is shorter is left
/// away.
fn read(text: &str, first: Unit, last: Unit) -> Result<IntervalMonthDayNano, SqlError> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_number = |word: &str| word.parse::<f64>().is_ok() && !word.contains(['e', 'E']);
    let meant = match words.as_slice() {
        [number] if is_number(number) => format!("{number} {}", last.name()),
        [days, hours]
            if (first, last) == (Unit::Day, Unit::Hour) && is_number(days) && is_number(hours) =>
        {
            format!("{days} days {hours} hours")
        }
        // Two numbers are minutes and seconds, where they are hours and minutes else.
        [clock]
            if (first, last) == (Unit::Minute, Unit::Second) && clock.matches(':').count() == 1 =>
        {
            match clock.strip_prefix('-') {
                Some(clock) => format!("-0:{clock}"),
                None => format!("0:{clock}"),
            }
        }
        _ => text.to_owned(),
    };
    let length = interval(&meant).ok_or_else(|| no_value(text, "Interval"))?;
    Ok(cut(length, last))
}

fn cut(length: IntervalMonthDayNano, last: Unit) -> IntervalMonthDayNano {
    let IntervalMonthDayNano { months, days, nanoseconds } = length;
    let down_to = |unit: i64| nanoseconds / unit * unit;
    match last {
        Unit::Year => IntervalMonthDayNano::new(months / MONTHS_A_YEAR * MONTHS_A_YEAR, 0, 0),
        Unit::Month => IntervalMonthDayNano::new(months, 0, 0),
        Unit::Day => IntervalMonthDayNano::new(months, days, 0),
        Unit::Hour => IntervalMonthDayNano::new(months, days, down_to(NANOSECONDS_AN_HOUR)),
        Unit::Minute => IntervalMonthDayNano::new(months, days, down_to(NANOSECONDS_A_MINUTE)),
        Unit::Second => length,
    }
}
