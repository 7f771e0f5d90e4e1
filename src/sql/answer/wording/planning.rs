//! What cannot be planned, in PostgreSQL's words.

use super::execution::{execution, too_many_names};
use super::plain::{plain, shown, type_list};
use crate::sql::answer::undefined::{refusal, undefined};
use crate::sql::{SqlError, SqlState};

/// How a complaint begins, its code, and what PostgreSQL says instead.
const KNOWN: [(&str, SqlState, &str); 27] = [
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
        "Order by index starts at 1",
        SqlState::InvalidColumnReference,
        "ORDER BY position 0 is not in select list",
    ),
    (
        "For SELECT DISTINCT, ORDER BY expressions",
        SqlState::InvalidColumnReference,
        "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
    ),
    (
        "SELECT DISTINCT ON expressions must match",
        SqlState::InvalidColumnReference,
        "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
    ),
    (
        "Invalid window frame: start bound cannot be UNBOUNDED FOLLOWING",
        SqlState::WindowingError,
        "frame start cannot be UNBOUNDED FOLLOWING",
    ),
    (
        "Invalid window frame: end bound cannot be UNBOUNDED PRECEDING",
        SqlState::WindowingError,
        "frame end cannot be UNBOUNDED PRECEDING",
    ),
    (
        "Invalid window frame: start bound (",
        SqlState::WindowingError,
        "frame starting from following row cannot have preceding rows",
    ),
    (
        "Invalid window frame: frame offsets",
        SqlState::InvalidPrecedingOrFollowingSize,
        "frame starting offset must not be negative",
    ),
    (
        "RANGE requires exactly one ORDER BY",
        SqlState::WindowingError,
        "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column",
    ),
    (
        "Aggregate function calls cannot contain window",
        SqlState::GroupingError,
        "aggregate function calls cannot contain window function calls",
    ),
    (
        "HAVING clause references",
        SqlState::GroupingError,
        "columns beside HAVING must appear in the GROUP BY clause or be used in an aggregate \
         function",
    ),
    (
        "Cannot project plan column",
        SqlState::DatatypeMismatch,
        "both terms of a recursive query must have columns of the same types",
    ),
    (
        "Substring without for/from",
        SqlState::UndefinedFunction,
        "function substring(unknown) does not exist",
    ),
    (
        "unnest() requires exactly one",
        SqlState::UndefinedFunction,
        "function unnest() does not exist",
    ),
    ("No `ON` expressions", SqlState::SyntaxError, "syntax error at or near \")\""),
    (
        "Percentile value must be",
        SqlState::NumericValueOutOfRange,
        "percentile value is not between 0 and 1",
    ),
    ("OFFSET must be", SqlState::InvalidRowCountInOffsetClause, "OFFSET must not be negative"),
    ("LIMIT must be", SqlState::InvalidRowCountInLimitClause, "LIMIT must not be negative"),
    ("Too many columns", SqlState::SyntaxError, "subquery must return only one column"),
    ("Failed to parse placeholder", SqlState::SyntaxError, "syntax error at or near \":\""),
    ("unnest() can only be applied", SqlState::UndefinedFunction, "unnest takes an array"),
    ("Unary operator '-'", SqlState::UndefinedFunction, "operator does not exist: - of this type"),
    ("Unary operator '+'", SqlState::UndefinedFunction, "operator does not exist: + of this type"),
    ("Step cannot be zero", SqlState::InvalidParameterValue, "step size cannot equal zero"),
];

/// Words in a complaint that no other rule knows, and its code.
const CODES: [(&str, SqlState); 13] = [
    ("table function '", SqlState::UndefinedFunction),
    ("table '", SqlState::UndefinedTable),
    ("GROUP BY clause", SqlState::GroupingError),
    ("WITH query name", SqlState::DuplicateAlias),
    ("Conflicting types for id", SqlState::AmbiguousParameter),
    ("No value found for placeholder", SqlState::UndefinedParameter),
    ("Projections require unique expression names", SqlState::DuplicateColumn),
    ("Cannot coerce", SqlState::DatatypeMismatch),
    ("Cannot infer common argument type", SqlState::DatatypeMismatch),
    ("non-boolean predicate", SqlState::DatatypeMismatch),
    ("function", SqlState::UndefinedFunction),
    ("Function", SqlState::UndefinedFunction),
    ("type", SqlState::DatatypeMismatch),
];

/// An error of planning.
pub(in crate::sql) fn planning(text: &str) -> SqlError {
    let known = KNOWN.iter().find(|(words, ..)| text.starts_with(words));
    if let Some((_, state, message)) = known {
        return SqlError::new(*state, *message);
    }
    let told = operator(text)
        .or_else(|| grouping(text))
        .or_else(|| columns(text))
        .or_else(|| condition(text))
        .or_else(|| names(text))
        .or_else(|| function(text));
    told.unwrap_or_else(|| {
        let ran = execution(text);
        if ran.state != SqlState::DataException {
            return ran;
        }
        let line = text.trim_start_matches("Internal error: ").lines().next().unwrap_or_default();
        let known = CODES.iter().find(|(words, _)| text.contains(words));
        let state = known.map_or(SqlState::SyntaxErrorOrAccessRuleViolation, |(_, state)| *state);
        SqlError::new(state, plain(line))
    })
}

/// An operator that has no meaning between such types.
fn operator(text: &str) -> Option<SqlError> {
    let sides = if let Some(rest) = text.strip_prefix("Cannot coerce arithmetic expression ") {
        rest.strip_suffix(" to valid types")?
    } else if let Some(rest) = text.strip_prefix("expr type ")
        && let Some((left, right)) = rest.split_once(" can't cast to ")
    {
        let right = right.split(' ').next()?;
        let message = format!("operator does not exist: {} = {}", shown(left), shown(right));
        return Some(undefined(message, "operator"));
    } else if text.starts_with("Cannot infer common ") {
        text.split_once(" operation ")?.1
    } else if let Some(rest) = text.strip_prefix("Cannot get result type for temporal operation ") {
        rest.split_once(": ")?.0
    } else {
        return None;
    };
    Some(undefined(format!("operator does not exist: {}", plain(sides)), "operator"))
}

