//! Operators between dates, times, intervals and numbers that the planner lacks or types
//! differently.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, cast};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::difference::{days_between, difference};
use super::later::{moved, moved_by_days};
use super::scale::{product, quotient};
use crate::sql::value::types::SqlType;

/// Plans operators of which one side is a time or a length of time.
#[derive(Debug)]
pub(in crate::sql) struct DateOperators;

/// What stands on a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Date,
    Timestamp,
    Time,
    Interval,
    Number,
    /// A parameter of no known type.
    Open,
    Other,
}

impl Side {
    fn of(expr: &Expr, schema: &DFSchema) -> Self {
        if matches!(expr, Expr::Placeholder(Placeholder { field: None, .. })) {
            return Self::Open;
        }
        match expr.get_type(schema) {
            Ok(DataType::Date32) => Self::Date,
            Ok(DataType::Timestamp(..)) => Self::Timestamp,
            Ok(DataType::Time64(_)) => Self::Time,
            Ok(DataType::Interval(_)) => Self::Interval,
            Ok(number) if number.is_numeric() => Self::Number,
            _ => Self::Other,
        }
    }
}

impl ExprPlanner for DateOperators {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>, DataFusionError> {
        use BinaryOperator::{Divide, Minus, Multiply, Plus};
        let RawBinaryExpr { op, left, right } = expr;
        let sides = (Side::of(&left, schema), Side::of(&right, schema));
        let (left, right) = match (&op, sides) {
            (Plus | Minus, (Side::Date, Side::Interval)) => {
                return Ok(PlannerResult::Planned(moved(as_timestamp(left), right, op == Minus)));
            }
            (Plus, (Side::Interval, Side::Date)) => {
                return Ok(PlannerResult::Planned(moved(as_timestamp(right), left, false)));
            }
            (Plus | Minus, (Side::Timestamp, Side::Interval))
            | (Plus, (Side::Timestamp, Side::Open)) => {
                let step = typed(right, SqlType::Interval);
                return Ok(PlannerResult::Planned(moved(left, step, op == Minus)));
            }
            (Plus, (Side::Interval | Side::Open, Side::Timestamp)) => {
                let step = typed(left, SqlType::Interval);
                return Ok(PlannerResult::Planned(moved(right, step, false)));
            }
            (Plus | Minus, (Side::Date, Side::Number)) => {
                return Ok(PlannerResult::Planned(moved_by_days(left, right, op == Minus)));
            }
            (Plus, (Side::Number, Side::Date)) => {
                return Ok(PlannerResult::Planned(moved_by_days(right, left, false)));
            }
            (Plus, (Side::Time, Side::Open)) => (left, typed(right, SqlType::Interval)),
            (Plus, (Side::Open, Side::Time)) => (typed(left, SqlType::Interval), right),
            // What is taken from a moment is of its type, unless more is said.
            (Minus, (Side::Timestamp, Side::Open)) => {
                let right = typed(right, SqlType::of_arrow(&left.get_type(schema)?));
                return Ok(PlannerResult::Planned(difference(left, right)));
            }
            (Minus, (Side::Open, Side::Timestamp)) => {
                let left = typed(left, SqlType::of_arrow(&right.get_type(schema)?));
                return Ok(PlannerResult::Planned(difference(left, right)));
            }
            (Minus, (Side::Date, Side::Date)) => {
                return Ok(PlannerResult::Planned(days_between(left, right)));
            }
            (Minus, (Side::Timestamp, Side::Timestamp)) => {
                return Ok(PlannerResult::Planned(difference(left, right)));
            }
            (Minus, (Side::Timestamp, Side::Date)) => {
                return Ok(PlannerResult::Planned(difference(left, as_timestamp(right))));
            }
            (Minus, (Side::Date, Side::Timestamp)) => {
                return Ok(PlannerResult::Planned(difference(as_timestamp(left), right)));
            }
            (Multiply, (Side::Interval, Side::Number | Side::Open)) => {
                return Ok(PlannerResult::Planned(product(left, number(right))));
            }
            (Multiply, (Side::Number | Side::Open, Side::Interval)) => {
                return Ok(PlannerResult::Planned(product(right, number(left))));
            }
            (Divide, (Side::Interval, Side::Number | Side::Open)) => {
                return Ok(PlannerResult::Planned(quotient(left, number(right))));
            }
            _ => (left, right),
        };
        // The operator itself is the planner's.
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

fn as_timestamp(date: Expr) -> Expr {
    cast(date, DataType::Timestamp(TimeUnit::Microsecond, None))
}

fn number(expr: Expr) -> Expr {
    match typed(expr, SqlType::Float8) {
        parameter @ Expr::Placeholder(_) => parameter,
        other => cast(other, DataType::Float64),
    }
}

/// A parameter of no known type as one of this type.
fn typed(expr: Expr, sql_type: SqlType) -> Expr {
    match expr {
        Expr::Placeholder(Placeholder { id, field: None }) => {
            Expr::Placeholder(Placeholder::new_with_field(id, Some(Arc::new(sql_type.field()))))
        }
        other => other,
    }
}
