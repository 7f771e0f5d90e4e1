//! From the marker in a parsed statement to a [`FaceSearch`] node.

use std::sync::Arc;

use datafusion::common::{DFSchema, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, LogicalPlanBuilder, col};
use datafusion::sql::sqlparser::ast::{
    self, FunctionArg, FunctionArgExpr, ObjectName, TableFactor, TableFunctionArgs, Value,
};

use super::super::catalog::GalleryCatalog;
use super::super::columns::GalleryColumn;
use super::super::constant::{check_constant, without_text_casts};
use super::super::marker::MARKER;
use super::super::name::name_parts;
use super::super::types::SqlType;
use super::super::{SqlError, SqlState};
use super::node::{FaceSearch, SearchedGallery};
use super::{CLAUSES, ProbeKind};

/// Plans searches in the galleries of one catalog.
#[derive(Debug)]
pub(in super::super) struct SearchRelationPlanner(pub(in super::super) GalleryCatalog);

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
        let name = self.0.gallery_name(&arguments.name)?.to_owned();
        let gallery = SearchedGallery::new(&self.0, &name)?;
        let mut constant = |what: &str, expr, sql_type: SqlType| {
            let expr = context.sql_to_expr(expr, &DFSchema::empty())?;
            check_constant(what, &expr)?;
            Ok::<_, DataFusionError>(typed(expr, sql_type))
        };
        let kind = arguments.kind;
        let probe = constant("the probe of SEARCH", arguments.probe, probe_type(kind))?;
        let [filter, threshold, limit] = arguments.clauses;
        let threshold = threshold
            .map(|threshold| constant("THRESHOLD", threshold, SqlType::Float4))
            .transpose()?;
        let limit =
            limit.map(|limit| constant("LIMIT of SEARCH", limit, SqlType::Int8)).transpose()?;
        let candidates =
            filter.map(|filter| self.candidates(&name, filter, context)).transpose()?;
        let search = FaceSearch::new(gallery, kind, probe, threshold, limit, candidates)?;
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
        if predicate.contains_outer() {
            return Err(SqlError::unsupported("a SEARCH that depends on an outer query").into());
        }
        let ids = scan.filter(predicate)?.project([col(GalleryColumn::FaceId.name())])?;
        ids.build()
    }
}

fn is_marker(name: &ObjectName) -> bool {
    name_parts(name).is_some_and(|parts| parts == [MARKER])
}

/// The type of a probe that is a bare parameter.
fn probe_type(kind: ProbeKind) -> SqlType {
    match kind {
        ProbeKind::Face => SqlType::Text,
        ProbeKind::Image => SqlType::Bytea,
        ProbeKind::Embedding => SqlType::Float4Array,
    }
}

/// A parameter whose type nothing else decides gets `sql_type`.
fn typed(expr: Expr, sql_type: SqlType) -> Expr {
    match expr {
        Expr::Placeholder(Placeholder { id, field: None }) => {
            let field = datafusion::arrow::datatypes::Field::new("", sql_type.arrow_type(), true);
            Expr::Placeholder(Placeholder::new_with_field(id, Some(Arc::new(field))))
        }
        other => other,
    }
}

/// The arguments of the marker, as the rewriting wrote them.
struct Arguments {
    name: Vec<String>,
    kind: ProbeKind,
    probe: ast::Expr,
    /// WHERE, THRESHOLD, LIMIT.
    clauses: [Option<ast::Expr>; 3],
}

impl Arguments {
    fn read(args: TableFunctionArgs) -> Result<Self, SqlError> {
        let mut positional = Vec::new();
        let mut clauses = [None, None, None];
        for argument in args.args {
            let (name, value) = match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => (None, value),
                FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } => {
                    (Some(name), value)
                }
                FunctionArg::ExprNamed {
                    name: ast::Expr::Identifier(name),
                    arg: FunctionArgExpr::Expr(value),
                    ..
                } => (Some(name), value),
                _ => return Err(malformed()),
            };
            let Some(name) = name else {
                positional.push(value);
                continue;
            };
            let clause = CLAUSES.iter().position(|clause| *clause == name.value);
            let slot = clause.and_then(|at| clauses.get_mut(at)).ok_or_else(malformed)?;
            *slot = Some(value);
        }
        let [name, kind, probe] =
            <[ast::Expr; 3]>::try_from(positional).map_err(|_| malformed())?;
        let name = match name {
            ast::Expr::Identifier(part) => vec![part.value],
            ast::Expr::CompoundIdentifier(parts) => {
                parts.into_iter().map(|part| part.value).collect()
            }
            _ => return Err(malformed()),
        };
        let kind = match kind {
            ast::Expr::Value(value) => match value.value {
                Value::SingleQuotedString(word) => word,
                _ => return Err(malformed()),
            },
            _ => return Err(malformed()),
        };
        let kind = ProbeKind::ALL
            .into_iter()
            .find(|known| known.keyword() == kind)
            .ok_or_else(malformed)?;
        Ok(Self { name, kind, probe: without_text_casts(&probe).clone(), clauses })
    }
}

/// A marker that the rewriting did not write, or a probe of several expressions.
fn malformed() -> SqlError {
    SqlError::new(SqlState::SyntaxError, "SEARCH is malformed")
}
