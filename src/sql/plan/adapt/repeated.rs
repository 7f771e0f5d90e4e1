//! Names that mean several columns of one table, or several results of a query: they are ambiguous,
//! where the planner, which knows these columns by other names, would know none.

use datafusion::sql::sqlparser::ast::{
    self, Distinct, Expr, FromTable, GroupByExpr, Ident, OrderByKind, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableFactor, TableWithJoins, UpdateTableFromKind,
};
use datafusion::sql::sqlparser::tokenizer::Location;

use super::columns::{Columns, Known, table_name};
use super::name::{column_name, rename, result};
use super::syntax::number;
use crate::sql::grammar::from::{factors, joined};
use crate::sql::grammar::name::{folded, name_parts};
use crate::sql::{SqlError, SqlState};

/// The tables in FROM around an expression, with their columns.
#[derive(Default)]
pub(super) struct Sources {
    scopes: Vec<Scope>,
}

enum Scope {
    Tables(Tables),
    /// What is further out is not seen from here.
    Wall,
}

/// Those of one FROM.
struct Tables {
    all: Vec<Source>,
    /// How many of them are seen from where FROM is read: those before it.
    before: Option<usize>,
    /// How many parentheses in FROM are around what is read.
    depth: usize,
}

pub(super) struct Source {
    pub(super) name: Option<String>,
    pub(super) columns: Columns,
}

/// An error, and where it is.
pub(super) type Ambiguous = (SqlError, Location);

impl Sources {
    pub(super) fn enter(&mut self, select: &Select, known: &Known) {
        self.scopes.push(tables(factors(select), known));
    }

    /// Enters what a statement changes, and what it changes that by.
    pub(super) fn enter_statement(&mut self, statement: &ast::Statement, known: &Known) {
        let from: Vec<&TableWithJoins> = match statement {
            ast::Statement::Update(update) => {
                let others = match &update.from {
                    Some(
                        UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from),
                    ) => from.as_slice(),
                    None => &[],
                };
                std::iter::once(&update.table).chain(others).collect()
            }
            ast::Statement::Delete(delete) => {
                let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) =
                    &delete.from;
                from.iter().chain(delete.using.iter().flatten()).collect()
            }
            _ => return,
        };
        self.scopes.push(tables(from.into_iter().flat_map(joined), known));
    }

    pub(super) fn leave(&mut self) {
        self.scopes.pop();
    }

    /// Enters what stands in FROM; a query there may see nothing of what stands beside it.
    pub(super) fn enter_factor(&mut self, factor: &TableFactor) {
        if let Some(Scope::Tables(tables)) = self.scopes.last_mut() {
            tables.before.get_or_insert_default();
            tables.depth += 1;
        }
        if is_walled(factor) {
            self.scopes.push(Scope::Wall);
        }
    }

    pub(super) fn leave_factor(&mut self, factor: &TableFactor) {
        if is_walled(factor) {
            self.scopes.pop();
        }
        if let Some(Scope::Tables(tables)) = self.scopes.last_mut() {
            tables.depth -= 1;
            if tables.depth == 0 {
                let before = tables.before.unwrap_or_default() + 1;
                tables.before = (before < tables.all.len()).then_some(before);
            }
        }
    }

    /// The tables that are seen, those of the innermost query first.
    pub(super) fn seen(&self) -> impl Iterator<Item = &[Source]> {
        self.scopes.iter().rev().map_while(|scope| match scope {
            Scope::Tables(tables) => {
                let end = tables.before.unwrap_or(tables.all.len());
                Some(tables.all.get(..end).unwrap_or_default())
            }
            Scope::Wall => None,
        })
    }

    /// That the column which `expr` names is one.
    pub(super) fn check(&self, expr: &Expr) -> Result<(), Ambiguous> {
        let (table, name, first) = match expr {
            Expr::Identifier(name) => (None, name, name),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [first, .., name] => (parts.iter().rev().nth(1).map(folded), name, first),
                _ => return Ok(()),
            },
            _ => return Ok(()),
        };
        let column = folded(name);
        for sources in self.seen() {
            let mut found = false;
            for source in sources.iter().filter(|it| table.is_none() || it.name == table) {
                match source.times(&column) {
                    Some(0) => found |= table.is_some(),
                    Some(1) | None => found = true,
                    Some(_) => return Err(ambiguous("column reference", &column, first)),
                }
            }
            if found {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Names results that are columns of tables further out; the planner would call them otherwise.
    pub(super) fn name_outer(&self, select: &mut Select) {
        let mut seen = self.seen();
        let own = seen.next().unwrap_or_default();
        if seen.next().is_none() {
            return;
        }
        for item in &mut select.projection {
            let SelectItem::UnnamedExpr(expr) = item else { continue };
            let is_own = match expr {
                Expr::Identifier(name) => {
                    own.iter().any(|source| source.times(&folded(name)) != Some(0))
                }
                Expr::CompoundIdentifier(parts) => {
                    let table = parts.iter().rev().nth(1).map(folded);
                    own.iter().any(|source| source.name == table)
                }
                _ => true,
            };
            if !is_own {
                let name = column_name(expr);
                rename(item, name);
            }
        }
    }
}

impl Source {
    fn of(factor: &TableFactor, known: &Known) -> Self {
        let name = table_name(factor).map(|name| folded(&name));
        Self { name, columns: known.of_factor(factor) }
    }

    /// How many columns are called so; none where only the planner knows.
    fn times(&self, column: &str) -> Option<usize> {
        Some(self.columns.as_ref()?.iter().filter(|known| *known == column).count())
    }
}

fn is_walled(factor: &TableFactor) -> bool {
    matches!(factor, TableFactor::Derived { lateral: false, .. })
}

fn tables<'a>(factors: impl Iterator<Item = &'a TableFactor>, known: &Known) -> Scope {
    let all = factors.map(|factor| Source::of(factor, known)).collect();
    Scope::Tables(Tables { all, before: None, depth: 0 })
}

fn ambiguous(what: &str, name: &str, at: &Ident) -> Ambiguous {
    let message = format!("{what} \"{name}\" is ambiguous");
    (SqlError::new(SqlState::AmbiguousColumn, message), at.span.start)
}

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
