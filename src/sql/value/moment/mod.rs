//! Dates and times as PostgreSQL reads them: `2024-01-05 03:04`, `Jan 5 2024`, `20240105T030405Z`,
//! `tomorrow`.

mod clock;
mod fields;
mod zone;

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Utc};

use super::infinity::days_of;
use crate::sql::{SqlError, SqlState};
use fields::Fields;
pub(in crate::sql) use fields::MONTHS;
use zone::Zone;

pub(in crate::sql) const DAY_US: i64 = 86_400_000_000;
/// Letters of a wrong value that an error message repeats.
const SHOWN: usize = 40;

/// Why a text is no date or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongMoment {
    /// It is not written as one.
    Syntax,
    /// No calendar or clock shows it.
    Range,
}

impl WrongMoment {
    /// What is said of `text`, which is no value of the type `name`.
    pub fn error(self, text: &str, name: &str) -> SqlError {
        let shown: String = text.chars().take(SHOWN).collect();
        match self {
            Self::Syntax => {
                let message = format!("invalid input syntax for type {name}: \"{shown}\"");
                SqlError::new(SqlState::InvalidDatetimeFormat, message)
            }
            Self::Range => {
                let message = format!("date/time field value out of range: \"{shown}\"");
                SqlError::new(SqlState::DatetimeFieldOverflow, message)
            }
        }
    }
}

/// A date, a time of day, and the zone that they are of; or before or behind all of these.
#[derive(Debug, Clone)]
pub struct Moment(When);

#[derive(Debug, Clone)]
enum When {
    AlwaysWas,
    At { local: NaiveDateTime, zone: Option<Zone> },
    NeverComes,
}

impl Moment {
    /// The moment that `text` is; words like `today` are of the day of `now`.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(text: &str, now: DateTime<Utc>) -> Result<Self, WrongMoment> {
        let at = |local| Self(When::At { local, zone: None });
        let day = |days: i64| {
            let date = now.date_naive().checked_add_signed(TimeDelta::try_days(days)?)?;
            date.and_hms_opt(0, 0, 0).map(at)
        };
        let word = text.trim().to_ascii_lowercase();
        let known = match word.as_str() {
            "now" => Some(at(now.naive_utc())),
            "epoch" => Some(at(DateTime::UNIX_EPOCH.naive_utc())),
            "today" => day(0),
            "tomorrow" => day(1),
            "yesterday" => day(-1),
            "infinity" => Some(Self(When::NeverComes)),
            "-infinity" => Some(Self(When::AlwaysWas)),
            _ => {
                let fields = Fields::read(text, false)?;
                let midnight = fields.date()?.and_hms_opt(0, 0, 0);
                let clock = TimeDelta::microseconds(fields.clock()?.unwrap_or_default());
                let local = midnight.and_then(|midnight| midnight.checked_add_signed(clock));
                local.map(|local| Self(When::At { local, zone: fields.zone }))
            }
        };
        known.ok_or(WrongMoment::Range)
    }

    /// Days since 1970-01-01 of the date; of an infinite one, the most or the least of them.
    ///
    /// # Errors
    /// When they are too many.
    pub fn days(&self) -> Result<i32, WrongMoment> {
        let When::At { local, .. } = &self.0 else { return Ok(days_of(self.local())) };
        let since = local.date().signed_duration_since(DateTime::UNIX_EPOCH.date_naive());
        i32::try_from(since.num_days()).map_err(|_| WrongMoment::Range)
    }

    /// Microseconds since 1970-01-01 of what the clock shows, whatever its zone; of an infinite
    /// moment, the most or the least of them.
    pub fn local(&self) -> i64 {
        match &self.0 {
            When::AlwaysWas => i64::MIN,
            When::At { local, .. } => local.and_utc().timestamp_micros(),
            When::NeverComes => i64::MAX,
        }
    }

    /// Microseconds since 1970-01-01 in UTC, whose clock is meant where no other is named.
    ///
    /// # Errors
    /// When no calendar has that moment.
    pub fn utc(&self) -> Result<i64, WrongMoment> {
        let When::At { local, zone: Some(zone) } = &self.0 else { return Ok(self.local()) };
        let meant = zone.meant(*local).ok_or(WrongMoment::Range)?;
        Ok(meant.and_utc().timestamp_micros())
    }

    /// The text that any reader of dates and times takes for this; with its zone where it counts.
    ///
    /// # Errors
    /// When it is of no year between 1 and 9999, which is all that such readers know.
    pub(in crate::sql) fn plain(&self, in_utc: bool) -> Result<String, WrongMoment> {
        let local = if in_utc { self.utc()? } else { self.local() };
        let local = DateTime::from_timestamp_micros(local).ok_or(WrongMoment::Range)?;
        if !(1..=9999).contains(&local.year()) {
            return Err(WrongMoment::Range);
        }
        let zone = if in_utc { "Z" } else { "" };
        Ok(format!("{}{zone}", local.format("%Y-%m-%dT%H:%M:%S%.6f")))
    }
}

