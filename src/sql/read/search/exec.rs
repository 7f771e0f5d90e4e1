//! The operator of a search: one request to the engine, one batch of candidates.

use std::fmt;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::{SortOptions, cast};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::Session;
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    EquivalenceProperties, Partitioning, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions,
};
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use futures::{TryStreamExt, stream};
use likeness_storage::{ScanReport, StageReport};

use super::Cut;
use super::node::FaceSearch;
use super::request::Request;
use crate::biometric::FaceId;
use crate::engine::{FaceSet, ProbeSource};
use crate::sql::SqlError;
use crate::sql::read::columns::{SearchColumn, search_schema};
use crate::sql::session_state::settings::{exactness_of, write_exactness};
use crate::sql::value::constant::evaluate;

/// Makes operators of [`FaceSearch`].
#[derive(Debug)]
pub(in crate::sql) struct SearchPlanner;

#[async_trait]
impl ExtensionPlanner for SearchPlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>, DataFusionError> {
        let Some(search) = node.as_any().downcast_ref::<FaceSearch>() else { return Ok(None) };
        let value = |what: &str, expr: &Expr| evaluate(what, expr, session);
        let probe = value("the probe of SEARCH", &search.probe)?;
        if search.of_each_row && probe.is_null() {
            return Ok(Some(Arc::new(EmptyExec::new(search_schema()))));
        }
        let cut = search.cut.as_ref().map(|Cut { kind, value: expr }| {
            Ok::<_, SqlError>(Cut { kind: *kind, value: value(kind.keyword(), expr)? })
        });
        let cut = cut.transpose()?;
        let limit = search.limit.as_ref().map(|expr| value("LIMIT of SEARCH", expr));
        let request = Request::new(
            search.gallery.clone(),
            search.kind,
            &probe,
            cut.as_ref().map(|Cut { kind, value }| Cut { kind: *kind, value }),
            limit.transpose()?.as_ref(),
            exactness_of(session.config()),
        )?;
        let columns = SearchColumn::all();
        let schema = search_schema();
        let candidates = physical_inputs.first().cloned();
        Ok(Some(Arc::new(FaceSearchExec::new(Arc::new(request), candidates, columns, schema))))
    }
}

/// Runs one search: collects the face ids that may be found, asks the engine, yields one batch in
/// the engine's order.
#[derive(Debug)]
struct FaceSearchExec {
    request: Arc<Request>,
    candidates: Option<Arc<dyn ExecutionPlan>>,
    columns: Vec<SearchColumn>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    /// What the search did, once it ran.
    report: Arc<OnceLock<ScanReport>>,
}

impl FaceSearchExec {
    /// `columns` and `schema` go together; the schema may rename columns.
    fn new(
        request: Arc<Request>,
        candidates: Option<Arc<dyn ExecutionPlan>>,
        columns: Vec<SearchColumn>,
        schema: SchemaRef,
    ) -> Self {
        let properties = Arc::new(PlanProperties::new(
            rank_order(&schema, &columns),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        ));
        let (metrics, report) = (ExecutionPlanMetricsSet::new(), Arc::default());
        Self { request, candidates, columns, schema, properties, metrics, report }
    }
}

fn rank_order(schema: &SchemaRef, columns: &[SearchColumn]) -> EquivalenceProperties {
    let order = columns.iter().position(|&column| column == SearchColumn::Rank).map(|at| {
        let rank = Arc::new(Column::new(schema.field(at).name(), at));
        let ascending = SortOptions { descending: false, nulls_first: false };
        [PhysicalSortExpr::new(rank, ascending)]
    });
    EquivalenceProperties::new_with_orderings(Arc::clone(schema), order)
}

impl DisplayAs for FaceSearchExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Request { gallery, probe, cut, limit, exactness } = &*self.request;
        write!(f, "FaceSearch: collection={}, probe=", gallery.name)?;
        match probe {
            ProbeSource::Face(id) => write!(f, "{id}")?,
            ProbeSource::External(name) => write!(f, "external {name:?}")?,
            ProbeSource::Image(_) => f.write_str("image")?,
            ProbeSource::Embedding(_) => f.write_str("embedding")?,
        }
        cut.as_ref().map_or(Ok(()), |cut| write!(f, ", {cut}"))?;
        write!(f, ", limit={limit}")?;
        write_exactness(*exactness, f)?;
        f.write_str(if self.candidates.is_some() { ", filtered" } else { "" })?;
        self.report.get().map_or(Ok(()), |report| write_report(report, f))
    }
}

