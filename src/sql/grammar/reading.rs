//! What a query may be that only reads.

use datafusion::sql::sqlparser::ast::{Query, SetExpr};

use super::changing::{changing, inside_a_query};
use crate::sql::SqlError;
use crate::sql::read::locking;

/// How deeply parentheses and subqueries may be nested.
pub(super) const RECURSION_MAX: usize = 50;

/// A query that changes nothing and asks for no locks.
pub(super) fn only_reading(query: Box<Query>) -> Result<Box<Query>, SqlError> {
    if let Some(name) = locking::name(&query) {
        return Err(SqlError::unsupported(format!("{name} here")));
    }
    perhaps_locking(query)
}

/// A query that changes nothing; it may lock what it reads.
pub(super) fn perhaps_locking(query: Box<Query>) -> Result<Box<Query>, SqlError> {
    locking::check(&query)?;
    check_body(&query.body)?;
    let with = query.with.iter().flat_map(|with| &with.cte_tables);
    for table in with {
        check_body(&table.query.body)?;
    }
    Ok(query)
}

/// Refuses by name what makes a table of a query, or changes one. What writes deeper inside is
/// refused as the statement is adapted.
fn check_body(body: &SetExpr) -> Result<(), SqlError> {
    match body {
        SetExpr::Select(select) => match select.into {
            Some(_) => Err(SqlError::unsupported("SELECT INTO")),
            None => Ok(()),
        },
        SetExpr::Query(query) => check_body(&query.body),
        other => changing(other).map_or(Ok(()), |name| Err(inside_a_query(name))),
    }
}
