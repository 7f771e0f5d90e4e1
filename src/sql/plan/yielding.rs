//! The rule that lets a statement be given up while its operators compute.
//!
//! An operator that makes many batches of few yields between them; a join that makes none of many
//! is stopped by its filter; and no operator leaves the statement's own task.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;

use super::patience::impatient;
use super::sequence::without_tasks;

/// Makes operators that turn few batches into many yield between those that they make.
///
/// `DataFusion`'s operators yield for every so many batches that they take in: a cross join takes
/// in one and makes a thousand of it, during which nobody could cancel the statement.
#[derive(Debug)]
pub(super) struct YieldBetweenBatches;

impl PhysicalOptimizerRule for YieldBetweenBatches {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        plan.transform_up(|plan| {
            let plan = impatient(&plan, config)?.or_else(|| without_tasks(&plan)).unwrap_or(plan);
            let multiplies = plan.children().len() > 1 || plan.name() == "UnnestExec";
            Ok(if multiplies {
                Transformed::yes(Arc::new(CooperativeExec::new(plan)) as _)
            } else {
                Transformed::no(plan)
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "yield_between_batches"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
