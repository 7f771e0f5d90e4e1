//! Operators beside a document, as the functions that they are.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr,
};
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess, ScalarUDF};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::access::{ELEMENT, FIELD, PATH};
use super::change::{CONCAT, DELETE, DELETE_PATH};
use super::contain::{CONTAINED, CONTAINS, EQUAL, EXISTS, EXISTS_ALL, EXISTS_ANY, UNEQUAL};
use super::functions;
use super::order::{GREATER, GREATER_OR_EQUAL, LESS, LESS_OR_EQUAL};
use crate::sql::function::comparing::COMPARISONS;
use crate::sql::function::operator::operand;
use crate::sql::grammar::marker::{self, AS_JSONB, TO_JSONB};
use crate::sql::value::constant::typed;
use crate::sql::value::types::SqlType;
use crate::sql::{SqlError, SqlState};

/// The functions by their names.
static FUNCTIONS: LazyLock<BTreeMap<&'static str, Arc<ScalarUDF>>> = LazyLock::new(|| {
    let named = |function: super::Function| (function.name, Arc::new(ScalarUDF::from(function)));
    functions().into_iter().map(named).collect()
});

/// Plans operators with a document on one side.
#[derive(Debug)]
pub(in crate::sql) struct JsonOperators;

impl ExprPlanner for JsonOperators {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>, DataFusionError> {
        if !concerns_documents(&expr.op) {
            return Ok(PlannerResult::Original(expr));
        }
        let right = Side::of(&expr.right, schema);
        // What operators make of documents are functions, so this is none. Its type is worked out
        // only where an error names it: a chain of operators would do that anew for each of them.
        let is_chain = matches!(expr.left, Expr::BinaryExpr(_));
        if is_chain && right != Side::Document && !is_of_documents(&expr.op) {
            return Ok(PlannerResult::Original(expr));
        }
        let sides = (Side::of(&expr.left, schema), right);
        match function(&expr.op, &sides.0, &sides.1) {
            Some((name, left, right)) => {
                let arguments = [left.read(expr.left)?, right.read(expr.right)?];
                Ok(PlannerResult::Planned(call(name, arguments)?))
            }
            None if is_of_documents(&expr.op) || compares_document(&expr.op, &sides) => {
                let (left, right) = (sides.0.name(), sides.1.name());
                let message = format!("operator does not exist: {left} {} {right}", expr.op);
                Err(SqlError::new(SqlState::UndefinedFunction, message).into())
            }
            None => Ok(PlannerResult::Original(expr)),
        }
    }

    /// `document['key']` and `document[0]`.
    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>, DataFusionError> {
        let is_field = matches!(&access.field_access, GetFieldAccess::NamedStructField { name }
            if name.try_as_str().flatten().is_some_and(|name| name.starts_with(marker::FIELD)));
        if is_field || Side::of(&access.expr, schema) != Side::Document {
            return Ok(PlannerResult::Original(access));
        }
        let (name, place) = match access.field_access {
            GetFieldAccess::NamedStructField { name } => (FIELD[0], Expr::Literal(name, None)),
            GetFieldAccess::ListIndex { key } => match Side::of(&key, schema) {
                Side::Integer => (ELEMENT[0], *key),
                _ => (FIELD[0], *key),
            },
            GetFieldAccess::ListRange { .. } => {
                let message = "jsonb subscript does not support slices";
                return Err(SqlError::new(SqlState::DatatypeMismatch, message).into());
            }
        };
        Ok(PlannerResult::Planned(call(name, [access.expr, place])?))
    }
}

/// What stands on one side of an operator.
#[derive(Debug, Clone, PartialEq)]
enum Side {
    Document,
    /// A text literal or a parameter, which is of the type that the operator wants.
    Open,
    Text,
    Integer,
    Texts,
    Other(DataType),
}

impl Side {
    fn of(expr: &Expr, schema: &DFSchema) -> Self {
        match expr {
            Expr::Literal(value, None) if value.is_null() || value.try_as_str().is_some() => {
                return Self::Open;
            }
            Expr::Placeholder(placeholder) if placeholder.field.is_none() => return Self::Open,
            _ => {}
        }
        let Ok((_, field)) = expr.to_field(schema) else { return Self::Other(DataType::Null) };
        if operand(expr, schema) == SqlType::Jsonb {
            return Self::Document;
        }
        match field.data_type() {
            text if text.is_string() => Self::Text,
            number if number.is_integer() => Self::Integer,
            DataType::List(item) if item.data_type().is_string() => Self::Texts,
            other => Self::Other(other.clone()),
        }
    }

    /// The type's name in an error.
    fn name(&self) -> String {
        match self {
            Self::Document => "jsonb".to_owned(),
            Self::Open => "unknown".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Integer => "integer".to_owned(),
            Self::Texts => "text[]".to_owned(),
            Self::Other(other) => other.to_string().to_lowercase(),
        }
    }

    fn is_text(&self) -> bool {
        matches!(self, Self::Open | Self::Text)
    }
}

/// How a function takes a side of its operator.
enum Argument {
    AsIs,
    Of(SqlType),
}

