//! The operator that reads a gallery: record batches in the order of face ids.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Statistics, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    EquivalenceProperties, Partitioning, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::stream;
use likeness_storage::{GalleryDescriptor, ReadError, RowRef, TemplateId, TextColumn};

use super::columns::{GalleryColumn, schema_of};
use crate::biometric::FaceId;
use crate::engine::{EngineError, TenantSnapshot};
use crate::sql::SqlError;

/// Most rows of one batch.
pub(super) const BATCH_ROWS: usize = 8192;

/// Most bytes of embeddings in one batch.
const BATCH_EMBEDDING_BYTES: usize = 8 << 20;

/// Which rows a scan reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ScanRows {
    /// The first so many, or all.
    First(Option<usize>),
    /// The face with this id, if there is one.
    One(FaceId),
    /// The faces that have this text in this column.
    Holding(TextColumn, Arc<str>),
    /// No row at all.
    None,
}

/// Reads columns of a gallery from a snapshot. The snapshot stays as it is while the scan runs.
#[derive(Debug, Clone)]
pub(super) struct GalleryScan {
    reader: Arc<Reader>,
    rows: ScanRows,
    /// Whether reading them is an export, of which a record is made.
    is_export: bool,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl GalleryScan {
    pub(super) fn new(
        snapshot: TenantSnapshot,
        descriptor: Arc<GalleryDescriptor>,
        columns: Vec<GalleryColumn>,
        rows: ScanRows,
    ) -> Self {
        let schema = schema_of(columns.iter().map(|column| column.field()));
        let properties = Arc::new(
            PlanProperties::new(
                face_id_order(&schema, &columns),
                Partitioning::UnknownPartitioning(1),
                EmissionType::Incremental,
                Boundedness::Bounded,
            )
            .with_scheduling_type(SchedulingType::Cooperative),
        );
        let reader = Arc::new(Reader { snapshot, descriptor, columns, schema });
        let (is_export, metrics) = (false, ExecutionPlanMetricsSet::new());
        Self { reader, rows, is_export, properties, metrics }
    }

    /// The same, leaving a record of an export when it runs.
    pub(super) fn recorded(self) -> Self {
        Self { is_export: true, ..self }
    }

    /// The same rows with other columns.
    pub(super) fn of_columns(&self, columns: Vec<GalleryColumn>) -> Self {
        let Reader { snapshot, descriptor, .. } = &*self.reader;
        let scan = Self::new(snapshot.clone(), Arc::clone(descriptor), columns, self.rows.clone());
        Self { is_export: self.is_export, ..scan }
    }

    /// Whether it reads the whole gallery.
    pub(super) fn reads_all(&self) -> bool {
        self.rows == ScanRows::First(None)
    }

    pub(super) fn columns(&self) -> &[GalleryColumn] {
        &self.reader.columns
    }

    pub(super) fn descriptor(&self) -> &GalleryDescriptor {
        &self.reader.descriptor
    }

    pub(super) fn snapshot(&self) -> &TenantSnapshot {
        &self.reader.snapshot
    }

    /// How many rows the scan yields at most; exact for a whole gallery.
    fn row_count(&self) -> Precision<usize> {
        let stored = self.reader.snapshot.storage().row_count(self.reader.descriptor.id);
        let stored = usize::try_from(stored).unwrap_or(usize::MAX);
        match &self.rows {
            &ScanRows::First(limit) => Precision::Exact(stored.min(limit.unwrap_or(usize::MAX))),
            ScanRows::One(_) | ScanRows::Holding(..) => Precision::Inexact(1),
            ScanRows::None => Precision::Exact(0),
        }
    }
}

/// Rows come in the order of template ids, which is the order of face ids as text.
fn face_id_order(schema: &SchemaRef, columns: &[GalleryColumn]) -> EquivalenceProperties {
    let order = columns.iter().position(|&column| column == GalleryColumn::FaceId).map(|at| {
        let face_id = Arc::new(Column::new(GalleryColumn::FaceId.name(), at));
        let ascending = SortOptions { descending: false, nulls_first: false };
        [PhysicalSortExpr::new(face_id, ascending)]
    });
    EquivalenceProperties::new_with_orderings(Arc::clone(schema), order)
}

impl DisplayAs for GalleryScan {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GalleryScan: collection={}, columns=[", self.reader.descriptor.name)?;
        for (at, column) in self.reader.columns.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}{}", column.name())?;
        }
        f.write_str("]")?;
        match &self.rows {
            ScanRows::First(None) => Ok(()),
            ScanRows::First(Some(limit)) => write!(f, ", limit={limit}"),
            ScanRows::One(id) => write!(f, ", face_id={id}"),
            // What it is, the filter behind it says.
            ScanRows::Holding(TextColumn::ExternalFaceId, _) => {
                f.write_str(", of external_face_id")
            }
            ScanRows::Holding(TextColumn::ExternalImageId, _) => {
                f.write_str(", of external_image_id")
            }
            ScanRows::None => f.write_str(", no rows"),
        }
    }
}

