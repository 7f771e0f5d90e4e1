//! Aggregates and window functions where they have no place, and what only their calls may say.
//!
//! The planner refuses some of these in its own words and takes others for something else: an
//! aggregate in RETURNING would count the rows that are written at once.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use datafusion::execution::SessionStateDefaults;
use datafusion::sql::sqlparser::ast::{
    self, DuplicateTreatment, Expr, Function, FunctionArgumentClause, FunctionArguments,
    GroupByExpr, JoinConstraint, LimitClause, ObjectName, Query, Select, SelectItem, SetExpr,
    TableFactor, Visit, Visitor,
};

use super::columns::{Known, constraint};
use super::sources::Sources;
use super::syntax::plain_argument;
use crate::sql::function::aggregate;
use crate::sql::grammar::name::name_parts;
use crate::sql::{SqlError, SqlState};

static AGGREGATES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let theirs = SessionStateDefaults::default_aggregate_functions();
    let all = aggregate::functions(theirs).into_iter();
    all.flat_map(|function| named(function.name(), function.aliases())).collect()
});

static WINDOWS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let all = SessionStateDefaults::default_window_functions().into_iter();
    all.flat_map(|function| named(function.name(), function.aliases())).collect()
});

/// Functions of single values that there are, though not all of them.
static SCALARS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let all = SessionStateDefaults::default_scalar_functions().into_iter();
    all.flat_map(|function| named(function.name(), function.aliases())).collect()
});

fn named(name: &str, aliases: &[String]) -> Vec<String> {
    std::iter::once(name.to_owned()).chain(aliases.iter().cloned()).collect()
}

/// Checks what a statement writes and returns.
///
/// # Errors
/// 42803 and 42P20.
pub(super) fn check_statement(statement: &ast::Statement) -> Result<(), SqlError> {
    let (values, condition, returning) = match statement {
        ast::Statement::Update(update) => {
            let values = update.assignments.iter().map(|assignment| &assignment.value).collect();
            (values, update.selection.as_ref(), update.returning.as_ref())
        }
        ast::Statement::Delete(delete) => {
            (Vec::new(), delete.selection.as_ref(), delete.returning.as_ref())
        }
        ast::Statement::Insert(insert) => (Vec::new(), None, insert.returning.as_ref()),
        _ => return Ok(()),
    };
    values.into_iter().try_for_each(|value| check("UPDATE", value))?;
    condition.into_iter().try_for_each(|condition| check("WHERE", condition))?;
    let items = returning.into_iter().flatten().filter_map(item);
    items.into_iter().try_for_each(|item| check("RETURNING", item))
}

/// Checks the limits of a query, and its cells where it is VALUES.
///
/// # Errors
/// 42803, 42P20 and 42P10.
pub(super) fn check_query(query: &Query, known: &Known) -> Result<(), SqlError> {
    if let Some(LimitClause::LimitOffset { limit, offset, .. }) = &query.limit_clause {
        let mut sources = Sources::default();
        if let SetExpr::Select(select) = &*query.body {
            sources.enter(select, known);
        }
        limit.iter().try_for_each(|limit| check_bound("LIMIT", limit, &sources))?;
        offset.iter().try_for_each(|offset| check_bound("OFFSET", &offset.value, &sources))?;
    }
    let SetExpr::Values(values) = &*query.body else { return Ok(()) };
    values.rows.iter().flat_map(|row| &row.content).try_for_each(|cell| check("VALUES", cell))
}

/// Checks the clauses of `select`, and that its joins say what they join by.
///
/// # Errors
/// 42803, 42P20 and 42601.
pub(super) fn check_select(select: &Select) -> Result<(), SqlError> {
    select.selection.iter().try_for_each(|condition| check("WHERE", condition))?;
    if let GroupByExpr::Expressions(keys, _) = &select.group_by {
        keys.iter().try_for_each(|key| check("GROUP BY", key))?;
    }
    if let Some(condition) = &select.having
        && find(condition, |called| called.over.is_some())
    {
        return Err(no_window("HAVING"));
    }
    select.from.iter().flat_map(|table| &table.joins).try_for_each(|join| {
        match constraint(&join.join_operator) {
            Some(JoinConstraint::On(condition)) => check("JOIN conditions", condition),
            Some(JoinConstraint::None) => {
                let message = "syntax error: JOIN without ON or USING";
                Err(SqlError::new(SqlState::SyntaxError, message))
            }
            _ => Ok(()),
        }
    })
}

