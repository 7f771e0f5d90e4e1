//! Places of the select list where rows are grouped: `GROUP BY CUBE (1, 2)`, `DISTINCT ON (1)`.

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, GroupByExpr, OrderBy, OrderByKind, Query, Select, SelectItem, SetExpr, Value,
};

use crate::sql::{SqlError, SqlState};

/// Writes the expressions that are meant in place of their numbers, where the planner does not.
///
/// # Errors
/// 42P10 for places that there are not.
pub(super) fn adapt(select: &mut Select) -> Result<(), SqlError> {
    let items = select.projection.clone();
    if let GroupByExpr::Expressions(keys, _) = &mut select.group_by {
        for key in keys {
            match key {
                Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => {
                    sets.iter_mut().flatten().try_for_each(|expr| replace(expr, &items))?;
                }
                // All rows are one group, as without GROUP BY beside an aggregate.
                Expr::Tuple(none) if none.is_empty() => *key = Expr::GroupingSets(vec![Vec::new()]),
                _ => {}
            }
        }
    }
    if select.having.is_some()
        && let GroupByExpr::Expressions(keys, _) = &mut select.group_by
        && keys.is_empty()
    {
        keys.push(Expr::GroupingSets(vec![Vec::new()]));
    }
    if let Some(Distinct::On(keys)) = &mut select.distinct {
        keys.iter_mut().try_for_each(|expr| replace(expr, &items))?;
    }
    Ok(())
}

/// Puts the expressions of DISTINCT ON into the order of ORDER BY, as the planner wants them, and
/// leaves out those that stand there before.
pub(super) fn order_distinct(query: &mut Query) {
    let Query { body, order_by, .. } = query;
    let SetExpr::Select(select) = &mut **body else { return };
    let Some(Distinct::On(distinct)) = &mut select.distinct else { return };
    let mut once: Vec<Expr> = Vec::with_capacity(distinct.len());
    for mut expr in std::mem::take(distinct) {
        // What is no place of the select list is refused with the others.
        let _ = replace(&mut expr, &select.projection);
        if !once.contains(&expr) {
            once.push(expr);
        }
    }
    if let Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) = order_by {
        let mut meant: Vec<Expr> = Vec::with_capacity(keys.len());
        keys.retain(|key| {
            let mut expr = key.expr.clone();
            let _ = replace(&mut expr, &select.projection);
            let is_new = !meant.contains(&expr);
            meant.extend(is_new.then_some(expr));
            is_new
        });
        once.sort_by_key(|expr| meant.iter().position(|key| key == expr).unwrap_or(usize::MAX));
    }
    *distinct = once;
}

fn replace(expr: &mut Expr, items: &[SelectItem]) -> Result<(), SqlError> {
    let Expr::Value(value) = expr else { return Ok(()) };
    let Value::Number(digits, _) = &value.value else { return Ok(()) };
    let place = digits.parse::<usize>().ok().and_then(|place| place.checked_sub(1));
    match place.and_then(|place| items.get(place)) {
        Some(SelectItem::UnnamedExpr(item) | SelectItem::ExprWithAlias { expr: item, .. }) => {
            *expr = item.clone();
            Ok(())
        }
        // What stands at a place behind a star, only the planner knows.
        _ if items.iter().any(is_star) => Ok(()),
        _ => {
            let message = format!("DISTINCT ON position {digits} is not in select list");
            Err(SqlError::new(SqlState::InvalidColumnReference, message))
        }
    }
}

fn is_star(item: &SelectItem) -> bool {
    matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
}
