//! `GROUP BY at::date, at::time`: the planner's names of columns leave casts out, and what it names
//! alike it takes for a mistake.

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
    let alike = alike(select);
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
    let keys: Vec<&Expr> = keys.map(|key| meant(key, &select.projection)).collect();
    if keys.len() < 2 {
        return Vec::new();
    }
    let keys: Vec<Expr> = keys.into_iter().cloned().map(plain).collect();
    let bare: Vec<Expr> = keys.iter().cloned().map(without_casts).collect();
    let mut alike: Vec<Expr> = Vec::new();
    for (key, of_key) in keys.iter().zip(&bare) {
        let mut others = keys.iter().zip(&bare);
        let has_twin = others.any(|(other, of_other)| other != key && of_other == of_key);
        if key != of_key && has_twin && !alike.contains(key) {
            alike.push(key.clone());
        }
    }
    alike
}

/// What a key names by its place or its name in the select list.
fn meant<'a>(key: &'a Expr, items: &'a [SelectItem]) -> &'a Expr {
    let item = match key {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => {
                let place = digits.parse::<usize>().ok().and_then(|place| place.checked_sub(1));
                place.and_then(|place| items.get(place))
            }
            _ => None,
        },
        Expr::Identifier(name) => items.iter().find(|item| {
            let SelectItem::ExprWithAlias { alias, .. } = item else { return false };
            folded(alias) == folded(name)
        }),
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
fn wrap_in_select(select: &mut Select, order_by: &mut Option<OrderBy>, alike: &[Expr]) {
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

fn wrap(place: &mut impl VisitMut, alike: &[Expr]) -> bool {
    let mut changed = false;
    let _ = visit_expressions_mut(place, |part| {
        let meant = plain(part.clone());
        if let Some(at) = alike.iter().position(|key| *key == meant) {
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
