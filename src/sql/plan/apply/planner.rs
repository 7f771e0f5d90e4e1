//! From the logical node to the operator.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};

use super::exec::{ApplyExec, Inner};
use super::node::Apply;

/// Makes operators of [`Apply`].
#[derive(Debug)]
pub(in crate::sql) struct ApplyPlanner;

#[async_trait]
impl ExtensionPlanner for ApplyPlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>, DataFusionError> {
        let Some(apply) = node.as_any().downcast_ref::<Apply>() else { return Ok(None) };
        let Some(session) = session.as_any().downcast_ref::<SessionState>() else {
            return internal_err!("a subquery in a session of another kind");
        };
        let Some(input) = physical_inputs.first() else {
            return internal_err!("a plan run for each row has one input");
        };
        let outer = apply.input().schema();
        let columns = apply.outer_columns().iter().map(|column| {
            let at = outer.index_of_column(column)?;
            Ok((column.clone(), at))
        });
        let asked = apply.asked().cloned().map(|asked| session.create_physical_expr(asked, outer));
        let tested = apply.yields().tested().map(|value| outer.index_of_column(value));
        let inner = Inner {
            plan: apply.inner().clone(),
            columns: columns.collect::<Result<_, DataFusionError>>()?,
            yields: apply.yields().clone(),
            tested: tested.transpose()?,
            session: session.clone(),
            asked: asked.transpose()?,
            schema: Arc::clone(node.schema().inner()),
        };
        Ok(Some(Arc::new(ApplyExec::new(Arc::clone(input), Arc::new(inner)))))
    }
}
