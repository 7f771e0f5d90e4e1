//! The types of an INSERT's parameters: those of the columns that they fill, else what the
//! expressions around them decide.

use datafusion::sql::sqlparser::ast::{self, Query, SelectItem, SetExpr, Value};

use super::conflict::OnConflict;
use super::source::Source;
use super::{Insert, InsertColumn};
use crate::sql::plan::inference::{decide, placeholder_types, plan_parameters};
use crate::sql::plan::query::QueryContext;
use crate::sql::value::constant::without_text_casts;
use crate::sql::{SqlError, SqlType};

impl Insert {
    /// Types of `$1..`, as far as the statement decides them.
    pub(in crate::sql) async fn parameter_types(
        &self,
        context: &QueryContext,
        count: usize,
    ) -> Result<Vec<Option<SqlType>>, SqlError> {
        let mut types = Types(vec![None; count]);
        match &self.source {
            Source::Cells(rows) => {
                for row in rows {
                    for (column, cell) in self.columns.columns().iter().zip(row) {
                        types.decide_by_cell(context, *column, cell)?;
                    }
                }
            }
            Source::Query(query) => {
                types.decide_by_query(self.columns.columns(), query);
                let by_plan = plan_parameters(&context.plan(query).await?, count)?;
                types.or(by_plan);
            }
        }
        if let Some(OnConflict::Update(update)) = &self.on_conflict {
            update.assignments.decide(&mut types.0);
            types.or(plan_parameters(&update.plan(context).await?, count)?);
        }
        if let Some(returning) = &self.returning {
            returning.decide(context, &mut types.0).await?;
        }
        Ok(types.0)
    }
}

/// Types by the number of their parameter; what comes first decides.
struct Types(Vec<Option<SqlType>>);

impl Types {
    /// What else is known.
    fn or(&mut self, others: Vec<Option<SqlType>>) {
        for (slot, other) in self.0.iter_mut().zip(others) {
            *slot = slot.or(other);
        }
    }

    fn decide_by_cell(
        &mut self,
        context: &QueryContext,
        column: InsertColumn,
        cell: &ast::Expr,
    ) -> Result<(), SqlError> {
        match without_text_casts(cell) {
            ast::Expr::Identifier(_) => {}
            value @ ast::Expr::Value(_) => self.decide_by_column(column, value),
            other => placeholder_types(context, other, &mut self.0)?,
        }
        Ok(())
    }

    /// A parameter that is all of a column has its type.
    fn decide_by_column(&mut self, column: InsertColumn, expr: &ast::Expr) {
        if let ast::Expr::Value(value) = without_text_casts(expr)
            && let Value::Placeholder(name) = &value.value
        {
            decide(&mut self.0, name, column.sql_type());
        }
    }

    fn decide_by_query(&mut self, columns: &[InsertColumn], query: &Query) {
        self.decide_by_body(columns, &query.body);
    }

    fn decide_by_body(&mut self, columns: &[InsertColumn], body: &SetExpr) {
        match body {
            SetExpr::Select(select) => {
                for (column, item) in columns.iter().zip(&select.projection) {
                    match item {
                        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                            self.decide_by_column(*column, expr);
                        }
                        // How many columns that is shows with the plan only.
                        _ => return,
                    }
                }
            }
            SetExpr::Values(values) => {
                for row in &values.rows {
                    for (column, cell) in columns.iter().zip(&row.content) {
                        self.decide_by_column(*column, cell);
                    }
                }
            }
            SetExpr::SetOperation { left, right, .. } => {
                self.decide_by_body(columns, left);
                self.decide_by_body(columns, right);
            }
            SetExpr::Query(query) => self.decide_by_query(columns, query),
            _ => {}
        }
    }
}
