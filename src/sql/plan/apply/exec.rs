//! The operator: plans and runs the inner plan for each outer row.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BooleanArray, ListArray, UInt32Array, new_null_array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{concat, take_record_batch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Column, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan,
    PlanProperties, ReplaceChildrenOptions,
};
use datafusion::scalar::ScalarValue;
use futures::{StreamExt, TryStreamExt, stream};

use super::answer::{Answer, Members, Remembered};
use super::node::Yield;
use super::reference::{Row, bind};
use crate::sql::function::allowance::{Made, bytes_of, bytes_of_rows, bytes_of_value};
use crate::sql::plan::portion::PORTION_BYTES;
use crate::sql::plan::sequence;
use crate::sql::{SqlError, SqlState};

/// What is run for each outer row.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) plan: LogicalPlan,
    /// The outer columns that it refers to, and where they are in an outer row.
    pub(super) columns: Vec<(Column, usize)>,
    pub(super) yields: Yield,
    /// Which outer rows the value is asked for beside; all where there is no condition.
    pub(super) asked: Option<Arc<dyn PhysicalExpr>>,
    /// Where the value is in an outer row that is looked for.
    pub(super) tested: Option<usize>,
    pub(super) session: SessionState,
    /// The columns of the outer rows and those added to them.
    pub(super) schema: SchemaRef,
}

impl Inner {
    async fn rows(
        &self,
        key: &[ScalarValue],
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let columns = self.columns.iter().map(|(column, _)| column.clone());
        let row: Row = columns.zip(key.iter().cloned()).collect();
        let plan = self.session.create_physical_plan(&bind(&self.plan, &row)?).await?;
        sequence::execute(&plan, &self.session)
    }

    fn key(&self, batch: &RecordBatch, row: usize) -> Result<Vec<ScalarValue>, DataFusionError> {
        let value = |(_, at): &(Column, usize)| ScalarValue::try_from_array(batch.column(*at), row);
        self.columns.iter().map(value).collect()
    }

    /// What the subquery answers beside outer rows with such values.
    async fn answer(
        &self,
        key: &[ScalarValue],
        known: &Remembered,
    ) -> Result<Answer, DataFusionError> {
        if self.tested.is_none() {
            return Ok(Answer::Value(self.value(key).await?));
        }
        let (mut rows, mut members) = (self.rows(key).await?, Members::default());
        while let Some(batch) = rows.try_next().await? {
            if let Some(column) = batch.columns().first() {
                known.grow(members.add(column)?)?;
            }
        }
        Ok(Answer::Members(members))
    }

    /// What an answer is beside one row of `batch`.
    fn beside_row(
        &self,
        answer: &Answer,
        batch: &RecordBatch,
        row: usize,
    ) -> Result<ScalarValue, DataFusionError> {
        match (answer, self.tested) {
            (Answer::Value(value), _) => Ok(value.clone()),
            (Answer::Members(members), Some(at)) => {
                let value = ScalarValue::try_from_array(batch.column(at), row)?;
                Ok(ScalarValue::Boolean(members.hold(value)))
            }
            (Answer::Members(_), None) => internal_err!("nothing is looked for"),
        }
    }

    /// The value that the subquery stands for beside an outer row.
    async fn value(&self, key: &[ScalarValue]) -> Result<ScalarValue, DataFusionError> {
        let mut rows = self.rows(key).await?;
        let mut columns = Vec::new();
        let (mut count, mut made) = (0, Made::by("a subquery"));
        while let Some(batch) = rows.try_next().await? {
            count += batch.num_rows();
            match self.yields {
                Yield::Exists(_) if count > 0 => break,
                Yield::Value(_) if count > 1 => return Err(several_rows().into()),
                _ => {}
            }
            if let Some(column) = batch.columns().first().filter(|column| !column.is_empty()) {
                made.add(bytes_of(column))?;
                columns.push(Arc::clone(column));
            }
        }
        match &self.yields {
            Yield::Exists(_) => Ok(ScalarValue::from(count > 0)),
            Yield::Value(_) => match columns.first() {
                Some(column) => ScalarValue::try_from_array(column, 0),
                None => self.null(),
            },
            Yield::Array(_) => self.array(&columns),
            Yield::Among { .. } | Yield::Rows { .. } => internal_err!("rows are no value"),
        }
    }

