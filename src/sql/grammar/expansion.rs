//! How large a query is once its WITH queries stand in the places that name them.
//!
//! The planner puts a WITH query wherever it is named. A chain of them that each name the one
//! before twice is short to write, and doubles with every link.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{ObjectName, Query, Visit, Visitor};

use super::name::folded;
use crate::sql::{SqlError, SqlState};

/// Most relations of a statement.
const RELATIONS_MAX: usize = 500;

/// Most WITH queries in one another: the planner looks for relations in each of them twice.
const WITH_LEVELS_MAX: usize = 10;

/// Refuses a query that would be too large to plan.
///
/// # Errors
/// 54001, with the limit.
pub(in crate::sql) fn check(query: &Query) -> Result<(), SqlError> {
    match query.visit(&mut Expansion::default()) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(excess) => {
            Err(SqlError::new(SqlState::StatementTooComplex, excess.message()))
        }
    }
}

/// What a query has too much of.
enum Excess {
    Relations,
    WithLevels,
}

impl Excess {
    fn message(&self) -> String {
        match self {
            Self::Relations => format!(
                "the query reads more than {RELATIONS_MAX} relations, those of WITH counted \
                 wherever they are named"
            ),
            Self::WithLevels => {
                format!("more than {WITH_LEVELS_MAX} queries of WITH are nested in one another")
            }
        }
    }
}

/// The queries around the one that is visited.
#[derive(Default)]
struct Expansion(Vec<Level>);

#[derive(Default)]
struct Level {
    relations: usize,
    /// What the WITH queries seen so far read.
    with: HashMap<String, usize>,
    /// Names of those that come next, before anything else of the query.
    coming: VecDeque<String>,
    /// The name of the query itself, if it stands in WITH.
    name: Option<String>,
    /// How many queries of WITH it stands in, and whether it is one.
    with_levels: usize,
}

impl Visitor for Expansion {
    type Break = Excess;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Excess> {
        let name = self.0.last_mut().and_then(|around| around.coming.pop_front());
        let with = query.with.iter().flat_map(|with| &with.cte_tables);
        let coming = with.map(|table| folded(&table.alias.name)).collect();
        let around = self.0.last().map_or(0, |around| around.with_levels);
        let with_levels = around + usize::from(name.is_some());
        if with_levels > WITH_LEVELS_MAX {
            return ControlFlow::Break(Excess::WithLevels);
        }
        self.0.push(Level { coming, name, with_levels, ..Level::default() });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<Excess> {
        let (Some(done), Some(around)) = (self.0.pop(), self.0.last_mut()) else {
            return ControlFlow::Continue(());
        };
        match done.name {
            Some(name) => drop(around.with.insert(name, done.relations)),
            None => around.relations += done.relations,
        }
        within_limits(around)
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Excess> {
        let [part] = &*relation.0 else { return self.read(1) };
        let Some(name) = part.as_ident().map(folded) else { return self.read(1) };
        let named = self.0.iter().rev().find_map(|level| level.with.get(&name));
        self.read(named.copied().unwrap_or(1).max(1))
    }
}

impl Expansion {
    fn read(&mut self, relations: usize) -> ControlFlow<Excess> {
        let Some(level) = self.0.last_mut() else { return ControlFlow::Continue(()) };
        level.relations += relations;
        within_limits(level)
    }
}

fn within_limits(level: &Level) -> ControlFlow<Excess> {
    if level.relations > RELATIONS_MAX {
        return ControlFlow::Break(Excess::Relations);
    }
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::grammar::statement::Command;

    fn is_refused(text: &str) -> bool {
        let parsed = crate::sql::grammar::parser::parse(text, &[]).unwrap();
        let Command::Query(query) = parsed[0].command() else { panic!("no query: {text}") };
        check(query).is_err()
    }

    fn chain(links: usize) -> String {
        let link = |at| format!("a{at} AS (SELECT a.x FROM a{0} a, a{0} b)", at - 1);
        let links: Vec<_> = (1..=links).map(link).collect();
        format!("WITH a0 AS (SELECT 1 x), {} SELECT count(*) FROM ", links.join(", "))
    }

    #[test]
    fn a_chain_that_doubles_is_refused_where_it_gets_large() {
        assert!(!is_refused(&format!("{}a8", chain(8))));
        assert!(is_refused(&format!("{}a9", chain(9))));
        assert!(is_refused(&format!("{}a60", chain(60))));
        assert!(is_refused(&format!("SELECT 1 WHERE EXISTS ({}a9)", chain(9))));
    }

    #[test]
    fn a_name_means_the_nearest_query_of_that_name() {
        let hidden = format!("{}(WITH a9 AS (SELECT 1) SELECT * FROM a9) s", chain(8));
        assert!(!is_refused(&hidden));
        assert!(!is_refused(&format!("{}public.a8", chain(8))));
    }

    #[test]
    fn with_is_nested_in_with_so_often() {
        let nested = |levels| {
            let within = |query, _| format!("WITH a AS ({query}) SELECT * FROM a");
            (0..levels).fold("SELECT 1".to_owned(), within)
        };
        assert!(!is_refused(&nested(WITH_LEVELS_MAX)));
        assert!(is_refused(&nested(WITH_LEVELS_MAX + 1)));
        assert!(is_refused(&format!("SELECT 1 WHERE EXISTS ({})", nested(WITH_LEVELS_MAX + 1))));
        let links = "SELECT * FROM a".to_owned() + &" UNION SELECT * FROM a".repeat(50);
        assert!(!is_refused(&format!("WITH a AS ({}) {links}", nested(WITH_LEVELS_MAX - 1))));
    }

    #[test]
    fn long_lists_of_relations_are_refused_beyond_the_limit() {
        let list = |count| {
            let tables: Vec<_> = (0..count).map(|at| format!("t AS t{at}")).collect();
            format!("SELECT 1 FROM {}", tables.join(", "))
        };
        assert!(!is_refused(&list(RELATIONS_MAX)));
        assert!(is_refused(&list(RELATIONS_MAX + 1)));
    }
}
