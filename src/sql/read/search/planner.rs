//! From the marker in a parsed statement to a [`FaceSearch`] node.

use std::sync::Arc;

use datafusion::common::{DFSchema, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Extension, LogicalPlan, LogicalPlanBuilder, col};
use datafusion::sql::sqlparser::ast::{self, TableFactor};

use super::Cut;
use super::arguments::{Arguments, LIMIT_TYPE, cut_type, is_marker, probe_type};
use super::node::{FaceSearch, SearchedGallery};
use crate::sql::SqlError;
use crate::sql::read::catalog::GalleryCatalog;
use crate::sql::read::columns::GalleryColumn;
use crate::sql::value::constant::{check_row_constant, typed};
use crate::sql::value::types::SqlType;

/// Plans searches in the galleries of one catalog.
#[derive(Debug)]
pub(in crate::sql) struct SearchRelationPlanner(pub(in crate::sql) GalleryCatalog);

impl RelationPlanner for SearchRelationPlanner {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning, DataFusionError> {
        match relation {
            TableFactor::Table { name, args: Some(args), alias, .. } if is_marker(&name) => {
                let arguments = Arguments::read(args)?;
                let plan = self.plan(arguments, context)?;
                Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
            }
            other => Ok(RelationPlanning::Original(Box::new(other))),
        }
    }
}

impl SearchRelationPlanner {
    fn plan(
        &self,
        arguments: Arguments,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan, DataFusionError> {
        let gallery = SearchedGallery::new(&self.0, &arguments.name)?;
        let mut constant = |what: &str, expr, sql_type: SqlType| {
            let expr = context.sql_to_expr(expr, &DFSchema::empty())?;
            check_row_constant(what, &expr)?;
            Ok::<_, DataFusionError>(typed(expr, sql_type))
        };
        let kind = arguments.kind;
        let probe = constant("the probe of SEARCH", arguments.probe, probe_type(kind))?;
        let Arguments { filter, cut, limit, .. } = arguments;
        let cut = cut.map(|Cut { kind, value }| {
            let value = constant(kind.keyword(), value, cut_type(kind))?;
            Ok::<_, DataFusionError>(Cut { kind, value })
        });
        let cut = cut.transpose()?;
        let limit =
            limit.map(|limit| constant("LIMIT of SEARCH", limit, LIMIT_TYPE)).transpose()?;
        let candidates =
            filter.map(|filter| self.candidates(&gallery.name, filter, context)).transpose()?;
        let search = FaceSearch::new(gallery, kind, probe, cut, limit, candidates)?;
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(search) }))
    }

    /// `SELECT face_id FROM name WHERE filter`.
    fn candidates(
        &self,
        name: &str,
        filter: ast::Expr,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan, DataFusionError> {
        let table = self.0.gallery(name).map_err(SqlError::from)?;
        let source = provider_as_source(Arc::new(table));
        let scan = LogicalPlanBuilder::scan(TableReference::bare(name), source, None)?;
        let predicate = context.sql_to_expr(filter, scan.schema())?;
        let ids = scan.filter(predicate)?.project([col(GalleryColumn::FaceId.name())])?;
        ids.build()
    }
}
