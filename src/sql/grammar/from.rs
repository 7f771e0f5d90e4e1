//! What stands in FROM.

use datafusion::sql::sqlparser::ast::{Select, TableFactor};

/// What stands in the FROM of `select`, also behind JOIN; what is in parentheses is one.
pub(in crate::sql) fn factors(select: &Select) -> impl Iterator<Item = &TableFactor> {
    select.from.iter().flat_map(|from| {
        std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation))
    })
}
