//! The operator that searches for each row of its input, many rows at a time.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, UInt32Array};
use datafusion::arrow::compute::{take, take_record_batch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan,
    PlanProperties, ReplaceChildrenOptions,
};
use datafusion::scalar::ScalarValue;
use futures::{TryStreamExt, stream};

use super::super::node::SearchedGallery;
use super::super::request::{Request, arrays};
use super::super::{Cut, ProbeKind};
use crate::engine::{CandidateList, Exactness, IdentifyRequest};
use crate::sql::SqlError;
use crate::sql::function::allowance::{CALL_BYTES_MAX, Made, bytes_of_rows};
use crate::sql::read::columns::SearchColumn;
use crate::sql::session_state::settings::write_exactness;

/// Most rows that are searched for together.
const ROWS_MAX: usize = 64;

/// Most candidates that are wanted of them, unless a single row wants more.
const CANDIDATES_MAX: usize = 10_000;

/// What is searched for beside each row.
#[derive(Debug)]
pub(super) struct Searches {
    pub(super) gallery: SearchedGallery,
    pub(super) kind: ProbeKind,
    pub(super) probe: Arc<dyn PhysicalExpr>,
    pub(super) cut: Option<Cut<Arc<dyn PhysicalExpr>>>,
    pub(super) limit: Option<Arc<dyn PhysicalExpr>>,
    pub(super) exactness: Exactness,
    /// What is shown of each candidate.
    pub(super) columns: Vec<SearchColumn>,
    /// Whether a row without candidates stands beside NULLs.
    pub(super) keep_outer: bool,
    /// The columns of the rows and those of the candidates.
    pub(super) schema: SchemaRef,
}

/// Rows, and what is searched for beside those of them that are still to come; none beside a row
/// whose probe is NULL, which is like nobody.
struct Asked {
    rows: RecordBatch,
    next: usize,
    requests: VecDeque<Option<IdentifyRequest>>,
}

impl Searches {
    fn asked(&self, rows: RecordBatch) -> Result<Asked, DataFusionError> {
        let evaluated = |expr: &Arc<dyn PhysicalExpr>| {
            expr.evaluate(&rows).and_then(|value| value.into_array(rows.num_rows()))
        };
        let probes = evaluated(&self.probe)?;
        let cuts = self.cut.as_ref().map(|cut| evaluated(&cut.value)).transpose()?;
        let limits = self.limit.as_ref().map(evaluated).transpose()?;
        let value = |values: &ArrayRef, row| ScalarValue::try_from_array(values, row);
        let requests = (0..rows.num_rows()).map(|row| {
            let probe = value(&probes, row)?;
            if probe.is_null() {
                return Ok(None);
            }
            let cut = cuts.as_ref().map(|cuts| value(cuts, row)).transpose()?;
            let kind = self.cut.as_ref().map(|cut| cut.kind);
            let cut = kind.zip(cut.as_ref()).map(|(kind, value)| Cut { kind, value });
            let limit = limits.as_ref().map(|limits| value(limits, row)).transpose()?;
            let (gallery, kind, exactness) = (self.gallery.clone(), self.kind, self.exactness);
            let request = Request::new(gallery, kind, &probe, cut, limit.as_ref(), exactness)?;
            Ok(request.asked(None))
        });
        let requests = requests.collect::<Result<_, DataFusionError>>()?;
        Ok(Asked { rows, next: 0, requests })
    }

    /// The next rows beside their candidates.
    async fn found(self: &Arc<Self>, asked: &mut Asked) -> Result<RecordBatch, DataFusionError> {
        let (first, requests) = (asked.next, asked.take());
        let rows = asked.rows.slice(first, requests.len());
        let wanted: Vec<bool> = requests.iter().map(Option::is_some).collect();
        let requests = requests.into_iter().flatten().collect();
        let SearchedGallery { tenant, snapshot, name, .. } = &self.gallery;
        let searches = Arc::clone(self);
        let read = move |lists: Vec<CandidateList<'_>>| searches.beside(&rows, &wanted, lists);
        tenant.candidates_of_many(snapshot, name, requests, read).await.map_err(SqlError::from)?
    }

