//! Lengths of time, and times of day, as text by the patterns of moments.

use datafusion::arrow::datatypes::IntervalMonthDayNano;

use super::moment::by_pattern;
use super::unknown;
use crate::sql::SqlError;

const SECOND: i64 = 1_000_000;

/// A length of time by `pattern`; its parts are not carried over.
pub(super) fn formatted(length: IntervalMonthDayNano, pattern: &str) -> Result<String, SqlError> {
    by_pattern(pattern, |written, filled| field(length, written, filled))
}

fn field(length: IntervalMonthDayNano, written: &str, filled: bool) -> Result<String, SqlError> {
    let time = length.nanoseconds / 1000;
    let hours = time / (3600 * SECOND);
    let (months, days) = (i64::from(length.months), i64::from(length.days));
    let name = written.to_ascii_uppercase();
    let (number, width) = match name.as_str() {
        "YYYY" => (months / 12, 4),
        "YYY" => (months / 12 % 1000, 3),
        "YY" => (months / 12 % 100, 2),
        "Y" => (months / 12 % 10, 1),
        "MM" => (months % 12, 2),
        "DDD" => (days + months * 30, 3),
        "DD" => (days, 2),
        "HH24" => (hours, 2),
        "HH12" | "HH" => (if hours % 12 == 0 { 12 } else { hours % 12 }, 2),
        "MI" => (time / (60 * SECOND) % 60, 2),
        "SS" => (time / SECOND % 60, 2),
        "MS" => (time % SECOND / 1000, 3),
        "US" => (time % SECOND, 6),
        "AM" | "PM" => {
            let half = if hours % 24 >= 12 { "PM" } else { "AM" };
            let capital = written.starts_with(char::is_uppercase);
            return Ok(if capital { half.to_owned() } else { half.to_lowercase() });
        }
        _ => return Err(unknown(written)),
    };
    // A sign is no digit, but for what PostgreSQL takes for the rest of something.
    let with_sign = ["DD", "DDD", "MS", "US"].contains(&name.as_str());
    let width = width + usize::from(number < 0 && !with_sign);
    Ok(if filled { format!("{number:0width$}") } else { number.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_length_are_shown_as_they_are() {
        let length = IntervalMonthDayNano::new(14, 3, 90_061_500_000_000);
        let cases = [
            ("YYYY-MM-DD", "0001-02-03"),
            ("HH24:MI:SS.MS", "25:01:01.500"),
            ("FMHH24 HH12", "25 01"),
        ];
        for (pattern, expected) in cases {
            assert_eq!(formatted(length, pattern).unwrap(), expected, "{pattern}");
        }
        let negative = IntervalMonthDayNano::new(0, 0, -5_400_000_000_000);
        assert_eq!(formatted(negative, "HH24:MI").unwrap(), "-01:-30");
        let negative = IntervalMonthDayNano::new(0, -3, -7_005_000_000);
        assert_eq!(formatted(negative, "DD DDD SS MS US").unwrap(), "-3 -03 -07 -05 -05000");
        assert!(formatted(length, "Month").is_err());
    }
}
