//! Joins that merge columns. The planner takes a merged column from the left side, which is NULL
//! in rows that only the right side has.

use datafusion::sql::sqlparser::ast::{
    self, JoinConstraint, JoinOperator, Select, SelectItem, TableFactor, TableWithJoins,
    UpdateTableFromKind,
};

use super::merged;
use crate::sql::SqlError;

/// Rewrites the joins of `select`.
///
/// # Errors
/// 0A000 for merged columns that may be those of the right side.
pub(super) fn adapt_select(select: &mut Select) -> Result<(), SqlError> {
    let star = |item: &SelectItem| {
        matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
    };
    merged::write_out(select);
    // The order of the sides is that of the columns of a star, and of nothing else.
    if !select.projection.iter().any(star) {
        select.from.iter_mut().for_each(turn);
    }
    check(&select.from)
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

/// `a RIGHT JOIN b` as `b LEFT JOIN a`.
fn turn(tables: &mut TableWithJoins) {
    let [join] = tables.joins.as_mut_slice() else { return };
    let (JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint)) =
        &join.join_operator
    else {
        return;
    };
    if merges(constraint) {
        join.join_operator = JoinOperator::Left(constraint.clone());
        std::mem::swap(&mut tables.relation, &mut join.relation);
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
