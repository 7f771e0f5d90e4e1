//! From a call in a parsed statement to a [`SimilarPairs`] node.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan};
use datafusion::sql::sqlparser::ast::{FunctionArg, Ident, ObjectName, TableAlias, TableFactor};

use super::super::SqlError;
use super::super::catalog::GalleryCatalog;
use super::super::constant::{check_constant, typed};
use super::super::marker::SIMILAR_FACES;
use super::super::name::name_parts;
use super::arguments::{Arguments, PARAMETERS, read};
use super::node::SimilarPairs;
use super::request::{GALLERIES, gallery_name, what};

/// Plans calls on the galleries of one catalog.
#[derive(Debug)]
pub(in super::super) struct SimilarRelationPlanner(pub(in super::super) GalleryCatalog);

impl RelationPlanner for SimilarRelationPlanner {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning, DataFusionError> {
        let (args, alias, extra) = match relation {
            TableFactor::Table {
                name, args: Some(args), alias, with_ordinality, sample, ..
            } if is_ours(&name) => (args.args, alias, with_ordinality || sample.is_some()),
            TableFactor::Function { name, args, alias, with_ordinality, .. } if is_ours(&name) => {
                (args, alias, with_ordinality)
            }
            other => return Ok(RelationPlanning::Original(Box::new(other))),
        };
        if extra {
            let what = format!("WITH ORDINALITY or TABLESAMPLE of {SIMILAR_FACES}");
            return Err(SqlError::unsupported(what).into());
        }
        let plan = self.plan(args, context)?;
        let alias = alias.unwrap_or_else(|| TableAlias {
            explicit: false,
            name: Ident::new(SIMILAR_FACES),
            columns: Vec::new(),
            at: None,
        });
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, Some(alias)))))
    }
}

impl SimilarRelationPlanner {
    fn plan(
        &self,
        args: Vec<FunctionArg>,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan, DataFusionError> {
        let mut arguments = Arguments::default();
        let given = read(args)?.into_iter().zip(PARAMETERS);
        for ((value, (name, sql_type)), slot) in given.zip(&mut arguments) {
            let Some(value) = value else { continue };
            let expr = context.sql_to_expr(value, &DFSchema::empty())?;
            check_constant(&what(name), &expr)?;
            // Who names a collection that is not there learns so before parameters are bound.
            if let (Expr::Literal(literal, _), true) = (&expr, GALLERIES.contains(&name)) {
                gallery_name(&self.0, name, literal)?;
            }
            *slot = Some(typed(expr, sql_type));
        }
        let node = Arc::new(SimilarPairs::new(self.0.clone(), arguments)?);
        Ok(LogicalPlan::Extension(Extension { node }))
    }
}

fn is_ours(name: &ObjectName) -> bool {
    name_parts(name).is_some_and(|parts| parts == [SIMILAR_FACES])
}
