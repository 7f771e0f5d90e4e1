//! The operator that hands its input on in portions.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::cost::Cost;

/// The rows of its input, fewer at once where they are wide.
#[derive(Debug)]
pub(in crate::sql::plan) struct Portions {
    input: Arc<dyn ExecutionPlan>,
    /// What they are for.
    cost: Cost,
}

impl Portions {
    pub(super) fn of(input: &Arc<dyn ExecutionPlan>, cost: Cost) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self { input: Arc::clone(input), cost })
    }

    /// Whether a join makes more of its input.
    pub(in crate::sql::plan) fn are_joined(&self) -> bool {
        matches!(self.cost, Cost::Joined)
    }
}

impl DisplayAs for Portions {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Portions")
    }
}

impl ExecutionPlan for Portions {
    fn name(&self) -> &'static str {
        "Portions"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
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
        let Some(input) = children.first() else { return internal_err!("portions of nothing") };
        Ok(Self::of(input, self.cost.clone()))
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
        let (rows, cost) = (self.input.execute(partition, context)?, self.cost.clone());
        let portions =
            rows.map_ok(move |batch| stream::iter(cut(batch, cost.clone()))).try_flatten().boxed();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), portions)))
    }
}

/// `batch` in portions, in its order.
fn cut(
    batch: RecordBatch,
    cost: Cost,
) -> Box<dyn Iterator<Item = Result<RecordBatch, DataFusionError>> + Send> {
    if cost.bytes(&batch) <= cost.most() {
        return Box::new([Ok(batch)].into_iter());
    }
    let mut rest = vec![batch];
    Box::new(std::iter::from_fn(move || {
        loop {
            let portion = rest.pop()?;
            let (bytes, rows) = (cost.bytes(&portion), portion.num_rows());
            if bytes <= cost.most() {
                return Some(Ok(portion));
            }
            if rows <= 1 {
                return Some(cost.refuse(bytes).map(|()| portion).map_err(Into::into));
            }
            let half = rows / 2;
            rest.push(portion.slice(half, rows - half));
            rest.push(portion.slice(0, half));
        }
    }))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};

    use super::super::cost::PORTION_BYTES;
    use super::*;

    fn batch(texts: &[&str]) -> RecordBatch {
        let column: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        RecordBatch::try_from_iter([("text", column)]).unwrap()
    }

    #[test]
    fn wide_rows_are_cut_and_stay_in_order() {
        let wide = "x".repeat(PORTION_BYTES / 2);
        let texts = ["a", &wide, "b", &wide, &wide, "c", "d"];
        let cost = Cost::Read { columns: vec![1], constants: 0 };
        let portions: Vec<_> = cut(batch(&texts), cost).map(Result::unwrap).collect();
        assert!(portions.len() > 1);
        let rows = portions.iter().flat_map(|portion| portion.column(0).as_string::<i32>().iter());
        assert_eq!(rows.flatten().collect::<Vec<_>>(), texts);
    }

    #[test]
    fn a_row_that_is_too_wide_to_be_joined_is_an_error() {
        let wide = "x".repeat(PORTION_BYTES);
        let mut rows = cut(batch(&["a", &wide]), Cost::Joined);
        assert!(rows.next().unwrap().is_ok());
        assert!(rows.next().unwrap().is_err());
    }
}
