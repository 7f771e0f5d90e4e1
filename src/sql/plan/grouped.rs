//! The rule that groups by sets of columns only: whatever is computed is computed below. Other
//! rules rewrite what stands in sets of groups, and have one name for all of it.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, DFSchema};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::AnalyzerRule;

use super::rewritten::unaliased;

/// Tells what a row is grouped by.
pub(super) const GROUPING: &str = "grouping";

/// Puts what `GROUPING SETS`, `CUBE` and `ROLLUP` are of into columns; comes before all rules that
/// rewrite expressions.
#[derive(Debug)]
pub(super) struct SetsOfColumns;

impl AnalyzerRule for SetsOfColumns {
    fn analyze(
        &self,
        plan: LogicalPlan,
        _config: &ConfigOptions,
    ) -> Result<LogicalPlan, DataFusionError> {
        plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Aggregate(aggregate) => grouped(aggregate),
            other => Ok(Transformed::no(other)),
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "sets_of_columns"
    }
}

fn grouped(aggregate: Aggregate) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    let Some(computed) = computed(&aggregate) else {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    };
    let Aggregate { input, group_expr, aggr_expr, schema, .. } = aggregate;
    let columns = input.schema().columns().into_iter().map(Expr::Column);
    let named = computed.iter().enumerate().map(|(at, expr)| expr.clone().alias(name(at)));
    let columns: Vec<Expr> = columns.chain(named).collect();
    let input = LogicalPlanBuilder::from(input).project(columns)?.build()?;
    let keys = group_expr.into_iter().map(|key| in_columns(key, &computed));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let calls = aggr_expr.into_iter().map(|call| match unaliased(&call) {
        Expr::AggregateFunction(of) if of.func.name() == GROUPING => in_columns(call, &computed),
        _ => Ok(call),
    });
    let calls = calls.collect::<Result<Vec<_>, _>>()?;
    let aggregate = Aggregate::try_new(Arc::new(input), keys, calls)?;
    named_as_in(&schema, aggregate).map(Transformed::yes)
}

/// What groups are of, and what is made of them, under the names of `schema`.
fn named_as_in(schema: &DFSchema, aggregate: Aggregate) -> Result<LogicalPlan, DataFusionError> {
    let columns = aggregate.schema.columns().into_iter().zip(schema.columns());
    let columns = columns.filter(|(column, _)| column.name != Aggregate::INTERNAL_GROUPING_ID);
    let columns = columns.map(|(column, Column { relation, name, .. })| {
        Expr::Column(column).alias_qualified(relation, name)
    });
    let columns: Vec<Expr> = columns.collect();
    LogicalPlanBuilder::from(LogicalPlan::Aggregate(aggregate)).project(columns)?.build()
}

/// What the planner does not name anything itself.
fn name(at: usize) -> String {
    format!("key {at}")
}

/// What the sets of groups are of besides columns.
fn computed(aggregate: &Aggregate) -> Option<Vec<Expr>> {
    let [Expr::GroupingSet(sets)] = aggregate.group_expr.as_slice() else { return None };
    let mut computed: Vec<Expr> = Vec::new();
    for expr in sets.distinct_expr() {
        if !matches!(expr, Expr::Column(_)) && !computed.contains(expr) {
            computed.push(expr.clone());
        }
    }
    (!computed.is_empty()).then_some(computed)
}

/// `expr` with the columns that hold what is computed.
fn in_columns(expr: Expr, computed: &[Expr]) -> Result<Expr, DataFusionError> {
    expr.transform_down(|part| {
        Ok(match computed.iter().position(|expr| *expr == part) {
            Some(at) => Transformed::yes(Expr::Column(Column::new_unqualified(name(at)))),
            None => Transformed::no(part),
        })
    })
    .data()
}
