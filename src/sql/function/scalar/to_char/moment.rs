//! Dates and times as text, by the patterns that PostgreSQL has for them.

use chrono::{DateTime, Datelike, Timelike, Utc};

use super::{quoted, unknown};
use crate::sql::value::infinity::is_infinite;
use crate::sql::{SqlError, SqlState};

/// Patterns of a moment; longer ones before those that they begin with.
const PATTERNS: [&str; 35] = [
    "YYYY", "YYY", "YY", "Y", "IYYY", "MONTH", "MON", "MM", "MI", "MS", "DAY", "DDD", "DD", "DY",
    "D", "ID", "IW", "HH24", "HH12", "HH", "SSSS", "SS", "US", "AM", "PM", "Q", "WW", "W", "TZH",
    "TZM", "TZ", "OF", "RM", "CC", "J",
];

/// Those that are not written here.
const UNKNOWN: [&str; 3] = ["SSSS", "RM", "J"];

/// Behind these the width of a name is not filled with spaces.
const NAME_WIDTH: usize = 9;

/// A moment, in microseconds since the Unix epoch, by `pattern`; none where it is infinite.
pub(super) fn formatted(
    microseconds: i64,
    has_zone: bool,
    pattern: &str,
) -> Result<Option<String>, SqlError> {
    if is_infinite(microseconds) {
        return Ok(None);
    }
    let moment = DateTime::from_timestamp_micros(microseconds)
        .ok_or_else(|| SqlError::new(SqlState::DatetimeFieldOverflow, "timestamp out of range"))?;
    let zone = if has_zone { "UTC" } else { "" };
    by_pattern(pattern, |written, filled| field(&moment, zone, written, filled)).map(Some)
}

/// A text by `pattern`; `field` tells what stands for one of its parts, and whether with the zeros
/// or spaces that fill it.
pub(super) fn by_pattern(
    pattern: &str,
    field: impl Fn(&str, bool) -> Result<String, SqlError>,
) -> Result<String, SqlError> {
    let (mut output, mut rest, mut filled) = (String::new(), pattern, true);
    while let Some(letter) = rest.chars().next() {
        if let Some(behind) = rest.strip_prefix("FM") {
            (rest, filled) = (behind, false);
        } else if let Some(behind) = rest.strip_prefix('"') {
            let (text, behind) = quoted(behind);
            output.push_str(&text);
            rest = behind;
        } else if let Some(written) = known(rest) {
            let shown = field(written, filled)?;
            output.push_str(&shown);
            rest = rest.get(written.len()..).unwrap_or_default();
            filled = true;
            if let Some(suffix) = rest.get(..2).filter(|suffix| suffix.eq_ignore_ascii_case("TH")) {
                output.push_str(&in_case(ordinal(&shown), suffix));
                rest = rest.get(2..).unwrap_or_default();
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

/// What makes a number one that counts: 1st, 2nd, 3rd, 11th.
fn ordinal(number: &str) -> &'static str {
    let digits = number.trim_end();
    if digits.len() > 1 && digits.as_bytes().get(digits.len() - 2) == Some(&b'1') {
        return "TH";
    }
    match digits.bytes().next_back() {
        Some(b'1') => "ST",
        Some(b'2') => "ND",
        Some(b'3') => "RD",
        _ => "TH",
    }
}

fn field(
    moment: &DateTime<Utc>,
    zone: &str,
    written: &str,
    filled: bool,
) -> Result<String, SqlError> {
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
        "TZ" => in_case(zone, written),
        "TZM" => "00".to_owned(),
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
            let shown = formatted(moment, true, pattern).unwrap();
            assert_eq!(shown.as_deref(), Some(expected), "{pattern}");
        }
        assert_eq!(formatted(moment, false, "FMDDth TZ.").unwrap().as_deref(), Some("5th ."));
        assert_eq!(formatted(i64::MAX, true, "YYYY").unwrap(), None);
        for pattern in ["RM", "SSSS"] {
            let error = formatted(moment, true, pattern).unwrap_err();
            assert_eq!(error.state, SqlState::FeatureNotSupported, "{pattern}");
        }
    }
}
