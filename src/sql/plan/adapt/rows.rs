//! Whole rows that are compared, or that something is ordered by: `ORDER BY t`, `t = u`. As values
//! they are documents, which have another order, and other names make other documents. So their
//! columns are compared instead.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArgumentClause, FunctionArguments, GroupByExpr, Ident,
    ObjectName, OrderByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, WindowType,
};

use super::name::{numbered, result};
use super::repeated::Sources;
use super::row;
use crate::sql::grammar::name::{folded, name_parts};
use crate::sql::{SqlError, SqlState};

/// The columns of the row that `expr` means; none of another expression, or where a column may be
/// called so.
fn columns(expr: &Expr, sources: &Sources) -> Option<Vec<Expr>> {
    let table = match expr {
        Expr::Nested(inner) => return columns(inner, sources),
        Expr::Identifier(name) => folded(name),
        Expr::QualifiedWildcard(name, _) => only_part(name)?,
        _ => return None,
    };
    let may_be_column =
        |names: &Option<Vec<String>>| names.as_ref().is_none_or(|names| names.contains(&table));
    if matches!(expr, Expr::Identifier(_))
        && sources.seen().flatten().any(|source| may_be_column(&source.columns))
    {
        return None;
    }
    let source = sources.seen().flatten().find(|it| it.name.as_ref() == Some(&table))?;
    let quoted = |name: String| Ident::with_quote('"', name);
    let column = |own| Expr::CompoundIdentifier(vec![quoted(table.clone()), quoted(own)]);
    Some(numbered(source.columns.as_ref()?).into_iter().map(column).collect())
}

fn only_part(name: &ObjectName) -> Option<String> {
    <[String; 1]>::try_from(name_parts(name)?).ok().map(|[name]| name)
}

/// Orders `query`, whose tables are those of `sources`, by the columns of rows.
///
/// # Errors
/// 0A000 where these may not be named.
pub(super) fn order_query(query: &mut Query, sources: &Sources) -> Result<(), SqlError> {
    let Query { body, order_by, .. } = query;
    let (Some(order), SetExpr::Select(select)) = (order_by, &**body) else { return Ok(()) };
    let OrderByKind::Expressions(keys) = &mut order.kind else { return Ok(()) };
    for mut key in std::mem::take(keys) {
        if let Expr::Identifier(name) = &key.expr
            && let name = folded(name)
            && let Some(item) = select.projection.iter().find(|it| result(it) == Some(name.clone()))
        {
            let (SelectItem::UnnamedExpr(shown) | SelectItem::ExprWithAlias { expr: shown, .. }) =
                item
            else {
                continue;
            };
            if columns(shown, sources).is_none() {
                keys.push(key);
                continue;
            }
            key.expr = shown.clone();
        }
        if columns(&key.expr, sources).is_some() {
            check_place(select)?;
        }
        keys.extend(by_columns(key, sources)?);
    }
    Ok(())
}

fn check_place(select: &Select) -> Result<(), SqlError> {
    let is_grouped = !matches!(&select.group_by, GroupByExpr::Expressions(keys, _)
        if keys.is_empty());
    if select.distinct.is_some() || is_grouped {
        return Err(SqlError::unsupported("ORDER BY of a row behind DISTINCT or GROUP BY")
            .with_hint("Name its columns."));
    }
    Ok(())
}

/// Orders what a call reads by the columns of rows.
///
/// # Errors
/// 0A000 where a row says where NULLs come.
pub(super) fn order_call(called: &mut Function, sources: &Sources) -> Result<(), SqlError> {
    if let Some(WindowType::WindowSpec(window)) = &mut called.over {
        all_by_columns(&mut window.order_by, sources)?;
    }
    if let FunctionArguments::List(list) = &mut called.args {
        for clause in &mut list.clauses {
            if let FunctionArgumentClause::OrderBy(keys) = clause {
                all_by_columns(keys, sources)?;
            }
        }
    }
    Ok(())
}

fn all_by_columns(keys: &mut Vec<OrderByExpr>, sources: &Sources) -> Result<(), SqlError> {
    for key in std::mem::take(keys) {
        keys.extend(by_columns(key, sources)?);
    }
    Ok(())
}

/// A key, or those of the columns of its row.
fn by_columns(key: OrderByExpr, sources: &Sources) -> Result<Vec<OrderByExpr>, SqlError> {
    let Some(columns) = columns(&key.expr, sources) else { return Ok(vec![key]) };
    if key.options.nulls_first.is_some() {
        return Err(
            SqlError::unsupported("NULLS FIRST or LAST of a row").with_hint("Name its columns.")
        );
    }
    Ok(columns.into_iter().map(|expr| OrderByExpr { expr, ..key.clone() }).collect())
}

/// What a comparison of rows is of their columns; none of other expressions. As in PostgreSQL rows
/// are equal where the same columns are NULL.
///
/// # Errors
/// 42804 for rows of different length, 0A000 for what is not known of rows.
pub(super) fn compared(expr: &Expr, sources: &Sources) -> Result<Option<Expr>, SqlError> {
    let is_row = |side: &Expr| columns(side, sources).is_some();
    let (left, right, equal) = match expr {
        Expr::BinaryOp { left, op, right } if is_row(left) || is_row(right) => match op {
            BinaryOperator::Eq => (left, right, true),
            BinaryOperator::NotEq => (left, right, false),
            BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq => return Err(not_compared()),
            _ => return Ok(None),
        },
        Expr::IsNotDistinctFrom(left, right) if is_row(left) || is_row(right) => {
            (left, right, true)
        }
        Expr::IsDistinctFrom(left, right) if is_row(left) || is_row(right) => (left, right, false),
        Expr::InList { expr, .. } | Expr::InSubquery { expr, .. } if is_row(expr) => {
            return Err(not_compared());
        }
        _ => return Ok(None),
    };
    let values = |side: &Expr| columns(side, sources).or_else(|| row::values(side));
    let (Some(left), Some(right)) = (values(left), values(right)) else {
        return Err(not_compared());
    };
    if left.len() != right.len() {
        let message = "cannot compare record types with different numbers of columns";
        return Err(SqlError::new(SqlState::DatatypeMismatch, message));
    }
    let (left, right) = (Box::new(Expr::Tuple(left)), Box::new(Expr::Tuple(right)));
    row::compared(&if equal {
        Expr::IsNotDistinctFrom(left, right)
    } else {
        Expr::IsDistinctFrom(left, right)
    })
}

fn not_compared() -> SqlError {
    SqlError::unsupported("a comparison of whole rows of this kind")
        .with_hint("Name their columns.")
}
