//! What rules that rewrite expressions part by part have in common.

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan};

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

/// `expr` without the names that it has been given.
pub(in crate::sql) fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}
