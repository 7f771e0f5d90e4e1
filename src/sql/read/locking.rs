//! `SELECT .. FOR UPDATE` and `FOR SHARE`: which faces a query reads that nobody else may change
//! before its transaction is committed.
//!
//! Nobody waits for a lock. The faces are looked for by the query itself, with their ids behind its
//! own columns, and watched: a COMMIT that comes after another's change of one of them fails.

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, GroupByExpr, Ident, LockType, ObjectName, Query, Select, SelectItem, SetExpr,
    TableFactor,
};

use crate::sql::grammar::from::factors;
use crate::sql::grammar::name::{folded, name_parts};
use crate::sql::{SqlError, SqlState};

/// The rows that a query locks.
#[derive(Debug)]
pub(in crate::sql) struct Locking {
    /// The query, with the id of a face of each collection in its last columns.
    pub(in crate::sql) query: Query,
    /// The collections of these columns, by the parts of their names.
    pub(in crate::sql) collections: Vec<Vec<String>>,
}

/// What a query that locks rows is called; none where it locks nothing.
pub(in crate::sql) fn name(query: &Query) -> Option<&'static str> {
    Some(match query.locks.first()?.lock_type {
        LockType::Update => "SELECT FOR UPDATE",
        LockType::Share => "SELECT FOR SHARE",
    })
}

/// That the rows of a query are those of collections, where it locks them.
///
/// # Errors
/// As PostgreSQL's, and for rows of anything but collections.
pub(in crate::sql) fn check(query: &Query) -> Result<(), SqlError> {
    Locking::of(query).map(|_| ())
}

impl Locking {
    /// What `query` locks; none where that is nothing.
    ///
    /// # Errors
    /// As [`check`].
    pub(in crate::sql) fn of(query: &Query) -> Result<Option<Self>, SqlError> {
        let Some(written) = name(query) else { return Ok(None) };
        let lock = written.trim_start_matches("SELECT ");
        let mut query = query.clone();
        let of: Vec<_> = query.locks.drain(..).map(|lock| lock.of).collect();
        let select = match &mut *query.body {
            SetExpr::Select(select) => select,
            SetExpr::SetOperation { .. } => {
                return Err(not_allowed(lock, "with UNION/INTERSECT/EXCEPT"));
            }
            SetExpr::Values(_) => {
                let message = format!("{lock} cannot be applied to VALUES");
                return Err(SqlError::new(SqlState::FeatureNotSupported, message));
            }
            _ => return Err(SqlError::unsupported(format!("{lock} of this query"))),
        };
        check_select(select, lock)?;
        let with = query.with.iter().flat_map(|with| &with.cte_tables);
        let with: Vec<String> = with.map(|table| folded(&table.alias.name)).collect();
        let mut tables = tables(select, lock)?;
        tables.retain(|table| !table.is_one_of(&with));
        select_named(&mut tables, &of, lock)?;
        for (at, table) in tables.iter().enumerate() {
            let face_id = Ident::with_quote('"', "face_id");
            select.projection.push(SelectItem::ExprWithAlias {
                expr: Expr::CompoundIdentifier(vec![table.alias.clone(), face_id]),
                alias: Ident::with_quote('"', format!("locked face {at}")),
            });
        }
        let collections = tables.into_iter().map(|table| table.parts).collect();
        Ok(Some(Self { query, collections }))
    }
}

/// A table of a query.
struct Table {
    parts: Vec<String>,
    /// What it is called in the query.
    alias: Ident,
}

impl Table {
    fn is_one_of(&self, names: &[String]) -> bool {
        matches!(self.parts.as_slice(), [name] if names.contains(name))
    }
}

fn not_allowed(lock: &str, with: &str) -> SqlError {
    SqlError::new(SqlState::FeatureNotSupported, format!("{lock} is not allowed {with}"))
}

/// That the rows of `select` are rows of its tables.
fn check_select(select: &Select, lock: &str) -> Result<(), SqlError> {
    if matches!(select.distinct, Some(Distinct::Distinct | Distinct::On(_))) {
        return Err(not_allowed(lock, "with DISTINCT clause"));
    }
    match &select.group_by {
        GroupByExpr::Expressions(keys, _) if keys.is_empty() => {}
        _ => return Err(not_allowed(lock, "with GROUP BY clause")),
    }
    if select.having.is_some() {
        return Err(not_allowed(lock, "with HAVING clause"));
    }
    Ok(())
}

/// The tables of `select` that have faces.
fn tables(select: &Select, lock: &str) -> Result<Vec<Table>, SqlError> {
    factors(select)
        .map(|factor| match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let parts = name_parts(name).unwrap_or_default();
                let last = Ident::with_quote('"', parts.last().map_or("", String::as_str));
                let alias = alias.as_ref().map_or(last, |alias| alias.name.clone());
                Ok(Table { parts, alias })
            }
            _ => Err(SqlError::unsupported(format!("{lock} of anything but a collection"))),
        })
        .collect()
}

/// Leaves the tables that `OF` names, where it names some.
fn select_named(
    tables: &mut Vec<Table>,
    of: &[Option<ObjectName>],
    lock: &str,
) -> Result<(), SqlError> {
    let mut named = Vec::new();
    for name in of.iter().flatten() {
        let name = name_parts(name).and_then(|mut parts| parts.pop()).unwrap_or_default();
        if !tables.iter().any(|table| folded(&table.alias) == name) {
            let message = format!("relation \"{name}\" in {lock} clause not found in FROM clause");
            return Err(SqlError::new(SqlState::UndefinedTable, message));
        }
        named.push(name);
    }
    // One lock without OF is of all tables.
    if of.iter().all(Option::is_some) {
        tables.retain(|table| named.contains(&folded(&table.alias)));
    }
    Ok(())
}
