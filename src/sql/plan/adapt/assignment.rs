//! `SET (a, b) = (SELECT x, y ..)` and `SET (a, b) = ROW(x, y)` as a list of values.

use datafusion::sql::sqlparser::ast::{
    self, Assignment, AssignmentTarget, Expr, Ident, OnConflict, OnConflictAction, OnInsert, Query,
    SelectItem, SetExpr, TableAlias, TableAliasColumnDef, TableFactor, TableWithJoins,
};

use super::called_as;
use super::syntax::{plain_arguments, select_from};
use crate::sql::{SqlError, SqlState};

/// Rewrites what `statement` assigns.
///
/// # Errors
/// Other sources of several columns, and those of another number of columns.
pub(super) fn spread(statement: &mut ast::Statement) -> Result<(), SqlError> {
    let assignments = match statement {
        ast::Statement::Update(update) => &mut update.assignments,
        ast::Statement::Insert(ast::Insert {
            on:
                Some(OnInsert::OnConflict(OnConflict {
                    action: OnConflictAction::DoUpdate(update),
                    ..
                })),
            ..
        }) => &mut update.assignments,
        _ => return Ok(()),
    };
    assignments.iter_mut().try_for_each(spread_one)
}

fn spread_one(assignment: &mut Assignment) -> Result<(), SqlError> {
    let AssignmentTarget::Tuple(columns) = &assignment.target else { return Ok(()) };
    let values = match &assignment.value {
        Expr::Tuple(values) => values.clone(),
        Expr::Function(row) if called_as(row, "row") => {
            plain_arguments(&row.args).unwrap_or_default()
        }
        Expr::Subquery(query) => columns_of(query, columns.len())?,
        _ => {
            let source = "a source for several columns that is no sub-SELECT or ROW() expression";
            return Err(SqlError::unsupported(source));
        }
    };
    if values.len() != columns.len() {
        return Err(wrong_number());
    }
    assignment.value = Expr::Tuple(values);
    Ok(())
}

/// Each column of `query` by itself, as a subquery for one value.
fn columns_of(query: &Query, count: usize) -> Result<Vec<Expr>, SqlError> {
    if known_columns(&query.body).is_some_and(|columns| columns != count) {
        return Err(wrong_number());
    }
    let names: Vec<Ident> = (1..=count).map(|at| Ident::new(format!("column{at}"))).collect();
    let column = |name: &Ident| TableAliasColumnDef { name: name.clone(), data_type: None };
    let alias = TableAlias {
        explicit: true,
        name: Ident::with_quote('"', "assigned row"),
        columns: names.iter().map(column).collect(),
        at: None,
    };
    let relation = TableFactor::Derived {
        lateral: false,
        subquery: Box::new(query.clone()),
        alias: Some(alias),
        sample: None,
    };
    let from = vec![TableWithJoins { relation, joins: Vec::new() }];
    let one = |name: &Ident| {
        let item = (Expr::Identifier(name.clone()), name.clone());
        Expr::Subquery(Box::new(select_from(vec![item], from.clone())))
    };
    Ok(names.iter().map(one).collect())
}

/// How many columns a query has, where no star is among them.
fn known_columns(body: &SetExpr) -> Option<usize> {
    match body {
        SetExpr::Select(select) => {
            let plain = |item: &SelectItem| {
                !matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
            };
            select.projection.iter().all(plain).then_some(select.projection.len())
        }
        SetExpr::Values(values) => values.rows.first().map(|row| row.content.len()),
        _ => None,
    }
}

fn wrong_number() -> SqlError {
    SqlError::new(SqlState::SyntaxError, "number of columns does not match number of values")
}
