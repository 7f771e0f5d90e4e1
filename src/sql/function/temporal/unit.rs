//! The units that dates, times and intervals are taken apart by.

use super::function::Kind;
use crate::sql::{SqlError, SqlState};

/// What a part of a time or a length of time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
    DayOfWeek,
    DayOfIsoWeek,
    DayOfYear,
    IsoYear,
    Epoch,
    Julian,
    Zone,
    ZoneHour,
    ZoneMinute,
}

impl Unit {
    /// The unit of a name.
    ///
    /// # Errors
    /// 22023 where it is none.
    pub(super) fn of(name: &str, kind: Kind) -> Result<Self, SqlError> {
        Ok(match name.trim().to_ascii_lowercase().as_str() {
            "microsecond" | "microseconds" | "us" | "usec" | "usecs" | "useconds" => {
                Self::Microsecond
            }
            "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" | "mseconds" => {
                Self::Millisecond
            }
            "second" | "seconds" | "s" | "sec" | "secs" => Self::Second,
            "minute" | "minutes" | "m" | "min" | "mins" => Self::Minute,
            "hour" | "hours" | "h" | "hr" | "hrs" => Self::Hour,
            "day" | "days" | "d" => Self::Day,
            "week" | "weeks" | "w" => Self::Week,
            "month" | "months" | "mon" | "mons" => Self::Month,
            "quarter" | "qtr" => Self::Quarter,
            "year" | "years" | "y" | "yr" | "yrs" => Self::Year,
            "decade" | "decades" | "dec" | "decs" => Self::Decade,
            "century" | "centuries" | "c" | "cent" => Self::Century,
            "millennium" | "millennia" | "mil" | "mils" => Self::Millennium,
            "dow" => Self::DayOfWeek,
            "isodow" => Self::DayOfIsoWeek,
            "doy" => Self::DayOfYear,
            "isoyear" => Self::IsoYear,
            "epoch" => Self::Epoch,
            "julian" | "j" | "jd" => Self::Julian,
            "timezone" => Self::Zone,
            "timezone_hour" | "timezone_h" => Self::ZoneHour,
            "timezone_minute" | "timezone_m" => Self::ZoneMinute,
            _ => return Err(unrecognized(name, kind)),
        })
    }

    /// Whether the part of a later time is never less, so that an infinite one has it too.
    pub(super) fn grows(self) -> bool {
        matches!(
            self,
            Self::Year
                | Self::Decade
                | Self::Century
                | Self::Millennium
                | Self::IsoYear
                | Self::Epoch
                | Self::Julian
        )
    }

    /// How many digits of a part are behind its point.
    pub(super) fn scale(self, kind: Kind) -> i8 {
        match self {
            Self::Epoch if kind == Kind::Date => 0,
            Self::Second | Self::Epoch => 6,
            Self::Millisecond => 3,
            _ => 0,
        }
    }
}

pub(super) fn unrecognized(name: &str, kind: Kind) -> SqlError {
    let message = format!("unit \"{name}\" not recognized for type {}", kind.name());
    SqlError::new(SqlState::InvalidParameterValue, message)
}

pub(super) fn unsupported(name: &str, kind: Kind) -> SqlError {
    let message = format!("unit \"{name}\" not supported for type {}", kind.name());
    SqlError::new(SqlState::FeatureNotSupported, message)
}