impl Argument {
    fn read(self, expr: Expr) -> Result<Expr, DataFusionError> {
        match self {
            Self::AsIs => Ok(expr),
            Self::Of(SqlType::Jsonb) if matches!(expr, Expr::Literal(..)) => call(TO_JSONB, [expr]),
            Self::Of(sql_type) => Ok(typed(expr, sql_type)),
        }
    }
}

/// The function that an operator is between such sides, and how it takes them.
fn function(
    op: &BinaryOperator,
    left: &Side,
    right: &Side,
) -> Option<(&'static str, Argument, Argument)> {
    let documents = match (left, right) {
        (Side::Document, Side::Document) => Some((Argument::AsIs, Argument::AsIs)),
        (Side::Document, Side::Open) => Some((Argument::AsIs, Argument::Of(SqlType::Jsonb))),
        (Side::Open, Side::Document) => Some((Argument::Of(SqlType::Jsonb), Argument::AsIs)),
        _ => None,
    };
    let of_documents = |name| documents.map(|(left, right)| (name, left, right));
    match op {
        BinaryOperator::AtArrow => return of_documents(CONTAINS),
        BinaryOperator::ArrowAt => return of_documents(CONTAINED),
        BinaryOperator::StringConcat => return of_documents(CONCAT),
        BinaryOperator::Eq => return of_documents(EQUAL),
        BinaryOperator::NotEq => return of_documents(UNEQUAL),
        BinaryOperator::Lt => return of_documents(LESS),
        BinaryOperator::LtEq => return of_documents(LESS_OR_EQUAL),
        BinaryOperator::Gt => return of_documents(GREATER),
        BinaryOperator::GtEq => return of_documents(GREATER_OR_EQUAL),
        _ => {}
    }
    if *left != Side::Document {
        return None;
    }
    let name = match op {
        BinaryOperator::Arrow if *right == Side::Integer => ELEMENT[0],
        BinaryOperator::LongArrow if *right == Side::Integer => ELEMENT[1],
        BinaryOperator::Arrow if right.is_text() => FIELD[0],
        BinaryOperator::LongArrow if right.is_text() => FIELD[1],
        BinaryOperator::HashArrow if is_list(right) => PATH[0],
        BinaryOperator::HashLongArrow if is_list(right) => PATH[1],
        BinaryOperator::HashMinus if is_list(right) => DELETE_PATH,
        BinaryOperator::Question if right.is_text() => EXISTS,
        BinaryOperator::QuestionPipe if is_list(right) => EXISTS_ANY,
        BinaryOperator::QuestionAnd if is_list(right) => EXISTS_ALL,
        BinaryOperator::Minus if right.is_text() || *right == Side::Integer => DELETE,
        BinaryOperator::Minus if *right == Side::Texts => DELETE,
        _ => return None,
    };
    let wanted = match op {
        BinaryOperator::HashArrow
        | BinaryOperator::HashLongArrow
        | BinaryOperator::HashMinus
        | BinaryOperator::QuestionPipe
        | BinaryOperator::QuestionAnd => SqlType::TextArray,
        _ => SqlType::Text,
    };
    Some((name, Argument::AsIs, Argument::Of(wanted)))
}

fn is_list(side: &Side) -> bool {
    matches!(side, Side::Texts | Side::Open)
}

/// Whether there is such an operator for documents.
fn concerns_documents(op: &BinaryOperator) -> bool {
    is_of_documents(op)
        || COMPARISONS.contains(op)
        || matches!(
            op,
            BinaryOperator::AtArrow
                | BinaryOperator::ArrowAt
                | BinaryOperator::StringConcat
                | BinaryOperator::Minus
        )
}

/// Whether an operator has no meaning but for documents.
fn is_of_documents(op: &BinaryOperator) -> bool {
    matches!(
        op,
        BinaryOperator::Arrow
            | BinaryOperator::LongArrow
            | BinaryOperator::HashArrow
            | BinaryOperator::HashLongArrow
            | BinaryOperator::HashMinus
            | BinaryOperator::Question
            | BinaryOperator::QuestionPipe
            | BinaryOperator::QuestionAnd
    )
}

/// Whether an operator compares a document.
fn compares_document(op: &BinaryOperator, (left, right): &(Side, Side)) -> bool {
    COMPARISONS.contains(op) && (*left == Side::Document || *right == Side::Document)
}

fn call(name: &str, arguments: impl IntoIterator<Item = Expr>) -> Result<Expr, DataFusionError> {
    let Some(function) = FUNCTIONS.get(name) else {
        return Err(DataFusionError::Internal(format!("there is no function {name}")));
    };
    Ok(function.call(arguments.into_iter().collect()))
}

/// A text as a document.
pub(in crate::sql) fn document_of_text(text: Expr) -> Result<Expr, DataFusionError> {
    call(TO_JSONB, [text])
}

/// A text that is a document, marked as one.
pub(in crate::sql) fn as_document(text: Expr) -> Result<Expr, DataFusionError> {
    call(AS_JSONB, [text])
}

/// Whether two documents mean the same.
pub(in crate::sql) fn same_documents(left: Expr, right: Expr) -> Result<Expr, DataFusionError> {
    call(EQUAL, [left, right])
}
