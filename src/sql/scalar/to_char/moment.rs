//! Dates and times as text, by the patterns that PostgreSQL has for them.

use chrono::{DateTime, Datelike, Timelike, Utc};

use super::super::super::{SqlError, SqlState};
use super::{quoted, unknown};

/// Patterns of a moment; longer ones before those that they begin with.
const PATTERNS: [&str; 33] = [
    "YYYY", "YYY", "YY", "Y", "IYYY", "MONTH", "MON", "MM", "MI", "MS", "DAY", "DDD", "DD", "DY",
    "D", "ID", "IW", "HH24", "HH12", "HH", "SSSS", "SS", "US", "AM", "PM", "Q", "WW", "W", "TZ",
    "OF", "RM", "CC", "J",
];

/// Those that are not written here.
const UNKNOWN: [&str; 3] = ["SSSS", "RM", "J"];

/// Behind these the width of a name is not filled with spaces.
const NAME_WIDTH: usize = 9;

/// A moment, in microseconds since the Unix epoch, by `pattern`.
pub(super) fn formatted(microseconds: i64, pattern: &str) -> Result<String, SqlError> {
    let moment = DateTime::from_timestamp_micros(microseconds)
        .ok_or_else(|| SqlError::new(SqlState::DatetimeFieldOverflow, "timestamp out of range"))?;
    let (mut output, mut rest, mut filled) = (String::new(), pattern, true);
    while let Some(letter) = rest.chars().next() {
        if let Some(behind) = rest.strip_prefix("FM") {
            (rest, filled) = (behind, false);
        } else if let Some(behind) = rest.strip_prefix('"') {
            let (text, behind) = quoted(behind);
            output.push_str(&text);
            rest = behind;
        } else if let Some(written) = known(rest) {
            output.push_str(&field(&moment, written, filled)?);
            rest = rest.get(written.len()..).unwrap_or_default();
            filled = true;
            if let Some(suffix) = rest.get(..2).filter(|suffix| suffix.eq_ignore_ascii_case("TH")) {
                return Err(unknown(suffix));
            }
        } else {
            output.push(letter);
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        }
    }
    Ok(output)
}

/// The pattern that `rest` begins with, as it is written.
fn known(rest: &str) -> Option<&str> {
    let begins = |pattern: &&str| {
        rest.get(..pattern.len()).is_some_and(|text| text.eq_ignore_ascii_case(pattern))
    };
    let pattern = PATTERNS.iter().find(|pattern| begins(pattern))?;
    rest.get(..pattern.len())
}

fn field(moment: &DateTime<Utc>, written: &str, filled: bool) -> Result<String, SqlError> {
    let pattern = written.to_ascii_uppercase();
    if UNKNOWN.contains(&pattern.as_str()) {
        return Err(unknown(written));
    }
    let padded = |number: i64, width: usize| {
        if filled { format!("{number:0width$}") } else { number.to_string() }
    };
    let number = |number: u32, width| padded(number.into(), width);
    let named = |name: String, width: usize| {
        let name = in_case(&name, written);
        if filled { format!("{name:width$}") } else { name }
    };
    let (year, week) = (i64::from(moment.year()), moment.iso_week());
    let (is_afternoon, hour) = moment.hour12();
    Ok(match pattern.as_str() {
        "YYYY" => padded(year, 4),
        "YYY" => padded(year % 1000, 3),
        "YY" => padded(year % 100, 2),
        "Y" => padded(year % 10, 1),
        "CC" => padded((year + 99).div_euclid(100), 2),
        "IYYY" => padded(week.year().into(), 4),
        "IW" => number(week.week(), 2),
        "MM" => number(moment.month(), 2),
        "MONTH" => named(moment.format("%B").to_string(), NAME_WIDTH),
        "MON" => named(moment.format("%b").to_string(), 3),
        "Q" => number(moment.month0() / 3 + 1, 1),
        "WW" => number(moment.ordinal0() / 7 + 1, 2),
        "W" => number(moment.day0() / 7 + 1, 1),
        "DDD" => number(moment.ordinal(), 3),
        "DD" => number(moment.day(), 2),
        "DAY" => named(moment.format("%A").to_string(), NAME_WIDTH),
        "DY" => named(moment.format("%a").to_string(), 3),
        "D" => number(moment.weekday().number_from_sunday(), 1),
        "ID" => number(moment.weekday().number_from_monday(), 1),
        "HH24" => number(moment.hour(), 2),
        "HH12" | "HH" => number(hour, 2),
        "MI" => number(moment.minute(), 2),
        "SS" => number(moment.second(), 2),
        "MS" => number(moment.timestamp_subsec_millis(), 3),
        "US" => number(moment.timestamp_subsec_micros(), 6),
        "AM" | "PM" => in_case(if is_afternoon { "PM" } else { "AM" }, written),
        "TZ" => in_case("UTC", written),
        _ => "+00".to_owned(),
    })
}

/// A name in the case in which its pattern is written: all, the first, or none of its letters
/// capital.
fn in_case(name: &str, written: &str) -> String {
    let mut letters = written.chars();
    let first = letters.next().is_some_and(char::is_uppercase);
    let second = letters.next().is_some_and(char::is_uppercase);
    match (first, second) {
        (true, true) => name.to_uppercase(),
        (true, false) => name.to_owned(),
        _ => name.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_shown_as_in_postgresql() {
        // 2024-02-05 15:04:09.012345, a Monday.
        let moment = 1_707_145_449_012_345;
        let cases = [
            ("YYYY-MM-DD HH24:MI:SS", "2024-02-05 15:04:09"),
            ("yyyy/mm/dd", "2024/02/05"),
            ("HH12:MI AM", "03:04 PM"),
            ("FMHH12:MI am", "3:04 pm"),
            ("Month|MON|FMMonth|mon", "February |FEB|February|feb"),
            ("Day, DD", "Monday   , 05"),
            ("FMDay FMDD.FMMM.YY", "Monday 5.2.24"),
            ("Dy D ID DDD", "Mon 2 1 036"),
            ("SS.MS SS.US", "09.012 09.012345"),
            ("IYYY-\"W\"IW Q WW", "2024-W06 1 06"),
            ("YYYY-MM-DD\"T\"HH24:MI:SSOF TZ", "2024-02-05T15:04:09+00 UTC"),
            ("é\"a\\\"b\"", "éa\"b"),
        ];
        for (pattern, expected) in cases {
            assert_eq!(formatted(moment, pattern).unwrap(), expected, "{pattern}");
        }
        for pattern in ["DDth", "RM", "SSSS"] {
            let error = formatted(moment, pattern).unwrap_err();
            assert_eq!(error.state, SqlState::FeatureNotSupported, "{pattern}");
        }
    }
}
