//! What rules that rewrite expressions part by part have in common.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Subquery};

/// `plan` with what becomes of each part of its expressions, over the columns of its inputs. The
/// columns it makes keep their names.
pub(in crate::sql) fn rewritten(
    plan: LogicalPlan,
    part: impl Fn(Expr, &DFSchema) -> Result<Transformed<Expr>, DataFusionError>,
) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let rewritten = expr.transform_up(|expr| part(expr, &schema))?;
        Ok(rewritten.update_data(|expr| name.restore(expr)))
    })
}

/// A subquery with what its only column is compared by. That has a name of its own: where the
/// subquery becomes a join, the column itself may stand beside it.
pub(in crate::sql) fn keyed(
    subquery: Subquery,
    key: impl Fn(Expr, &DFSchema) -> Expr,
) -> Result<Subquery, DataFusionError> {
    let plan = Arc::clone(&subquery.subquery);
    let row = Expr::Column(Column::from(plan.schema().qualified_field(0)));
    let key = key(row, plan.schema()).alias("compared");
    let plan = LogicalPlanBuilder::from(plan).project([key])?.build()?;
    Ok(Subquery { subquery: Arc::new(plan), ..subquery })
}

/// `expr` without the names that it has been given.
pub(in crate::sql) fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}
