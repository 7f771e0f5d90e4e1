//! Rows handed on in portions.

use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt, stream};

use super::cost::Cost;
use crate::sql::plan::passing::Pass;

/// Fewer rows at once where they are wide.
#[derive(Debug)]
pub(super) struct Portions {
    /// What they are for.
    pub(super) cost: Cost,
}

impl Pass for Portions {
    fn name(&self) -> &'static str {
        "Portions"
    }

    fn start(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let (rows, cost) = (input.execute(partition, context)?, self.cost.clone());
        let portions =
            rows.map_ok(move |batch| stream::iter(cut(batch, cost.clone()))).try_flatten().boxed();
        Ok(Box::pin(RecordBatchStreamAdapter::new(input.schema(), portions)))
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
