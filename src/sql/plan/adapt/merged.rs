//! Columns that joins with `USING` and `NATURAL` merge.
//!
//! The planner takes a merged column from the left side, where it is NULL in rows that only the
//! right side of a `RIGHT` or `FULL JOIN` has; leaves it in its place in a `*`, where it comes
//! first in PostgreSQL; and leaves columns out of a `*` that are called as those which a derived
//! table has merged. So joins are written with `ON`, merged columns as what they are of the sides,
//! and stars in full. So are stars that show several columns of one name, each of which gets a name
//! of its own.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, OrderByKind, Query, Select,
    SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor, TableWithJoins, Value,
    VisitMut, VisitorMut, WildcardAdditionalOptions,
};

use super::columns::{Known, constraint, constraint_mut, merged, table_name};
use super::name::{numbered, result};
use super::syntax::call;
use crate::sql::grammar::from::factors;
use crate::sql::grammar::name::{folded, name_parts};
use crate::sql::{SqlError, SqlState};

/// A column of several tables.
#[derive(Clone)]
struct Merged {
    name: String,
    value: Expr,
}

/// Orders `query` by the columns that its joins merge, where it does not show them.
///
/// # Errors
/// Those of [`write_out`].
pub(super) fn order(query: &mut Query, known: &Known) -> Result<(), SqlError> {
    let SetExpr::Select(select) = &*query.body else { return Ok(()) };
    let mut columns = Vec::new();
    for tables in &select.from {
        let joined = Joined::of(tables, known)?;
        columns.extend(joined.into_iter().flat_map(Joined::columns));
    }
    columns.retain(|column| !select.projection.iter().any(|item| shows(item, &column.name)));
    if let Some(order) = &mut query.order_by
        && let OrderByKind::Expressions(keys) = &mut order.kind
    {
        let mut written = Written::new(columns, known);
        for key in keys {
            let _ = key.visit(&mut written);
        }
    }
    Ok(())
}

/// Whether a column of the result is called so, and what is ordered by it means that.
fn shows(item: &SelectItem, name: &str) -> bool {
    match item {
        SelectItem::Wildcard(_) => true,
        SelectItem::UnnamedExpr(Expr::Identifier(shown))
        | SelectItem::ExprWithAlias { alias: shown, .. } => folded(shown) == name,
        _ => false,
    }
}

/// Writes the merging joins of `select`, and stars over them or of several columns of one name.
/// That of an outermost query may show columns that other items or other tables have too.
///
/// # Errors
/// 42703 and 42702 for a column to merge that a side has not, or twice; 0A000 for a star over a
/// table whose columns only the planner knows.
pub(super) fn write_out(
    select: &mut Select,
    known: &Known,
    outermost: bool,
) -> Result<(), SqlError> {
    let all: Result<Vec<Option<Joined>>, _> =
        select.from.iter().map(|tables| Joined::of(tables, known)).collect();
    let all = all?;
    let is_unknown = |(tables, joined): (&TableWithJoins, &Option<Joined>)| {
        joined.is_none() && is_merging(tables)
    };
    if select.from.iter().zip(&all).any(is_unknown)
        && select.projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_)))
    {
        return Err(SqlError::unsupported("USING or NATURAL of unknown columns below *")
            .with_hint("Name the columns, or join ON a condition."));
    }
    let merges = all.iter().flatten().any(|joined| joined.merges);
    let stars = Stars { all: &all };
    if !merges && !stars.repeat(&select.projection, outermost) {
        return Ok(());
    }
    let items = std::mem::take(&mut select.projection).into_iter();
    select.projection =
        items.flat_map(|item| stars.columns(&item).unwrap_or_else(|| vec![item])).collect();
    if !merges {
        return Ok(());
    }
    let mut columns = Vec::new();
    for (tables, joined) in select.from.iter_mut().zip(all) {
        if let Some(joined) = joined {
            *tables = joined.tables.clone();
            columns.extend(joined.columns());
        }
    }
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(Expr::Identifier(name)) = item
            && let Some(column) = columns.iter().find(|it| it.name == folded(name))
        {
            *item = shown(column);
        }
    }
    let _ = select.visit(&mut Written::new(columns, known));
    Ok(())
}

/// What a star over joined tables shows, part by part.
enum Part {
    Merged(Box<Merged>),
    /// The columns of a table, without those that are merged.
    Table {
        name: Ident,
        columns: Vec<String>,
        merged: Vec<String>,
    },
}

/// A table and those that are joined to it.
struct Joined {
    /// The same, with `ON`.
    tables: TableWithJoins,
    parts: Vec<Part>,
    /// Whether a join merges columns.
    merges: bool,
}

