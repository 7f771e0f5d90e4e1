//! Operators that hand the rows of their input on, all of them and in their order.

use std::fmt;
use std::sync::Arc;

use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions, Statistics, StatisticsArgs,
};

/// What such an operator does on the way.
pub(super) trait Pass: fmt::Debug + Send + Sync + 'static {
    /// What EXPLAIN shows.
    fn name(&self) -> &'static str;

    /// What is known of the rows that are handed on.
    fn properties(&self, input: &Arc<PlanProperties>) -> Arc<PlanProperties> {
        Arc::clone(input)
    }

    /// Starts `input`, and hands on its rows.
    ///
    /// # Errors
    /// Those of the input, and of what is done with it.
    fn start(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError>;
}

/// The operator.
#[derive(Debug)]
pub(super) struct Passing<P> {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    pub(super) pass: Arc<P>,
}

impl<P: Pass> Passing<P> {
    pub(super) fn of(input: &Arc<dyn ExecutionPlan>, pass: P) -> Arc<dyn ExecutionPlan> {
        Self::handing_on(input, Arc::new(pass))
    }

    fn handing_on(input: &Arc<dyn ExecutionPlan>, pass: Arc<P>) -> Arc<dyn ExecutionPlan> {
        let properties = pass.properties(input.properties());
        Arc::new(Self { input: Arc::clone(input), properties, pass })
    }
}

impl<P: Pass> DisplayAs for Passing<P> {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.pass.name())
    }
}

impl<P: Pass> ExecutionPlan for Passing<P> {
    fn name(&self) -> &'static str {
        self.pass.name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>, DataFusionError> {
        let Some(input) = inputs.first() else { return internal_err!("nothing is handed on") };
        Ok(Arc::clone(input))
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
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
        let Some(input) = children.first() else { return internal_err!("nothing is handed on") };
        Ok(Self::handing_on(input, Arc::clone(&self.pass)))
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
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        self.pass.start(&self.input, partition, context)
    }
}
