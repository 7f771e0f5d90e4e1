//! Names that mean several columns of one table, or several results of a query: they are ambiguous,
//! where the planner, which knows these columns by other names, would know none.

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, GroupByExpr, Ident, OrderByKind, Query, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr,
};

use super::columns::Known;
use super::name::result;
use super::sources::{Ambiguous, Source, ambiguous};
use super::syntax::number;
use crate::sql::grammar::from::factors;
use crate::sql::grammar::name::{folded, name_parts};

/// Puts places of results where several of one value have the name that a query is ordered, grouped
/// or made distinct by.
///
/// # Errors
/// 42702 where they have several values.
pub(super) fn place_keys(query: &mut Query, known: &Known) -> Result<(), Ambiguous> {
    let Query { body, order_by, .. } = query;
    let results = Results::of(body, known);
    if let Some(order) = order_by
        && let OrderByKind::Expressions(keys) = &mut order.kind
    {
        keys.iter_mut().try_for_each(|key| results.place("ORDER BY", &mut key.expr))?;
    }
    let SetExpr::Select(select) = &mut **body else { return Ok(()) };
    if let Some(Distinct::On(keys)) = &mut select.distinct {
        keys.iter_mut().try_for_each(|key| results.place("DISTINCT ON", key))?;
    }
    let GroupByExpr::Expressions(keys, _) = &mut select.group_by else { return Ok(()) };
    let is_column = |name: &Ident| {
        let name = folded(name);
        results.tables.iter().any(|table| table.times(&name) != Some(0))
    };
    for key in keys {
        if !matches!(key, Expr::Identifier(name) if is_column(name)) {
            results.place("GROUP BY", key)?;
        }
    }
    Ok(())
}

/// What a query shows.
struct Results {
    /// Names, and values as far as they are columns of one table or written out.
    all: Vec<(String, Option<Expr>)>,
    tables: Vec<Source>,
}

impl Results {
    fn of(body: &SetExpr, known: &Known) -> Self {
        let mut results = Self { all: Vec::new(), tables: Vec::new() };
        let SetExpr::Select(select) = body else {
            let names = known.of_body(body).unwrap_or_default();
            results.all = names.into_iter().map(|name| (name, None)).collect();
            return results;
        };
        results.tables = factors(select).map(|factor| Source::of(factor, known)).collect();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    let value = Some(results.value(expr));
                    results.all.extend(result(item).map(|name| (name, value)));
                }
                star => {
                    let Some(names) = known.of_item(star, select) else {
                        results.all.clear();
                        return results;
                    };
                    let values: Vec<_> =
                        names.iter().map(|name| results.shown(star, name, &names)).collect();
                    results.all.extend(names.into_iter().zip(values));
                }
            }
        }
        results
    }

    /// A column with its table, other expressions as they are.
    fn value(&self, expr: &Expr) -> Expr {
        match expr {
            Expr::Identifier(name) => {
                let name = folded(name);
                self.column(&name).unwrap_or_else(|| Expr::Identifier(Ident::new(name)))
            }
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [.., table, name] => of_table(&folded(table), &folded(name)),
                _ => expr.clone(),
            },
            Expr::Nested(inner) => self.value(inner),
            _ => expr.clone(),
        }
    }

    /// A column of a star, which shows `all`; none where it is not the only one of its name.
    fn shown(&self, star: &SelectItem, name: &str, all: &[String]) -> Option<Expr> {
        if all.iter().filter(|other| *other == name).count() > 1 {
            return None;
        }
        if let SelectItem::QualifiedWildcard(
            SelectItemQualifiedWildcardKind::ObjectName(table),
            _,
        ) = star
        {
            return Some(of_table(&name_parts(table)?.pop()?, name));
        }
        // One that several tables have is merged of them.
        self.column(name).or_else(|| Some(Expr::Identifier(Ident::new(name))))
    }

    /// The only column that is called so.
    fn column(&self, name: &str) -> Option<Expr> {
        let mut found = self.tables.iter().filter_map(|table| {
            let times = table.times(name).filter(|times| *times > 0)?;
            Some((table.name.as_deref().unwrap_or_default(), times))
        });
        let (table, times) = found.next()?;
        (times == 1 && found.next().is_none()).then(|| of_table(table, name))
    }

    fn place(&self, clause: &str, key: &mut Expr) -> Result<(), Ambiguous> {
        let Expr::Identifier(name) = key else { return Ok(()) };
        let wanted = folded(name);
        let is_it = |(shown, _): &&(String, Option<Expr>)| *shown == wanted;
        let mut meant = self.all.iter().filter(is_it).map(|(_, value)| value);
        let Some(first) = meant.next() else { return Ok(()) };
        let mut others = meant.peekable();
        if others.peek().is_none() {
            return Ok(());
        }
        if first.is_none() || others.any(|other| other != first) {
            return Err(ambiguous(clause, &wanted, name));
        }
        if let Some(at) = self.all.iter().position(|(shown, _)| *shown == wanted) {
            *key = number(&(at + 1));
        }
        Ok(())
    }
}

fn of_table(table: &str, name: &str) -> Expr {
    Expr::CompoundIdentifier(vec![Ident::new(table), Ident::new(name)])
}
