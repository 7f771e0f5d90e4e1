//! Rows that windows keep, counted: the planner's operators of windows count nothing.

use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::internal_err;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::WindowFrameBound;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};
use futures::TryStreamExt;
use parking_lot::Mutex;

use super::passing::{Pass, Passing};
use crate::sql::function::allowance::bytes_of;

/// What is made of a row besides: rows may have no column that anybody asked for.
const ANSWER_BYTES: usize = 16;

/// Counts the rows of windows in the memory of queries.
#[derive(Debug)]
pub(super) struct KeptRows;

impl PhysicalOptimizerRule for KeptRows {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        plan.transform_up(|plan| {
            let Some(lets_go) = lets_go(&plan) else { return Ok(Transformed::no(plan)) };
            let account = Arc::new(Mutex::new(None));
            let given = plan.children().iter().map(|input| input.schema().fields().len()).sum();
            let counted = |input: &Arc<dyn ExecutionPlan>, side| {
                Passing::of(input, Counted { side, given, account: Arc::clone(&account) })
            };
            let inputs = plan.children().into_iter().map(|input| counted(input, Side::In));
            let mode = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
            let window = Arc::clone(&plan).replace_children(inputs.collect(), mode)?;
            Ok(Transformed::yes(if lets_go { counted(&window, Side::Out) } else { window }))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "kept_rows"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether a window lets go of the rows that it has answered; none if `plan` is no window.
fn lets_go(plan: &Arc<dyn ExecutionPlan>) -> Option<bool> {
    if plan.is::<WindowAggExec>() {
        return Some(false);
    }
    let window = plan.downcast_ref::<BoundedWindowAggExec>()?;
    Some(window.window_expr().iter().all(|expr| match &expr.get_window_frame().start_bound {
        WindowFrameBound::Preceding(rows) => rows.is_null(),
        WindowFrameBound::CurrentRow | WindowFrameBound::Following(_) => true,
    }))
}

/// Where rows are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Before a window, which keeps them.
    In,
    /// Behind it, when it has let go of them.
    Out,
}

/// Counts what is handed on.
#[derive(Debug)]
struct Counted {
    side: Side,
    /// How many columns the window is given.
    given: usize,
    /// What both sides of the window that was begun last count in.
    account: Arc<Mutex<Option<Arc<MemoryReservation>>>>,
}

impl Pass for Counted {
    fn name(&self) -> &'static str {
        match self.side {
            Side::In => "Kept",
            Side::Out => "LetGo",
        }
    }

    fn start(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        if self.side == Side::In {
            let kept = MemoryConsumer::new("rows of a window").register(context.memory_pool());
            *self.account.lock() = Some(Arc::new(kept));
        }
        let rows = input.execute(partition, context)?;
        let Some(account) = self.account.lock().clone() else {
            return internal_err!("nobody counts the rows of a window");
        };
        let (side, given) = (self.side, self.given);
        let counted = rows.and_then(move |rows| {
            std::future::ready(count(side, &account, &rows, given).map(|()| rows))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(input.schema(), counted)))
    }
}

/// Counts the columns that a window is given; its own come behind them.
fn count(
    side: Side,
    account: &MemoryReservation,
    rows: &RecordBatch,
    given: usize,
) -> Result<(), DataFusionError> {
    let columns = rows.columns().iter().take(given);
    let bytes: usize = columns.map(|column| bytes_of(column)).sum();
    let bytes = bytes + rows.num_rows() * ANSWER_BYTES;
    match side {
        Side::In => account.try_grow(bytes),
        Side::Out => {
            account.shrink(bytes.min(account.size()));
            Ok(())
        }
    }
}