/// Checks a function in FROM and what it is given.
///
/// # Errors
/// 42803 and 42P20.
pub(super) fn check_factor(factor: &TableFactor) -> Result<(), SqlError> {
    const CLAUSE: &str = "functions in FROM";
    let (name, arguments) = match factor {
        TableFactor::Table { name, args: Some(arguments), .. } => (name, &arguments.args),
        TableFactor::Function { name, args, .. } => (name, args),
        _ => return Ok(()),
    };
    if plain_name(name).is_some_and(|name| AGGREGATES.contains(&name)) {
        return Err(no_aggregate(CLAUSE));
    }
    let arguments = arguments.iter().filter_map(plain_argument);
    arguments.into_iter().try_for_each(|argument| check(CLAUSE, &argument))
}

/// Checks what a call says beside its arguments.
///
/// # Errors
/// 42809 for what only aggregates and window functions may say, and 42803.
pub(super) fn check_call(called: &Function) -> Result<(), SqlError> {
    if let Some(filter) = &called.filter
        && find(filter, is_aggregate)
    {
        return Err(no_aggregate("FILTER"));
    }
    let Some(name) = called_name(called) else { return Ok(()) };
    if !SCALARS.contains(&name) || AGGREGATES.contains(&name) || WINDOWS.contains(&name) {
        return Ok(());
    }
    let (said, kind) = if called.over.is_some() {
        ("OVER", "a window function nor an aggregate function")
    } else if called.filter.is_some() {
        ("FILTER", "an aggregate function")
    } else {
        match &called.args {
            FunctionArguments::List(list)
                if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) =>
            {
                ("DISTINCT", "an aggregate function")
            }
            FunctionArguments::List(list)
                if list
                    .clauses
                    .iter()
                    .any(|clause| matches!(clause, FunctionArgumentClause::OrderBy(_))) =>
            {
                ("ORDER BY", "an aggregate function")
            }
            _ => return Ok(()),
        }
    };
    let message = format!("{said} specified, but {name} is not {kind}");
    Err(SqlError::new(SqlState::WrongObjectType, message))
}

fn item(item: &SelectItem) -> Option<&Expr> {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    }
}

fn check(clause: &str, expr: &Expr) -> Result<(), SqlError> {
    if find(expr, |called| called.over.is_some()) {
        return Err(no_window(clause));
    }
    if find(expr, is_aggregate) {
        return Err(no_aggregate(clause));
    }
    Ok(())
}

/// The same of a bound, which has no columns either.
fn check_bound(clause: &str, expr: &Expr, sources: &Sources) -> Result<(), SqlError> {
    check(clause, expr)?;
    if !finds(expr, |part| sources.place(part).is_some()) {
        return Ok(());
    }
    let message = format!("argument of {clause} must not contain variables");
    Err(SqlError::new(SqlState::InvalidColumnReference, message))
}

fn no_aggregate(clause: &str) -> SqlError {
    let message = format!("aggregate functions are not allowed in {clause}");
    SqlError::new(SqlState::GroupingError, message)
}

fn no_window(clause: &str) -> SqlError {
    let message = format!("window functions are not allowed in {clause}");
    SqlError::new(SqlState::WindowingError, message)
}

pub(super) fn is_aggregate(called: &Function) -> bool {
    called.over.is_none() && called_name(called).is_some_and(|name| AGGREGATES.contains(&name))
}

fn called_name(called: &Function) -> Option<String> {
    plain_name(&called.name)
}

/// The name of a function that may be one of the system's.
fn plain_name(name: &ObjectName) -> Option<String> {
    match name_parts(name)?.as_slice() {
        [name] => Some(name.clone()),
        [schema, name] if schema == super::SYSTEM_SCHEMA => Some(name.clone()),
        _ => None,
    }
}

/// Whether there is such a call in `expr`; subqueries have their own.
fn find(expr: &Expr, wanted: impl Fn(&Function) -> bool) -> bool {
    finds(expr, |part| matches!(part, Expr::Function(called) if wanted(called)))
}

/// Whether there is such a part in `expr`, subqueries apart.
fn finds(expr: &Expr, wanted: impl Fn(&Expr) -> bool) -> bool {
    struct Find<F> {
        wanted: F,
        queries: usize,
    }
    impl<F: Fn(&Expr) -> bool> Visitor for Find<F> {
        type Break = ();

        fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
            self.queries += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
            self.queries -= 1;
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if self.queries == 0 && (self.wanted)(expr) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        }
    }
    expr.visit(&mut Find { wanted, queries: 0 }).is_break()
}