/// A column that stands beside aggregates and is not grouped by.
fn grouping(text: &str) -> Option<SqlError> {
    let (before, _) = text.split_once("\" must appear in the GROUP BY clause")?;
    let (_, column) = before.rsplit_once("column \"")?;
    let message = format!(
        "column \"{column}\" must appear in the GROUP BY clause or be used in an aggregate function"
    );
    Some(SqlError::new(SqlState::GroupingError, message))
}

/// Columns by their number, and numbers of columns.
fn columns(text: &str) -> Option<SqlError> {
    if let Some(operator) = text.strip_suffix(" queries have different number of columns") {
        let message = format!("each {operator} query must have the same number of columns");
        return Some(SqlError::new(SqlState::SyntaxError, message));
    }
    if let Some((_, rest)) = text.split_once("Source table contains ") {
        let mut numbers = rest.split(' ').filter(|word| word.parse::<u32>().is_ok());
        let (columns, names) = (numbers.next()?, numbers.next()?);
        let message =
            format!("table has {columns} columns available but {names} columns specified");
        return Some(SqlError::new(SqlState::InvalidColumnReference, message));
    }
    let position = |clause: &str, rest: &str| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let message = format!("{clause} position {digits} is not in select list");
        SqlError::new(SqlState::InvalidColumnReference, message)
    };
    if let Some(rest) = text.strip_prefix("Order by column out of bounds, specified: ") {
        return Some(position("ORDER BY", rest));
    }
    let rest = text.strip_prefix("Cannot find column with position ")?;
    Some(position("GROUP BY", rest))
}

/// A condition, a number of rows or a column of a union that is of another type.
fn condition(text: &str) -> Option<SqlError> {
    let wrong = |of: &str, wanted: &str, given: &str| {
        let message =
            format!("argument of {of} must be type {wanted}, not type {}", shown(given.trim()));
        Some(SqlError::new(SqlState::DatatypeMismatch, message))
    };
    if text.starts_with("Cannot create filter with non-boolean predicate") {
        return wrong("WHERE", "boolean", text.rsplit_once(" returning ")?.1);
    }
    if let Some(given) = text.strip_prefix("Join condition must be boolean type, but got ") {
        return wrong("JOIN/ON", "boolean", given);
    }
    if let Some((_, given)) = text.split_once("Expected OFFSET to be an integer or null, but got ")
    {
        return wrong("OFFSET", "bigint", given);
    }
    if let Some((_, given)) = text.split_once("Expected LIMIT to be an integer or null, but got ") {
        return wrong("LIMIT", "bigint", given);
    }
    if let Some((_, given)) =
        text.split_once("Unary operator 'NOT' requires a boolean expression, got ")
    {
        return wrong("NOT", "boolean", given);
    }
    let (_, union) = text.split_once("Previous inputs were of type ")?;
    let (one, rest) = union.split_once(", but got incompatible type ")?;
    let (other, _) = rest.rsplit_once(" on column ")?;
    let message = format!("UNION types {} and {} cannot be matched", shown(one), shown(other));
    Some(SqlError::new(SqlState::DatatypeMismatch, message))
}

/// Tables and windows that there are not.
fn names(text: &str) -> Option<SqlError> {
    if let Some(table) = text.strip_prefix("Invalid qualifier ") {
        let message = format!("missing FROM-clause entry for table \"{table}\"");
        return Some(SqlError::new(SqlState::UndefinedTable, message));
    }
    if let Some(rest) = text.strip_prefix("Argument #") {
        let number = rest.split(' ').next()?;
        let message = format!("argument {number} must be an integer");
        return Some(SqlError::new(SqlState::DatatypeMismatch, message));
    }
    if text.ends_with(" is not in grouping columns") || text.contains(" to grouping function is ") {
        let message =
            "arguments to GROUPING must be grouping expressions of the associated query level";
        return Some(SqlError::new(SqlState::GroupingError, message));
    }
    if let Some(rest) = text.strip_prefix("Unsupported compound identifier '") {
        return Some(too_many_names(rest.split('\'').next()?));
    }
    if let Some(rest) = text.strip_prefix("table '")
        && let Some(path) = rest.strip_suffix("' not found")
    {
        return Some(SqlError::undefined_table(path.rsplit('.').next()?));
    }
    let window = text.strip_prefix("The window ")?;
    if let Some(window) = window.strip_suffix(" is defined multiple times!") {
        let message = format!("window \"{window}\" is already defined");
        return Some(SqlError::new(SqlState::WindowingError, message));
    }
    let window = window.strip_suffix(" is not defined!")?;
    Some(SqlError::new(SqlState::UndefinedObject, format!("window \"{window}\" does not exist")))
}

/// A function of a name that is none, or that does not take such arguments.
fn function(text: &str) -> Option<SqlError> {
    if let Some((_, call)) = text.rsplit_once("the given name and argument types '") {
        let (name, types) = call.split_once("'.")?.0.strip_suffix(')')?.split_once('(')?;
        let types = type_list(types);
        return Some(refusal(name, &types.iter().map(String::as_str).collect::<Vec<_>>()));
    }
    let (_, name) = ["Invalid function '", "function '", "Function '"]
        .iter()
        .find_map(|words| text.split_once(words))?;
    let name = name.split_once('\'')?.0;
    Some(undefined(format!("function {name} does not exist"), "function"))
}
