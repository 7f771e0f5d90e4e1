//! From a call in a parsed statement to a [`Call`] node, and from that to the operator.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{FunctionArg, Ident, ObjectName, TableAlias, TableFactor};

use super::node::Call;
use super::signature::TableFunction;
use crate::sql::SqlError;
use crate::sql::grammar::name::name_parts;
use crate::sql::read::catalog::GalleryCatalog;
use crate::sql::value::constant::{check_constant, evaluate, typed};

/// Plans calls on the galleries of one catalog.
#[derive(Debug)]
pub(in crate::sql) struct CallRelationPlanner {
    pub(in crate::sql) catalog: GalleryCatalog,
    pub(in crate::sql) functions: &'static [&'static TableFunction],
}

impl RelationPlanner for CallRelationPlanner {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning, DataFusionError> {
        let called = match &relation {
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => {
                self.function(name)
            }
            _ => None,
        };
        let (function, args, alias, extra) = match (called, relation) {
            (
                Some(function),
                TableFactor::Table { args: Some(args), alias, with_ordinality, sample, .. },
            ) => (function, args.args, alias, with_ordinality || sample.is_some()),
            (Some(function), TableFactor::Function { args, alias, with_ordinality, .. }) => {
                (function, args, alias, with_ordinality)
            }
            (_, other) => return Ok(RelationPlanning::Original(Box::new(other))),
        };
        if extra {
            let what = format!("WITH ORDINALITY or TABLESAMPLE of {}", function.name);
            return Err(SqlError::unsupported(what).into());
        }
        let plan = self.plan(function, args, context)?;
        let alias = alias.unwrap_or_else(|| TableAlias {
            explicit: false,
            name: Ident::new(function.name),
            columns: Vec::new(),
            at: None,
        });
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, Some(alias)))))
    }
}

impl CallRelationPlanner {
    fn function(&self, name: &ObjectName) -> Option<&'static TableFunction> {
        let name = name_parts(name)?;
        self.functions.iter().find(|function| name == [function.name]).copied()
    }

    fn plan(
        &self,
        function: &'static TableFunction,
        args: Vec<FunctionArg>,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan, DataFusionError> {
        let mut arguments = Vec::new();
        for (value, &(name, sql_type)) in function.read(args)?.into_iter().zip(function.parameters)
        {
            let planned = value.map(|value| {
                let expr = context.sql_to_expr(value, &DFSchema::empty())?;
                check_constant(&function.what(name), &expr)?;
                if let Expr::Literal(literal, _) = &expr {
                    (function.check)(&self.catalog, name, literal)?;
                }
                Ok::<_, DataFusionError>(typed(expr, sql_type))
            });
            arguments.push(planned.transpose()?);
        }
        let node = Arc::new(Call::new(function, self.catalog.clone(), arguments)?);
        Ok(LogicalPlan::Extension(Extension { node }))
    }
}

/// Makes operators of [`Call`]s.
#[derive(Debug)]
pub(in crate::sql) struct CallPlanner;

#[async_trait]
impl ExtensionPlanner for CallPlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        _physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>, DataFusionError> {
        let Some(call) = node.as_any().downcast_ref::<Call>() else { return Ok(None) };
        let Call { function, catalog, arguments, .. } = call;
        let values = arguments.iter().zip(function.parameters).map(|(argument, (name, _))| {
            let value = |expr| evaluate(&function.what(name), expr, session);
            argument.as_ref().map_or(Ok(ScalarValue::Null), value)
        });
        let values = values.collect::<Result<Vec<_>, _>>()?;
        (function.plan)(catalog, &values, session).map(Some)
    }
}
