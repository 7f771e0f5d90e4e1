//! `DataFusion`'s complaints as PostgreSQL words and numbers them.
//!
//! It has one kind of error for most of what is wrong with a statement and tells them apart in
//! words only. This is the one place that reads those words; what it does not know gets the general
//! code of its class.

use super::{SqlError, SqlState};

/// An error of planning: its first line, and the suggestion that may follow.
pub(super) fn planning(text: &str) -> SqlError {
    if let Some(error) = reworded(text) {
        return error;
    }
    let mut lines = text.lines();
    let message = lines.next().unwrap_or_default().trim_start_matches("Internal error: ");
    let error = SqlError::new(planning_state(text), message);
    match lines.find(|line| line.starts_with("Did you mean")) {
        Some(suggestion) => error.with_hint(suggestion),
        None => error,
    }
}

/// An error of planning that PostgreSQL knows too.
fn reworded(text: &str) -> Option<SqlError> {
    const KNOWN: [(&str, SqlState, &str); 5] = [
        (
            "Aggregate functions are not allowed in the WHERE",
            SqlState::GroupingError,
            "aggregate functions are not allowed in WHERE",
        ),
        (
            "Aggregate function calls cannot be nested",
            SqlState::GroupingError,
            "aggregate function calls cannot be nested",
        ),
        (
            "Window function calls cannot be nested",
            SqlState::WindowingError,
            "window function calls cannot be nested",
        ),
        (
            "Inconsistent data length across values list",
            SqlState::SyntaxError,
            "VALUES lists must all be the same length",
        ),
        (
            "Cannot create filter with non-boolean predicate",
            SqlState::DatatypeMismatch,
            "argument of WHERE must be type boolean",
        ),
    ];
    let known = KNOWN.iter().find(|(words, ..)| text.starts_with(words));
    if let Some((_, state, message)) = known {
        return Some(SqlError::new(*state, *message));
    }
    if let Some(operator) = text.strip_suffix(" queries have different number of columns") {
        let message = format!("each {operator} query must have the same number of columns");
        return Some(SqlError::new(SqlState::SyntaxError, message));
    }
    if let Some(table) = text.strip_prefix("Invalid qualifier ") {
        let message = format!("missing FROM-clause entry for table \"{table}\"");
        return Some(SqlError::new(SqlState::UndefinedTable, message));
    }
    let position = |clause: &str, rest: &str| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let message = format!("{clause} position {digits} is not in select list");
        SqlError::new(SqlState::InvalidColumnReference, message)
    };
    if let Some(rest) = text.strip_prefix("Order by column out of bounds, specified: ") {
        return Some(position("ORDER BY", rest));
    }
    if let Some(rest) = text.strip_prefix("Cannot find column with position ") {
        return Some(position("GROUP BY", rest));
    }
    let (_, given) = text.split_once("Unary operator 'NOT' requires a boolean expression, got ")?;
    let message = format!("argument of NOT must be type boolean, not type {}", type_name(given));
    Some(SqlError::new(SqlState::DatatypeMismatch, message))
}

fn planning_state(text: &str) -> SqlState {
    const KNOWN: [(&str, SqlState); 17] = [
        ("Invalid function", SqlState::UndefinedFunction),
        ("No function matches", SqlState::UndefinedFunction),
        ("table function '", SqlState::UndefinedFunction),
        ("Function '", SqlState::UndefinedFunction),
        ("table '", SqlState::UndefinedTable),
        ("GROUP BY clause", SqlState::GroupingError),
        ("WITH query name", SqlState::DuplicateAlias),
        ("Conflicting types for id", SqlState::AmbiguousParameter),
        ("No value found for placeholder", SqlState::UndefinedParameter),
        ("Projections require unique expression names", SqlState::DuplicateColumn),
        ("Cannot coerce", SqlState::DatatypeMismatch),
        ("Cannot infer common argument type", SqlState::DatatypeMismatch),
        ("non-boolean predicate", SqlState::DatatypeMismatch),
        ("Expected LIMIT to be", SqlState::DatatypeMismatch),
        ("LIMIT must be >= 0", SqlState::InvalidRowCountInLimitClause),
        ("Too many columns", SqlState::SyntaxError),
        ("type", SqlState::DatatypeMismatch),
    ];
    KNOWN
        .iter()
        .find(|(words, _)| text.contains(words))
        .map_or(SqlState::SyntaxErrorOrAccessRuleViolation, |(_, state)| *state)
}

