//! What a query is ordered by. A key that is a name alone is a column of the result; a name in any
//! other key is one of the tables, where the planner would look among the results first.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, Ident, OrderByKind, Query, SelectItem, SetExpr, Visit, Visitor,
};

use super::name::{column_name, rename};
use super::syntax::number;
use crate::sql::grammar::name::{SEPARATOR, folded};
use crate::sql::{SqlError, SqlState};

/// Orders distinct rows by the places of what is shown and ordered by.
///
/// # Errors
/// 42P10 for a subquery that is not shown.
pub(super) fn distinct(query: &mut Query) -> Result<(), SqlError> {
    let Query { body, order_by, .. } = query;
    let SetExpr::Select(select) = &mut **body else { return Ok(()) };
    let Some(OrderByKind::Expressions(keys)) = order_by.as_mut().map(|order| &mut order.kind)
    else {
        return Ok(());
    };
    if select.distinct != Some(Distinct::Distinct) {
        return Ok(());
    }
    for key in keys.iter_mut().map(|key| &mut key.expr).filter(|key| !is_name(key)) {
        if let Some(place) = place(&select.projection, key) {
            *key = number(&place);
        } else if has_query(key) {
            let message = "for SELECT DISTINCT, ORDER BY expressions must appear in select list";
            return Err(SqlError::new(SqlState::InvalidColumnReference, message));
        }
    }
    Ok(())
}

fn is_name(key: &Expr) -> bool {
    matches!(key, Expr::Identifier(_))
}

/// The place of `key` in a select list, as far as stars let it be counted.
fn place(items: &[SelectItem], key: &Expr) -> Option<usize> {
    let at = items.iter().position(|item| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => expr == key,
        _ => false,
    })?;
    let is_star = |item: &SelectItem| {
        matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
    };
    (!items[..at].iter().any(is_star)).then_some(at + 1)
}

/// Whether a query stands anywhere in `expr`.
pub(super) fn has_query(expr: &Expr) -> bool {
    struct Find;
    impl Visitor for Find {
        type Break = ();

        fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    expr.visit(&mut Find).is_break()
}

/// Names results that are called like a column of a table by which the rows are ordered.
pub(super) fn tell_from_keys(query: &mut Query) {
    let Query { body, order_by, .. } = query;
    let SetExpr::Select(select) = &mut **body else { return };
    let Some(OrderByKind::Expressions(keys)) = order_by.as_mut().map(|order| &mut order.kind)
    else {
        return;
    };
    let keys_of_columns = keys.iter().filter(|key| !is_name(&key.expr));
    let names: HashSet<String> = keys_of_columns.flat_map(|key| names_in(&key.expr)).collect();
    let mut renamed = HashSet::new();
    for item in &mut select.projection {
        let (name, expr) = match item {
            SelectItem::UnnamedExpr(expr) => (column_name(expr), expr),
            SelectItem::ExprWithAlias { expr, alias } => (folded(alias), expr),
            _ => continue,
        };
        if names.contains(&name) && !is_called(expr, &name) {
            rename(item, own_name(&name));
            renamed.insert(name);
        }
    }
    for key in keys {
        if let Expr::Identifier(name) = &mut key.expr
            && renamed.contains(&folded(name))
        {
            *name = Ident::with_quote('"', own_name(&folded(name)));
        }
    }
}

fn own_name(name: &str) -> String {
    format!("{name}{SEPARATOR}0")
}

/// Whether this is a column of a table that is called so.
fn is_called(expr: &Expr, name: &str) -> bool {
    match expr {
        Expr::Identifier(column) => folded(column) == name,
        Expr::CompoundIdentifier(parts) => parts.last().is_some_and(|last| folded(last) == name),
        _ => false,
    }
}

/// The names of the columns in an expression.
pub(super) fn names_in(expr: &Expr) -> HashSet<String> {
    let mut names = Names::default();
    let _ = expr.visit(&mut names);
    names.0
}

#[derive(Default)]
struct Names(HashSet<String>);

impl Visitor for Names {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(name) => {
                self.0.insert(folded(name));
            }
            Expr::CompoundIdentifier(parts) => self.0.extend(parts.last().map(folded)),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
