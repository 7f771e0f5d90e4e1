//! Columns that joins with `USING` merge.
//!
//! The planner takes a merged column from the left side, where it is NULL in rows that only the
//! right side of a `RIGHT` or `FULL JOIN` has, and leaves it in its place in a `*`, where it comes
//! first in PostgreSQL. Such joins are written with `ON`, merged columns as
//! `coalesce(left, right)`, and stars in full.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, ExcludeSelectItem, Expr, Ident, JoinConstraint, JoinOperator, ObjectName,
    ObjectNamePart, OrderByKind, Query, Select, SelectItem, SelectItemQualifiedWildcardKind,
    SetExpr, TableFactor, TableWithJoins, VisitMut, VisitorMut, WildcardAdditionalOptions,
};

use super::syntax::call;
use crate::sql::grammar::name::folded;

/// A column of several tables.
struct Merged {
    name: Ident,
    value: Expr,
}

/// Orders `query` by the columns that its joins merge, where it does not show them.
pub(super) fn order(query: &mut Query) {
    let SetExpr::Select(select) = &*query.body else { return };
    let chains = select.from.iter().filter_map(Chain::of).filter(|chain| chain.from_either);
    let mut columns: Vec<Merged> = chains.flat_map(|chain| chain.columns).collect();
    columns.retain(|column| !select.projection.iter().any(|item| shows(item, &column.name)));
    if let Some(order) = &mut query.order_by
        && let OrderByKind::Expressions(keys) = &mut order.kind
    {
        let mut written = Written { columns, queries: 0 };
        for key in keys {
            let _ = key.visit(&mut written);
        }
    }
}

/// Whether a column of the result is called so, and what is ordered by it means that.
fn shows(item: &SelectItem, name: &Ident) -> bool {
    match item {
        SelectItem::Wildcard(_) => true,
        SelectItem::UnnamedExpr(Expr::Identifier(shown))
        | SelectItem::ExprWithAlias { alias: shown, .. } => folded(shown) == folded(name),
        _ => false,
    }
}

/// Writes the merging joins of `select`, and the stars over them.
pub(super) fn write_out(select: &mut Select) {
    let chains: Vec<Option<Chain>> = select.from.iter().map(Chain::of).collect();
    if chains.iter().flatten().all(|chain| chain.columns.is_empty()) {
        return;
    }
    let all_known = chains.iter().all(Option::is_some);
    let items = std::mem::take(&mut select.projection).into_iter();
    select.projection = items
        .flat_map(|item| match &item {
            SelectItem::Wildcard(options)
                if all_known && *options == WildcardAdditionalOptions::default() =>
            {
                chains.iter().flatten().flat_map(Chain::star).collect()
            }
            _ => vec![item],
        })
        .collect();
    let mut columns = Vec::new();
    for (tables, chain) in select.from.iter_mut().zip(chains) {
        if let Some(chain) = chain.filter(|chain| chain.from_either) {
            join_on(tables, &chain.conditions);
            columns.extend(chain.columns);
        }
    }
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(Expr::Identifier(name)) = item
            && let Some(column) = columns.iter().find(|it| folded(&it.name) == folded(name))
        {
            *item = shown(column);
        }
    }
    let _ = select.visit(&mut Written { columns, queries: 0 });
}

/// A table and those that are joined to it.
struct Chain {
    tables: Vec<Ident>,
    columns: Vec<Merged>,
    /// What each join compares that merges columns.
    conditions: Vec<Option<Expr>>,
    /// Whether a merged column may be that of the right side.
    from_either: bool,
}

impl Chain {
    /// None where a table has no name, or where only the planner knows whose columns are merged.
    fn of(tables: &TableWithJoins) -> Option<Self> {
        let first = table_name(&tables.relation)?;
        let (columns, conditions) = (Vec::new(), Vec::new());
        let mut chain = Self { tables: vec![first], columns, conditions, from_either: false };
        for join in &tables.joins {
            let right = table_name(&join.relation)?;
            let equal = chain.join(&join.join_operator, &right)?.into_iter();
            let both = |left, right| binary(left, BinaryOperator::And, right);
            let condition = equal.reduce(both);
            chain.conditions.push(condition);
            chain.tables.push(right);
        }
        Some(chain)
    }

