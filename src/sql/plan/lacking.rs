//! What is known of a side of an outer join that may lack a row: nothing behind the join. A column
//! that is 5 in each row of that side is 5 or NULL there; the planner takes it for a constant, and
//! does not sort by it. Behind ROLLUP and the like the same is true of what is grouped.

use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};

use super::passing::{Pass, Passing};

/// Puts an operator that forgets before such sides; comes before all rules that ask what is known.
#[derive(Debug)]
pub(super) struct LackingRows;

impl PhysicalOptimizerRule for LackingRows {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        plan.transform_up(|plan| {
            let lacks = lacking_sides(&plan);
            let children = plan.children().into_iter().zip(lacks);
            let forgetting = |(child, lacks): (&Arc<dyn ExecutionPlan>, bool)| {
                let knows = child.properties().eq_properties.eq_group().iter().next().is_some();
                (lacks && knows).then(|| Passing::of(child, Unknown))
            };
            let inputs: Vec<_> = children.map(|it| (it.0, forgetting(it))).collect();
            if inputs.iter().all(|(_, forgetting)| forgetting.is_none()) {
                return Ok(Transformed::no(plan));
            }
            let inputs = inputs.into_iter();
            let inputs =
                inputs.map(|(child, forgetting)| forgetting.unwrap_or_else(|| Arc::clone(child)));
            let inputs = inputs.collect();
            let mode = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
            Ok(Transformed::yes(plan.replace_children(inputs, mode)?))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "lacking_rows"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether columns of the first input may be NULL behind a node for rows that are not NULL, and
/// those of the second.
fn lacking_sides(plan: &Arc<dyn ExecutionPlan>) -> [bool; 2] {
    if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
        return [!aggregate.group_expr().is_single(), false];
    }
    let join_type = if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        *join.join_type()
    } else if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
        *join.join_type()
    } else if let Some(join) = plan.downcast_ref::<SortMergeJoinExec>() {
        join.join_type()
    } else {
        return [false; 2];
    };
    match join_type {
        JoinType::Left => [false, true],
        JoinType::Right => [true, false],
        JoinType::Full => [true, true],
        _ => [false; 2],
    }
}

/// Hands rows on and forgets what is known of them, but for their order.
#[derive(Debug)]
struct Unknown;

impl Pass for Unknown {
    fn name(&self) -> &'static str {
        "PerhapsLacking"
    }

    fn properties(&self, input: &Arc<PlanProperties>) -> Arc<PlanProperties> {
        let known = &input.eq_properties;
        let orders = known.oeq_class().iter().cloned();
        let unknown = EquivalenceProperties::new_with_orderings(Arc::clone(known.schema()), orders);
        Arc::new(input.as_ref().clone().with_eq_properties(unknown))
    }

    fn start(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        input.execute(partition, context)
    }
}
