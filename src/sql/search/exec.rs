//! The operator of a search: one request to the engine, one batch of candidates.

use std::fmt;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, AsArray, Float32Array, Int64Array};
use datafusion::arrow::compute::{SortOptions, cast};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::Session;
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    EquivalenceProperties, Partitioning, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions,
};
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use datafusion::scalar::ScalarValue;
use futures::{TryStreamExt, stream};
use likeness_storage::{RowRef, ScanReport, StageReport, TemplateId};

use super::super::columns::{GalleryColumn, SearchColumn, schema_of};
use super::super::constant::{bytes, evaluate, reals, text};
use super::super::scan::failed;
use super::super::{SqlError, SqlState};
use super::node::{FaceSearch, SearchedGallery};
use super::{DEFAULT_LIMIT, ProbeKind};
use crate::biometric::FaceId;
use crate::engine::{Exactness, FaceSet, Identification, IdentifyRequest, Match, ProbeSource};

/// Plans queries as DataFusion does, and searches as [`FaceSearchExec`].
#[derive(Debug)]
pub(in super::super) struct SearchQueryPlanner;

#[async_trait]
impl QueryPlanner for SearchQueryPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(SearchPlanner)])
            .create_physical_plan(plan, session)
            .await
    }
}

struct SearchPlanner;

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
        let request = Request {
            gallery: search.gallery.clone(),
            probe: probe(search.kind, &evaluate("the probe of SEARCH", &search.probe, session)?)?,
            threshold: search
                .threshold
                .as_ref()
                .map(|expr| threshold(&evaluate("THRESHOLD", expr, session)?))
                .transpose()?,
            limit: match &search.limit {
                Some(expr) => limit(&evaluate("LIMIT of SEARCH", expr, session)?)?,
                None => DEFAULT_LIMIT,
            },
            exactness: session.config().get_extension().map_or_else(Exactness::default, |set| *set),
        };
        let columns = SearchColumn::all();
        let schema = schema_of(columns.iter().map(|column| column.field()));
        let candidates = physical_inputs.first().cloned();
        Ok(Some(Arc::new(FaceSearchExec::new(Arc::new(request), candidates, columns, schema))))
    }
}

fn probe(kind: ProbeKind, value: &ScalarValue) -> Result<ProbeSource, SqlError> {
    let null = || {
        let message = "the probe of SEARCH must not be NULL";
        SqlError::new(SqlState::NullValueNotAllowed, message)
    };
    match kind {
        ProbeKind::Face => {
            let id = text("the face id of SEARCH", value)?.ok_or_else(null)?;
            let face_id = id.parse::<FaceId>().map_err(|error| {
                SqlError::new(SqlState::InvalidTextRepresentation, error.to_string())
            })?;
            Ok(ProbeSource::Face(face_id))
        }
        ProbeKind::Image => {
            let image = bytes("the image of SEARCH", value)?.ok_or_else(null)?;
            Ok(ProbeSource::Image(image.into()))
        }
        ProbeKind::Embedding => {
            let values = reals("the embedding of SEARCH", value)?.ok_or_else(null)?;
            Ok(ProbeSource::Embedding(values))
        }
    }
}

/// A threshold as the engine takes it, which checks its bounds.
fn threshold(value: &ScalarValue) -> Result<f32, SqlError> {
    match value.cast_to(&DataType::Float32)? {
        ScalarValue::Float32(Some(threshold)) => Ok(threshold),
        _ => Err(SqlError::new(SqlState::NullValueNotAllowed, "THRESHOLD must not be NULL")),
    }
}

fn limit(value: &ScalarValue) -> Result<usize, SqlError> {
    match value.cast_to(&DataType::Int64)? {
        ScalarValue::Int64(Some(limit)) => usize::try_from(limit).map_err(|_| {
            let message = "LIMIT must not be negative";
            SqlError::new(SqlState::InvalidRowCountInLimitClause, message)
        }),
        _ => Err(SqlError::new(SqlState::NullValueNotAllowed, "LIMIT of SEARCH must not be NULL")),
    }
}

