//! Values that are none of the type they are to be of, in PostgreSQL's words.

use super::plain::type_name;
use crate::sql::{SqlError, SqlState};

/// A value that is none of the type it is cast to.
pub(in crate::sql) fn cast(text: &str) -> Option<SqlError> {
    let quoted = ["Cannot cast string '", "Cannot cast value '"]
        .into_iter()
        .find_map(|words| text.split_once(words)?.1.rsplit_once("' to value of "));
    if let Some((value, target)) = quoted {
        return Some(no_value(value, target.trim_end_matches(" type")));
    }
    if let Some((_, rest)) = text.split_once("Error parsing timestamp from '") {
        let value = rest.rsplit_once("': ").map_or(rest, |(value, _)| value);
        return Some(no_value(value, "Timestamp"));
    }
    if text.contains(" to store in a Decimal") || text.contains("Decimal overflow") {
        let message = "numeric field overflow";
        return Some(SqlError::new(SqlState::NumericValueOutOfRange, message));
    }
    if let Some((_, value)) = text.split_once("Invalid input syntax for type interval: \"") {
        return Some(no_value(value.trim_end_matches('"'), "Interval"));
    }
    let target = match text.split_once("Can't cast value ") {
        Some((_, number)) => number.split_once(" to type ")?.1,
        None => text.split_once(" is out of range ")?.1,
    };
    let message = format!("{} out of range", type_name(target));
    Some(SqlError::new(SqlState::NumericValueOutOfRange, message))
}

/// What PostgreSQL says of `text` that cannot be read as a value of an Arrow type.
pub(in crate::sql) fn no_value(text: &str, target: &str) -> SqlError {
    let name = type_name(target);
    let (state, message) = match name {
        "smallint" | "integer" | "bigint" if text.trim().parse::<i128>().is_ok() => (
            SqlState::NumericValueOutOfRange,
            format!("value \"{text}\" is out of range for type {name}"),
        ),
        "time" if text.trim().starts_with(|first: char| first.is_ascii_digit()) => (
            SqlState::DatetimeFieldOverflow,
            format!("date/time field value out of range: \"{text}\""),
        ),
        "date" | "timestamp" | "timestamp with time zone" if is_like_a_date(text) => (
            SqlState::DatetimeFieldOverflow,
            format!("date/time field value out of range: \"{text}\""),
        ),
        "date" | "timestamp" | "timestamp with time zone" | "time" | "interval" => (
            SqlState::InvalidDatetimeFormat,
            format!("invalid input syntax for type {name}: \"{text}\""),
        ),
        _ => (
            SqlState::InvalidTextRepresentation,
            format!("invalid input syntax for type {name}: \"{text}\""),
        ),
    };
    SqlError::new(state, message)
}

/// Whether there are numbers where a date or a time has them.
fn is_like_a_date(text: &str) -> bool {
    let mut numbers = 0;
    let date = text.trim().split([' ', 'T']).next().unwrap_or_default();
    let fits = date.split(['-', ':', '.']).all(|part| {
        numbers += 1;
        !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit())
    });
    fits && numbers >= 3
}
