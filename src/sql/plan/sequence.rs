//! The operator that runs the branches of a UNION one after the other, where the statement runs.
//!
//! DataFusion starts a task for each branch. Tasks know nothing of the statement they belong to:
//! one that computes without a pause could not be given up. And it takes columns that are the same
//! constant in all branches for ordered by whatever a join or a window asks for, and then misses
//! the order.

use std::fmt;
use std::sync::Arc;

use datafusion::common::internal_err;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::execution_plan::EmissionType;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    PlanProperties, ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::portion;

/// Starts `plan` of a statement of `session`.
///
/// # Errors
/// Those of its operators.
pub(super) fn execute(
    plan: &Arc<dyn ExecutionPlan>,
    session: &SessionState,
) -> Result<SendableRecordBatchStream, DataFusionError> {
    let context = portion::context(session, plan)?;
    match plan.output_partitioning().partition_count() {
        1 => plan.execute(0, context),
        _ => Sequence::of(plan).execute(0, context),
    }
}

/// What stands in for an operator that would start tasks; none for others.
pub(super) fn without_tasks(plan: &Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>> {
    if let Some(merge) = plan.downcast_ref::<CoalescePartitionsExec>() {
        let rows = Sequence::of(merge.input());
        return Some(match merge.fetch() {
            Some(rows_max) => Arc::new(GlobalLimitExec::new(rows, 0, Some(rows_max))),
            None => rows,
        });
    }
    let merge = plan.downcast_ref::<SortPreservingMergeExec>()?;
    let rows = Sequence::of(merge.input());
    let sort = SortExec::new(merge.expr().clone(), rows).with_fetch(merge.fetch());
    Some(Arc::new(sort))
}

/// Runs the branches of each UNION in their order, before anything else is decided about the plan.
#[derive(Debug)]
pub(super) struct BranchesInOrder;

impl PhysicalOptimizerRule for BranchesInOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        plan.transform_up(|plan| {
            Ok(match plan.downcast_ref::<UnionExec>() {
                Some(_) => Transformed::yes(Sequence::of(&plan)),
                None => Transformed::no(plan),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "branches_in_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The rows of all partitions of its input, in their order.
#[derive(Debug)]
struct Sequence {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl Sequence {
    fn of(input: &Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            input.boundedness(),
        );
        Arc::new(Self { input: Arc::clone(input), properties: Arc::new(properties) })
    }
}

impl DisplayAs for Sequence {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sequence")
    }
}

impl ExecutionPlan for Sequence {
    fn name(&self) -> &'static str {
        "Sequence"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(
            &Arc<dyn PhysicalExpr>,
        ) -> Result<TreeNodeRecursion, DataFusionError>,
    ) -> Result<TreeNodeRecursion, DataFusionError> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let Some(input) = children.first() else { return internal_err!("a sequence of nothing") };
        Ok(Self::of(input))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let mode = ChildrenPropertiesMode::Recompute;
        self.replace_children(children, ReplaceChildrenOptions::new(mode))
    }

    fn execute(
        &self,
        _partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let (input, partitions) =
            (Arc::clone(&self.input), 0..self.input.output_partitioning().partition_count());
        let branches = partitions.map(move |at| input.execute(at, Arc::clone(&context)));
        let rows = stream::iter(branches).try_flatten().boxed();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}