impl ExecutionPlan for GalleryScan {
    fn name(&self) -> &'static str {
        "GalleryScan"
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
            return internal_err!("a gallery scan has one partition, not {partition}");
        }
        if self.is_export {
            let Reader { snapshot, descriptor, .. } = &*self.reader;
            snapshot.record_export(&descriptor.name).map_err(SqlError::from)?;
        }
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let schema = Arc::clone(&self.reader.schema);
        let start = Position::start_of(&self.rows);
        let batches = stream::try_unfold(
            (Arc::clone(&self.reader), start, metrics),
            |(reader, position, metrics)| async move {
                if position.is_end() {
                    return Ok(None);
                }
                let (batch, position) = reader.read_off_thread(position).await?;
                metrics.record_output(batch.num_rows());
                Ok(Some((batch, (reader, position, metrics))))
            },
        );
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    fn fetch(&self) -> Option<usize> {
        match self.rows {
            ScanRows::First(limit) => limit,
            ScanRows::One(_) | ScanRows::Holding(..) | ScanRows::None => None,
        }
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        match self.rows {
            ScanRows::First(_) => {
                Some(Arc::new(Self { rows: ScanRows::First(limit), ..self.clone() }))
            }
            ScanRows::One(_) | ScanRows::Holding(..) | ScanRows::None => None,
        }
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        _inputs: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>, DataFusionError> {
        let unknown = Statistics::new_unknown(&self.reader.schema);
        Ok(Arc::new(unknown.with_num_rows(self.row_count())))
    }
}

/// Where a scan goes on.
#[derive(Debug, Clone)]
enum Position {
    /// Behind this row (or at the beginning), with so many rows still wanted.
    Behind(Option<TemplateId>, usize),
    /// At this face only.
    At(TemplateId),
    /// Behind this row (or at the beginning), among those that have this text in this column.
    Among(Option<TemplateId>, TextColumn, Arc<str>),
    End,
}

impl Position {
    fn start_of(rows: &ScanRows) -> Self {
        match rows {
            ScanRows::First(limit) => Self::Behind(None, limit.unwrap_or(usize::MAX)),
            ScanRows::One(id) => Self::At(TemplateId::new(id.as_u128())),
            ScanRows::Holding(column, text) => Self::Among(None, *column, Arc::clone(text)),
            ScanRows::None => Self::End,
        }
    }

    fn is_end(&self) -> bool {
        matches!(self, Self::End | Self::Behind(_, 0))
    }
}

/// Makes batches of a gallery's rows.
#[derive(Debug)]
struct Reader {
    snapshot: TenantSnapshot,
    descriptor: Arc<GalleryDescriptor>,
    columns: Vec<GalleryColumn>,
    schema: SchemaRef,
}

impl Reader {
    /// Reads on a blocking thread, because rows may have to come from disk. No thread is held
    /// between batches, so a client that stops reading holds nothing but its snapshot.
    async fn read_off_thread(
        self: &Arc<Self>,
        position: Position,
    ) -> Result<(RecordBatch, Position), DataFusionError> {
        let reader = Arc::clone(self);
        tokio::task::spawn_blocking(move || reader.read(&position))
            .await
            .map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))?
    }

    fn read(&self, position: &Position) -> Result<(RecordBatch, Position), DataFusionError> {
        let (storage, gallery) = (self.snapshot.storage(), self.descriptor.id);
        let (mut rows, mut next) = (Vec::new(), Position::End);
        match position {
            Position::At(id) => rows.extend(storage.get(gallery, *id).map_err(failed)?),
            Position::Behind(after, wanted) => {
                let most = self.batch_rows().min(*wanted);
                let stored = usize::try_from(storage.row_count(gallery)).unwrap_or(usize::MAX);
                rows.reserve(most.min(stored));
                if let Some(last) = take(storage.rows(gallery, *after), most, &mut rows)? {
                    next = Position::Behind(Some(last), wanted - most);
                }
            }
            Position::Among(after, column, text) => {
                let holding = storage.rows_holding(gallery, *after, *column, text);
                if let Some(last) = take(holding, self.batch_rows(), &mut rows)? {
                    next = Position::Among(Some(last), *column, Arc::clone(text));
                }
            }
            Position::End => {}
        }
        let arrays = self.columns.iter().map(|column| column.array(&rows)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let schema = Arc::clone(&self.schema);
        Ok((RecordBatch::try_new_with_options(schema, arrays, &options)?, next))
    }

    fn batch_rows(&self) -> usize {
        if self.columns.contains(&GalleryColumn::Embedding) {
            let row_bytes = self.descriptor.dim.get() * size_of::<f32>();
            BATCH_ROWS.min(BATCH_EMBEDDING_BYTES / row_bytes)
        } else {
            BATCH_ROWS
        }
    }
}

/// Adds `most` of the rows to `taken`, and returns the last if there may be more of them.
fn take<'a>(
    rows: impl Iterator<Item = Result<RowRef<'a>, ReadError>>,
    most: usize,
    taken: &mut Vec<RowRef<'a>>,
) -> Result<Option<TemplateId>, DataFusionError> {
    for row in rows.take(most) {
        taken.push(row.map_err(failed)?);
    }
    Ok(taken.last().filter(|_| taken.len() == most).map(|last| last.id))
}

/// Why rows could not be read, on its way through DataFusion.
pub(super) fn failed(error: ReadError) -> DataFusionError {
    SqlError::from(EngineError::from(error)).into()
}
