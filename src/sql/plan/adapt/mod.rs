//! Where PostgreSQL and the planner read the same syntax differently, the parsed statement is
//! rewritten to what PostgreSQL means, and parameter types that only PostgreSQL infers are noted.

mod argument;
mod array;
mod array_call;
mod assignment;
mod bound;
mod called;
mod cast;
mod cast_key;
mod catalog_type;
mod choice;
mod columns;
mod copies;
mod data_type;
mod distance;
mod factor;
mod grouping;
mod interval;
mod join;
mod like;
mod merged;
mod misuse;
mod name;
mod number;
mod operator;
mod order;
mod outer;
mod record;
mod repeated;
mod row;
mod sample;
mod set_list;
mod sources;
mod syntax;
mod system_column;
mod ties;
mod time;
mod variadic;
mod whole_row;
mod window;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, BinaryOperator, Expr, Fetch, Function, FunctionArguments, Ident, Interval, LimitClause,
    ObjectName, ObjectNamePart, Query, Select, SelectItem, SetExpr, TableFactor, UnaryOperator,
    Value, VisitMut, VisitorMut,
};

use crate::sql::grammar::changing::{changing, inside_a_query};
use crate::sql::grammar::name::{name_parts, parameter_index};
use crate::sql::grammar::position::position;
use crate::sql::value::types::SqlType;
use crate::sql::{SqlError, SqlState};
use argument::argument_type;
pub(in crate::sql) use array::items as array_items;
use called::{called_function, count_rows, of_jsonb};
pub(in crate::sql) use cast::of_type;
use columns::Known;
pub(in crate::sql) use data_type::parameter_type;
pub(in crate::sql) use name::shown_schema;
pub(in crate::sql) use row::is_row;
use sources::{Ambiguous, Sources};
use syntax::{function, plain_arguments};
pub(super) use syntax::{literal_text, select};
use system_column::Scopes;

/// Types that the syntax around parameters decides, by their place in the list.
pub(in crate::sql) type ParameterTypes = BTreeMap<usize, SqlType>;

/// Words that are functions without parentheses in PostgreSQL but columns for the parser.
const BARE_FUNCTIONS: [&str; 2] = ["current_schema", "current_role"];

/// The schema of everything that every database has; functions and types are found without it.
const SYSTEM_SCHEMA: &str = "pg_catalog";

/// Rewrites `statement`, which stands in `text`.
///
/// # Errors
/// A literal that is not of the type it is cast to.
pub(in crate::sql) fn adapt(
    statement: &mut ast::Statement,
    text: &str,
) -> Result<ParameterTypes, SqlError> {
    let mut adapter = Adapter { text, ..Adapter::default() };
    match statement.visit(&mut adapter) {
        ControlFlow::Continue(()) => {
            print_columns(statement);
            array_call::write_out(statement);
            Ok(adapter.parameter_types)
        }
        ControlFlow::Break(error) => Err(error),
    }
}

/// Rewrites an expression that stands alone, and makes it one of this type.
///
/// # Errors
/// A literal that is not of the type.
pub(in crate::sql) fn adapt_as(expr: Expr, sql_type: SqlType) -> Result<Expr, SqlError> {
    let mut expr = syntax::cast(expr, sql_type.syntax());
    match expr.visit(&mut Adapter::default()) {
        ControlFlow::Continue(()) => Ok(expr),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Shows columns that are names of the system's things, `x::regclass`, by these names, and tells
/// the type of those that are cast to `varchar`. DISTINCT
/// compares what is ordered by with what is shown, and is left alone.
fn print_columns(statement: &mut ast::Statement) {
    let ast::Statement::Query(query) = statement else { return };
    let SetExpr::Select(select) = &mut *query.body else { return };
    if select.distinct.is_some() {
        return;
    }
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item
            && let Some(shown) = catalog_type::printed(expr).or_else(|| cast::as_varchar(expr))
        {
            *expr = shown;
        }
    }
}

#[derive(Default)]
struct Adapter<'a> {
    text: &'a str,
    parameter_types: ParameterTypes,
    scopes: Scopes,
    sources: Sources,
    known: Known,
    /// The queries around what is visited, and whether each is one SELECT, whose tables what it is
    /// ordered by may name; outside of them numbers are the statement's.
    queries: Vec<bool>,
}