impl Joined {
    /// None where only the planner knows the columns of a table.
    fn of(tables: &TableWithJoins, known: &Known) -> Result<Option<Self>, SqlError> {
        let mut tables = tables.clone();
        let mut merges = false;
        let mut side = |factor: &mut TableFactor| {
            let TableFactor::NestedJoin { table_with_joins, alias: None } = factor else {
                return Ok(table(factor, known).map(|part| vec![part]));
            };
            let Some(joined) = Self::of(table_with_joins, known)? else { return Ok(None) };
            **table_with_joins = joined.tables;
            merges |= joined.merges;
            Ok::<_, SqlError>(Some(joined.parts))
        };
        let Some(mut parts) = side(&mut tables.relation)? else { return Ok(None) };
        let mut constraints = Vec::with_capacity(tables.joins.len());
        for join in &mut tables.joins {
            let Some(right) = side(&mut join.relation)? else { return Ok(None) };
            let Some((joined, on)) = pair(&join.join_operator, parts, right)? else {
                return Ok(None);
            };
            parts = joined;
            constraints.push(on);
        }
        for (join, on) in tables.joins.iter_mut().zip(constraints) {
            let Some(on) = on else { continue };
            merges = true;
            if let Some(constraint) = constraint_mut(&mut join.join_operator) {
                *constraint = JoinConstraint::On(on);
            }
        }
        Ok(Some(Self { tables, parts, merges }))
    }

    fn columns(self) -> Vec<Merged> {
        let columns = self.parts.into_iter().filter_map(|part| match part {
            Part::Merged(column) => Some(*column),
            Part::Table { .. } => None,
        });
        columns.collect()
    }

    /// `*`: what is merged comes first, and once.
    fn star(&self) -> Vec<SelectItem> {
        let item = |part: &Part| match part {
            Part::Merged(column) => vec![shown(column)],
            Part::Table { merged, .. } => part.items(|name| !merged.contains(name)),
        };
        self.parts.iter().flat_map(item).collect()
    }
}

impl Part {
    /// Columns of a table as items of a select list.
    fn items(&self, wanted: impl Fn(&String) -> bool) -> Vec<SelectItem> {
        let Self::Table { name: table, columns, .. } = self else { return Vec::new() };
        let item = |(name, own): (&String, String)| {
            let column = Expr::CompoundIdentifier(vec![table.clone(), quoted(&own)]);
            if *name == own {
                return SelectItem::UnnamedExpr(column);
            }
            SelectItem::ExprWithAlias { expr: column, alias: quoted(name) }
        };
        let columns = columns.iter().zip(numbered(columns));
        columns.filter(|(name, _)| wanted(name)).map(item).collect()
    }
}

/// The stars of a select list over these tables.
struct Stars<'a> {
    all: &'a [Option<Joined>],
}

impl Stars<'_> {
    /// What a star shows; none of another item, or where only the planner knows.
    fn columns(&self, item: &SelectItem) -> Option<Vec<SelectItem>> {
        let plain = WildcardAdditionalOptions::default();
        match item {
            SelectItem::Wildcard(options) if *options == plain => {
                let all: Option<Vec<&Joined>> = self.all.iter().map(Option::as_ref).collect();
                Some(all?.into_iter().flat_map(Joined::star).collect())
            }
            SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(table),
                options,
            ) if *options == plain => {
                let table = name_parts(table)?.pop()?;
                let is_it = |part: &&Part| match part {
                    Part::Table { name, .. } => folded(name) == table,
                    Part::Merged(_) => false,
                };
                let mut parts = self.all.iter().flatten().flat_map(|joined| &joined.parts);
                Some(parts.find(is_it)?.items(|_| true))
            }
            _ => None,
        }
    }

    /// Whether a star shows a column that the planner could not tell from another of the list.
    fn repeat(&self, items: &[SelectItem], outermost: bool) -> bool {
        let mut names = Vec::new();
        let mut seen = HashSet::new();
        for item in items {
            let Some(columns) = self.columns(item) else {
                names.extend(result(item));
                continue;
            };
            for column in columns {
                let name = result(&column).unwrap_or_default();
                // Those of several tables are told apart in an answer.
                let own = if outermost { column.to_string() } else { name.clone() };
                if !seen.insert((name, own)) {
                    return true;
                }
            }
        }
        // In an answer other items get names of their own.
        !outermost && names.iter().any(|name| seen.iter().any(|(shown, _)| shown == name))
    }
}

fn is_merging(tables: &TableWithJoins) -> bool {
    tables.joins.iter().any(|join| merges(&join.join_operator))
}

fn merges(operator: &JoinOperator) -> bool {
    matches!(constraint(operator), Some(JoinConstraint::Using(_) | JoinConstraint::Natural))
}

/// A table before anything is joined to it.
fn table(factor: &TableFactor, known: &Known) -> Option<Part> {
    let name = table_name(factor)?;
    Some(Part::Table { name, columns: known.of_factor(factor)?, merged: Vec::new() })
}

