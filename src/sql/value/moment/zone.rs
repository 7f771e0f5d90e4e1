//! The zone that a clock is of: an offset, an abbreviation, or a name.

use chrono::{NaiveDateTime, TimeDelta};
use datafusion::arrow::array::timezone::Tz;

use super::WrongMoment;
use crate::sql::function::temporal::{meant, zone};

/// Seconds east of Greenwich by the abbreviations that PostgreSQL knows of its own accord.
const ABBREVIATIONS: [(&str, i32); 21] = [
    ("z", 0),
    ("zulu", 0),
    ("utc", 0),
    ("gmt", 0),
    ("wet", 0),
    ("bst", 3600),
    ("cet", 3600),
    ("cest", 7200),
    ("eet", 7200),
    ("eest", 10_800),
    ("msk", 10_800),
    ("jst", 32_400),
    ("kst", 32_400),
    ("est", -18_000),
    ("edt", -14_400),
    ("cst", -21_600),
    ("cdt", -18_000),
    ("mst", -25_200),
    ("mdt", -21_600),
    ("pst", -28_800),
    ("pdt", -25_200),
];
/// A zone is less than so many seconds from Greenwich.
const SECONDS_MAX: i32 = 16 * 3600;

/// What tells the moment that a clock shows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Zone {
    /// So many seconds before that of Greenwich.
    Offset(i32),
    Named(Tz),
}

impl Zone {
    /// `+02`, `-0730`, `+05:30`.
    pub(super) fn offset(text: &str) -> Result<Self, WrongMoment> {
        let (sign, digits) = match text.split_at_checked(1) {
            Some(("+", digits)) => (1, digits),
            Some(("-", digits)) => (-1, digits),
            _ => return Err(WrongMoment::Syntax),
        };
        let parts: Vec<&str> = match digits.split(':').collect::<Vec<_>>().as_slice() {
            [joined] if joined.len() == 4 && joined.is_ascii() => {
                let (hours, minutes) = joined.split_at(2);
                vec![hours, minutes]
            }
            parts => parts.to_vec(),
        };
        let mut seconds = 0;
        let mut unit = 3600;
        for part in parts {
            let are_digits = part.bytes().all(|byte| byte.is_ascii_digit());
            if part.is_empty() || part.len() > 2 || !are_digits || unit == 0 {
                return Err(WrongMoment::Syntax);
            }
            seconds += unit * part.parse::<i32>().map_err(|_| WrongMoment::Syntax)?;
            unit /= 60;
        }
        if seconds >= SECONDS_MAX {
            return Err(WrongMoment::Range);
        }
        Ok(Self::Offset(sign * seconds))
    }

    /// `PST`, `Europe/Berlin`; none for what is no zone.
    pub(super) fn named(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        if let Some((_, seconds)) = ABBREVIATIONS.iter().find(|(known, _)| *known == lower) {
            return Some(Self::Offset(*seconds));
        }
        zone(text).ok().map(Self::Named)
    }

    /// The moment in UTC that a clock of this zone shows so.
    pub(super) fn meant(self, clock: NaiveDateTime) -> Option<NaiveDateTime> {
        match self {
            Self::Offset(seconds) => {
                clock.checked_sub_signed(TimeDelta::try_seconds(seconds.into())?)
            }
            Self::Named(zone) => meant(zone, clock),
        }
    }
}
