//! Batches whose rows are wide, cut into portions.
//!
//! Operators compute a batch of some thousand rows at once, and what they make of it outside their
//! own state nobody counts: of rows of a megabyte each it would be gigabytes. So operators that
//! compute with wide values get as many rows at once as fit, one at the least; and rows that are
//! written out once for each row they meet have a bound.

mod cost;
mod exec;
mod rule;

use std::sync::Arc;

use datafusion::common::tree_node::TreeNode;
use datafusion::error::DataFusionError;
use datafusion::execution::{SessionState, TaskContext};
use datafusion::physical_plan::ExecutionPlan;

use cost::Cost;
use exec::Portions;

use super::passing::Passing;

pub(super) use cost::PORTION_BYTES;
pub(super) use rule::InPortions;

/// Rows that a join makes at once.
const JOINED_ROWS: usize = 1024;

/// What `plan` runs in: joins make fewer rows at once than others read.
pub(super) fn context(
    state: &SessionState,
    plan: &Arc<dyn ExecutionPlan>,
) -> Result<Arc<TaskContext>, DataFusionError> {
    let joins = |part: &Arc<dyn ExecutionPlan>| {
        let portions = part.downcast_ref::<Passing<Portions>>();
        Ok(portions.is_some_and(|portions| matches!(portions.pass.cost, Cost::Joined)))
    };
    if !plan.exists(joins)? {
        return Ok(state.task_ctx());
    }
    let config = state.config().clone().with_batch_size(JOINED_ROWS);
    Ok(Arc::new(TaskContext::from(state).with_session_config(config)))
}
