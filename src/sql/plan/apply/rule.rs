//! The rule that finds subqueries which the planner cannot turn into joins.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, JoinType};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{
    Distinct, Join, LogicalPlan, LogicalPlanBuilder, SubqueryAlias, Union,
};
use datafusion::optimizer::AnalyzerRule;

use super::node::Yield;
use super::reference::{as_outer, references};
use super::values::{applied, with_values};
use super::{condition, order};

/// Puts an [`Apply`] in place of each subquery that cannot become a join.
#[derive(Debug)]
pub(in crate::sql) struct ApplySubqueries;

impl AnalyzerRule for ApplySubqueries {
    fn analyze(
        &self,
        plan: LogicalPlan,
        _config: &ConfigOptions,
    ) -> Result<LogicalPlan, DataFusionError> {
        let mut changed = false;
        let plan = plan.transform_up_with_subqueries(|node| {
            // What may be NULL below may be NULL above.
            let node = if changed { with_schema_of_inputs(node)? } else { node };
            let node = rewrite_node(node)?;
            changed |= node.transformed;
            Ok(node)
        })?;
        Ok(plan.data)
    }

    fn name(&self) -> &'static str {
        "apply_subqueries"
    }
}

/// `plan`, whose inputs may have become nullable.
fn with_schema_of_inputs(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let LogicalPlan::Union(Union { inputs, schema }) = plan else { return plan.recompute_schema() };
    let fields = schema.iter().enumerate().map(|(at, (table, field))| {
        let nullable = |input: &Arc<LogicalPlan>| input.schema().field(at).is_nullable();
        let nullable = field.is_nullable() || inputs.iter().any(nullable);
        (table.cloned(), Arc::new(field.as_ref().clone().with_nullable(nullable)))
    });
    let schema = DFSchema::new_with_metadata(fields.collect(), schema.metadata().clone())?;
    Ok(LogicalPlan::Union(Union { inputs, schema: Arc::new(schema) }))
}

fn rewrite_node(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    match plan {
        LogicalPlan::Join(join) => lateral(join),
        LogicalPlan::Sort(sort) => with_values(order::with_keys(sort)?),
        LogicalPlan::Distinct(Distinct::On(chosen)) if order::has_subqueries(&chosen) => {
            Ok(Transformed::yes(order::first_of_each(chosen)?))
        }
        other => with_values(other),
    }
}

/// A join whose right side refers to rows of its left.
fn lateral(join: Join) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    let keep_outer = match join.join_type {
        JoinType::Inner => false,
        JoinType::Left => true,
        _ => return condition::joined(join),
    };
    let Some(inner) = lateral_inner(&join)? else { return condition::joined(join) };
    let pairs = join.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
    let condition = conjunction(pairs.chain(join.filter.clone()));
    let inner = match condition {
        Some(condition) => {
            let condition = as_outer(condition, join.left.schema())?;
            with_values(LogicalPlanBuilder::from(inner).filter(condition)?.build()?)?.data
        }
        None => inner,
    };
    let left = Arc::unwrap_or_clone(join.left);
    let plan = applied(left, inner, Yield::Rows { keep_outer }, None)?;
    Ok(Transformed::yes(plan))
}

/// The right side of a join that refers to rows of its left. The planner marks it, unless only
/// subqueries in it refer to them.
fn lateral_inner(join: &Join) -> Result<Option<LogicalPlan>, DataFusionError> {
    if let Some(marked) = lateral_plan(&join.right)? {
        return Ok(Some(marked));
    }
    let outer = references(&join.right)?;
    let is_lateral = outer.iter().any(|(_, column)| join.left.schema().has_column(column));
    Ok(is_lateral.then(|| join.right.as_ref().clone()))
}

/// The plan below a mark that it is lateral.
fn lateral_plan(plan: &LogicalPlan) -> Result<Option<LogicalPlan>, DataFusionError> {
    match plan {
        LogicalPlan::Subquery(lateral) => Ok(Some(lateral.subquery.as_ref().clone())),
        LogicalPlan::SubqueryAlias(SubqueryAlias { input, alias, .. }) => {
            let Some(inner) = lateral_plan(input)? else { return Ok(None) };
            let aliased = SubqueryAlias::try_new(Arc::new(inner), alias.clone())?;
            Ok(Some(LogicalPlan::SubqueryAlias(aliased)))
        }
        _ => Ok(None),
    }
}
