//! What a value becomes that is given to a column.

use datafusion::logical_expr::Expr;

use super::operand::Class;
use crate::sql::value::output::printed;
use crate::sql::value::types::SqlType;
use crate::sql::{SqlError, SqlState};

/// `value`, which is of type `given`, as one for a column of type `wanted`: everything has a text.
///
/// # Errors
/// 42804 for a value that PostgreSQL would not convert.
pub(in crate::sql) fn assigned(
    column: &str,
    wanted: SqlType,
    value: Expr,
    given: SqlType,
) -> Result<Expr, SqlError> {
    match (Class::of(given), Class::of(wanted)) {
        // Clients that know no types send all values as texts.
        (Class::Open | Class::Text, _)
        | (_, Class::Open)
        | (Class::Array | Class::Vector, Class::Array | Class::Vector) => Ok(value),
        (_, Class::Text) => Ok(printed(value)),
        (one, other) if one == other => Ok(value),
        _ => Err(not_assigned(column, wanted, given)),
    }
}

/// A value of a type that a column does not take.
pub(in crate::sql) fn not_assigned(column: &str, wanted: SqlType, given: SqlType) -> SqlError {
    let (wanted, given) = (wanted.name(), given.name());
    let message =
        format!("column \"{column}\" is of type {wanted} but expression is of type {given}");
    SqlError::new(SqlState::DatatypeMismatch, message)
        .with_hint("You will need to rewrite or cast the expression.")
}
