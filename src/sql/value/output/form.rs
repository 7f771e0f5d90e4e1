//! Numbers, times and spans as PostgreSQL prints them.

use std::fmt::{self, Write};

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike};

/// A floating-point type as PostgreSQL prints it: the shortest digits that read back the same,
/// with an exponent outside the range in which it would print them plainly.
pub(crate) trait Float: Copy + fmt::Display + fmt::LowerExp {
    /// Whether the value is printed without an exponent. The shortest digits of a value reach a
    /// power of ten where the value does, so this needs no digits.
    fn is_plain(self) -> bool;
    fn special(self) -> Option<&'static str>;
}

impl Float for f32 {
    fn is_plain(self) -> bool {
        self == 0.0 || (1e-4..1e6).contains(&self.abs())
    }

    fn special(self) -> Option<&'static str> {
        f64::from(self).special()
    }
}

impl Float for f64 {
    fn is_plain(self) -> bool {
        self == 0.0 || (1e-4..1e15).contains(&self.abs())
    }

    fn special(self) -> Option<&'static str> {
        if self.is_nan() {
            Some("NaN")
        } else if self.is_infinite() {
            Some(if self > 0.0 { "Infinity" } else { "-Infinity" })
        } else {
            None
        }
    }
}

/// Writes a number.
pub(crate) fn float<F: Float>(value: F, out: &mut impl Write) -> fmt::Result {
    if value.is_plain() {
        return write!(out, "{value}");
    }
    if let Some(special) = value.special() {
        return out.write_str(special);
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let sign = if exponent < 0 { '-' } else { '+' };
    write!(out, "{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// What a moment without end, or without beginning, is called.
const NEVER_COMES: &str = "infinity";
const ALWAYS_WAS: &str = "-infinity";

/// Writes a moment of so many microseconds since 1970, with the offset of UTC if it has a zone;
/// none where no calendar has it.
pub(crate) fn moment(microseconds: i64, zone: bool, out: &mut impl Write) -> Option<fmt::Result> {
    Some(match microseconds {
        i64::MAX => out.write_str(NEVER_COMES),
        i64::MIN => out.write_str(ALWAYS_WAS),
        finite => timestamp(&DateTime::from_timestamp_micros(finite)?, zone, out),
    })
}

/// Writes the day that comes so many days after 1970-01-01; none where no calendar has it.
pub(crate) fn days(days: i32, out: &mut impl Write) -> Option<fmt::Result> {
    Some(match days {
        i32::MAX => out.write_str(NEVER_COMES),
        i32::MIN => out.write_str(ALWAYS_WAS),
        finite => {
            let since = TimeDelta::try_days(finite.into())?;
            date(DateTime::UNIX_EPOCH.date_naive().checked_add_signed(since)?, out)
        }
    })
}

/// Writes a moment, with the offset of UTC if it has a zone.
fn timestamp(moment: &DateTime<chrono::Utc>, zone: bool, out: &mut impl Write) -> fmt::Result {
    day(moment.date_naive(), out)?;
    out.write_str(" ")?;
    let clock = moment.time();
    let seconds = i64::from(clock.num_seconds_from_midnight());
    time(seconds * 1_000_000 + i64::from(clock.nanosecond() / 1000), out)?;
    out.write_str(if zone { "+00" } else { "" })?;
    era(moment.date_naive(), out)
}

/// Writes a date.
fn date(date: NaiveDate, out: &mut impl Write) -> fmt::Result {
    day(date, out)?;
    era(date, out)
}

/// Year 0 of the calendar computers use is 1 BC of the one people use.
fn day(date: NaiveDate, out: &mut impl Write) -> fmt::Result {
    let year = if date.year() > 0 { date.year() } else { 1 - date.year() };
    write!(out, "{year:04}-{:02}-{:02}", date.month(), date.day())
}

fn era(date: NaiveDate, out: &mut impl Write) -> fmt::Result {
    out.write_str(if date.year() > 0 { "" } else { " BC" })
}

/// Writes a time of day of so many microseconds since midnight, the one at its end included.
pub(crate) fn time(microseconds: i64, out: &mut impl Write) -> fmt::Result {
    let seconds = microseconds / 1_000_000;
    write!(out, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
    fraction((microseconds % 1_000_000).unsigned_abs() as u32, out)
}

fn fraction(microseconds: u32, out: &mut impl Write) -> fmt::Result {
    if microseconds == 0 {
        return Ok(());
    }
    let digits = format!("{microseconds:06}");
    write!(out, ".{}", digits.trim_end_matches('0'))
}

/// A span of time; the three parts do not convert into each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) months: i32,
    pub(crate) days: i32,
    pub(crate) microseconds: i64,
}

impl Interval {
    /// The time between two moments: as many days as it has, and the rest.
    pub(crate) fn between(microseconds: i64) -> Self {
        const DAY: i64 = 86_400_000_000;
        let days = i32::try_from(microseconds / DAY).unwrap_or_default();
        Self { months: 0, days, microseconds: microseconds - i64::from(days) * DAY }
    }
}

/// How spans of time are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IntervalStyle {
    /// `1 day 02:03:04`
    #[default]
    Postgres,
    /// `P1DT2H3M4S`
    Iso8601,
}

/// Writes a span of time.
pub(crate) fn interval(span: Interval, style: IntervalStyle, out: &mut impl Write) -> fmt::Result {
    match style {
        IntervalStyle::Postgres => in_words(span, out),
        IntervalStyle::Iso8601 => in_designators(span, out),
    }
}

/// As ISO 8601 has it, each part with its own sign.
fn in_designators(span: Interval, out: &mut impl Write) -> fmt::Result {
    let seconds = span.microseconds / 1_000_000;
    let microseconds = (span.microseconds % 1_000_000).unsigned_abs() as u32;
    out.write_str("P")?;
    for (count, unit) in [(span.months / 12, 'Y'), (span.months % 12, 'M'), (span.days, 'D')] {
        if count != 0 {
            write!(out, "{count}{unit}")?;
        }
    }
    if span.microseconds == 0 {
        let is_empty = span.months == 0 && span.days == 0;
        return out.write_str(if is_empty { "T0S" } else { "" });
    }
    out.write_str("T")?;
    for (count, unit) in [(seconds / 3600, 'H'), (seconds / 60 % 60, 'M')] {
        if count != 0 {
            write!(out, "{count}{unit}")?;
        }
    }
    if seconds % 60 == 0 && microseconds == 0 {
        return Ok(());
    }
    let sign = if span.microseconds < 0 { "-" } else { "" };
    write!(out, "{sign}{}", (seconds % 60).unsigned_abs())?;
    fraction(microseconds, out)?;
    out.write_str("S")
}

fn in_words(span: Interval, out: &mut impl Write) -> fmt::Result {
    let (mut gap, mut was_negative) = ("", false);
    for (count, unit) in [(span.months / 12, "year"), (span.months % 12, "mon"), (span.days, "day")]
    {
        if count != 0 {
            // Behind a negative part the sign of a positive one is told.
            let sign = if was_negative && count > 0 { "+" } else { "" };
            write!(out, "{gap}{sign}{count} {unit}{}", if count == 1 { "" } else { "s" })?;
            (gap, was_negative) = (" ", count < 0);
        }
    }
    if span.microseconds == 0 && !gap.is_empty() {
        return Ok(());
    }
    let sign = match span.microseconds {
        ..0 => "-",
        _ if was_negative => "+",
        _ => "",
    };
    let seconds = span.microseconds.unsigned_abs() / 1_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    write!(out, "{gap}{sign}{hours:02}:{minutes:02}:{:02}", seconds % 60)?;
    fraction((span.microseconds.unsigned_abs() % 1_000_000) as u32, out)
}