impl Adapter<'_> {
    /// The tables of a SELECT are seen no longer.
    fn leave_tables(&mut self) {
        self.scopes.leave();
        self.sources.leave();
    }

    fn placed(&self, (error, at): Ambiguous) -> SqlError {
        error.at(position(self.text, at))
    }

    fn note(&mut self, expr: &Expr, sql_type: SqlType) {
        if let Expr::Nested(inner) = expr {
            self.note(inner, sql_type);
        } else if let Expr::Value(value) = expr
            && let Value::Placeholder(name) = &value.value
            && let Some(at) = parameter_index(name)
        {
            self.parameter_types.entry(at).or_insert(sql_type);
        }
    }

    /// Bounds of a series that are parameters are of the type of those that are not.
    fn note_bounds(&mut self, called: &Function) {
        if !called_as(called, factor::SERIES_NAME) {
            return;
        }
        let bounds = plain_arguments(&called.args).unwrap_or_default();
        let is_integer =
            |bound: &Expr| matches!(bound, Expr::Cast { data_type: ast::DataType::Int(None), .. });
        let sql_type = if bounds.iter().any(is_integer) { SqlType::Int4 } else { SqlType::Int8 };
        for (place, bound) in bounds.iter().enumerate() {
            let sql_type = match bounds.iter().find_map(factor::moment_type) {
                Some(_) if place == 2 => SqlType::Interval,
                Some(moment) => moment,
                None => sql_type,
            };
            self.note(bound, sql_type);
        }
    }

    /// Parameters that are arguments of functions whose types are known.
    fn note_arguments(&mut self, called: &Function) {
        let name = name_parts(&called.name).and_then(|mut parts| parts.pop());
        let (Some(name), Some(arguments)) = (name, plain_arguments(&called.args)) else { return };
        for (place, argument) in arguments.iter().enumerate() {
            if let Some(sql_type) = argument_type(&name, place, arguments.len()) {
                self.note(argument, sql_type);
            }
        }
    }

    /// Parameters that are conditions of a query.
    fn note_conditions(&mut self, select: &Select) {
        let conditions = select.selection.iter().chain(&select.having);
        conditions.for_each(|condition| self.note(condition, SqlType::Bool));
    }

    /// Parameters that are true or false.
    fn note_truths(&mut self, expr: &Expr) {
        match expr {
            Expr::UnaryOp { op: UnaryOperator::Not, expr: truth }
            | Expr::IsTrue(truth)
            | Expr::IsNotTrue(truth)
            | Expr::IsFalse(truth)
            | Expr::IsNotFalse(truth)
            | Expr::IsUnknown(truth)
            | Expr::IsNotUnknown(truth) => self.note(truth, SqlType::Bool),
            Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
                self.note(left, SqlType::Bool);
                self.note(right, SqlType::Bool);
            }
            Expr::Case { operand: None, conditions, .. } => {
                for when in conditions {
                    self.note(&when.condition, SqlType::Bool);
                }
            }
            _ => {}
        }
    }

    /// A length of time as the planner reads it. One with its units that stands outside of queries
    /// is the offset of a time zone that is set.
    fn interval(&self, written: &mut Interval) -> Result<Option<Expr>, SqlError> {
        if written.leading_field.is_some() {
            return if self.queries.is_empty() { Ok(None) } else { interval::literal(written) };
        }
        if let Some(length) = literal_text(&written.value).and_then(interval::length) {
            *written.value = length;
        }
        Ok(None)
    }

    /// What a call becomes; none where it stays.
    fn function(&mut self, called: &mut Function) -> Result<Option<Expr>, SqlError> {
        if let Some(mut cast) = cast::called(called) {
            let adapted = self.cast(&mut cast)?;
            return Ok(Some(adapted.unwrap_or(cast)));
        }
        let distance = self.called_distance(called)?;
        if distance.is_some() {
            return Ok(distance);
        }
        if let Some(array) = variadic::array(called) {
            self.note(array, SqlType::TextArray);
        }
        self.note_bounds(called);
        self.note_arguments(called);
        called_function(called)
    }

    /// What `expr`, whose parts are rewritten already, becomes; none where it stays.
    fn adapted(&mut self, expr: &mut Expr) -> Result<Option<Expr>, SqlError> {
        self.note_truths(expr);
        whole_row::keep_fields(expr);
        match expr {
            Expr::Cast { .. } | Expr::TypedString(_) => self.cast(expr),
            Expr::Interval(written) => self.interval(written),
            Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner }
                if matches!(**inner, Expr::Interval(_)) =>
            {
                nest(inner);
                Ok(None)
            }
            Expr::Value(value) if !self.queries.is_empty() => Ok(number::typed(&mut value.value)),
            Expr::Identifier(word) if is_bare_function(word) => {
                Ok(Some(function(word.clone(), FunctionArguments::None)))
            }
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                let number = self.scopes.table_number(expr);
                Ok(number.or_else(|| whole_row::row(expr, &self.sources)))
            }
            Expr::Case { operand, conditions, .. } => {
                choice::compare_with_texts(operand, conditions);
                Ok(None)
            }
            Expr::QualifiedWildcard(..) => Ok(whole_row::row(expr, &self.sources)),
            Expr::Extract { field, expr: time, .. } => {
                self.note(time, SqlType::Timestamptz);
                Ok(Some(time::extract(field, time)))
            }
            Expr::Floor { expr: rounded, .. } | Expr::Ceil { expr: rounded, .. } => {
                self.note(rounded, SqlType::Float8);
                Ok(None)
            }
            Expr::Function(called) => {
                choice::read_arguments(called);
                self.function(called)
            }
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                choice::read_beside(vec![left, right]);
                Ok(None)
            }
            Expr::Substring { substring_from, substring_for, .. } => {
                for bound in [substring_from, substring_for].into_iter().flatten() {
                    self.note(bound, SqlType::Int4);
                }
                operator::operator(expr)
            }
            Expr::BinaryOp { left, op: BinaryOperator::PGExp, right } => {
                self.note(left, SqlType::Float8);
                self.note(right, SqlType::Float8);
                Ok(None)
            }
            Expr::AtTimeZone { timestamp, .. } => {
                self.note(timestamp, SqlType::Timestamptz);
                operator::operator(expr)
            }
            other => match self.distance(other)? {
                None if let Some(patterns) = like::patterns(other) => {
                    self.note(&patterns, SqlType::TextArray);
                    like::like_each(other)
                }
                None => operator::operator(other),
                distance => Ok(distance),
            },
        }
    }
}

