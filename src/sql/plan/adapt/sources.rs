//! The tables that are seen from where an expression stands, with the names of their columns: what
//! a name may mean, and whether that is one thing.

use datafusion::sql::sqlparser::ast::{
    self, Expr, FromTable, Ident, JoinOperator, Select, SelectItem,
    SelectItemQualifiedWildcardKind, TableFactor, TableWithJoins, UpdateTableFromKind,
    WildcardAdditionalOptions,
};
use datafusion::sql::sqlparser::tokenizer::Location;

use super::columns::{Columns, Known, table_name};
use super::name::{column_name, numbered, rename};
use super::record;
use crate::sql::grammar::from::factors;
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
    /// Whether its rows are values of a function.
    pub(super) is_of_values: bool,
    /// Whether an outer join may have no row of it.
    pub(super) may_be_absent: bool,
}

/// Where a column is from.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// How far out the query of its table is; 0 is the innermost.
    pub(super) queries_out: usize,
    /// Whether what is read stands in FROM of that query.
    pub(super) in_from: bool,
}

/// An error, and where it is.
pub(super) type Ambiguous = (SqlError, Location);

impl Sources {
    pub(super) fn enter(&mut self, select: &Select, known: &Known) {
        self.scopes.push(tables(&select.from, known));
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
        self.scopes.push(tables(from, known));
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
        self.in_sight().map(Tables::seen)
    }

    fn in_sight(&self) -> impl Iterator<Item = &Tables> {
        self.scopes.iter().rev().map_while(|scope| match scope {
            Scope::Tables(tables) => Some(tables),
            Scope::Wall => None,
        })
    }

    /// Where the column that `expr` names is from; none where that is not known.
    pub(super) fn place(&self, expr: &Expr) -> Option<Place> {
        let (table, name) = match expr {
            Expr::Identifier(name) => (None, name),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [.., table, name] => (Some(folded(table)), name),
                _ => return None,
            },
            _ => return None,
        };
        let column = folded(name);
        for (queries_out, tables) in self.in_sight().enumerate() {
            for source in tables.seen().iter().filter(|it| table.is_none() || it.name == table) {
                if source.times(&column)? > 0 {
                    return Some(Place { queries_out, in_from: tables.before.is_some() });
                }
            }
        }
        None
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
        if let Some(table) = &table
            && self.seen().flatten().all(|source| source.name.as_ref() != Some(table))
            && self.seen().flatten().any(|source| source.times(table) > Some(0))
        {
            // The planner would look for a field of that column.
            let message = format!("missing FROM-clause entry for table \"{table}\"");
            return Err((SqlError::new(SqlState::UndefinedTable, message), first.span.start));
        }
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

    /// Writes out the stars of tables further out, which the planner does not find.
    pub(super) fn write_out_stars(&self, select: &mut Select) {
        let own: Vec<String> =
            factors(select).filter_map(table_name).map(|name| folded(&name)).collect();
        let mut items = Vec::with_capacity(select.projection.len());
        for item in std::mem::take(&mut select.projection) {
            match self.outer_star(&item, &own) {
                Some(columns) => items.extend(columns),
                None => items.push(item),
            }
        }
        select.projection = items;
    }

    fn outer_star(&self, item: &SelectItem, own: &[String]) -> Option<Vec<SelectItem>> {
        let SelectItem::QualifiedWildcard(
            SelectItemQualifiedWildcardKind::ObjectName(table),
            options,
        ) = item
        else {
            return None;
        };
        let name = name_parts(table)?.pop().filter(|name| !own.contains(name))?;
        let source = self.seen().flatten().find(|source| source.name.as_ref() == Some(&name))?;
        let names = source.columns.as_ref()?;
        let quoted = |name: &str| Ident::with_quote('"', name);
        let column = |(shown, own): (&String, String)| SelectItem::ExprWithAlias {
            expr: Expr::CompoundIdentifier(vec![quoted(&name), quoted(&own)]),
            alias: quoted(shown),
        };
        let is_plain = *options == WildcardAdditionalOptions::default();
        is_plain.then(|| names.iter().zip(numbered(names)).map(column).collect())
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

impl Tables {
    fn seen(&self) -> &[Source] {
        self.all.get(..self.before.unwrap_or(self.all.len())).unwrap_or_default()
    }
}

impl Source {
    pub(super) fn of(factor: &TableFactor, known: &Known) -> Self {
        let name = table_name(factor).map(|name| folded(&name));
        let (columns, is_of_values) = (known.of_factor(factor), is_of_values(factor));
        Self { name, columns, is_of_values, may_be_absent: false }
    }

    /// How many columns are called so; none where only the planner knows.
    pub(super) fn times(&self, column: &str) -> Option<usize> {
        Some(self.columns.as_ref()?.iter().filter(|known| *known == column).count())
    }
}

/// Whether this is a call of a function whose rows are no records.
fn is_of_values(factor: &TableFactor) -> bool {
    match factor {
        TableFactor::Table { name, args: Some(_), with_ordinality, .. }
        | TableFactor::Function { name, with_ordinality, .. } => {
            !with_ordinality && !record::is_called(name)
        }
        TableFactor::UNNEST { with_ordinality, .. } => !with_ordinality,
        _ => false,
    }
}

fn is_walled(factor: &TableFactor) -> bool {
    matches!(factor, TableFactor::Derived { lateral: false, .. })
}

fn tables<'a>(from: impl IntoIterator<Item = &'a TableWithJoins>, known: &Known) -> Scope {
    let all = from.into_iter().flat_map(|tables| joined_sources(tables, known)).collect();
    Scope::Tables(Tables { all, before: None, depth: 0 })
}

fn joined_sources(tables: &TableWithJoins, known: &Known) -> Vec<Source> {
    let mut sources = vec![Source::of(&tables.relation, known)];
    for join in &tables.joins {
        let (before, behind) = absent_sides(&join.join_operator);
        for source in &mut sources {
            source.may_be_absent |= before;
        }
        let source = Source::of(&join.relation, known);
        sources.push(Source { may_be_absent: behind, ..source });
    }
    sources
}

/// Whether a join may have no row of what stands before it, and of what stands behind it.
fn absent_sides(join: &JoinOperator) -> (bool, bool) {
    match join {
        JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => (false, true),
        JoinOperator::Right(_) | JoinOperator::RightOuter(_) => (true, false),
        JoinOperator::FullOuter(_) => (true, true),
        _ => (false, false),
    }
}

pub(super) fn ambiguous(what: &str, name: &str, at: &Ident) -> Ambiguous {
    let message = format!("{what} \"{name}\" is ambiguous");
    (SqlError::new(SqlState::AmbiguousColumn, message), at.span.start)
}
