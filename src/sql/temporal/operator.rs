//! `date + interval` is a `timestamp`.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, cast};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// Plans operators between a date and an interval.
#[derive(Debug)]
pub(in super::super) struct DateOperators;

impl ExprPlanner for DateOperators {
    fn plan_binary_op(
        &self,
        mut expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>, DataFusionError> {
        if !matches!(expr.op, BinaryOperator::Plus | BinaryOperator::Minus) {
            return Ok(PlannerResult::Original(expr));
        }
        let types = (expr.left.get_type(schema), expr.right.get_type(schema));
        match types {
            (Ok(DataType::Date32), Ok(DataType::Interval(_))) => {
                expr.left = as_timestamp(expr.left);
            }
            (Ok(DataType::Interval(_)), Ok(DataType::Date32)) => {
                expr.right = as_timestamp(expr.right);
            }
            _ => {}
        }
        // The operator itself is the planner's.
        Ok(PlannerResult::Original(expr))
    }
}

fn as_timestamp(date: Expr) -> Expr {
    cast(date, DataType::Timestamp(TimeUnit::Microsecond, None))
}
