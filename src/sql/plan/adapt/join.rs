//! Joins that merge columns. The planner takes a merged column from the left side, which is NULL
//! in rows that only the right side has.

use datafusion::sql::sqlparser::ast::{
    self, JoinConstraint, JoinOperator, Select, SelectItem, SetExpr, TableFactor, TableWithJoins,
    UpdateTableFromKind, WildcardAdditionalOptions,
};

use super::columns::Known;
use super::merged;
use super::syntax::select_from;
use crate::sql::SqlError;

/// Rewrites the joins of `select`.
///
/// # Errors
/// 0A000 for merged columns that may be those of the right side.
pub(super) fn adapt_select(
    select: &mut Select,
    known: &Known,
    outermost: bool,
) -> Result<(), SqlError> {
    for tables in &mut select.from {
        let joined = tables.joins.iter_mut().map(|join| &mut join.relation);
        for factor in std::iter::once(&mut tables.relation).chain(joined) {
            name_nested(factor);
            known.complete(factor)?;
        }
    }
    merged::write_out(select, known, outermost)?;
    check(&select.from)
}

/// `(a JOIN b ..) alias` as a query of its columns.
fn name_nested(factor: &mut TableFactor) {
    let TableFactor::NestedJoin { table_with_joins, alias: alias @ Some(_) } = factor else {
        return;
    };
    let mut query = select_from(Vec::new(), vec![table_with_joins.as_ref().clone()]);
    if let SetExpr::Select(select) = &mut *query.body {
        select.projection.push(SelectItem::Wildcard(WildcardAdditionalOptions::default()));
    }
    let (subquery, alias) = (Box::new(query), alias.take());
    *factor = TableFactor::Derived { lateral: false, subquery, alias, sample: None };
}

/// Checks the joins that UPDATE and DELETE take rows from.
///
/// # Errors
/// As for queries.
pub(super) fn check_statement(statement: &ast::Statement) -> Result<(), SqlError> {
    match statement {
        ast::Statement::Update(ast::Update {
            from: Some(UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from)),
            ..
        })
        | ast::Statement::Delete(ast::Delete { using: Some(from), .. }) => check(from),
        _ => Ok(()),
    }
}

fn merges(constraint: &JoinConstraint) -> bool {
    matches!(constraint, JoinConstraint::Using(_) | JoinConstraint::Natural)
}

fn check(tables: &[TableWithJoins]) -> Result<(), SqlError> {
    for TableWithJoins { relation, joins } in tables {
        check_factor(relation)?;
        for join in joins {
            check_factor(&join.relation)?;
            check_operator(&join.join_operator)?;
        }
    }
    Ok(())
}

fn check_factor(factor: &TableFactor) -> Result<(), SqlError> {
    match factor {
        TableFactor::NestedJoin { table_with_joins, .. } => {
            check(std::slice::from_ref(table_with_joins))
        }
        _ => Ok(()),
    }
}

fn check_operator(operator: &JoinOperator) -> Result<(), SqlError> {
    let (name, constraint) = match operator {
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => {
            ("RIGHT JOIN", constraint)
        }
        JoinOperator::FullOuter(constraint) => ("FULL JOIN", constraint),
        _ => return Ok(()),
    };
    if !merges(constraint) {
        return Ok(());
    }
    Err(SqlError::unsupported(format!("{name} with USING or NATURAL here"))
        .with_hint("Write ON a.column = b.column, and coalesce(a.column, b.column)."))
}