/// An error while a statement runs.
pub(super) fn execution(text: &str) -> SqlError {
    if text.starts_with("Scalar subquery returned more than one row") {
        let message = "more than one row returned by a subquery used as an expression";
        return SqlError::new(SqlState::CardinalityViolation, message);
    }
    if text.contains("Regular expression did not compile") {
        return regular_expression(text);
    }
    SqlError::new(SqlState::DataException, text)
}

/// A regular expression that is none; the last line of `text` says why.
pub(super) fn regular_expression(text: &str) -> SqlError {
    let why = text.rsplit_once("error: ").map_or("syntax error", |(_, why)| why.trim());
    let why = why.trim_end_matches([')', '"', '\'']);
    let message = format!("invalid regular expression: {why}");
    SqlError::new(SqlState::InvalidRegularExpression, message)
}

/// A value that is none of the type it is cast to.
pub(super) fn cast(text: &str) -> Option<SqlError> {
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
    let target = match text.split_once("Can't cast value ") {
        Some((_, number)) => number.split_once(" to type ")?.1,
        None => text.split_once(" is out of range ")?.1,
    };
    let message = format!("{} out of range", type_name(target));
    Some(SqlError::new(SqlState::NumericValueOutOfRange, message))
}

/// What PostgreSQL says of `text` that cannot be read as a value of an Arrow type.
pub(super) fn no_value(text: &str, target: &str) -> SqlError {
    let name = type_name(target);
    let (state, message) = match name {
        "smallint" | "integer" | "bigint" if text.trim().parse::<i128>().is_ok() => (
            SqlState::NumericValueOutOfRange,
            format!("value \"{text}\" is out of range for type {name}"),
        ),
        "date" | "timestamp" | "time" if is_like_a_date(text) => (
            SqlState::DatetimeFieldOverflow,
            format!("date/time field value out of range: \"{text}\""),
        ),
        "date" | "timestamp" | "time" | "interval" => (
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

/// PostgreSQL's name of an Arrow type.
pub(super) fn type_name(arrow: &str) -> &str {
    match arrow.trim_end_matches(" type") {
        "Int8" | "Int16" => "smallint",
        "Int32" => "integer",
        "Int64" | "UInt64" => "bigint",
        "Float16" | "Float32" => "real",
        "Float64" => "double precision",
        "Boolean" => "boolean",
        "Date32" | "Date64" => "date",
        "Utf8" | "LargeUtf8" | "Utf8View" => "text",
        "Binary" => "bytea",
        "Null" => "unknown",
        decimal if decimal.starts_with("Decimal") => "numeric",
        timestamp if timestamp.starts_with("Timestamp") => "timestamp",
        time if time.starts_with("Time") => "time",
        interval if interval.starts_with("Interval") || interval.starts_with("Duration") => {
            "interval"
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_worded_as_in_postgresql() {
        let cases = [
            (
                planning("UNION queries have different number of columns"),
                "42601 each UNION query must have the same number of columns",
            ),
            (
                planning("Order by column out of bounds, specified: 2, max: 1"),
                "42P10 ORDER BY position 2 is not in select list",
            ),
            (
                planning("Unary operator 'NOT' requires a boolean expression, got Int32"),
                "42804 argument of NOT must be type boolean, not type integer",
            ),
            (
                no_value("99999999999", "Int32"),
                "22003 value \"99999999999\" is out of range for type integer",
            ),
            (no_value("x", "Int64"), "22P02 invalid input syntax for type bigint: \"x\""),
            (
                no_value("2024-13-02", "Date32"),
                "22008 date/time field value out of range: \"2024-13-02\"",
            ),
            (no_value("x", "Timestamp"), "22007 invalid input syntax for type timestamp: \"x\""),
            (
                cast("Cannot cast string 'it's' to value of Float64 type").unwrap(),
                "22P02 invalid input syntax for type double precision: \"it's\"",
            ),
            (
                cast("Can't cast value 3000000000 to type Int32").unwrap(),
                "22003 integer out of range",
            ),
            (
                regular_expression("regex parse error:\n    (\n    ^\nerror: unclosed group"),
                "2201B invalid regular expression: unclosed group",
            ),
        ];
        for (error, expected) in cases {
            assert_eq!(format!("{} {}", error.state, error.message), expected);
        }
    }
}
