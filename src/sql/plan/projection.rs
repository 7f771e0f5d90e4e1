//! `SELECT columns FROM one table`: the columns that are wanted, where nothing else is.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::sql::sqlparser::ast::{
    self, GroupByExpr, Query, Select, SelectFlavor, SelectItem, SetExpr, TableAlias,
    WildcardAdditionalOptions,
};

use super::adapt::shown_schema;
use crate::sql::grammar::name::folded;
use crate::sql::read::columns::schema_of;

/// Columns of a table that a statement answers with, and the names they have there.
#[derive(Debug)]
pub(in crate::sql) struct Projection<C> {
    pub(in crate::sql) columns: Vec<C>,
    pub(in crate::sql) schema: SchemaRef,
}

impl<C: Copy> Projection<C> {
    /// The columns that a select list names of the one table there is, called `table`, which has
    /// `all`; none where it has anything else in it, or anything wrong, which the planner words
    /// better.
    pub(in crate::sql) fn named(
        items: &[SelectItem],
        table: &str,
        all: &[C],
        field: impl Fn(C) -> Field,
    ) -> Option<Self> {
        let fields: Vec<Field> = all.iter().map(|column| field(*column)).collect();
        if let [SelectItem::Wildcard(options)] = items {
            let plain = *options == WildcardAdditionalOptions::default();
            return plain.then(|| Self { columns: all.to_vec(), schema: schema_of(fields) });
        }
        let (mut columns, mut shown) = (Vec::new(), Vec::new());
        for item in items {
            let (expr, alias) = match item {
                SelectItem::UnnamedExpr(expr) => (expr, None),
                SelectItem::ExprWithAlias { expr, alias } => (expr, Some(folded(alias))),
                _ => return None,
            };
            let name = column_name(expr, table)?;
            let at = fields.iter().position(|field| *field.name() == name)?;
            columns.push(*all.get(at)?);
            shown.push(fields.get(at)?.clone().with_name(alias.unwrap_or(name)));
        }
        Some(Self { columns, schema: shown_schema(&Arc::new(Schema::new(shown))) })
    }
}

/// What a table in FROM, called `own` without an alias, is called; none where its alias renames
/// columns too.
pub(in crate::sql) fn table_name(alias: Option<&TableAlias>, own: &str) -> Option<String> {
    match alias {
        None => Some(own.to_owned()),
        Some(TableAlias { name, columns, at: None, .. }) => {
            columns.is_empty().then(|| folded(name))
        }
        Some(_) => None,
    }
}

/// The column that `expr` is, of the only table there is.
pub(in crate::sql) fn column_name(expr: &ast::Expr, table: &str) -> Option<String> {
    match expr {
        ast::Expr::Nested(inner) => column_name(inner, table),
        ast::Expr::Identifier(name) => Some(folded(name)),
        ast::Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [qualifier, name] if folded(qualifier) == table => Some(folded(name)),
            _ => None,
        },
        _ => None,
    }
}

/// The SELECT of a query that has nothing but columns and FROM.
pub(in crate::sql) fn plain_select(query: &Query) -> Option<&Select> {
    filtered_select(query).filter(|select| select.selection.is_none())
}

/// What a query is that does nothing to the rows of its body.
pub(in crate::sql) fn plain_body(query: &Query) -> Option<&SetExpr> {
    let Query {
        with: None,
        body,
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks,
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators,
    } = query
    else {
        return None;
    };
    (locks.is_empty() && pipe_operators.is_empty()).then_some(body)
}

/// The SELECT of a query that has nothing but columns, FROM and perhaps WHERE.
pub(in crate::sql) fn filtered_select(query: &Query) -> Option<&Select> {
    let SetExpr::Select(select) = plain_body(query)? else { return None };
    let Select {
        select_token: _,
        optimizer_hints: _,
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: _,
        projection: _,
        exclude: None,
        into: None,
        from: _,
        lateral_views,
        prewhere: None,
        selection: _,
        connect_by,
        group_by: GroupByExpr::Expressions(grouped, modifiers),
        cluster_by,
        distribute_by,
        sort_by,
        having: None,
        named_window,
        qualify: None,
        window_before_qualify: _,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    } = &**select
    else {
        return None;
    };
    let bare = lateral_views.is_empty()
        && connect_by.is_empty()
        && grouped.is_empty()
        && modifiers.is_empty()
        && cluster_by.is_empty()
        && distribute_by.is_empty()
        && sort_by.is_empty()
        && named_window.is_empty();
    bare.then_some(select)
}
