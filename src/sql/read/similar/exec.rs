//! The operator of a call: asks the engine for pairs as its rows are asked for.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    EquivalenceProperties, Partitioning, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::stream;
use likeness_storage::GalleryId;

use super::columns::{PairColumn, pair_schema};
use crate::engine::{FacePair, SimilarFaces, SimilarRequest, TenantSnapshot};
use crate::sql::SqlError;
use crate::sql::read::scan::{BATCH_ROWS, failed};
use crate::sql::session_state::settings::write_exactness;

/// Memory that a running operator takes at most, its batches apart: pairs as they are found, as
/// they are ordered and as they are handed out.
const MEMORY_BYTES: usize = 3 * SimilarFaces::PAIRS_MAX * size_of::<FacePair>();

/// Which pairs to find, and where their faces are.
#[derive(Debug)]
struct Pairs {
    snapshot: TenantSnapshot,
    request: SimilarRequest,
    galleries: [GalleryId; 2],
}

impl Pairs {
    /// # Errors
    /// What the engine refuses.
    fn new(snapshot: TenantSnapshot, request: SimilarRequest) -> Result<Self, SqlError> {
        snapshot.similar_faces(&request)?;
        let gallery = snapshot.descriptor(&request.gallery)?.id;
        let other = request.other.as_ref().map(|name| snapshot.descriptor(name)).transpose()?;
        let galleries = [gallery, other.map_or(gallery, |other| other.id)];
        Ok(Self { snapshot, request, galleries })
    }
}

/// Streams pairs in the engine's order.
#[derive(Debug)]
pub(super) struct SimilarFacesExec {
    pairs: Arc<Pairs>,
    columns: Vec<PairColumn>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl SimilarFacesExec {
    /// All columns of the pairs that `request` asks for.
    ///
    /// # Errors
    /// What the engine refuses.
    pub(super) fn all(snapshot: TenantSnapshot, request: SimilarRequest) -> Result<Self, SqlError> {
        let pairs = Arc::new(Pairs::new(snapshot, request)?);
        Ok(Self::new(pairs, PairColumn::ALL.to_vec(), pair_schema()))
    }

    /// `columns` and `schema` go together; the schema may rename columns.
    fn new(pairs: Arc<Pairs>, columns: Vec<PairColumn>, schema: SchemaRef) -> Self {
        let properties = Arc::new(PlanProperties::new(
            pair_order(&schema, &columns),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        let metrics = ExecutionPlanMetricsSet::new();
        Self { pairs, columns, schema, properties, metrics }
    }
}

/// Pairs come in the order of the first face ids, then of the others, as far as these are shown.
fn pair_order(schema: &SchemaRef, columns: &[PairColumn]) -> EquivalenceProperties {
    let places = [PairColumn::FaceId, PairColumn::OtherFaceId]
        .map(|wanted| columns.iter().position(|column| *column == wanted));
    let ascending = SortOptions { descending: false, nulls_first: false };
    let order: Vec<PhysicalSortExpr> = places
        .into_iter()
        .map_while(|place| place)
        .map(|at| Arc::new(Column::new(schema.field(at).name(), at)) as Arc<dyn PhysicalExpr>)
        .map(|column| PhysicalSortExpr::new(column, ascending))
        .collect();
    let orders = (!order.is_empty()).then_some(order);
    EquivalenceProperties::new_with_orderings(Arc::clone(schema), orders)
}

impl DisplayAs for SimilarFacesExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SimilarRequest { gallery, other, threshold, after, exactness } = &self.pairs.request;
        write!(f, "SimilarFaces: collection={gallery}")?;
        other.as_ref().map_or(Ok(()), |other| write!(f, ", other={other}"))?;
        write!(f, ", threshold={threshold}")?;
        if let Some((face, other)) = after {
            write!(f, ", after_face_id={face}")?;
            other.map_or(Ok(()), |other| write!(f, ", after_other_face_id={other}"))?;
        }
        write_exactness(*exactness, f)
    }
}

impl ExecutionPlan for SimilarFacesExec {
    fn name(&self) -> &'static str {
        "SimilarFacesExec"
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
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        if partition != 0 {
            return internal_err!("similar faces have one partition, not {partition}");
        }
        let memory = MemoryConsumer::new("similar_faces").register(context.memory_pool());
        memory.try_grow(MEMORY_BYTES)?;
        let search = self.pairs.snapshot.similar_faces(&self.pairs.request);
        let reading = Reading {
            pairs: Arc::clone(&self.pairs),
            columns: self.columns.clone(),
            schema: Arc::clone(&self.schema),
            search: Some(search.map_err(SqlError::from)?),
            found: Arc::default(),
            shown: 0,
            metrics: BaselineMetrics::new(&self.metrics, partition),
            _memory: memory,
        };
        let batches = stream::try_unfold(reading, |mut reading| async move {
            Ok(reading.next().await?.map(|batch| (batch, reading)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    /// A projection of plain columns is taken over, so that external ids nobody asked for are not
    /// looked up.
    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExec,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>, DataFusionError> {
        let wanted = projection.expr().iter().map(|projected| {
            let column = projected.expr.downcast_ref::<Column>()?;
            self.columns.get(column.index()).copied()
        });
        Ok(wanted.collect::<Option<Vec<_>>>().map(|columns| {
            let exec = Self::new(Arc::clone(&self.pairs), columns, projection.schema());
            Arc::new(exec) as Arc<dyn ExecutionPlan>
        }))
    }
}

/// The state of one execution.
struct Reading {
    pairs: Arc<Pairs>,
    columns: Vec<PairColumn>,
    schema: SchemaRef,
    /// What is still to be searched.
    search: Option<SimilarFaces>,
    /// The pairs found last, and how many of them are in batches already.
    found: Arc<Vec<FacePair>>,
    shown: usize,
    metrics: BaselineMetrics,
    _memory: MemoryReservation,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<RecordBatch>, DataFusionError> {
        if self.shown == self.found.len() {
            let Some(search) = self.search.take() else { return Ok(None) };
            let Some((found, rest)) = search.next().await.map_err(SqlError::from)? else {
                return Ok(None);
            };
            (self.found, self.shown, self.search) = (Arc::new(found), 0, Some(rest));
        }
        let batch = self.batch().await?;
        self.shown += batch.num_rows();
        self.metrics.record_output(batch.num_rows());
        Ok(Some(batch))
    }

    /// The next pairs as a batch, made on a blocking thread: rows may have to come from disk.
    async fn batch(&self) -> Result<RecordBatch, DataFusionError> {
        let (found, shown) = (Arc::clone(&self.found), self.shown);
        let (pairs, columns) = (Arc::clone(&self.pairs), self.columns.clone());
        let schema = Arc::clone(&self.schema);
        let make = move || {
            let rest = found.get(shown..).unwrap_or_default();
            let rows = rest.get(..BATCH_ROWS).unwrap_or(rest);
            let storage = pairs.snapshot.storage();
            let arrays = columns.iter().map(|column| column.array(rows, storage, pairs.galleries));
            let arrays = arrays.collect::<Result<_, _>>().map_err(failed)?;
            let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
            Ok(RecordBatch::try_new_with_options(schema, arrays, &options)?)
        };
        let made = tokio::task::spawn_blocking(make).await;
        made.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))?
    }
}
