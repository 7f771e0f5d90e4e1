//! What bounds and orders a query where it is a constant: LIMIT and OFFSET take texts and fractions
//! for whole numbers, and places of columns are whole numbers that are not negative.

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, LimitClause, OrderBy, OrderByKind, Query, Select, UnaryOperator, Value,
};

use super::syntax::{literal_text, number};
use crate::sql::answer::wording::no_value;
use crate::sql::{SqlError, SqlState};

/// Makes the limits of `query` whole numbers.
///
/// # Errors
/// 22P02 and 22003 for texts and numbers that are none.
pub(super) fn adapt(query: &mut Query) -> Result<(), SqlError> {
    let Some(LimitClause::LimitOffset { limit, offset, .. }) = &mut query.limit_clause else {
        return Ok(());
    };
    let bounds = limit.iter_mut().chain(offset.iter_mut().map(|offset| &mut offset.value));
    for bound in bounds {
        if let Some(written) = literal_text(bound) {
            let whole: i64 = written.trim().parse().map_err(|_| no_value(written, "Int64"))?;
            *bound = whole_number(whole);
        } else if let Expr::Value(value) = &*bound
            && let Value::Number(digits, _) = &value.value
            && digits.parse::<i64>().is_err()
        {
            let fraction = digits.parse::<f64>().unwrap_or(f64::INFINITY).round();
            let whole = format!("{fraction:.0}").parse::<i64>().map_err(|_| {
                SqlError::new(SqlState::NumericValueOutOfRange, "bigint out of range")
            })?;
            *bound = whole_number(whole);
        }
    }
    Ok(())
}

fn whole_number(whole: i64) -> Expr {
    let digits = number(&whole.unsigned_abs());
    if whole >= 0 {
        return digits;
    }
    Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(digits) }
}

/// That a query is ordered by no constant but the place of a column.
///
/// # Errors
/// 42601 and 42P10.
pub(super) fn check_order(query: &Query) -> Result<(), SqlError> {
    let Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) = &query.order_by else {
        return Ok(());
    };
    keys.iter().try_for_each(|key| check_place("ORDER BY", &key.expr))
}

/// The same of what rows are grouped by.
///
/// # Errors
/// 42601 and 42P10.
pub(super) fn check_groups(select: &Select) -> Result<(), SqlError> {
    let GroupByExpr::Expressions(keys, _) = &select.group_by else { return Ok(()) };
    keys.iter().try_for_each(|key| check_place("GROUP BY", key))
}

fn check_place(clause: &str, key: &Expr) -> Result<(), SqlError> {
    let is_whole = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
    if let Expr::UnaryOp { op: UnaryOperator::Minus, expr } = key
        && let Expr::Value(value) = &**expr
        && let Value::Number(digits, _) = &value.value
        && is_whole(digits)
    {
        let message = format!("{clause} position -{digits} is not in select list");
        return Err(SqlError::new(SqlState::InvalidColumnReference, message));
    }
    let Expr::Value(value) = key else { return Ok(()) };
    let is_place = match &value.value {
        Value::Number(digits, _) => is_whole(digits),
        Value::Null | Value::Boolean(_) | Value::SingleQuotedString(_) => false,
        _ => true,
    };
    if is_place {
        return Ok(());
    }
    let message = format!("non-integer constant in {clause}");
    Err(SqlError::new(SqlState::SyntaxError, message))
}
