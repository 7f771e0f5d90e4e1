//! Windows that are named, or made from one that is, and what window functions are given.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, DataType, DuplicateTreatment, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArguments, NamedWindowExpr, Query, Select, UnaryOperator, Value,
    VisitMut, VisitorMut, WindowSpec, WindowType, visit_expressions,
};

use super::called_as;
use super::syntax::{cast, literal_text, plain_arguments};
use crate::sql::grammar::name::folded;
use crate::sql::{SqlError, SqlState};

/// Writes every window of `select` in full.
///
/// # Errors
/// 42704 for a name that no window has, 42P20 for windows that cannot be made from others.
pub(super) fn write_out(select: &mut Select) -> Result<(), SqlError> {
    let mut named = Named::default();
    for definition in std::mem::take(&mut select.named_window) {
        let name = folded(&definition.0);
        let spec = match definition.1 {
            NamedWindowExpr::NamedWindow(other) => named.get(&folded(&other))?.clone(),
            NamedWindowExpr::WindowSpec(spec) => named.completed(spec)?,
        };
        if named.specs.insert(name.clone(), spec).is_some() {
            return Err(wrong(format!("window \"{name}\" is already defined")));
        }
    }
    for item in &mut select.projection {
        if let ControlFlow::Break(error) = item.visit(&mut named) {
            return Err(error);
        }
    }
    Ok(())
}

/// The windows of a select that have names.
#[derive(Default)]
struct Named {
    specs: HashMap<String, WindowSpec>,
    /// How many subqueries are around what is visited; they have windows of their own.
    subqueries: usize,
}

impl Named {
    fn get(&self, name: &str) -> Result<&WindowSpec, SqlError> {
        self.specs.get(name).ok_or_else(|| {
            let message = format!("window \"{name}\" does not exist");
            SqlError::new(SqlState::UndefinedObject, message)
        })
    }

    /// `spec` with what the window has that it is made from.
    fn completed(&self, mut spec: WindowSpec) -> Result<WindowSpec, SqlError> {
        let Some(name) = spec.window_name.take() else { return Ok(spec) };
        let name = folded(&name);
        let base = self.get(&name)?;
        if !spec.partition_by.is_empty() {
            let message = format!("cannot override PARTITION BY clause of window \"{name}\"");
            return Err(wrong(message));
        }
        if !spec.order_by.is_empty() && !base.order_by.is_empty() {
            return Err(wrong(format!("cannot override ORDER BY clause of window \"{name}\"")));
        }
        if base.window_frame.is_some() {
            let message = format!("cannot copy window \"{name}\" because it has a frame clause");
            return Err(wrong(message));
        }
        spec.partition_by.clone_from(&base.partition_by);
        if spec.order_by.is_empty() {
            spec.order_by.clone_from(&base.order_by);
        }
        Ok(spec)
    }

    fn write_out(&self, called: &mut Function) -> Result<(), SqlError> {
        let spec = match called.over.take() {
            None => return Ok(()),
            Some(WindowType::NamedWindow(name)) => self.get(&folded(&name))?.clone(),
            Some(WindowType::WindowSpec(spec)) => self.completed(spec)?,
        };
        called.over = Some(WindowType::WindowSpec(spec));
        Ok(())
    }
}