    /// What is compared when `right` is joined, column by column that this merges.
    fn join(&mut self, operator: &JoinOperator, right: &Ident) -> Option<Vec<Expr>> {
        let (constraint, either) = match operator {
            JoinOperator::Right(constraint)
            | JoinOperator::RightOuter(constraint)
            | JoinOperator::FullOuter(constraint) => (constraint, true),
            JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::Left(constraint)
            | JoinOperator::LeftOuter(constraint) => (constraint, false),
            _ => return Some(Vec::new()),
        };
        let names = match constraint {
            JoinConstraint::Using(names) => names,
            JoinConstraint::Natural => return None,
            _ => return Some(Vec::new()),
        };
        self.from_either |= either;
        let mut equal = Vec::with_capacity(names.len());
        for name in names {
            let [ObjectNamePart::Identifier(name)] = name.0.as_slice() else { return None };
            let right = Expr::CompoundIdentifier(vec![right.clone(), name.clone()]);
            let left = self.merge(name, either.then(|| right.clone()))?;
            equal.push(binary(left, BinaryOperator::Eq, right));
        }
        Some(equal)
    }

    /// The column as it was, which is from now on also that of `right`.
    fn merge(&mut self, name: &Ident, right: Option<Expr>) -> Option<Expr> {
        let known = self.columns.iter().position(|column| folded(&column.name) == folded(name));
        let at = match (known, self.tables.as_slice()) {
            (Some(at), _) => at,
            (None, [only]) => {
                let value = Expr::CompoundIdentifier(vec![only.clone(), name.clone()]);
                self.columns.push(Merged { name: name.clone(), value });
                self.columns.len() - 1
            }
            (None, _) => return None,
        };
        let column = self.columns.get_mut(at)?;
        let left = column.value.clone();
        if let Some(right) = right {
            column.value = call("coalesce", [left.clone(), right]);
        }
        Some(left)
    }

    /// `*`: what is merged comes first, and once.
    fn star(&self) -> Vec<SelectItem> {
        let tables = self.tables.iter().enumerate().map(|(at, table)| {
            // Which of the others have a column, only their joins tell.
            let merging = at == 0 || self.conditions.get(at - 1).is_some_and(Option::is_some);
            let mut options = WildcardAdditionalOptions::default();
            if merging && !self.columns.is_empty() {
                let columns = self.columns.iter().map(|column| column.name.clone());
                let names = columns.map(|name| ObjectName::from(vec![name]));
                options.opt_exclude = Some(ExcludeSelectItem::Multiple(names.collect()));
            }
            let name = ObjectName::from(vec![table.clone()]);
            let kind = SelectItemQualifiedWildcardKind::ObjectName(name);
            SelectItem::QualifiedWildcard(kind, options)
        });
        self.columns.iter().map(shown).chain(tables).collect()
    }
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

fn join_on(tables: &mut TableWithJoins, conditions: &[Option<Expr>]) {
    for (join, condition) in tables.joins.iter_mut().zip(conditions) {
        if let JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) = &mut join.join_operator
            && let Some(condition) = condition
        {
            *constraint = JoinConstraint::On(condition.clone());
        }
    }
}

/// What the columns of a table may be qualified with.
fn table_name(factor: &TableFactor) -> Option<Ident> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. }
        | TableFactor::Function { alias: Some(alias), .. }
        | TableFactor::UNNEST { alias: Some(alias), .. } => Some(alias.name.clone()),
        TableFactor::Table { name, .. } => match name.0.last() {
            Some(ObjectNamePart::Identifier(name)) => Some(name.clone()),
            _ => None,
        },
        _ => None,
    }
}

fn shown(column: &Merged) -> SelectItem {
    SelectItem::ExprWithAlias { expr: column.value.clone(), alias: column.name.clone() }
}

/// Writes merged columns that stand without a table; those of subqueries are their own.
struct Written {
    columns: Vec<Merged>,
    queries: usize,
}

impl VisitorMut for Written {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = expr
            && self.queries == 0
            && let Some(column) = self.columns.iter().find(|it| folded(&it.name) == folded(name))
        {
            *expr = column.value.clone();
        }
        ControlFlow::Continue(())
    }
}