    fn added_type(&self) -> Result<&DataType, DataFusionError> {
        let Some(field) = self.schema.fields().last() else {
            return internal_err!("a subquery adds no column");
        };
        Ok(field.data_type())
    }

    fn null(&self) -> Result<ScalarValue, DataFusionError> {
        ScalarValue::try_from(self.added_type()?)
    }

    fn array(&self, columns: &[ArrayRef]) -> Result<ScalarValue, DataFusionError> {
        let DataType::List(element) = self.added_type()? else {
            return internal_err!("an array that is no list");
        };
        let columns: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
        let values = if columns.is_empty() {
            new_null_array(element.data_type(), 0)
        } else {
            concat(&columns)?
        };
        let offsets = OffsetBuffer::from_lengths([values.len()]);
        let array = ListArray::try_new(Arc::clone(element), offsets, values, None)?;
        Ok(ScalarValue::List(Arc::new(array)))
    }

    /// Whether the value is asked for beside each row of `batch`.
    fn asked(&self, batch: &RecordBatch) -> Result<Option<BooleanArray>, DataFusionError> {
        let Some(asked) = &self.asked else { return Ok(None) };
        let answers = asked.evaluate(batch)?.into_array(batch.num_rows())?;
        Ok(Some(as_boolean_array(&answers)?.clone()))
    }

    /// `batch` with the value beside each row; NULL where nobody asks for it.
    async fn with_values(
        &self,
        batch: RecordBatch,
        known: &mut Remembered,
    ) -> Result<RecordBatch, DataFusionError> {
        let asked = self.asked(&batch)?;
        let is_asked = |row| asked.as_ref().is_none_or(|a| a.is_valid(row) && a.value(row));
        let mut values = Vec::with_capacity(batch.num_rows());
        let mut made = Made::by("a subquery");
        for row in 0..batch.num_rows() {
            if !is_asked(row) {
                values.push(self.null()?);
                continue;
            }
            let key = self.key(&batch, row)?;
            if known.get(&key).is_none() {
                // A subquery of little rows never waits for anything, and neither would this loop.
                tokio::task::yield_now().await;
                known.make_room();
                let answer = self.answer(&key, known).await?;
                known.insert(key.clone(), answer);
            }
            let Some(answer) = known.get(&key) else {
                return internal_err!("an answer was forgotten");
            };
            let value = self.beside_row(answer, &batch, row)?;
            made.add(bytes_of_value(&value))?;
            values.push(value);
        }
        let added = if values.is_empty() {
            new_null_array(self.added_type()?, 0)
        } else {
            ScalarValue::iter_to_array(values)?
        };
        let mut columns = batch.columns().to_vec();
        columns.push(added);
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    /// The rows of the inner plan behind one row of `batch`.
    async fn behind(
        self: Arc<Self>,
        batch: RecordBatch,
        row: usize,
        keep_outer: bool,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        tokio::task::yield_now().await;
        let rows = self.rows(&self.key(&batch, row)?).await?;
        let outer = take_record_batch(&batch, &UInt32Array::from(vec![row as u32]))?;
        let schema = Arc::clone(&self.schema);
        let mut rows = rows.try_filter(|inner| std::future::ready(inner.num_rows() > 0)).boxed();
        let first = rows.try_next().await?;
        let first = match first {
            None if keep_outer => {
                let added = schema.fields().iter().skip(outer.num_columns());
                let nulls: Vec<_> =
                    added.map(|field| new_null_array(field.data_type(), 1)).collect();
                Some(joined(&outer, 1, &nulls, &schema)?)
            }
            None => None,
            Some(inner) => {
                rows = stream::iter([Ok(inner)]).chain(rows).boxed();
                None
            }
        };
        let named = Arc::clone(&schema);
        let beside = rows.map_ok(move |inner| {
            let (outer, named) = (outer.clone(), Arc::clone(&named));
            stream::iter(portions(&outer, inner))
                .map(move |inner| joined(&outer, inner.num_rows(), inner.columns(), &named))
        });
        let all = stream::iter(first.map(Ok)).chain(beside.try_flatten());
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, all)))
    }
}

