//! Calls of aggregates and in windows that the planner would name alike: its names leave casts out,
//! and of subqueries only say that there is one. What is named alike it takes for a mistake.

use std::hash::{DefaultHasher, Hash, Hasher};

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawAggregateExpr, RawWindowExpr,
};
use datafusion::logical_expr::{Expr, SortExpr};

use super::grouped::GROUPING;

/// Names what such calls are of by all that it is.
#[derive(Debug)]
pub(super) struct ToldApart;

impl ExprPlanner for ToldApart {
    fn plan_aggregate(
        &self,
        mut call: RawAggregateExpr,
    ) -> Result<PlannerResult<RawAggregateExpr>, DataFusionError> {
        // What it is of is looked for among what groups are of.
        if call.func.name() == GROUPING {
            return Ok(PlannerResult::Original(call));
        }
        call.args = all_told(call.args)?;
        call.order_by = sorts_told(call.order_by)?;
        call.filter = call.filter.map(|filter| told(*filter).map(Box::new)).transpose()?;
        Ok(PlannerResult::Original(call))
    }

    fn plan_window(
        &self,
        mut call: RawWindowExpr,
    ) -> Result<PlannerResult<RawWindowExpr>, DataFusionError> {
        call.args = all_told(call.args)?;
        call.partition_by = all_told(call.partition_by)?;
        call.order_by = sorts_told(call.order_by)?;
        call.filter = call.filter.map(|filter| told(*filter).map(Box::new)).transpose()?;
        Ok(PlannerResult::Original(call))
    }
}

fn all_told(exprs: Vec<Expr>) -> Result<Vec<Expr>, DataFusionError> {
    exprs.into_iter().map(told).collect()
}

fn sorts_told(sorts: Vec<SortExpr>) -> Result<Vec<SortExpr>, DataFusionError> {
    let told = |sort: SortExpr| Ok(SortExpr { expr: told(sort.expr)?, ..sort });
    sorts.into_iter().map(told).collect()
}

/// `expr` under a name that is its own.
fn told(expr: Expr) -> Result<Expr, DataFusionError> {
    let (mut has_cast, mut has_query) = (false, false);
    expr.apply(|part| {
        has_cast |= matches!(part, Expr::Cast(_) | Expr::TryCast(_));
        has_query |= matches!(
            part,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
        );
        Ok(TreeNodeRecursion::Continue)
    })?;
    if has_query {
        let mut hasher = DefaultHasher::new();
        expr.hash(&mut hasher);
        let name = format!("{} {:x}", expr.schema_name(), hasher.finish());
        return Ok(expr.alias(name));
    }
    if has_cast {
        let name = expr.to_string();
        return Ok(expr.alias(name));
    }
    Ok(expr)
}
