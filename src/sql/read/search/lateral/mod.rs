//! `FROM probes p CROSS JOIN LATERAL (SEARCH .. EMBEDDING p.embedding) s`: a search for each row.
//!
//! Any search may depend on an outer row; it is then planned and run for each of them. Where it is
//! all that there is to do beside a row, the rows of a batch are searched for together instead,
//! which reads the gallery once for many of them.

mod exec;

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::Alias;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};

use self::exec::{SearchEachExec, Searches};
use super::Cut;
use super::node::FaceSearch;
use crate::sql::plan::apply::{Apply, Yield};
use crate::sql::read::columns::SearchColumn;
use crate::sql::session_state::settings::exactness_of;

/// Makes one operator of a plan that is run for each row and is a search.
#[derive(Debug)]
pub(in crate::sql) struct LateralSearchPlanner;

#[async_trait]
impl ExtensionPlanner for LateralSearchPlanner {
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
        let Yield::Rows { keep_outer } = *apply.yields() else { return Ok(None) };
        let Some((search, columns)) = search_in(apply.inner()) else { return Ok(None) };
        let Some(input) = physical_inputs.first() else { return Ok(None) };
        if search.candidates.is_some() {
            return Ok(None);
        }
        let value = |expr: &Expr| of_row(expr, apply.input().schema(), session);
        let Some(probe) = value(&search.probe)? else { return Ok(None) };
        let cut = match &search.cut {
            None => None,
            Some(Cut { kind, value: expr }) => match value(expr)? {
                Some(value) => Some(Cut { kind: *kind, value }),
                None => return Ok(None),
            },
        };
        let limit = match &search.limit {
            None => None,
            Some(expr) => match value(expr)? {
                Some(limit) => Some(limit),
                None => return Ok(None),
            },
        };
        Ok(Some(Arc::new(SearchEachExec::new(
            Arc::clone(input),
            Arc::new(Searches {
                gallery: search.gallery.clone(),
                kind: search.kind,
                probe,
                cut,
                limit,
                exactness: exactness_of(session.config()),
                columns,
                keep_outer,
                schema: Arc::clone(node.schema().inner()),
            }),
        ))))
    }
}

/// The search that `plan` is, and the columns that it shows of it; none where it does more.
fn search_in(plan: &LogicalPlan) -> Option<(&FaceSearch, Vec<SearchColumn>)> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => search_in(&alias.input),
        LogicalPlan::Projection(projection) => {
            let (search, columns) = search_in(&projection.input)?;
            let schema = projection.input.schema();
            let shown = projection.expr.iter().map(|expr| {
                let column = plain_column(expr)?;
                columns.get(schema.index_of_column(column).ok()?).copied()
            });
            Some((search, shown.collect::<Option<_>>()?))
        }
        LogicalPlan::Extension(extension) => {
            let search = extension.node.as_any().downcast_ref::<FaceSearch>()?;
            Some((search, SearchColumn::all()))
        }
        _ => None,
    }
}

fn plain_column(expr: &Expr) -> Option<&datafusion::common::Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Alias(Alias { expr, .. }) => plain_column(expr),
        _ => None,
    }
}

/// `expr` as something to evaluate beside rows of `outer`; none where it depends on others too.
fn of_row(
    expr: &Expr,
    outer: &DFSchema,
    session: &dyn Session,
) -> Result<Option<Arc<dyn PhysicalExpr>>, DataFusionError> {
    let mut foreign = false;
    let bound = expr.clone().transform(|part| match part {
        Expr::OuterReferenceColumn(_, column) => {
            foreign |= !outer.has_column(&column);
            Ok(Transformed::yes(Expr::Column(column)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    if foreign {
        return Ok(None);
    }
    session.create_physical_expr(bound.data, outer).map(Some)
}
