//! Aggregates of columns of a query further out, which are that query's and not the inner one's.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Function, Query, Visit, Visitor};

use super::misuse::is_aggregate;
use super::sources::{Place, Sources};
use crate::sql::{SqlError, SqlState};

/// That `called`, if it is an aggregate, is not one of the query in whose FROM it stands.
///
/// # Errors
/// 42803.
pub(super) fn check(called: &Function, sources: &Sources) -> Result<(), SqlError> {
    if !is_aggregate(called) {
        return Ok(());
    }
    let mut columns = Columns { sources, innermost: None };
    let is_known = called.args.visit(&mut columns).is_continue();
    match columns.innermost {
        Some(Place { queries_out: 1.., in_from: true }) if is_known => {
            let message =
                "aggregate functions are not allowed in FROM clause of their own query level";
            Err(SqlError::new(SqlState::GroupingError, message))
        }
        _ => Ok(()),
    }
}

/// Where the columns of an argument are from: the aggregate is of the innermost of these queries.
struct Columns<'a> {
    sources: &'a Sources,
    innermost: Option<Place>,
}

impl Visitor for Columns<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        ControlFlow::Break(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if !matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) {
            return ControlFlow::Continue(());
        }
        let Some(place) = self.sources.place(expr) else { return ControlFlow::Break(()) };
        let others = self.innermost.filter(|other| other.queries_out < place.queries_out);
        self.innermost = others.or(Some(place));
        ControlFlow::Continue(())
    }
}
