//! The rule that puts wide rows before operators in portions.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};

use super::cost::Cost;
use super::exec::Portions;
use crate::sql::plan::passing::Passing;

/// Cuts what operators get wherever they make more of it; comes behind all rules that look at the
/// operators of a plan.
#[derive(Debug)]
pub(in crate::sql::plan) struct InPortions;

impl PhysicalOptimizerRule for InPortions {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        plan.transform_up(|plan| {
            let Some(cost) = Cost::of(&plan)? else { return Ok(Transformed::no(plan)) };
            let inputs = plan.children().into_iter();
            let portions =
                inputs.map(|input| Passing::of(input, Portions { cost: cost.clone() })).collect();
            let mode = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
            Ok(Transformed::yes(plan.replace_children(portions, mode)?))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "in_portions"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
