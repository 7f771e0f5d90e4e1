//! Planning ends with its statement: between two rules, and at every operator, it is looked at
//! whether the statement is given up.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::optimizer::{AnalyzerRule, OptimizerConfig, OptimizerRule};

use crate::engine::Interrupt;
use crate::sql::SqlError;

/// A rule that changes nothing, and fails once nobody waits for the plan.
#[derive(Debug)]
pub(super) struct StillWanted;

impl StillWanted {
    /// Analyzer rules, each behind this.
    pub(super) fn before_each_analyzer(
        rules: impl IntoIterator<Item = Arc<dyn AnalyzerRule + Send + Sync>>,
    ) -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
        rules.into_iter().flat_map(|rule| [Arc::new(Self) as _, rule]).collect()
    }

    /// Optimizer rules, each behind this.
    pub(super) fn before_each_optimizer(
        rules: impl IntoIterator<Item = Arc<dyn OptimizerRule + Send + Sync>>,
    ) -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
        rules.into_iter().flat_map(|rule| [Arc::new(Self) as _, rule]).collect()
    }
}

/// Fails once the statement is given up.
pub(super) fn check() -> Result<(), DataFusionError> {
    Interrupt::check().map_err(|given_up| SqlError::from(given_up).into())
}

impl ExprPlanner for StillWanted {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>, DataFusionError> {
        check().map(|()| PlannerResult::Original(expr))
    }
}

impl AnalyzerRule for StillWanted {
    fn analyze(
        &self,
        plan: LogicalPlan,
        _config: &ConfigOptions,
    ) -> Result<LogicalPlan, DataFusionError> {
        check().map(|()| plan)
    }

    fn name(&self) -> &'static str {
        "still_wanted"
    }
}

impl OptimizerRule for StillWanted {
    fn name(&self) -> &'static str {
        "still_wanted"
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>, DataFusionError> {
        check().map(|()| Transformed::no(plan))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::lit;
    use datafusion::sql::sqlparser::ast::BinaryOperator;

    use super::*;

    #[tokio::test]
    async fn operators_are_planned_for_those_who_wait() {
        let planned = async || {
            let sum = RawBinaryExpr { op: BinaryOperator::Plus, left: lit(1), right: lit(1) };
            StillWanted.plan_binary_op(sum, &DFSchema::empty())
        };
        let interrupt = Interrupt::default();
        assert!(interrupt.clone().scope(planned()).await.is_ok());
        assert!(interrupt.raise());
        assert!(interrupt.scope(planned()).await.is_err());
    }
}
