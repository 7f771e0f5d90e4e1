//! The operator of a function of images: one look at them, one batch.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::future::BoxFuture;
use futures::{TryFutureExt, stream};

use crate::sql::plan::call::TableFunction;

/// Looks at the images: what an execution of the operator does.
pub(super) type Look =
    Box<dyn Fn() -> BoxFuture<'static, Result<RecordBatch, DataFusionError>> + Send + Sync>;

/// Calls the engine when its rows are asked for.
pub(super) struct ImageExec {
    function: &'static TableFunction,
    look: Look,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ImageExec {
    /// The operator of `function`, whose columns `look` fills.
    pub(super) fn new(function: &'static TableFunction, look: Look) -> Self {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new((function.schema)()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        ));
        Self { function, look, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl fmt::Debug for ImageExec {
    /// Leaves the images out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageExec({:?})", self.function)
    }
}

impl DisplayAs for ImageExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageFunction: {}", self.function.name)
    }
}

impl ExecutionPlan for ImageExec {
    fn name(&self) -> &'static str {
        "ImageExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
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
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        _context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        if partition != 0 {
            return internal_err!("an image function has one partition, not {partition}");
        }
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let batch = (self.look)().inspect_ok(move |batch| {
            metrics.record_output(batch.num_rows());
        });
        let schema = (self.function.schema)();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream::once(batch))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