/// Parts of a star over a join, and the condition of the join where it merges columns.
type Pair = (Vec<Part>, Option<Expr>);

/// Two sides joined; none where their columns cannot be told.
fn pair(
    operator: &JoinOperator,
    mut left: Vec<Part>,
    mut right: Vec<Part>,
) -> Result<Option<Pair>, SqlError> {
    let merges = merges(operator);
    let Some(names) = merged(operator, &names(&left), &names(&right)) else { return Ok(None) };
    let (mut parts, mut condition) = (Vec::with_capacity(names.len()), None);
    for name in names {
        let (of_left, of_right) =
            (taken(&mut left, &name, "left")?, taken(&mut right, &name, "right")?);
        let value = match operator {
            JoinOperator::Right(_) | JoinOperator::RightOuter(_) => of_right.clone(),
            JoinOperator::FullOuter(_) => call("coalesce", [of_left.clone(), of_right.clone()]),
            _ => of_left.clone(),
        };
        parts.push(Part::Merged(Box::new(Merged { name, value })));
        let equal = binary(of_left, BinaryOperator::Eq, of_right);
        condition = Some(match condition {
            Some(others) => binary(others, BinaryOperator::And, equal),
            None => equal,
        });
    }
    parts.append(&mut left);
    parts.append(&mut right);
    let always = || Expr::value(Value::Boolean(true));
    Ok(Some((parts, merges.then(|| condition.unwrap_or_else(always)))))
}

/// The columns of a star.
fn names(parts: &[Part]) -> Vec<String> {
    let of_part = |part: &Part| match part {
        Part::Merged(column) => vec![column.name.clone()],
        Part::Table { columns, merged, .. } => {
            columns.iter().filter(|name| !merged.contains(name)).cloned().collect()
        }
    };
    parts.iter().flat_map(of_part).collect()
}

/// The value of the column called so, which these parts show no longer.
fn taken(parts: &mut Vec<Part>, name: &str, side: &str) -> Result<Expr, SqlError> {
    match names(parts).iter().filter(|known| *known == name).count() {
        1 => {}
        0 => {
            let message = format!(
                "column \"{name}\" specified in USING clause does not exist in {side} table"
            );
            return Err(SqlError::new(SqlState::UndefinedColumn, message));
        }
        _ => {
            let message =
                format!("common column name \"{name}\" appears more than once in {side} table");
            return Err(SqlError::new(SqlState::AmbiguousColumn, message));
        }
    }
    let is_it = |part: &Part| matches!(part, Part::Merged(column) if column.name == name);
    if let Some(at) = parts.iter().position(is_it)
        && let Part::Merged(column) = parts.remove(at)
    {
        return Ok(column.value);
    }
    for part in parts {
        if let Part::Table { name: table, columns, merged } = part
            && columns.iter().any(|column| column == name)
            && !merged.iter().any(|column| column == name)
        {
            merged.push(name.to_owned());
            return Ok(Expr::CompoundIdentifier(vec![table.clone(), quoted(name)]));
        }
    }
    Ok(Expr::Identifier(quoted(name)))
}

fn quoted(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

fn shown(column: &Merged) -> SelectItem {
    SelectItem::ExprWithAlias { expr: column.value.clone(), alias: quoted(&column.name) }
}

/// Writes merged columns that stand without a table, in subqueries where no column or name of their
/// own is called so.
struct Written<'k> {
    columns: Vec<Merged>,
    known: &'k Known,
    /// What each subquery around an expression names itself; none where only the planner knows.
    own_names: Vec<Option<Vec<String>>>,
}

impl<'k> Written<'k> {
    fn new(columns: Vec<Merged>, known: &'k Known) -> Self {
        Self { columns, known, own_names: Vec::new() }
    }

    fn own_names(&self, query: &Query) -> Option<Vec<String>> {
        let SetExpr::Select(select) = &*query.body else { return None };
        let aliases = select.projection.iter().filter_map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
            _ => None,
        });
        let mut names: Vec<String> = aliases.collect();
        for factor in factors(select) {
            names.extend(self.known.of_factor(factor)?);
        }
        query.with.is_none().then_some(names)
    }

    fn is_free(&self, name: &str) -> bool {
        let is_own = |names: &Vec<String>| names.iter().any(|own| own == name);
        self.own_names.iter().all(|names| names.as_ref().is_some_and(|names| !is_own(names)))
    }
}

impl VisitorMut for Written<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.own_names.push(self.own_names(query));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.own_names.pop();
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = expr
            && let name = folded(name)
            && let Some(column) = self.columns.iter().find(|it| it.name == name)
            && self.is_free(&name)
        {
            *expr = column.value.clone();
        }
        ControlFlow::Continue(())
    }
}
