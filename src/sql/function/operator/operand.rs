//! What stands beside an operator, as PostgreSQL sees it.

use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr, ExprSchemable};

use crate::sql::value::types::SqlType;
use crate::sql::{SqlError, SqlState};

/// The type of an operand; unknown where what stands beside it decides that.
pub(in crate::sql) fn operand(expr: &Expr, schema: &DFSchema) -> SqlType {
    match expr {
        Expr::Literal(value, _) if value.is_null() || value.try_as_str().is_some() => {
            SqlType::Unknown
        }
        Expr::Alias(alias) => operand(&alias.expr, schema),
        // Its field would be said to have the name of what is cast.
        Expr::Cast(cast) => SqlType::of(&cast.field),
        // Nothing that is calculated has the name of a type; a long chain is walked once only.
        Expr::BinaryExpr(_) => {
            expr.get_type(schema).map_or(SqlType::Unknown, |known| SqlType::of_arrow(&known))
        }
        _ => expr.to_field(schema).map_or(SqlType::Unknown, |(_, field)| SqlType::of(&field)),
    }
}

/// Types that are alike to operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Number,
    Oid,
    Text,
    Bool,
    Moment,
    Time,
    Interval,
    Uuid,
    Bytea,
    Document,
    Array,
    Vector,
    /// Decided by what stands beside it, or not known here.
    Open,
}

impl Class {
    pub(super) const fn of(sql_type: SqlType) -> Self {
        match sql_type {
            SqlType::Int2
            | SqlType::Int4
            | SqlType::Int8
            | SqlType::Float4
            | SqlType::Float8
            | SqlType::Numeric => Self::Number,
            SqlType::Oid => Self::Oid,
            SqlType::Text | SqlType::Name | SqlType::Char | SqlType::Varchar | SqlType::Bpchar => {
                Self::Text
            }
            SqlType::Bool => Self::Bool,
            SqlType::Date | SqlType::Timestamp | SqlType::Timestamptz => Self::Moment,
            SqlType::Time => Self::Time,
            SqlType::Interval => Self::Interval,
            SqlType::Uuid => Self::Uuid,
            SqlType::Bytea => Self::Bytea,
            SqlType::Jsonb => Self::Document,
            SqlType::Vector => Self::Vector,
            SqlType::Int2Array
            | SqlType::Int4Array
            | SqlType::Int8Array
            | SqlType::OidArray
            | SqlType::Float4Array
            | SqlType::Float8Array
            | SqlType::TextArray
            | SqlType::BoolArray
            | SqlType::ByteaArray
            | SqlType::TimestamptzArray
            | SqlType::TimestampArray
            | SqlType::DateArray
            | SqlType::TimeArray
            | SqlType::IntervalArray
            | SqlType::NumericArray
            | SqlType::NameArray
            | SqlType::UuidArray
            | SqlType::JsonbArray => Self::Array,
            SqlType::Regproc | SqlType::Unknown => Self::Open,
        }
    }
}

/// There is no operator `op` between such types.
pub(super) fn no_operator(left: SqlType, op: &str, right: SqlType) -> SqlError {
    let message = format!("operator does not exist: {} {op} {}", left.name(), right.name());
    SqlError::new(SqlState::UndefinedFunction, message).with_hint(
        "No operator matches the given name and argument types. You might need to add explicit \
         type casts.",
    )
}

/// A condition that is none.
pub(super) fn no_condition(of: &str, sql_type: SqlType) -> SqlError {
    let message = format!("argument of {of} must be type boolean, not type {}", sql_type.name());
    SqlError::new(SqlState::DatatypeMismatch, message)
}

/// Values that are to be of one type and are not.
pub(super) fn unmatched(of: &str, one: SqlType, other: SqlType) -> SqlError {
    let message = format!("{of} types {} and {} cannot be matched", one.name(), other.name());
    SqlError::new(SqlState::DatatypeMismatch, message)
}
