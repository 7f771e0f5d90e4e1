//! Operators between vectors.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ScalarUDF};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::calculation::{ADD, CONCATENATE, MULTIPLY, SUBTRACT, functions};
use crate::sql::function::comparing::COMPARISONS;
use crate::sql::function::operator::operand;
use crate::sql::function::vector::as_vector;
use crate::sql::value::types::SqlType;

/// The functions by their names.
static FUNCTIONS: LazyLock<BTreeMap<&'static str, Arc<ScalarUDF>>> = LazyLock::new(|| {
    let named = |function: super::Function| (function.name, Arc::new(ScalarUDF::from(function)));
    functions().into_iter().map(named).collect()
});

/// Plans operators of which one side is a vector, and the other one too, or nothing yet.
#[derive(Debug)]
pub(in crate::sql) struct VectorOperators;

impl ExprPlanner for VectorOperators {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>, DataFusionError> {
        let function = function(&expr.op);
        if function.is_none() && !COMPARISONS.contains(&expr.op) {
            return Ok(PlannerResult::Original(expr));
        }
        let types = [operand(&expr.left, schema), operand(&expr.right, schema)];
        let is_open = |side: &SqlType| matches!(side, SqlType::Vector | SqlType::Unknown);
        if !types.contains(&SqlType::Vector) || !types.iter().all(is_open) {
            return Ok(PlannerResult::Original(expr));
        }
        let RawBinaryExpr { op, left, right } = expr;
        let (left, right) = (read(left), read(right));
        Ok(match function.and_then(|name| FUNCTIONS.get(name)) {
            Some(function) => PlannerResult::Planned(function.call(vec![left, right])),
            // Components are compared in their order, as those of arrays.
            None => PlannerResult::Original(RawBinaryExpr { op, left, right }),
        })
    }
}

fn function(op: &BinaryOperator) -> Option<&'static str> {
    Some(match op {
        BinaryOperator::Plus => ADD,
        BinaryOperator::Minus => SUBTRACT,
        BinaryOperator::Multiply => MULTIPLY,
        BinaryOperator::StringConcat => CONCATENATE,
        _ => return None,
    })
}

/// A side as a vector, where it is a text or a parameter of no known type.
fn read(side: Expr) -> Expr {
    match side {
        Expr::Placeholder(Placeholder { id, field: None }) => {
            let field = Some(Arc::new(SqlType::Vector.field()));
            Expr::Placeholder(Placeholder::new_with_field(id, field))
        }
        Expr::Literal(value, metadata) if value.try_as_str().is_some() => {
            as_vector(Expr::Literal(value, metadata))
        }
        other => other,
    }
}