impl VisitorMut for Named {
    type Break = SqlError;

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<SqlError> {
        self.subqueries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<SqlError> {
        self.subqueries -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<SqlError> {
        match expr {
            Expr::Function(called) if self.subqueries == 0 => match self.write_out(called) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => ControlFlow::Break(error),
            },
            _ => ControlFlow::Continue(()),
        }
    }
}

/// What a call of a window function becomes; none where it stays.
///
/// # Errors
/// Arguments that PostgreSQL refuses, and `DISTINCT`, which windows have not.
pub(super) fn called(called: &Function) -> Result<Option<Expr>, SqlError> {
    if called.over.is_none() {
        return Ok(None);
    }
    if let FunctionArguments::List(list) = &called.args
        && list.duplicate_treatment == Some(DuplicateTreatment::Distinct)
    {
        return Err(SqlError::unsupported("DISTINCT in a window function"));
    }
    let arguments = plain_arguments(&called.args).unwrap_or_default();
    if called_as(called, "nth_value") && arguments.get(1).is_some_and(is_below_one) {
        let message = "argument of nth_value must be greater than zero";
        return Err(SqlError::new(SqlState::InvalidArgumentForNthValue, message));
    }
    if called_as(called, "nth_value") && arguments.get(1).is_some_and(reads_columns) {
        return Err(SqlError::unsupported("nth_value of a row whose number is no constant"));
    }
    if called_as(called, "lag") || called_as(called, "lead") {
        return neighbour(called, &arguments);
    }
    if !called_as(called, "ntile") {
        return Ok(None);
    }
    let integer = |expr| Some(cast(expr, DataType::Int(None)));
    match arguments.first() {
        Some(count) if is_below_one(count) => {
            let message = "argument of ntile must be greater than zero";
            Err(SqlError::new(SqlState::InvalidArgumentForNtile, message))
        }
        Some(count) if is_null(count) => Ok(integer(count.clone())),
        // The planner's are `bigint`.
        _ => Ok(integer(Expr::Function(called.clone()))),
    }
}

/// `lag` and `lead`: the planner knows no offset or default that belongs to the row, and makes a
/// default one of the type of the values.
fn neighbour(called: &Function, arguments: &[Expr]) -> Result<Option<Expr>, SqlError> {
    let [value, rest @ ..] = arguments else { return Ok(None) };
    let no_rows = Expr::value(Value::Boolean(false));
    let case = |condition: Expr, result: Expr, otherwise: Option<Expr>| Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result }],
        else_result: otherwise.map(Box::new),
    };
    match rest {
        [offset, ..] if is_null(offset) => Ok(Some(case(no_rows, value.clone(), None))),
        [offset, ..] if !is_whole(offset) => {
            Err(SqlError::unsupported("lag and lead by an offset that is no constant"))
        }
        [_, default]
            if !is_null(default) && !is_whole(default) && literal_text(default).is_none() =>
        {
            let with = |arguments: Vec<Expr>| {
                let mut other = called.clone();
                let unnamed = |it| FunctionArg::Unnamed(FunctionArgExpr::Expr(it));
                if let FunctionArguments::List(list) = &mut other.args {
                    list.args = arguments.into_iter().map(unnamed).collect();
                }
                Expr::Function(other)
            };
            // A constant has no neighbour where there is no row.
            let always = Expr::value(Value::Boolean(true));
            let neighbour = Expr::IsNull(Box::new(with(vec![always, rest[0].clone()])));
            let value = with(vec![value.clone(), rest[0].clone()]);
            Ok(Some(case(neighbour, default.clone(), Some(value))))
        }
        _ => Ok(None),
    }
}

/// Whether this is a whole number, or a parameter that will be one.
fn is_whole(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_whole(inner),
        Expr::Cast { expr, data_type, .. } => is_integer(data_type) && is_whole(expr),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => is_whole(expr),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Plus | BinaryOperator::Minus | BinaryOperator::Multiply,
            right,
        } => is_whole(left) && is_whole(right),
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.bytes().all(|digit| digit.is_ascii_digit()),
            Value::Placeholder(_) => true,
            _ => false,
        },
        _ => false,
    }
}

fn is_integer(data_type: &DataType) -> bool {
    use DataType::{BigInt, Int, Int2, Int4, Int8, Integer, SmallInt};
    matches!(data_type, BigInt(_) | Int(_) | Int2(_) | Int4(_) | Int8(_) | Integer(_) | SmallInt(_))
}

/// Whether a value belongs to the row it is computed for.
fn reads_columns(expr: &Expr) -> bool {
    let found = visit_expressions(expr, |part| match part {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// Whether a number is written that counts nothing.
fn is_below_one(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => is_below_one(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, .. } => true,
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.bytes().all(|digit| digit == b'0'),
            _ => false,
        },
        _ => false,
    }
}

fn is_null(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => is_null(inner),
        Expr::Value(value) => value.value == Value::Null,
        _ => false,
    }
}

fn wrong(message: String) -> SqlError {
    SqlError::new(SqlState::WindowingError, message)
}