/// What EXPLAIN ANALYZE tells of a search; times are summed over the threads.
pub(in crate::sql) fn write_report(report: &ScanReport, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let ScanReport { kernel, threads, segments, rows, rows_in_memory, .. } = report;
    write!(f, ", kernel={kernel}, threads={threads}, segments={segments}")?;
    write!(f, ", rows={rows}, rows_in_memory={rows_in_memory}")?;
    for stage in &report.stages {
        let decided = if stage.name == "embedding" { "rescored" } else { "pruned" };
        let StageReport { name, rows, bytes, time, .. } = stage;
        write!(f, ", {name}: [rows={rows}, {decided}={}", stage.decided)?;
        write!(f, ", bytes={bytes}, time={time:.1?}]")?;
    }
    Ok(())
}

impl ExecutionPlan for FaceSearchExec {
    fn name(&self) -> &'static str {
        "FaceSearchExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.candidates.iter().collect()
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        self.candidates.iter().map(|_| Distribution::SinglePartition).collect()
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
        if children.len() != self.children().len() {
            return internal_err!("a search has {} inputs", self.children().len());
        }
        Ok(Arc::new(Self::new(
            Arc::clone(&self.request),
            children.into_iter().next(),
            self.columns.clone(),
            Arc::clone(&self.schema),
        )))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let mode = datafusion::physical_plan::ChildrenPropertiesMode::Recompute;
        self.replace_children(children, ReplaceChildrenOptions::new(mode))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        if partition != 0 {
            return internal_err!("a search has one partition, not {partition}");
        }
        let candidates = match &self.candidates {
            Some(plan) => Some(plan.execute(0, Arc::clone(&context))?),
            None => None,
        };
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let (request, columns) = (Arc::clone(&self.request), self.columns.clone());
        let (schema, report) = (Arc::clone(&self.schema), Arc::clone(&self.report));
        let batch = async move {
            let only = collected(candidates, &context).await?;
            let (batch, done) = request.run(only, columns, schema).await?;
            let _ = report.set(done);
            metrics.record_output(batch.num_rows());
            Ok(batch)
        };
        let schema = Arc::clone(&self.schema);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream::once(batch))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    /// A projection of plain columns is taken over, so that embeddings nobody asked for are not
    /// copied.
    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExec,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>, DataFusionError> {
        let wanted = projection.expr().iter().map(|projected| {
            let column = projected.expr.downcast_ref::<Column>()?;
            self.columns.get(column.index()).copied()
        });
        Ok(wanted.collect::<Option<Vec<_>>>().map(|columns| {
            let (request, schema) = (Arc::clone(&self.request), projection.schema());
            let search = Self::new(request, self.candidates.clone(), columns, schema);
            Arc::new(search) as Arc<dyn ExecutionPlan>
        }))
    }
}

/// The faces that a plan says may be found; none where there is no plan.
pub(in crate::sql) async fn collected(
    candidates: Option<SendableRecordBatchStream>,
    context: &TaskContext,
) -> Result<Option<FaceSet>, DataFusionError> {
    let Some(mut stream) = candidates else { return Ok(None) };
    let memory = MemoryConsumer::new("SEARCH candidates").register(context.memory_pool());
    let mut ids = Vec::new();
    while let Some(batch) = stream.try_next().await? {
        memory.try_grow(2 * batch.num_rows() * size_of::<FaceId>())?;
        ids.extend(face_ids(&batch)?);
    }
    Ok(Some(ids.into_iter().collect()))
}

/// The face ids in the first column of `batch`. Only enrolled faces come here, so each parses.
pub(in crate::sql) fn face_ids(batch: &RecordBatch) -> Result<Vec<FaceId>, DataFusionError> {
    let Some(column) = batch.columns().first() else {
        return internal_err!("face ids are missing");
    };
    let texts = cast(column, &DataType::Utf8)?;
    let ids = texts.as_string::<i32>().iter().map(|text| text.and_then(|text| text.parse().ok()));
    let Some(ids) = ids.collect::<Option<Vec<FaceId>>>() else {
        return internal_err!("a stored face has no valid id");
    };
    Ok(ids)
}
