//! What goes wrong while a statement runs, and what cannot be run, in PostgreSQL's words.

use super::plain::plain;
use crate::sql::{SqlError, SqlState};

/// What a complaint has in it, its code, and what PostgreSQL says instead.
const KNOWN: [(&str, SqlState, &str); 15] = [
    (
        "Scalar subquery returned more than one row",
        SqlState::CardinalityViolation,
        "more than one row returned by a subquery used as an expression",
    ),
    ("negative count not allowed", SqlState::SubstringError, SUBSTRING),
    ("negative substring length", SqlState::SubstringError, SUBSTRING),
    ("negative overlay length", SqlState::SubstringError, SUBSTRING),
    ("overlay start position must", SqlState::SubstringError, SUBSTRING),
    (
        "field position must not be zero",
        SqlState::InvalidParameterValue,
        "field position must not be zero",
    ),
    (
        "factorial of a negative number",
        SqlState::NumericValueOutOfRange,
        "factorial of a negative number is undefined",
    ),
    (
        "NTILE requires a positive",
        SqlState::InvalidArgumentForNtile,
        "argument of ntile must be greater than zero",
    ),
    (
        "In an aggregate with DISTINCT, ORDER BY",
        SqlState::InvalidColumnReference,
        "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list",
    ),
    ("value using base64", SqlState::InvalidParameterValue, "invalid base64 end sequence"),
    ("Int16Array overflow", SqlState::NumericValueOutOfRange, "smallint out of range"),
    ("Int32Array overflow", SqlState::NumericValueOutOfRange, "integer out of range"),
    ("Int64Array overflow", SqlState::NumericValueOutOfRange, "bigint out of range"),
    ("Step cannot be zero", SqlState::InvalidParameterValue, "step size cannot equal zero"),
    ("Step can't be 0", SqlState::InvalidParameterValue, "step size cannot equal zero"),
];

const SUBSTRING: &str = "negative substring length not allowed";

/// An error while a statement runs.
pub(in crate::sql) fn execution(text: &str) -> SqlError {
    if text.contains("Regular expression did not compile") {
        return regular_expression(text);
    }
    if let Some((_, state, message)) = KNOWN.iter().find(|(words, ..)| text.contains(words)) {
        return SqlError::new(*state, *message);
    }
    quoting(text).unwrap_or_else(|| SqlError::new(SqlState::DataException, plain(text)))
}

/// Complaints that quote what they are about.
fn quoting(text: &str) -> Option<SqlError> {
    let quoted = || text.split('\'').nth(1);
    let (state, message) = if text.contains("value using hex") {
        let message = format!("invalid hexadecimal digit: \"{}\"", quoted()?);
        (SqlState::InvalidParameterValue, message)
    } else if text.contains("granularity: '") || text.contains("Date part '") {
        let message = format!("unit \"{}\" not recognized", quoted()?);
        (SqlState::InvalidParameterValue, message)
    } else if text.contains("There is no built-in encoding named '") {
        let message = format!("unrecognized encoding: \"{}\"", quoted()?);
        (SqlState::InvalidParameterValue, message)
    } else if text.contains("Error parsing timestamp from '") {
        let message = format!("invalid date or time: \"{}\"", quoted()?);
        (SqlState::InvalidDatetimeFormat, message)
    } else if ["Year", "Month", "Day"].iter().any(|unit| text.contains(&format!("{unit} value '")))
    {
        let message = format!("date field value out of range: {}", quoted()?);
        (SqlState::DatetimeFieldOverflow, message)
    } else {
        return None;
    };
    Some(SqlError::new(state, message))
}

/// What the planner has and cannot run where it stands.
pub(in crate::sql) fn not_implemented(text: &str) -> SqlError {
    if text.contains("WindowFunction(") {
        let message = "window functions are not allowed here";
        return SqlError::new(SqlState::WindowingError, message);
    }
    if text.contains("Unnest should be rewritten") {
        let message = "set-returning functions are not allowed here";
        return SqlError::new(SqlState::FeatureNotSupported, message);
    }
    if let Some(parts) = text.strip_prefix("compound identifier: ") {
        let name = parts.replace(['[', ']', '"'], "").replace(", ", ".");
        return too_many_names(&name);
    }
    if text.starts_with("Unsupported LIMIT") || text.starts_with("Unsupported OFFSET") {
        return SqlError::unsupported("LIMIT and OFFSET by such an expression");
    }
    // Expressions as it prints them for its own developers.
    let message = match text.split_once("logical expression ") {
        Some(_) => "an expression of this kind is not supported here".to_owned(),
        None => plain(text),
    };
    SqlError::new(SqlState::FeatureNotSupported, message)
}

/// A regular expression that is none; the last line of `text` that says something says why.
pub(in crate::sql) fn regular_expression(text: &str) -> SqlError {
    let why = text.rsplit_once("error: ").map_or("syntax error", |(_, why)| why.trim());
    let why = why.lines().next().unwrap_or_default().trim_end_matches([')', '"', '\'']);
    let message = format!("invalid regular expression: {why}");
    SqlError::new(SqlState::InvalidRegularExpression, message)
}

/// A name with more parts than there are places for them.
pub(super) fn too_many_names(name: &str) -> SqlError {
    let message = format!("improper qualified name (too many dotted names): {name}");
    SqlError::new(SqlState::SyntaxError, message)
}
