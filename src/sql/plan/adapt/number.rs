//! Numbers in a query: whole ones are `integer` where they fit, else `bigint`; all others are
//! `numeric`, and those that have too many digits for it `double precision`.
//!
//! The planner makes `bigint` of whole numbers, so they are cast where PostgreSQL does not. One
//! that is no value, but a place in a select list, a limit or a bound, has to stay one: it is
//! marked before its surroundings are visited, by the flag that other dialects write as `10L`.

use datafusion::sql::sqlparser::ast::{
    DataType, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    GroupByExpr, LimitClause, OrderByKind, Query, Select, UnaryOperator, Value, Values,
    WindowFrame, WindowFrameBound, WindowType,
};

use super::called_as;
use super::syntax::{cast, number, text};
use crate::sql::value::numeric::plain_digits;

/// Functions that round to so many digits.
const ROUNDING: [&str; 2] = ["round", "trunc"];

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

/// Marks how many digits a number is rounded to: they decide the type of the result.
pub(super) fn leave_in_call(called: &mut Function) {
    let rounds = ROUNDING.iter().any(|name| called_as(called, name));
    if let FunctionArguments::List(list) = &mut called.args
        && rounds
        && let [_, FunctionArg::Unnamed(FunctionArgExpr::Expr(digits))] = list.args.as_mut_slice()
    {
        leave(digits);
    }
}

/// Marks arguments that are all of type `integer`; false where they are not, or marked already.
pub(super) fn leave_integers(arguments: &mut [FunctionArg]) -> bool {
    let integers = arguments.iter().all(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => is_integer(value),
        _ => false,
    });
    if integers {
        leave_in_arguments(arguments);
    }
    integers
}

fn is_integer(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) | Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => {
            is_integer(inner)
        }
        Expr::Value(value) => match &value.value {
            Value::Number(digits, marked) => !marked && digits.parse::<i32>().is_ok(),
            _ => false,
        },
        _ => false,
    }
}

/// Marks arguments of a table function.
pub(super) fn leave_in_arguments(arguments: &mut [FunctionArg]) {
    for argument in arguments {
        if let FunctionArg::Unnamed(FunctionArgExpr::Expr(value))
        | FunctionArg::Named { arg: FunctionArgExpr::Expr(value), .. } = argument
        {
            leave(value);
        }
    }
}

/// Makes numbers inexact where one beside them is cast to be so: the planner would make all of
/// them exact.
pub(super) fn unite(values: Vec<&mut Expr>) {
    let Some(target) = values.iter().find_map(|value| inexact_type(value)).cloned() else { return };
    for value in values {
        if is_number(value) {
            *value = cast(value.clone(), target.clone());
        }
    }
}

/// The same for each column of rows that stand in the statement.
pub(super) fn unite_columns(values: &mut Values) {
    let columns = values.rows.first().map_or(0, |row| row.content.len());
    for column in 0..columns {
        let cells = values.rows.iter_mut().filter_map(|row| row.content.get_mut(column));
        unite(cells.collect());
    }
}

fn inexact_type(expr: &Expr) -> Option<&DataType> {
    match expr {
        Expr::Nested(inner) => inexact_type(inner),
        Expr::Cast { data_type, .. } => match data_type {
            DataType::Real
            | DataType::Float4
            | DataType::Float8
            | DataType::Float(_)
            | DataType::Double(_)
            | DataType::DoublePrecision => Some(data_type),
            _ => None,
        },
        _ => None,
    }
}

fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => is_number(inner),
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        _ => false,
    }
}

/// The smallest numbers of their types, whose digits without the sign are too many for these; none
/// for anything else.
pub(super) fn least(expr: &Expr) -> Option<Expr> {
    let Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } = expr else { return None };
    let mut inner = &**inner;
    while let Expr::Nested(nested) = inner {
        inner = nested;
    }
    let Expr::Value(value) = inner else { return None };
    let Value::Number(digits, false) = &value.value else { return None };
    let data_type = match digits.as_str() {
        "2147483648" => DataType::Int(None),
        "9223372036854775808" => DataType::BigInt(None),
        _ => return None,
    };
    Some(cast(text(format!("-{digits}")), data_type))
}

/// What a number becomes that is a value; a mark is taken off.
pub(super) fn typed(value: &mut Value) -> Option<Expr> {
    let Value::Number(digits, left) = value else { return None };
    if std::mem::take(left) {
        return None;
    }
    if digits.parse::<i32>().is_ok() {
        return Some(cast(number(digits), DataType::Int(None)));
    }
    if digits.parse::<i64>().is_ok() {
        return None;
    }
    let Some(plain) = plain_digits(digits) else {
        return Some(cast(text(digits.clone()), DataType::DoublePrecision));
    };
    if plain.contains('.') {
        *digits = plain;
        return None;
    }
    let precision = u64::try_from(plain.len()).unwrap_or(u64::MAX);
    let precise = DataType::Numeric(ExactNumberInfo::Precision(precision));
    Some(cast(text(plain), precise))
}
