//! Select lists with functions that return sets, and results that are called like a column they are
//! made of: the planner, which makes the sets first, would take the one for the other.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins, Visit,
    Visitor,
};

use super::factor::is_set;
use super::name::column_name;
use super::order::names_in;
use super::syntax::select_from;
use crate::sql::grammar::name::{SEPARATOR, folded};

/// Names the results of such a list in a query around it.
pub(super) fn name_outside(query: &mut Query) {
    let SetExpr::Select(select) = &mut *query.body else { return };
    if query.order_by.is_some() || !select.projection.iter().any(has_set) {
        return;
    }
    let names: Option<Vec<String>> = select.projection.iter().map(name_of).collect();
    let Some(names) = names else { return };
    let mut items = select.projection.iter().zip(&names);
    if !items.any(|(item, name)| !has_set(item) && uses(item, name)) {
        return;
    }
    let mut shown = Vec::with_capacity(names.len());
    for (at, (item, name)) in select.projection.iter_mut().zip(names).enumerate() {
        let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else {
            return;
        };
        let own = Ident::with_quote('"', format!("{name}{SEPARATOR}{at}"));
        let alias = own.clone();
        *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        shown.push((Expr::Identifier(own), Ident::with_quote('"', name)));
    }
    let mut rows = select_from(Vec::new(), Vec::new());
    std::mem::swap(&mut rows.body, &mut query.body);
    let name = Ident::with_quote('"', format!("rows{SEPARATOR}"));
    let relation = TableFactor::Derived {
        lateral: false,
        subquery: Box::new(rows),
        alias: Some(TableAlias { explicit: true, name, columns: Vec::new(), at: None }),
        sample: None,
    };
    query.body = select_from(shown, vec![TableWithJoins { relation, joins: Vec::new() }]).body;
}

fn has_set(item: &SelectItem) -> bool {
    struct Find;
    impl Visitor for Find {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(called) if is_set(called) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    item.visit(&mut Find).is_break()
}

/// What a result is called; none for stars, which are several.
fn name_of(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(expr) => Some(column_name(expr)),
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        _ => None,
    }
}

/// Whether a result is no column, and made of one that is called so.
fn uses(item: &SelectItem, name: &str) -> bool {
    match item {
        SelectItem::ExprWithAlias { expr, .. } => {
            !matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
                && names_in(expr).contains(name)
        }
        _ => false,
    }
}
