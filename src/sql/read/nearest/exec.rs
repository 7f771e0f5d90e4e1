//! The operator that reads the faces nearest to a vector, in the order of their ids.

use std::fmt;
use std::sync::{Arc, OnceLock};

use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan,
    PlanProperties, ReplaceChildrenOptions,
};
use datafusion::scalar::ScalarValue;
use futures::{TryStreamExt, stream};
use likeness_storage::ScanReport;

use super::measure::Measure;
use crate::engine::{Exactness, FaceSet, NearestRequest, Wanted};
use crate::sql::SqlError;
use crate::sql::read::scan::GalleryScan;
use crate::sql::read::search::{collected, write_report};
use crate::sql::session_state::settings::exactness_of;
use crate::sql::value::constant::{reals, value_of};

/// Reads, instead of all rows of a scan, those that can be among the nearest.
#[derive(Debug, Clone)]
pub(super) struct NearestFaces {
    /// Also what is run where the nearest cannot be told by their cosines.
    scan: Arc<GalleryScan>,
    measure: Measure,
    /// A vector, the same for all rows.
    probe: Arc<dyn PhysicalExpr>,
    reach: Reach,
    /// The ids of the faces that may be read; none means all.
    candidates: Option<Arc<dyn ExecutionPlan>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    /// What the search did, once it ran.
    report: Arc<OnceLock<ScanReport>>,
}

/// How far a search goes.
#[derive(Debug, Clone)]
pub(super) enum Reach {
    /// To the nearest faces, so many.
    First(usize),
    /// To those that are nearer than a number, the same for all rows.
    Within {
        bound: Arc<dyn PhysicalExpr>,
        /// Whether it is the negative of the number: who is nearer has the greater product.
        negated: bool,
    },
}

impl NearestFaces {
    pub(super) fn new(
        scan: GalleryScan,
        measure: Measure,
        probe: Arc<dyn PhysicalExpr>,
        reach: Reach,
        candidates: Option<Arc<dyn ExecutionPlan>>,
    ) -> Self {
        let properties = Arc::new(PlanProperties::new(
            scan.properties().eq_properties.clone(),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        let (metrics, report) = (ExecutionPlanMetricsSet::new(), Arc::default());
        let scan = Arc::new(scan);
        Self { scan, measure, probe, reach, candidates, properties, metrics, report }
    }

    /// What to search for; none where the cosine does not tell who is near: for NULL, a vector of
    /// other dimensions, or one without a direction. What there is to say of these, says the scan.
    fn request(&self, exactness: Exactness) -> Result<Option<NearestRequest>, DataFusionError> {
        let value = value_of(self.probe.as_ref())?;
        let Ok(Some(vector)) = reals("a vector", &value) else { return Ok(None) };
        let square = vector.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>();
        let (length, gallery) = (square.sqrt(), self.scan.descriptor());
        let has_direction = length.is_finite() && length >= f64::from(f32::MIN_POSITIVE);
        if !has_direction || vector.len() != gallery.dim.get() {
            return Ok(None);
        }
        let deviation = self.measure.deviation(gallery.precision, length);
        let wanted = self.wanted(length)?;
        Ok(wanted.map(|wanted| NearestRequest { vector, wanted, deviation, only: None, exactness }))
    }

    /// Which faces are wanted for a vector of this `length`; none where that may be all.
    fn wanted(&self, length: f64) -> Result<Option<Wanted>, DataFusionError> {
        let (bound, negated) = match &self.reach {
            Reach::First(wanted) => return Ok(Some(Wanted::First(*wanted))),
            Reach::Within { bound, negated } => (bound, *negated),
        };
        let value = value_of(bound.as_ref())?.cast_to(&DataType::Float64)?;
        let ScalarValue::Float64(Some(bound)) = value else { return Ok(None) };
        let cosine = self.measure.least_cosine(if negated { -bound } else { bound }, length);
        // Everything is less than NaN, and no cosine is below -1.
        Ok((cosine > -1.0).then_some(Wanted::Least(cosine)))
    }

    async fn rows(
        self,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let exactness = exactness_of(context.session_config());
        let Some(request) = self.request(exactness)? else {
            return self.scan.execute(0, context);
        };
        let candidates = self.candidates.as_ref().map(|plan| plan.execute(0, Arc::clone(&context)));
        let only = collected(candidates.transpose()?, &context).await?;
        match self.nearest(request, only).await? {
            Some(batch) => {
                let rows = stream::iter([Ok(batch)]);
                Ok(Box::pin(RecordBatchStreamAdapter::new(self.scan.schema(), rows)))
            }
            None => self.scan.execute(0, context),
        }
    }

    async fn nearest(
        &self,
        request: NearestRequest,
        only: Option<FaceSet>,
    ) -> Result<Option<RecordBatch>, DataFusionError> {
        let metrics = BaselineMetrics::new(&self.metrics, 0);
        let (columns, schema) = (self.scan.columns().to_vec(), self.scan.schema());
        let read = move |found: crate::engine::Nearest<'_>| {
            let arrays = columns.iter().map(|column| column.array(&found.rows)).collect();
            let options = RecordBatchOptions::new().with_row_count(Some(found.rows.len()));
            let batch = RecordBatch::try_new_with_options(schema, arrays, &options)?;
            Ok::<_, DataFusionError>((batch, found.report))
        };
        let request = NearestRequest { only, ..request };
        let (snapshot, name) = (self.scan.snapshot(), &self.scan.descriptor().name);
        let found = snapshot.nearest(name, request, read).await.map_err(SqlError::from)?;
        let Some((batch, report)) = found.transpose()? else { return Ok(None) };
        let _ = self.report.set(report);
        metrics.record_output(batch.num_rows());
        Ok(Some(batch))
    }
}

impl DisplayAs for NearestFaces {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.scan.descriptor().name;
        write!(f, "NearestFaces: collection={name}, columns=[")?;
        for (at, column) in self.scan.columns().iter().enumerate() {
            write!(f, "{}{}", if at == 0 { "" } else { ", " }, column.name())?;
        }
        write!(f, "], measure={}, ", self.measure)?;
        match &self.reach {
            Reach::First(wanted) => write!(f, "limit={wanted}"),
            Reach::Within { bound, negated: false } => write!(f, "nearer than={bound}"),
            Reach::Within { bound, negated: true } => write!(f, "nearer than=-{bound}"),
        }?;
        f.write_str(if self.candidates.is_some() { ", filtered" } else { "" })?;
        self.report.get().map_or(Ok(()), |report| write_report(report, f))
    }
}

impl ExecutionPlan for NearestFaces {
    fn name(&self) -> &'static str {
        "NearestFaces"
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
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion, DataFusionError>,
    ) -> Result<TreeNodeRecursion, DataFusionError> {
        match (visit(&self.probe)?, &self.reach) {
            (TreeNodeRecursion::Continue, Reach::Within { bound, .. }) => visit(bound),
            (recursion, _) => Ok(recursion),
        }
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        if children.len() != self.children().len() {
            return internal_err!("a search has {} inputs", self.children().len());
        }
        Ok(Arc::new(Self { candidates: children.into_iter().next(), ..self.as_ref().clone() }))
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
        if partition != 0 {
            return internal_err!("a search has one partition, not {partition}");
        }
        let rows = stream::once(self.clone().rows(context)).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.scan.schema(), rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
