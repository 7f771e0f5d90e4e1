//! Rows beside each other: `(a, b) < (c, d)`, `(a, b) IN (..)`, as what that means of their values.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, Expr, Ident, Query, Select, SetExpr, TableAlias,
    TableAliasColumnDef, TableFactor, TableWithJoins, UnaryOperator, Value,
};

use super::called_as;
use super::order::has_query;
use super::syntax::{call, plain_arguments, select_from};
use crate::sql::function::record::DENIED_MAX;
use crate::sql::grammar::name::folded;
use crate::sql::{SqlError, SqlState};

/// What the rows that a subquery finds are called beside the one that is looked for.
const FOUND: &str = "found row";

/// What a comparison of rows is of their values, and which of them a field is; none for other
/// expressions.
///
/// # Errors
/// Rows of different length, and fields that a row has not.
pub(super) fn compared(expr: &Expr) -> Result<Option<Expr>, SqlError> {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::Overlaps, right } => {
            let (Some(left), Some(right)) = (values(left), values(right)) else { return Ok(None) };
            if [&left, &right].iter().any(|span| span.len() != 2) {
                let message = "wrong number of parameters on one side of OVERLAPS expression";
                return Err(SqlError::new(SqlState::SyntaxError, message));
            }
            Ok(Some(call("overlaps", left.into_iter().chain(right))))
        }
        Expr::BinaryOp { left, op, right } => match (values(left), values(right)) {
            (Some(left), Some(right)) => comparison(&left, op, &right),
            _ => Ok(None),
        },
        Expr::IsDistinctFrom(left, right) => distinct(left, right, Expr::IsDistinctFrom, either),
        Expr::IsNotDistinctFrom(left, right) => {
            distinct(left, right, Expr::IsNotDistinctFrom, both)
        }
        Expr::IsNull(row) => Ok(values(row).map(|row| all(row, Expr::IsNull))),
        Expr::IsNotNull(row) => Ok(values(row).map(|row| all(row, Expr::IsNotNull))),
        Expr::InList { expr: row, list, negated } => {
            let Some(row) = values(row) else { return Ok(None) };
            let equal = |other: &Expr| match values(other) {
                Some(other) => equality(&row, &other),
                None => Err(different_lengths()),
            };
            let equal = list.iter().map(equal).collect::<Result<Vec<_>, _>>()?;
            let is_long = equal.len() > DENIED_MAX;
            let negate = if is_long { opposite } else { |found| negated_if(true, found) };
            Ok(join(equal, either).map(|found| if *negated { negate(found) } else { found }))
        }
        Expr::CompoundFieldAccess { root, access_chain } => match access_chain.as_slice() {
            [AccessExpr::Dot(Expr::Identifier(field))] => {
                values(root).map(|row| value_of(row, &folded(field))).transpose()
            }
            _ => Ok(None),
        },
        Expr::InSubquery { expr: row, subquery, negated } => {
            Ok(values(row).map(|row| negated_if(*negated, membership(&row, subquery))))
        }
        _ => Ok(None),
    }
}

/// Rewrites conditions of WHERE that look for a row among those of a subquery, so that they become
/// joins: there NULL is as good as false.
pub(super) fn look_up(select: &mut Select) {
    if let Some(condition) = &mut select.selection {
        look_up_in(condition);
    }
}

fn look_up_in(condition: &mut Expr) {
    match condition {
        Expr::Nested(inner) => look_up_in(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            look_up_in(left);
            look_up_in(right);
        }
        Expr::InSubquery { expr: row, subquery, negated: false } => {
            // A subquery among the values would stand in another one then, and keep it from a join.
            if let Some(row) = values(row)
                && !row.iter().any(has_query)
            {
                let (mut found, equal) = found(&row, subquery, Expr::value(Value::Null));
                if let SetExpr::Select(select) = &mut *found.body {
                    select.selection = Some(equal);
                }
                *condition = Expr::Exists { subquery: Box::new(found), negated: false };
            }
        }
        _ => {}
    }
}

/// The value in a field of a row, whose fields are called `f1`, `f2` and so on.
fn value_of(row: Vec<Expr>, field: &str) -> Result<Expr, SqlError> {
    let place = field.strip_prefix('f').and_then(|place| place.parse::<usize>().ok());
    let value = place.and_then(|place| row.into_iter().nth(place.checked_sub(1)?));
    value.map(|value| Expr::Nested(Box::new(value))).ok_or_else(|| {
        let message = format!("could not identify column \"{field}\" in record data type");
        SqlError::new(SqlState::UndefinedColumn, message)
    })
}

/// Whether a statement writes a row here.
pub(in crate::sql) fn is_row(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_row(inner),
        Expr::Tuple(_) => true,
        Expr::Function(row) => called_as(row, "row"),
        _ => false,
    }
}

/// The values of a row that a statement writes.
pub(super) fn values(expr: &Expr) -> Option<Vec<Expr>> {
    match expr {
        Expr::Nested(inner) => values(inner),
        Expr::Tuple(values) => Some(values.clone()),
        Expr::Function(row) if called_as(row, "row") => plain_arguments(&row.args),
        _ => None,
    }
}

fn comparison(
    left: &[Expr],
    op: &BinaryOperator,
    right: &[Expr],
) -> Result<Option<Expr>, SqlError> {
    let strict = match op {
        BinaryOperator::Eq => return equality(left, right).map(Some),
        BinaryOperator::NotEq => {
            return equality(left, right).map(|equal| Some(negated_if(true, equal)));
        }
        BinaryOperator::Lt | BinaryOperator::LtEq => BinaryOperator::Lt,
        BinaryOperator::Gt | BinaryOperator::GtEq => BinaryOperator::Gt,
        _ => return Ok(None),
    };
    check_length(left, right)?;
    let mut pairs = left.iter().zip(right).rev();
    let Some((last_left, last_right)) = pairs.next() else { return Ok(None) };
    let last = beside(last_left, op.clone(), last_right);
    Ok(Some(pairs.fold(last, |rest, (left, right)| {
        let equal = beside(left, BinaryOperator::Eq, right);
        either(beside(left, strict.clone(), right), both(equal, rest))
    })))
}