    /// Each of `rows` beside the candidates in its list; those that are not `wanted` have none.
    fn beside(
        &self,
        rows: &RecordBatch,
        wanted: &[bool],
        lists: Vec<CandidateList<'_>>,
    ) -> Result<RecordBatch, DataFusionError> {
        let mut lists = lists.into_iter();
        let (mut outer, mut places) = (Vec::new(), Vec::new());
        let (mut ranks, mut candidates) = (Vec::new(), Vec::new());
        for (row, wanted) in (0_u32..).zip(wanted) {
            let list = if *wanted { lists.next() } else { None };
            let found = list.map(|list| list.candidates).unwrap_or_default();
            if found.is_empty() && self.keep_outer {
                outer.push(row);
                places.push(None);
            }
            for (rank, candidate) in (1_i64..).zip(found) {
                outer.push(row);
                places.push(u32::try_from(candidates.len()).ok());
                ranks.push(rank);
                candidates.push(candidate);
            }
        }
        check_written(rows, &outer)?;
        let rows = take_record_batch(rows, &UInt32Array::from(outer))?;
        let places = UInt32Array::from(places);
        let found = arrays(&candidates, ranks, &self.columns);
        let found = found.map(|column| Ok(take(&column, &places, None)?));
        let found = found.collect::<Result<Vec<_>, DataFusionError>>()?;
        let columns = rows.columns().iter().cloned().chain(found).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

/// What it takes to write these of `rows` out.
fn check_written(rows: &RecordBatch, outer: &[u32]) -> Result<(), SqlError> {
    let mut made = Made::by("a SEARCH for each row");
    let each = outer.chunk_by(|one, other| one == other);
    each.filter_map(|same| Some((*same.first()? as usize, same.len()))).try_for_each(
        |(row, times)| made.add(bytes_of_rows(&rows.slice(row, 1)).saturating_mul(times)),
    )
}

impl Asked {
    /// What is searched for next, together.
    fn take(&mut self) -> Vec<Option<IdentifyRequest>> {
        let (mut candidates, mut taken) = (0, Vec::new());
        // Each row is written out once for each of its candidates.
        let width = bytes_of_rows(&self.rows) / self.rows.num_rows().max(1);
        let candidates_max = CANDIDATES_MAX.min(CALL_BYTES_MAX / 2 / width.max(1));
        while taken.len() < ROWS_MAX
            && let Some(next) = self.requests.front()
        {
            candidates += next.as_ref().map_or(0, |request| request.limit);
            if candidates > candidates_max && !taken.is_empty() {
                break;
            }
            taken.extend(self.requests.pop_front());
        }
        self.next += taken.len();
        taken
    }
}

/// Searches for each row of its input.
#[derive(Debug)]
pub(super) struct SearchEachExec {
    input: Arc<dyn ExecutionPlan>,
    searches: Arc<Searches>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl SearchEachExec {
    pub(super) fn new(input: Arc<dyn ExecutionPlan>, searches: Arc<Searches>) -> Self {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&searches.schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        Self { input, searches, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for SearchEachExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Searches { gallery, kind, probe, cut, limit, exactness, .. } = &*self.searches;
        write!(f, "FaceSearchForEachRow: collection={}, ", gallery.name)?;
        write!(f, "probe={} {probe}", kind.keyword().to_lowercase())?;
        if let Some(Cut { kind, value }) = cut {
            write!(f, ", {}={value}", kind.keyword().to_lowercase())?;
        }
        limit.as_ref().map_or(Ok(()), |limit| write!(f, ", limit={limit}"))?;
        write_exactness(*exactness, f)
    }
}

impl ExecutionPlan for SearchEachExec {
    fn name(&self) -> &'static str {
        "FaceSearchForEachRow"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition]
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion, DataFusionError>,
    ) -> Result<TreeNodeRecursion, DataFusionError> {
        let Searches { probe, cut, limit, .. } = &*self.searches;
        let others = cut.iter().map(|cut| &cut.value).chain(limit);
        for expr in std::iter::once(probe).chain(others) {
            if visit(expr)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let Some(input) = children.into_iter().next() else {
            return internal_err!("a search for each row has one input");
        };
        Ok(Arc::new(Self::new(input, Arc::clone(&self.searches))))
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
        let rows = self.input.execute(partition, context)?;
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let state = (rows, Arc::clone(&self.searches), None::<Asked>, metrics);
        let batches =
            stream::try_unfold(state, |(mut rows, searches, asked, metrics)| async move {
                let mut asked = asked.filter(|asked| !asked.requests.is_empty());
                while asked.as_ref().is_none_or(|asked| asked.requests.is_empty()) {
                    let Some(batch) = rows.try_next().await? else { return Ok(None) };
                    asked = Some(searches.asked(batch)?);
                }
                let Some(next) = &mut asked else { return Ok(None) };
                let batch = searches.found(next).await?;
                metrics.record_output(batch.num_rows());
                Ok(Some((batch, (rows, searches, asked, metrics))))
            });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.searches.schema), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
