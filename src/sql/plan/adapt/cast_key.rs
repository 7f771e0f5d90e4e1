//! `GROUP BY at::date, at::time`: the planner's names of columns leave casts out, and what it names
//! alike it takes for a mistake.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, GroupByExpr, Ident, OrderBy, Query, Select, SelectItem,
    SetExpr, Value, VisitMut, helpers::attached_token::AttachedToken, visit_expressions_mut,
};

use super::name;
use crate::sql::grammar::name::folded;

/// Writes keys that differ in casts only so that the planner has different names for them.
pub(super) fn tell_apart(query: &mut Query) {
    let Query { body, order_by, .. } = query;
    let SetExpr::Select(select) = &mut **body else { return };
    let alike: HashMap<Expr, usize> = alike(select).into_iter().zip(0..).collect();
    if !alike.is_empty() {
        wrap_in_select(select, order_by, &alike);
    }
}

/// Keys with casts that without them are other keys.
fn alike(select: &Select) -> Vec<Expr> {
    let GroupByExpr::Expressions(keys, _) = &select.group_by else { return Vec::new() };
    let keys = keys.iter().flat_map(|key| match key {
        Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => {
            sets.iter().flatten().collect()
        }
        key => vec![key],
    });
    let named = named(&select.projection);
    let keys = keys.map(|key| meant(key, &select.projection, &named));
    let keys: Vec<Expr> = keys.cloned().map(plain).collect();
    let bare: Vec<Expr> = keys.iter().cloned().map(without_casts).collect();
    let mut twins: HashMap<&Expr, HashSet<&Expr>> = HashMap::new();
    for (key, of_key) in keys.iter().zip(&bare) {
        twins.entry(of_key).or_default().insert(key);
    }
    let alike = keys.iter().zip(&bare).filter(|(key, bare)| key != bare && twins[bare].len() > 1);
    alike.map(|(key, _)| key.clone()).collect()
}

/// The items of a select list by their names, the first of each.
fn named(items: &[SelectItem]) -> HashMap<String, &SelectItem> {
    let named = items.iter().rev().filter_map(|item| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some((folded(alias), item)),
        _ => None,
    });
    named.collect()
}

/// What a key names by its place or its name in the select list.
fn meant<'a>(
    key: &'a Expr,
    items: &'a [SelectItem],
    named: &HashMap<String, &'a SelectItem>,
) -> &'a Expr {
    let item = match key {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => {
                let place = digits.parse::<usize>().ok().and_then(|place| place.checked_sub(1));
                place.and_then(|place| items.get(place))
            }
            _ => None,
        },
        Expr::Identifier(name) => named.get(&folded(name)).copied(),
        _ => None,
    };
    match item {
        Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) => expr,
        _ => key,
    }
}

fn without_casts(mut expr: Expr) -> Expr {
    let _ = visit_expressions_mut(&mut expr, |part| {
        if let Expr::Cast { expr: inner, .. } = part {
            *part = std::mem::replace(inner, Expr::Identifier(Ident::new("")));
        }
        ControlFlow::<()>::Continue(())
    });
    expr
}

/// `expr` without parentheses and without tables before columns.
fn plain(mut expr: Expr) -> Expr {
    let _ = visit_expressions_mut(&mut expr, |part| {
        match part {
            Expr::Nested(inner) => {
                *part = std::mem::replace(inner, Expr::Identifier(Ident::new("")));
            }
            Expr::CompoundIdentifier(names) => {
                if let Some(name) = names.pop() {
                    *part = Expr::Identifier(name);
                }
            }
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    expr
}

/// Puts each of `alike` into a choice of one branch, wherever it stands; columns keep their names.
fn wrap_in_select(
    select: &mut Select,
    order_by: &mut Option<OrderBy>,
    alike: &HashMap<Expr, usize>,
) {
    for item in &mut select.projection {
        let shown = name::result(item);
        if wrap(item, alike)
            && let SelectItem::UnnamedExpr(expr) = item
            && let Some(shown) = shown
        {
            let expr = std::mem::replace(expr, Expr::Identifier(Ident::new("")));
            *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', shown) };
        }
    }
    wrap(&mut select.group_by, alike);
    wrap(&mut select.having, alike);
    wrap(order_by, alike);
}

fn wrap(place: &mut impl VisitMut, alike: &HashMap<Expr, usize>) -> bool {
    let mut changed = false;
    let _ = visit_expressions_mut(place, |part| {
        let meant = plain(part.clone());
        if let Some(at) = alike.get(&meant).copied() {
            let key = std::mem::replace(part, Expr::Identifier(Ident::new("")));
            *part = chosen(at, key);
            changed = true;
        }
        ControlFlow::<()>::Continue(())
    });
    changed
}

/// `CASE WHEN 1 = 1 THEN key END`, which the planner takes for the key once it has its name.
fn chosen(at: usize, key: Expr) -> Expr {
    let number = || Box::new(Expr::value(Value::Number(at.to_string(), false)));
    let always = Expr::BinaryOp { left: number(), op: BinaryOperator::Eq, right: number() };
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition: always, result: key }],
        else_result: None,
    }
}
