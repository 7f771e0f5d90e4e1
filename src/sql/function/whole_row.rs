//! A row as a whole: a document of its columns, or a record where it is shown.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use datafusion::common::{Column, DFSchema};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ScalarUDF, lit, when};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::record;
use super::scalar::row_document;
use crate::sql::SqlError;
use crate::sql::grammar::name::shown_name;

/// Stands between a table's name and itself where its row is meant; nobody can write it.
pub(in crate::sql) const OPERATOR: &str = "whole row";
/// The same where a record is meant, and where it is asked whether no column is NULL.
pub(in crate::sql) const RECORD: &str = "whole row as a record";
pub(in crate::sql) const WITHOUT_NULLS: &str = "whole row without NULLs";

static DOCUMENT: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(row_document()));

/// Plans the rows that statements name.
#[derive(Debug)]
pub(in crate::sql) struct WholeRows;

impl ExprPlanner for WholeRows {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>, DataFusionError> {
        let (BinaryOperator::Custom(op), Expr::Literal(name, _)) = (&expr.op, &expr.left) else {
            return Ok(PlannerResult::Original(expr));
        };
        if ![OPERATOR, RECORD, WITHOUT_NULLS].contains(&op.as_str()) {
            return Ok(PlannerResult::Original(expr));
        }
        let name = name.try_as_str().flatten().unwrap_or_default().to_owned();
        // A column of that name after all.
        if let Ok(column) = schema.qualified_field_with_unqualified_name(&name) {
            let column = Expr::Column(column.into());
            let is_tested = op == WITHOUT_NULLS;
            return Ok(PlannerResult::Planned(if is_tested {
                column.is_not_null()
            } else {
                column
            }));
        }
        let columns: Vec<Column> = schema
            .iter()
            .filter(|(qualifier, _)| qualifier.is_some_and(|table| table.table() == name))
            .map(Column::from)
            .collect();
        if columns.is_empty() {
            return Err(SqlError::undefined_column(&name).into());
        }
        Ok(PlannerResult::Planned(match op.as_str() {
            RECORD => shown(columns)?,
            WITHOUT_NULLS => none_is_null(columns),
            _ => document(columns)?,
        }))
    }
}

/// A document of the columns, which cannot have two members of one name.
fn document(columns: Vec<Column>) -> Result<Expr, DataFusionError> {
    let mut names = HashSet::new();
    if let Some(twice) = columns.iter().find(|column| !names.insert(shown_name(&column.name))) {
        let name = shown_name(&twice.name);
        let what = format!("a row with several columns \"{name}\" as a value");
        return Err(SqlError::unsupported(what).into());
    }
    let member = |column: Column| [lit(shown_name(&column.name)), column.into()];
    let members = columns.into_iter().flat_map(member);
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&DOCUMENT), members.collect())))
}

/// A record, but NULL where all columns are: an outer join has no row there.
fn shown(columns: Vec<Column>) -> Result<Expr, DataFusionError> {
    let values: Vec<Expr> = columns.into_iter().map(Expr::Column).collect();
    let any = values.iter().cloned().map(Expr::is_not_null).reduce(Expr::or);
    let record = record::record(values);
    match any {
        Some(any) => when(any, record).end(),
        None => Ok(record),
    }
}

fn none_is_null(columns: Vec<Column>) -> Expr {
    let tests = columns.into_iter().map(|column| Expr::Column(column).is_not_null());
    tests.reduce(Expr::and).unwrap_or_else(|| lit(true))
}
