//! `DISTINCT` in an aggregate as a grouping before it, where that changes no type.

use datafusion::common::tree_node::Transformed;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::single_distinct_to_groupby::SingleDistinctToGroupBy;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::measure::Measure;

/// The planner's rule, which adds up other sums of the statement in two phases. A sum of sums has
/// another type than the sum, so statements with both are left to the aggregates themselves.
#[derive(Debug, Default)]
pub(in crate::sql) struct DistinctInTwoPhases(SingleDistinctToGroupBy);

impl OptimizerRule for DistinctInTwoPhases {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>, DataFusionError> {
        match &plan {
            LogicalPlan::Aggregate(aggregate) if aggregate.aggr_expr.iter().any(is_sum) => {
                Ok(Transformed::no(plan))
            }
            _ => self.0.rewrite(plan, config),
        }
    }
}

/// Whether an aggregate adds up all values.
fn is_sum(expr: &Expr) -> bool {
    match expr {
        Expr::AggregateFunction(AggregateFunction { func, params }) => {
            func.name() == Measure::Sum.name() && !params.distinct
        }
        _ => false,
    }
}