/// A search whose parameters are known.
#[derive(Debug)]
struct Request {
    gallery: SearchedGallery,
    probe: ProbeSource,
    threshold: Option<f32>,
    limit: usize,
    exactness: Exactness,
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
        let Request { gallery, probe, threshold, limit, exactness } = &*self.request;
        write!(f, "FaceSearch: collection={}, probe=", gallery.name)?;
        match probe {
            ProbeSource::Face(id) => write!(f, "{id}")?,
            ProbeSource::Image(_) => f.write_str("image")?,
            ProbeSource::Embedding(_) => f.write_str("embedding")?,
        }
        if let Some(threshold) = threshold {
            write!(f, ", threshold={threshold}")?;
        }
        write!(f, ", limit={limit}")?;
        match exactness {
            Exactness::Deterministic => f.write_str(", deterministic")?,
            Exactness::Probable(p) if *exactness != Exactness::default() => {
                write!(f, ", failure_probability={:e}", p.get())?;
            }
            Exactness::Probable(_) => {}
        }
        f.write_str(if self.candidates.is_some() { ", filtered" } else { "" })?;
        self.report.get().map_or(Ok(()), |report| write_report(report, f))
    }
}

/// What EXPLAIN ANALYZE tells of a search; times are summed over the threads.
fn write_report(report: &ScanReport, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
            let found = search(&request, candidates, &context).await?;
            let _ = report.set(found.report);
            let batch = rows_of(request, found.matches, columns, schema).await?;
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

async fn search(
    request: &Request,
    candidates: Option<SendableRecordBatchStream>,
    context: &TaskContext,
) -> Result<Identification, DataFusionError> {
    let memory = MemoryConsumer::new("SEARCH candidates").register(context.memory_pool());
    let only = match candidates {
        Some(mut stream) => {
            let mut ids = Vec::new();
            while let Some(batch) = stream.try_next().await? {
                memory.try_grow(2 * batch.num_rows() * size_of::<FaceId>())?;
                ids.extend(face_ids(&batch)?);
            }
            Some(ids.into_iter().collect::<FaceSet>())
        }
        None => None,
    };
    if request.limit == 0 {
        return Ok(Identification::default());
    }
    let SearchedGallery { tenant, snapshot, name, .. } = &request.gallery;
    let asked = IdentifyRequest {
        probe: request.probe.clone(),
        limit: request.limit,
        threshold: request.threshold,
        only,
        exactness: request.exactness,
    };
    Ok(tenant.identify_in(snapshot, name, asked).await.map_err(SqlError::from)?)
}

async fn rows_of(
    request: Arc<Request>,
    matches: Vec<Match>,
    columns: Vec<SearchColumn>,
    schema: SchemaRef,
) -> Result<RecordBatch, DataFusionError> {
    tokio::task::spawn_blocking(move || batch(&request.gallery, &matches, &columns, schema))
        .await
        .map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))?
}

/// The face ids in the first column of `batch`. Only enrolled faces come here, so each parses.
pub(in super::super) fn face_ids(batch: &RecordBatch) -> Result<Vec<FaceId>, DataFusionError> {
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

fn batch(
    gallery: &SearchedGallery,
    matches: &[Match],
    columns: &[SearchColumn],
    schema: SchemaRef,
) -> Result<RecordBatch, DataFusionError> {
    let storage = gallery.snapshot.storage();
    let found = matches
        .iter()
        .map(|found| storage.get(gallery.id, TemplateId::new(found.face.face_id.as_u128())));
    let found: Option<Vec<RowRef<'_>>> = found.collect::<Result<_, _>>().map_err(failed)?;
    let Some(rows) = found else {
        return internal_err!("a candidate is missing from its own snapshot");
    };
    let arrays = columns.iter().map(|column| match column {
        SearchColumn::Rank => Arc::new((1..).take(rows.len()).collect::<Int64Array>()) as ArrayRef,
        SearchColumn::Similarity => {
            Arc::new(matches.iter().map(|found| Some(found.similarity)).collect::<Float32Array>())
        }
        SearchColumn::Gallery(column) => GalleryColumn::array(*column, &rows),
    });
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    Ok(RecordBatch::try_new_with_options(schema, arrays.collect(), &options)?)
}