/// Whether this is a function that is called without parentheses.
fn is_bare_function(word: &Ident) -> bool {
    let name = word.value.to_ascii_lowercase();
    word.quote_style.is_none() && BARE_FUNCTIONS.contains(&name.as_str())
}

/// Puts parentheses around an interval behind a minus: the planner would take back the first of its
/// numbers only.
fn nest(interval: &mut Expr) {
    let inner = std::mem::replace(interval, Expr::value(Value::Null));
    *interval = Expr::Nested(Box::new(inner));
}

impl VisitorMut for Adapter<'_> {
    type Break = SqlError;

    fn pre_visit_statement(&mut self, statement: &mut ast::Statement) -> ControlFlow<Self::Break> {
        let returning = match statement {
            ast::Statement::Insert(insert) => &mut insert.returning,
            ast::Statement::Update(update) => &mut update.returning,
            ast::Statement::Delete(delete) => &mut delete.returning,
            _ => &mut None,
        };
        if let Some(items) = returning {
            name::name_columns(items, None);
        }
        self.sources.enter_statement(statement, &self.known);
        let checked = misuse::check_statement(statement)
            .and_then(|()| join::check_statement(statement))
            .and_then(|()| assignment::spread(statement));
        match checked {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        if let Some(name) = changing(&query.body).filter(|_| !self.queries.is_empty()) {
            return ControlFlow::Break(inside_a_query(name));
        }
        self.known.enter(query);
        whole_row::place_keys(query, &self.known);
        let checked = self
            .known
            .complete_with(query)
            .and_then(|()| bound::check_order(query))
            .and_then(|()| {
                repeated::place_keys(query, &self.known).map_err(|error| self.placed(error))
            })
            .and_then(|()| copies::number(&mut query.body, &self.known))
            .and_then(|()| order::distinct(query))
            .map(|()| grouping::order_distinct(query))
            .map(|()| cast_key::tell_apart(query))
            .and_then(|()| misuse::check_query(query, &self.known))
            .and_then(|()| bound::adapt(query))
            .and_then(|()| ties::keep(query, &self.known));
        if let Err(error) = checked {
            return ControlFlow::Break(error);
        }
        fetch_as_limit(query);
        set_list::name_outside(query);
        if let Err(error) = merged::order(query, &self.known) {
            return ControlFlow::Break(error);
        }
        if self.queries.is_empty() {
            order::tell_from_keys(query);
        }
        self.scopes.note(query);
        number::leave_in_query(query);
        if let SetExpr::Values(values) = &mut *query.body {
            number::unite_columns(values);
        }
        if let Some(LimitClause::LimitOffset { limit, offset, limit_by: _ }) = &query.limit_clause {
            let bounds = limit.iter().chain(offset.iter().map(|offset| &offset.value));
            bounds.for_each(|bound| self.note(bound, SqlType::Int8));
        }
        self.queries.push(matches!(*query.body, SetExpr::Select(_)));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Self::Break> {
        if self.queries.pop() == Some(true) {
            self.leave_tables();
        }
        self.known.leave();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        if let Some(twice) = name::repeated_table(select) {
            let message = format!("table name \"{twice}\" specified more than once");
            return ControlFlow::Break(SqlError::new(SqlState::DuplicateAlias, message));
        }
        self.note_conditions(select);
        self.sources.write_out_stars(select);
        let adapted = bound::check_groups(select)
            .and_then(|()| misuse::check_select(select))
            .and_then(|()| join::adapt_select(select, &self.known, self.queries == [true]))
            .and_then(|()| grouping::adapt(select))
            .and_then(|()| window::write_out(select));
        if let Err(error) = adapted {
            return ControlFlow::Break(error);
        }
        row::look_up(select);
        name::qualify_stars(select);
        let shown = self.known.of_stars(select);
        name::name_columns(&mut select.projection, shown.as_deref());
        number::leave_in_select(select);
        self.sources.enter(select, &self.known);
        self.sources.name_outer(select);
        whole_row::name_results(select, &self.sources);
        self.scopes.enter(select);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _select: &mut Select) -> ControlFlow<Self::Break> {
        if self.queries.last() != Some(&true) {
            self.leave_tables();
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        if let Err(error) = self.sources.check(expr) {
            return ControlFlow::Break(self.placed(error));
        }
        let field = whole_row::field(expr, &self.sources);
        if let Some(field) = field.or_else(|| whole_row::with_column(expr)) {
            *expr = field;
        }
        match row::compared(expr) {
            Ok(Some(of_values)) => *expr = of_values,
            Ok(None) => {}
            Err(error) => return ControlFlow::Break(error),
        }
        match expr {
            Expr::Function(called) => {
                let checked =
                    misuse::check_call(called).and_then(|()| outer::check(called, &self.sources));
                if let Err(error) = checked {
                    return ControlFlow::Break(error);
                }
                count_rows(called);
                whole_row::stars_as_rows(called);
                number::leave_in_call(called);
                called.over.iter_mut().for_each(number::leave_in_window);
            }
            Expr::Array(array) => number::unite(array.elem.iter_mut().collect()),
            Expr::UnaryOp { .. } => {
                let least = number::least(expr).filter(|_| !self.queries.is_empty());
                if let Some(known) = least.or_else(|| operator::signed_power(expr)) {
                    *expr = known;
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        if let TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } =
            factor
        {
            without_system_schema(name);
            of_jsonb(name);
        }
        let adapted = misuse::check_factor(factor)
            .and_then(|()| sample::adapt(factor))
            .and_then(|()| record::adapt(factor));
        if let Err(error) = adapted {
            return ControlFlow::Break(error);
        }
        factor::adapt(factor);
        match factor {
            TableFactor::Table { name, args: Some(arguments), .. } => {
                whole_row::leave_name(name, &mut arguments.args);
                number::leave_in_arguments(&mut arguments.args);
            }
            TableFactor::Function { args, .. } => number::leave_in_arguments(args),
            _ => {}
        }
        self.sources.enter_factor(factor);
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        self.sources.leave_factor(factor);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        match self.adapted(expr) {
            Ok(Some(replacement)) => *expr = replacement,
            Ok(None) => {}
            Err(error) => return ControlFlow::Break(error),
        }
        if let Some(chosen) = choice::chosen(expr) {
            *expr = chosen;
        }
        ControlFlow::Continue(())
    }
}

/// `FETCH FIRST n ROWS ONLY` is another way to write `LIMIT n`.
fn fetch_as_limit(query: &mut Query) {
    let Some(Fetch { with_ties: false, percent: false, quantity }) = &query.fetch else { return };
    let wanted = quantity.clone().unwrap_or_else(|| Expr::value(Value::Number("1".into(), false)));
    match &mut query.limit_clause {
        Some(LimitClause::LimitOffset { limit: limit @ None, .. }) => *limit = Some(wanted),
        clause @ None => {
            let limit = Some(wanted);
            *clause = Some(LimitClause::LimitOffset { limit, offset: None, limit_by: Vec::new() });
        }
        Some(_) => return,
    }
    query.fetch = None;
}

fn called_as(called: &Function, name: &str) -> bool {
    name_parts(&called.name).is_some_and(|parts| parts == [name])
}

/// Strips `pg_catalog.` from the name of a function or type.
fn without_system_schema(name: &mut ObjectName) {
    if let [ObjectNamePart::Identifier(Ident { value, .. }), last] = name.0.as_slice()
        && value.eq_ignore_ascii_case(SYSTEM_SCHEMA)
    {
        name.0 = vec![last.clone()];
    }
}
