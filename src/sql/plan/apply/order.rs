//! Subqueries that rows are ordered by, or told apart by: they belong to the rows before anything
//! is chosen of them.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Distinct, DistinctOn, Expr, LogicalPlan, Projection, Sort, SortExpr,
};

use super::reference::{has_subquery, references, subquery_of};
use super::values::{Values, with_columns, with_values};

/// `sort` with a column of the select list below for each key that depends on what this list was
/// made of.
pub(super) fn with_keys(sort: Sort) -> Result<LogicalPlan, DataFusionError> {
    let LogicalPlan::Projection(list) = sort.input.as_ref() else {
        return Ok(LogicalPlan::Sort(sort));
    };
    let mut items = list.expr.clone();
    let mut keys = Vec::with_capacity(sort.expr.len());
    for key in &sort.expr {
        if !depends_on(&key.expr, &list.input)? {
            keys.push(key.clone());
            continue;
        }
        let name = format!("key {}", items.len());
        let item = over_input(key.expr.clone(), list)?;
        items.push(item.alias(name.as_str()));
        let value = Expr::Column(Column::new_unqualified(name));
        keys.push(SortExpr::new(value, key.asc, key.nulls_first));
    }
    if items.len() == list.expr.len() {
        return Ok(LogicalPlan::Sort(sort));
    }
    let list = LogicalPlan::Projection(Projection::try_new(items, Arc::clone(&list.input))?);
    let input = Arc::new(with_values(list)?.data);
    let sorted = LogicalPlan::Sort(Sort { expr: keys, input, fetch: sort.fetch });
    with_columns(sorted, sort.input.schema())
}

/// Whether `key` has a subquery that depends on rows of `input`.
fn depends_on(key: &Expr, input: &LogicalPlan) -> Result<bool, DataFusionError> {
    if !has_subquery(key) {
        return Ok(false);
    }
    key.exists(|part| {
        let Some(query) = subquery_of(part) else { return Ok(false) };
        let outer = references(&query.subquery)?;
        Ok(outer.iter().any(|(_, column)| input.schema().has_column(column)))
    })
}

/// `key`, which is over the columns of `list`, over what these are made of.
fn over_input(key: Expr, list: &Projection) -> Result<Expr, DataFusionError> {
    let replaced = key.transform(|part| match &part {
        Expr::Column(column) => match list.schema.maybe_index_of_column(column) {
            Some(at) => Ok(Transformed::yes(list.expr[at].clone().unalias())),
            None => Ok(Transformed::no(part)),
        },
        _ => Ok(Transformed::no(part)),
    })?;
    Ok(replaced.data)
}

/// Whether a subquery stands in `DISTINCT ON`, its order or what it shows.
pub(super) fn has_subqueries(chosen: &DistinctOn) -> bool {
    let keys = chosen.sort_expr.iter().flatten().map(|key| &key.expr);
    chosen.on_expr.iter().chain(&chosen.select_expr).chain(keys).any(has_subquery)
}

/// `DISTINCT ON`, its order and what it shows, with a column for each subquery in them.
pub(super) fn first_of_each(chosen: DistinctOn) -> Result<LogicalPlan, DataFusionError> {
    let DistinctOn { on_expr, select_expr, sort_expr, input, schema: _ } = chosen;
    let mut values = Values::beside(Arc::unwrap_or_clone(input));
    // What tells rows apart orders them, too, and has to stay the same expression.
    let mut told: Vec<(Expr, Expr)> = Vec::with_capacity(on_expr.len());
    for expr in on_expr {
        let column = values.replaced_in(expr.clone())?.data;
        told.push((expr, column));
    }
    let mut sorts = Vec::new();
    for key in sort_expr.into_iter().flatten() {
        let known = told.iter().find(|(expr, _)| *expr == key.expr);
        let expr = match known {
            Some((_, column)) => column.clone(),
            None => values.replaced_in(key.expr)?.data,
        };
        sorts.push(SortExpr::new(expr, key.asc, key.nulls_first));
    }
    let names = NamePreserver::new_for_projection();
    let shown = select_expr.into_iter().map(|expr| {
        let name = names.save(&expr);
        Ok(name.restore(values.replaced_in(expr)?.data))
    });
    let shown = shown.collect::<Result<Vec<_>, DataFusionError>>()?;
    let on = told.into_iter().map(|(_, column)| column).collect();
    let sorts = (!sorts.is_empty()).then_some(sorts);
    let chosen = DistinctOn::try_new(on, shown, sorts, Arc::new(values.into_input()))?;
    Ok(LogicalPlan::Distinct(Distinct::On(chosen)))
}