/// Microseconds since midnight of the time of day that `text` is.
///
/// # Errors
/// When it is none.
pub fn time_of_day(text: &str, now: DateTime<Utc>) -> Result<i64, WrongMoment> {
    let word = text.trim().to_ascii_lowercase();
    match word.as_str() {
        "allballs" => return Ok(0),
        "now" => return Ok(now.timestamp_micros().rem_euclid(DAY_US)),
        _ => {}
    }
    Fields::read(text, true)?.clock()?.ok_or(WrongMoment::Syntax)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2024-03-01T10:00:00Z".parse().unwrap()
    }

    fn shown(text: &str) -> Result<String, WrongMoment> {
        Moment::read(text, now())?.plain(false)
    }

    #[test]
    fn moments_are_read_in_every_form_that_people_write() {
        let cases = [
            ("2024-02-01 12:00", "2024-02-01T12:00:00.000000"),
            ("2024-1-5 3:4:5", "2024-01-05T03:04:05.000000"),
            ("2024/01/05", "2024-01-05T00:00:00.000000"),
            ("1/8/1999", "1999-01-08T00:00:00.000000"),
            ("1/8/99", "1999-01-08T00:00:00.000000"),
            ("1999-Jan-08", "1999-01-08T00:00:00.000000"),
            ("08-Jan-1999", "1999-01-08T00:00:00.000000"),
            ("Jan-08-1999", "1999-01-08T00:00:00.000000"),
            ("January 8, 1999", "1999-01-08T00:00:00.000000"),
            ("Fri 8 January 1999 04:05 pm", "1999-01-08T16:05:00.000000"),
            ("20240105", "2024-01-05T00:00:00.000000"),
            ("990108", "1999-01-08T00:00:00.000000"),
            ("20240105 030405", "2024-01-05T03:04:05.000000"),
            ("20240105T030405.25", "2024-01-05T03:04:05.250000"),
            ("2024-01-05T03:04:05.1234567", "2024-01-05T03:04:05.123457"),
            ("2024-01-05 24:00", "2024-01-06T00:00:00.000000"),
            ("2024-01-05 12:30 AM", "2024-01-05T00:30:00.000000"),
            ("2024-01-05 03:04:05+02", "2024-01-05T03:04:05.000000"),
            ("tomorrow", "2024-03-02T00:00:00.000000"),
            ("epoch", "1970-01-01T00:00:00.000000"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn zones_are_offsets_abbreviations_or_names() {
        let cases = [
            ("2024-01-05 03:04:05+02", "2024-01-05T01:04:05.000000Z"),
            ("2024-01-05 03:04:05 -0730", "2024-01-05T10:34:05.000000Z"),
            ("2024-01-05 03:04:05+05:30", "2024-01-04T21:34:05.000000Z"),
            ("2024-01-05T03:04Z", "2024-01-05T03:04:00.000000Z"),
            ("2024-01-05 03:04:05 utc", "2024-01-05T03:04:05.000000Z"),
            ("2024-01-05 03:04:05 PST", "2024-01-05T11:04:05.000000Z"),
            ("2024-07-05 03:04:05 America/New_York", "2024-07-05T07:04:05.000000Z"),
            ("2024-07-05 03:04", "2024-07-05T03:04:00.000000Z"),
        ];
        for (text, expected) in cases {
            let plain = Moment::read(text, now()).and_then(|moment| moment.plain(true));
            assert_eq!(plain.as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn years_before_christ_and_after_9999_are_read() {
        let year = |text: &str| {
            let local = Moment::read(text, now()).unwrap().local();
            DateTime::from_timestamp_micros(local).unwrap().year()
        };
        assert_eq!(year("0044-03-15 BC"), -43);
        assert_eq!(year("10000-01-01"), 10_000);
    }

    #[test]
    fn what_is_no_moment_is_told_apart_from_what_no_calendar_has() {
        for text in ["", "soon", "2024", "12:00", "2024-01-05 x", "2024-01", "1-2-3-4", "é"] {
            assert_eq!(shown(text), Err(WrongMoment::Syntax), "{text}");
        }
        for text in
            ["2024-13-01", "2023-02-29", "2024-01-05 25:00", "2024-01-05 13:00 pm", "0000-01-01"]
        {
            assert_eq!(shown(text), Err(WrongMoment::Range), "{text}");
        }
    }

    #[test]
    fn infinities_are_the_most_and_the_least_of_their_types() {
        let read = |text| Moment::read(text, now()).unwrap();
        for (text, moment, day) in
            [("infinity", i64::MAX, i32::MAX), (" -Infinity ", i64::MIN, i32::MIN)]
        {
            let read = read(text);
            assert_eq!((read.local(), read.utc(), read.days()), (moment, Ok(moment), Ok(day)));
            assert_eq!(read.plain(true), Err(WrongMoment::Range));
        }
    }

    #[test]
    fn times_of_day_may_be_written_without_colons() {
        let read = |text| time_of_day(text, now());
        assert_eq!(read("03:04"), Ok(11_040_000_000));
        assert_eq!(read("030405"), Ok(11_045_000_000));
        assert_eq!(read("03:04:05.5 PM"), Ok(54_245_500_000));
        assert_eq!(read("allballs"), Ok(0));
        assert_eq!(read("now"), Ok(36_000_000_000));
        assert_eq!(read("25:00"), Err(WrongMoment::Range));
        assert_eq!(read("24:00"), Ok(DAY_US));
        assert_eq!(read("23:59:60"), Ok(DAY_US));
        assert_eq!(read("24:00:01"), Err(WrongMoment::Range));
        assert_eq!(read("noon"), Err(WrongMoment::Syntax));
    }
}
