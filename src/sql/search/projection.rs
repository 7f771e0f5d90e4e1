//! `SELECT columns FROM (SEARCH ..) s`: the columns that are wanted, where nothing else is.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::sql::sqlparser::ast::{
    self, GroupByExpr, Query, Select, SelectFlavor, SelectItem, SetExpr, TableAlias, TableFactor,
    TableWithJoins, WildcardAdditionalOptions,
};

use super::super::adapt::shown_schema;
use super::super::columns::{SearchColumn, search_schema};
use super::super::name::folded;

/// The columns of a search that a statement answers with.
#[derive(Debug)]
pub(super) struct Projection {
    pub(super) columns: Vec<SearchColumn>,
    pub(super) schema: SchemaRef,
}

impl Projection {
    /// All of them.
    pub(super) fn all() -> Self {
        Self { columns: SearchColumn::all(), schema: search_schema() }
    }

    /// The columns that `query` names of the query in its FROM, and that one; none where it does
    /// anything else, or anything wrong, which the planner words better.
    pub(super) fn of(query: &Query) -> Option<(Self, &Query)> {
        let select = plain_select(query)?;
        let [TableWithJoins { relation, joins }] = select.from.as_slice() else { return None };
        let TableFactor::Derived { lateral: false, subquery, alias, sample: None } = relation
        else {
            return None;
        };
        if !joins.is_empty() {
            return None;
        }
        let table = match alias {
            None => None,
            Some(TableAlias { name, columns, at: None, .. }) if columns.is_empty() => {
                Some(folded(name))
            }
            Some(_) => return None,
        };
        Some((Self::named(&select.projection, table.as_deref())?, subquery))
    }

    fn named(items: &[SelectItem], table: Option<&str>) -> Option<Self> {
        if let [SelectItem::Wildcard(options)] = items {
            return (*options == WildcardAdditionalOptions::default()).then(Self::all);
        }
        let all = search_schema();
        let (mut columns, mut fields) = (Vec::new(), Vec::new());
        for item in items {
            let (expr, alias) = match item {
                SelectItem::UnnamedExpr(expr) => (expr, None),
                SelectItem::ExprWithAlias { expr, alias } => (expr, Some(folded(alias))),
                _ => return None,
            };
            let name = column_name(expr, table)?;
            let (at, field) = all.column_with_name(&name)?;
            columns.push(*SearchColumn::all().get(at)?);
            fields.push(field.clone().with_name(alias.unwrap_or(name)));
        }
        Some(Self { columns, schema: shown_schema(&Arc::new(Schema::new(fields))) })
    }
}

/// The column that `expr` is, of the only table there is.
fn column_name(expr: &ast::Expr, table: Option<&str>) -> Option<String> {
    match expr {
        ast::Expr::Identifier(name) => Some(folded(name)),
        ast::Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [qualifier, name] if Some(folded(qualifier).as_str()) == table => Some(folded(name)),
            _ => None,
        },
        _ => None,
    }
}

/// The SELECT of a query that has nothing but columns and FROM.
pub(super) fn plain_select(query: &Query) -> Option<&Select> {
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
    let SetExpr::Select(select) = &**body else { return None };
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
        selection: None,
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
    let bare = locks.is_empty()
        && pipe_operators.is_empty()
        && lateral_views.is_empty()
        && connect_by.is_empty()
        && grouped.is_empty()
        && modifiers.is_empty()
        && cluster_by.is_empty()
        && distribute_by.is_empty()
        && sort_by.is_empty()
        && named_window.is_empty();
    bare.then_some(select)
}
