//! Whole numbers in a query: `integer` where they fit, else `bigint`, else `numeric`.
//!
//! The planner makes `bigint` of all of them, so they are cast where PostgreSQL does not. A number
//! that is no value, but a place in a select list, a limit or a bound, has to stay one: it is
//! marked before its surroundings are visited, by the flag that other dialects write as `10L`.

use datafusion::sql::sqlparser::ast::{
    DataType, ExactNumberInfo, Expr, FunctionArg, FunctionArgExpr, GroupByExpr, LimitClause,
    OrderByKind, Query, Select, Value, WindowFrame, WindowFrameBound, WindowType,
};

use super::syntax::{cast, number, text};

/// Most digits of a `numeric`.
const DIGITS_MAX: usize = 38;

/// Marks a number that is no value.
pub(super) fn leave(expr: &mut Expr) {
    match expr {
        Expr::Value(value) => {
            if let Value::Number(_, left) = &mut value.value {
                *left = true;
            }
        }
        Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => leave(inner),
        Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => {
            sets.iter_mut().flatten().for_each(leave);
        }
        _ => {}
    }
}

/// Marks limits, and places in the select list that a query is ordered by.
pub(super) fn leave_in_query(query: &mut Query) {
    if let Some(LimitClause::LimitOffset { limit, offset, .. }) = &mut query.limit_clause {
        limit.iter_mut().for_each(leave);
        offset.iter_mut().map(|offset| &mut offset.value).for_each(leave);
    }
    let quantity = query.fetch.as_mut().and_then(|fetch| fetch.quantity.as_mut());
    quantity.into_iter().for_each(leave);
    if let Some(OrderByKind::Expressions(keys)) =
        query.order_by.as_mut().map(|order| &mut order.kind)
    {
        keys.iter_mut().map(|key| &mut key.expr).for_each(leave);
    }
}

/// Marks places in the select list that rows are grouped by.
pub(super) fn leave_in_select(select: &mut Select) {
    if let GroupByExpr::Expressions(keys, _) = &mut select.group_by {
        keys.iter_mut().for_each(leave);
    }
}

/// Marks the bounds of a window.
pub(super) fn leave_in_window(window: &mut WindowType) {
    let WindowType::WindowSpec(window) = window else { return };
    let Some(WindowFrame { start_bound, end_bound, .. }) = &mut window.window_frame else { return };
    for bound in [start_bound].into_iter().chain(end_bound) {
        if let WindowFrameBound::Preceding(Some(rows)) | WindowFrameBound::Following(Some(rows)) =
            bound
        {
            leave(rows);
        }
    }
}

/// Marks arguments of a table function.
pub(super) fn leave_in_arguments(arguments: &mut [FunctionArg]) {
    for argument in arguments {
        if let FunctionArg::Unnamed(FunctionArgExpr::Expr(value))
        | FunctionArg::Named { arg: FunctionArgExpr::Expr(value), .. }
        | FunctionArg::ExprNamed { arg: FunctionArgExpr::Expr(value), .. } = argument
        {
            leave(value);
        }
    }
}

/// What a number becomes that is a value; a mark is taken off.
pub(super) fn typed(value: &mut Value) -> Option<Expr> {
    let Value::Number(digits, left) = value else { return None };
    if std::mem::take(left) || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    if digits.parse::<i32>().is_ok() {
        return Some(cast(number(digits), DataType::Int(None)));
    }
    if digits.parse::<i64>().is_ok() || digits.len() > DIGITS_MAX {
        return None;
    }
    let precise = DataType::Numeric(ExactNumberInfo::PrecisionAndScale(38, 0));
    Some(cast(text(digits.clone()), precise))
}

/// The number that was written, where `expr` is one that was cast.
pub(super) fn written(expr: &Expr) -> &Expr {
    let is_number = |inner: &Expr| match inner {
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        _ => false,
    };
    match expr {
        Expr::Cast { expr: inner, data_type: DataType::Int(None), .. } if is_number(inner) => inner,
        other => other,
    }
}
