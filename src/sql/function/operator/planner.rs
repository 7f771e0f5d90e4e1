//! Binary operators, checked where they are planned.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, cast};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::known::exists;
use super::operand::{Class, no_condition, no_operator, operand};
use crate::sql::SqlError;
use crate::sql::answer::wording::no_value;
use crate::sql::function::comparing::ARITHMETIC;
use crate::sql::value::types::SqlType;

/// Refuses operators that there are not.
#[derive(Debug)]
pub(in crate::sql) struct KnownOperators;

impl ExprPlanner for KnownOperators {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>, DataFusionError> {
        let RawBinaryExpr { op, mut left, mut right } = expr;
        let (of_left, of_right) = (operand(&left, schema), operand(&right, schema));
        if matches!(op, BinaryOperator::And | BinaryOperator::Or) {
            for (side, of_side) in [(&mut left, of_left), (&mut right, of_right)] {
                as_condition(side, of_side, &op)?;
            }
        } else if is_match(&op) && (may_match(of_left) || may_match(of_right)) {
            return Err(SqlError::unsupported(format!("operator {op}")).into());
        } else if !exists(&op, of_left, of_right) {
            return Err(no_operator(of_left, &op.to_string(), of_right).into());
        } else if ARITHMETIC.contains(&op) && widens(of_left, of_right) {
            left = cast(left, DataType::Float64);
            right = cast(right, DataType::Float64);
        }
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

/// Whether an operator looks into a document by a path, or for words in a text; there is neither.
fn is_match(op: &BinaryOperator) -> bool {
    matches!(op, BinaryOperator::AtAt | BinaryOperator::AtQuestion)
}

/// Whether PostgreSQL looks so into values of the type.
fn may_match(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::Jsonb | SqlType::Text | SqlType::Unknown)
}

/// Whether both sides are calculated with as `double precision`: a `real` has too few digits for a
/// whole number.
fn widens(left: SqlType, right: SqlType) -> bool {
    let is_whole = |side| matches!(side, SqlType::Int2 | SqlType::Int4 | SqlType::Int8);
    (left == SqlType::Float4 && is_whole(right)) || (is_whole(left) && right == SqlType::Float4)
}

/// A side of AND or OR: true, false, or a text that says which.
fn as_condition(
    side: &mut Expr,
    of_side: SqlType,
    op: &BinaryOperator,
) -> Result<(), DataFusionError> {
    if let Expr::Literal(value, _) = &*side
        && let Some(Some(text)) = value.try_as_str()
    {
        let read = ScalarValue::from(text.trim()).cast_to(&SqlType::Bool.arrow_type());
        let read = read.map_err(|_| no_value(text, "Boolean"))?;
        *side = Expr::Literal(read, None);
        return Ok(());
    }
    match Class::of(of_side) {
        Class::Bool | Class::Open => Ok(()),
        _ => Err(no_condition(&op.to_string(), of_side).into()),
    }
}
