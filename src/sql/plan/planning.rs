//! How plans get the operators that are ours.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::error::DataFusionError;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};

use super::apply::ApplyPlanner;
use super::call::{CallPlanner, TableFunction};
use crate::sql::read::search::{LateralSearchPlanner, SearchPlanner};
use crate::sql::read::{picture, similar};

/// The functions of ours that stand where a table may.
pub(super) static TABLE_FUNCTIONS: [&TableFunction; 3] =
    [&similar::FUNCTION, &picture::DETECT, &picture::COMPARE];

/// Plans queries as `DataFusion` does, and searches and calls as operators of ours.
#[derive(Debug)]
pub(super) struct OperatorPlanner;

#[async_trait]
impl QueryPlanner for OperatorPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let ours = vec![
            Arc::new(SearchPlanner) as _,
            Arc::new(CallPlanner) as _,
            Arc::new(LateralSearchPlanner) as _,
            Arc::new(ApplyPlanner) as _,
        ];
        DefaultPhysicalPlanner::with_extension_planners(ours)
            .create_physical_plan(plan, session)
            .await
    }
}
