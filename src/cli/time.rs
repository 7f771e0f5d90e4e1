//! Days and times as arguments.

use chrono::{DateTime, NaiveDate, NaiveTime, ParseError, Utc};

/// A day, which begins at midnight UTC, or a time with its zone.
pub(super) fn parse(text: &str) -> Result<DateTime<Utc>, ParseError> {
    match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Ok(day) => Ok(day.and_time(NaiveTime::MIN).and_utc()),
        Err(_) => Ok(DateTime::parse_from_rfc3339(text)?.to_utc()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_read_and_nothing_else_is() {
        let us = |text| parse(text).map(|time| time.timestamp_micros());
        assert_eq!(us("1970-01-02"), Ok(86_400_000_000));
        assert_eq!(us("1970-01-01T01:00:01+01:00"), Ok(1_000_000));
        for bad in ["", "tomorrow", "1970-01-32", "1970-01-01T00:00:00"] {
            assert!(us(bad).is_err(), "{bad}");
        }
    }
}
