//! What stands in FROM.

use datafusion::sql::sqlparser::ast::{Select, TableFactor, TableWithJoins};

/// What stands in the FROM of `select`, also behind JOIN; what is in parentheses is one.
pub(in crate::sql) fn factors(select: &Select) -> impl Iterator<Item = &TableFactor> {
    select.from.iter().flat_map(joined)
}

/// What `tables` joins.
pub(in crate::sql) fn joined(tables: &TableWithJoins) -> impl Iterator<Item = &TableFactor> {
    std::iter::once(&tables.relation).chain(tables.joins.iter().map(|join| &join.relation))
}
