//! A row as a whole, as a document of its columns.

use std::sync::{Arc, LazyLock};

use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ScalarUDF, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::scalar::row_document;
use crate::sql::SqlError;

/// Stands between a table's name and itself where its row is meant; nobody can write it.
pub(in crate::sql) const OPERATOR: &str = "whole row";

static DOCUMENT: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(row_document()));

/// Plans the rows that statements name.
#[derive(Debug)]
pub(in crate::sql) struct WholeRows;

impl ExprPlanner for WholeRows {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>, DataFusionError> {
        let name = match (&expr.op, &expr.left) {
            (BinaryOperator::Custom(op), Expr::Literal(name, _)) if op == OPERATOR => {
                name.try_as_str().flatten().unwrap_or_default().to_owned()
            }
            _ => return Ok(PlannerResult::Original(expr)),
        };
        // A column of that name after all.
        if let Ok(column) = schema.qualified_field_with_unqualified_name(&name) {
            return Ok(PlannerResult::Planned(Expr::Column(column.into())));
        }
        let columns: Vec<Expr> = schema
            .iter()
            .filter(|(qualifier, _)| qualifier.is_some_and(|table| table.table() == name))
            .flat_map(|column| [lit(column.1.name().clone()), Expr::Column(column.into())])
            .collect();
        if columns.is_empty() {
            return Err(SqlError::undefined_column(&name).into());
        }
        let row = ScalarFunction::new_udf(Arc::clone(&DOCUMENT), columns);
        Ok(PlannerResult::Planned(Expr::ScalarFunction(row)))
    }
}