fn equality(left: &[Expr], right: &[Expr]) -> Result<Expr, SqlError> {
    check_length(left, right)?;
    let pairs = left.iter().zip(right);
    let equal = pairs.map(|(left, right)| beside(left, BinaryOperator::Eq, right)).collect();
    join(equal, both).ok_or_else(different_lengths)
}

fn distinct(
    left: &Expr,
    right: &Expr,
    test: fn(Box<Expr>, Box<Expr>) -> Expr,
    joined: fn(Expr, Expr) -> Expr,
) -> Result<Option<Expr>, SqlError> {
    let (Some(left), Some(right)) = (values(left), values(right)) else { return Ok(None) };
    check_length(&left, &right)?;
    let pairs = left.into_iter().zip(right);
    let tests = pairs.map(|(left, right)| nested(test(nested(left).into(), nested(right).into())));
    Ok(join(tests.collect(), joined))
}

fn all(row: Vec<Expr>, test: fn(Box<Expr>) -> Expr) -> Expr {
    let tests = row.into_iter().map(|value| nested(test(nested(value).into())));
    join(tests.collect(), both).unwrap_or_else(|| Expr::value(Value::Boolean(true)))
}

/// Whether `row` is among those of `subquery`: true where one is equal, else NULL where one may be.
fn membership(row: &[Expr], subquery: &Query) -> Expr {
    let (_, equal) = found(row, subquery, Expr::value(Value::Null));
    let unknown = Expr::IsNull(Box::new(nested(equal.clone())));
    let case = Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![
            CaseWhen {
                condition: call("bool_or", [equal]),
                result: Expr::value(Value::Boolean(true)),
            },
            CaseWhen { condition: call("bool_or", [unknown]), result: Expr::value(Value::Null) },
        ],
        else_result: Some(Box::new(Expr::value(Value::Boolean(false)))),
    };
    Expr::Subquery(Box::new(found(row, subquery, case).0))
}

/// `SELECT item FROM (subquery) found (1, 2, ..)`, and whether a row found is equal to `row`.
fn found(row: &[Expr], subquery: &Query, item: Expr) -> (Query, Expr) {
    let table = Ident::with_quote('"', FOUND);
    let names: Vec<Ident> =
        (1..=row.len()).map(|at| Ident::with_quote('"', format!("{FOUND} {at}"))).collect();
    let column = |name: &Ident| TableAliasColumnDef { name: name.clone(), data_type: None };
    let alias = TableAlias {
        explicit: true,
        name: table.clone(),
        columns: names.iter().map(column).collect(),
        at: None,
    };
    let relation = TableFactor::Derived {
        lateral: false,
        subquery: Box::new(subquery.clone()),
        alias: Some(alias),
        sample: None,
    };
    let equal = row.iter().zip(&names).map(|(value, name)| {
        let found = Expr::CompoundIdentifier(vec![table.clone(), name.clone()]);
        beside(value, BinaryOperator::Eq, &found)
    });
    let equal = join(equal.collect(), both).unwrap_or_else(|| Expr::value(Value::Boolean(true)));
    let from = vec![TableWithJoins { relation, joins: Vec::new() }];
    (select_from(vec![(item, Ident::with_quote('"', FOUND))], from), equal)
}

fn check_length(left: &[Expr], right: &[Expr]) -> Result<(), SqlError> {
    if left.len() == right.len() { Ok(()) } else { Err(different_lengths()) }
}

fn different_lengths() -> SqlError {
    SqlError::new(SqlState::SyntaxError, "unequal number of entries in row expressions")
}

fn beside(left: &Expr, op: BinaryOperator, right: &Expr) -> Expr {
    binary(left.clone(), op, right.clone())
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    let (left, right) = (Box::new(nested(left)), Box::new(nested(right)));
    nested(Expr::BinaryOp { left, op, right })
}

/// `parts` joined two by two, so that many of them are no deep expression.
fn join(mut parts: Vec<Expr>, joined: fn(Expr, Expr) -> Expr) -> Option<Expr> {
    while parts.len() > 1 {
        let mut rest = parts.into_iter();
        parts = Vec::new();
        while let Some(left) = rest.next() {
            parts.push(match rest.next() {
                Some(right) => joined(left, right),
                None => left,
            });
        }
    }
    parts.pop()
}

fn both(left: Expr, right: Expr) -> Expr {
    binary(left, BinaryOperator::And, right)
}

fn either(left: Expr, right: Expr) -> Expr {
    binary(left, BinaryOperator::Or, right)
}

fn negated_if(negated: bool, expr: Expr) -> Expr {
    if !negated {
        return expr;
    }
    nested(Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(nested(expr)) })
}

/// NOT, as something that the planner does not take apart.
fn opposite(expr: Expr) -> Expr {
    let truth = |value: bool| Expr::value(Value::Boolean(value));
    let when = |value| CaseWhen { condition: truth(value), result: truth(!value) };
    nested(Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: Some(Box::new(expr)),
        conditions: vec![when(true), when(false)],
        else_result: None,
    })
}

fn nested(expr: Expr) -> Expr {
    match expr {
        Expr::Nested(_) | Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) => {
            expr
        }
        other => Expr::Nested(Box::new(other)),
    }
}