/// `inner`, so many rows at once as the outer row may be written out beside.
fn portions(outer: &RecordBatch, inner: RecordBatch) -> impl Iterator<Item = RecordBatch> + use<> {
    let (rows, step) = (inner.num_rows(), (PORTION_BYTES / bytes_of_rows(outer).max(1)).max(1));
    (0..rows).step_by(step).map(move |from| inner.slice(from, step.min(rows - from)))
}

/// The one outer row, so many times, beside columns of that length.
fn joined(
    outer: &RecordBatch,
    rows: usize,
    added: &[ArrayRef],
    schema: &SchemaRef,
) -> Result<RecordBatch, DataFusionError> {
    let repeated = take_record_batch(outer, &UInt32Array::from(vec![0; rows]))?;
    let columns = repeated.columns().iter().chain(added).cloned().collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

fn several_rows() -> SqlError {
    let message = "more than one row returned by a subquery used as an expression";
    SqlError::new(SqlState::CardinalityViolation, message)
}

/// Runs a plan once for each row of its input.
#[derive(Debug)]
pub(super) struct ApplyExec {
    input: Arc<dyn ExecutionPlan>,
    inner: Arc<Inner>,
    properties: Arc<PlanProperties>,
}

impl ApplyExec {
    pub(super) fn new(input: Arc<dyn ExecutionPlan>, inner: Arc<Inner>) -> Self {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&inner.schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        Self { input, inner, properties }
    }
}

impl DisplayAs for ApplyExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let yields = match self.inner.yields {
            Yield::Value(_) => "value",
            Yield::Array(_) => "array",
            Yield::Exists(_) => "exists",
            Yield::Among { .. } => "among",
            Yield::Rows { .. } => "rows",
        };
        write!(f, "ForEachRow: subquery={yields}, outer=[")?;
        for (at, (column, _)) in self.inner.columns.iter().enumerate() {
            write!(f, "{}{column}", if at == 0 { "" } else { ", " })?;
        }
        f.write_str("]")?;
        match &self.inner.asked {
            Some(asked) => write!(f, ", where={asked}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for ApplyExec {
    fn name(&self) -> &'static str {
        "ForEachRow"
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
        let Some(input) = children.into_iter().next() else {
            return internal_err!("a plan run for each row has one input");
        };
        Ok(Arc::new(Self::new(input, Arc::clone(&self.inner))))
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
        let outer = self.input.execute(partition, Arc::clone(&context))?;
        let (schema, inner) = (Arc::clone(&self.inner.schema), Arc::clone(&self.inner));
        if let Yield::Rows { keep_outer } = self.inner.yields {
            let rows = outer
                .map_ok(|batch| {
                    let rows = (0..batch.num_rows()).map(move |row| Ok((batch.clone(), row)));
                    stream::iter(rows)
                })
                .try_flatten()
                .and_then(move |(batch, row)| Arc::clone(&inner).behind(batch, row, keep_outer))
                .try_flatten();
            return Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)));
        }
        let known = Remembered::new(context.memory_pool());
        let batches =
            stream::try_unfold((outer, inner, known), |(mut outer, inner, mut known)| async move {
                let Some(batch) = outer.try_next().await? else { return Ok(None) };
                let batch = inner.with_values(batch, &mut known).await?;
                Ok(Some((batch, (outer, inner, known))))
            });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }
}
