//! A text literal is of the type of what it stands beside: `polroles = '{0}'` compares arrays, and
//! `1 + '2'` adds numbers.

use std::sync::Arc;

use chrono::Utc;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::adapt::array_items;
use crate::sql::answer::wording::{no_value, type_name};
use crate::sql::function::comparing::{ARITHMETIC, COMPARISONS};
use crate::sql::function::marked::written;
use crate::sql::function::operator::operand;
use crate::sql::function::scalar::{malformed_uuid, uuid};
use crate::sql::function::vector::as_vector;
use crate::sql::value::constant::bytea;
use crate::sql::value::interval::interval;
use crate::sql::value::moment::{Moment, WrongMoment, time_of_day};
use crate::sql::value::numeric::exact;
use crate::sql::value::types::SqlType;

/// Reads such literals where a binary operator is planned.
#[derive(Debug)]
pub(super) struct TextLiterals;

impl ExprPlanner for TextLiterals {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>, DataFusionError> {
        let RawBinaryExpr { op, left, right } = expr;
        let (left, right) = match (text_of(&left), text_of(&right)) {
            (None, Some(text)) => {
                let value = beside(&left, text, &op, schema)?;
                (left, value.unwrap_or(right))
            }
            (Some(text), None) => {
                let value = beside(&right, text, &op, schema)?;
                (value.unwrap_or(left), right)
            }
            _ => (left, right),
        };
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

/// The text that a literal is.
pub(super) fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

/// What `text` is beside `other`; none where the planner decides that.
fn beside(
    other: &Expr,
    text: &str,
    op: &BinaryOperator,
    schema: &DFSchema,
) -> Result<Option<Expr>, DataFusionError> {
    let Ok(data_type) = other.get_type(schema) else { return Ok(None) };
    let is_uuid = data_type == DataType::Utf8 && operand(other, schema) == SqlType::Uuid;
    read(text, &data_type, is_uuid, op)
}

/// What `text` is that stands where a value of this type does, which tells its type by its field.
///
/// # Errors
/// Text that is no value of the type.
pub(super) fn text_as(text: &str, field: &Field) -> Result<Expr, DataFusionError> {
    let written_text = || Expr::Literal(ScalarValue::from(text), None);
    match SqlType::of(field) {
        SqlType::Vector => Ok(as_vector(written_text())),
        marked @ (SqlType::Jsonb | SqlType::Uuid) => written(written_text(), marked),
        SqlType::Bytea => Ok(Expr::Literal(ScalarValue::Binary(Some(bytea(text)?)), None)),
        _ => {
            let value = read(text, field.data_type(), false, &BinaryOperator::Eq)?;
            Ok(value.unwrap_or_else(written_text))
        }
    }
}

/// What `text` is beside a value of this type; none where the planner decides that.
fn read(
    text: &str,
    data_type: &DataType,
    is_uuid: bool,
    op: &BinaryOperator,
) -> Result<Option<Expr>, DataFusionError> {
    let is_comparison = COMPARISONS.contains(op);
    let of_one_type = is_comparison || ARITHMETIC.contains(op);
    match data_type {
        DataType::List(item) => Ok(array(text, item)),
        DataType::Utf8 if of_one_type && is_uuid => {
            let shown = uuid(text).ok_or_else(|| malformed_uuid(text))?;
            Ok(Some(Expr::Literal(ScalarValue::from(shown), None)))
        }
        number if of_one_type && (number.is_numeric() || *number == DataType::Boolean) => {
            let value = match number {
                // With its own digits, not with those of the other.
                exact_type if exact_type.is_decimal() => exact(text).ok(),
                other => ScalarValue::try_from_string(text.trim().to_owned(), other).ok(),
            };
            let value = value.ok_or_else(|| no_value(text, &number.to_string()))?;
            Ok(Some(Expr::Literal(value, None)))
        }
        // A moment is taken from a moment, and so is a text.
        moment
            if is_comparison && is_moment(moment)
                || *op == BinaryOperator::Minus && matches!(moment, DataType::Timestamp(..)) =>
        {
            Ok(Some(Expr::Literal(moment_of(text, moment)?, None)))
        }
        // What is added to a moment is a length of time.
        beside
            if (*op == BinaryOperator::Plus && matches!(beside, DataType::Timestamp(..)))
                || (matches!(beside, DataType::Interval(_)) && (is_comparison || is_sum(op))) =>
        {
            let length = interval(text).ok_or_else(|| no_value(text, "interval"))?;
            Ok(Some(Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(length)), None)))
        }
        _ => Ok(None),
    }
}

fn is_sum(op: &BinaryOperator) -> bool {
    matches!(op, BinaryOperator::Plus | BinaryOperator::Minus)
}

/// A text as a date, a time or a moment.
fn moment_of(text: &str, data_type: &DataType) -> Result<ScalarValue, DataFusionError> {
    let now = Utc::now();
    let read = || match data_type {
        DataType::Time64(_) => Ok(ScalarValue::Time64Microsecond(Some(time_of_day(text, now)?))),
        DataType::Timestamp(_, Some(zone)) => {
            let moment = Moment::read(text, now)?.utc()?;
            Ok(ScalarValue::TimestampMicrosecond(Some(moment), Some(Arc::clone(zone))))
        }
        DataType::Timestamp(_, None) => {
            let moment = Moment::read(text, now)?.local();
            Ok(ScalarValue::TimestampMicrosecond(Some(moment), None))
        }
        _ => Ok(ScalarValue::Date32(Some(Moment::read(text, now)?.days()?))),
    };
    let wrong = |wrong: WrongMoment| wrong.error(text, type_name(&data_type.to_string()));
    let value = read().map_err(wrong)?;
    value.cast_to(data_type).map_err(|_| wrong(WrongMoment::Range).into())
}

fn is_moment(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(..) | DataType::Date32 | DataType::Time64(_))
}

/// The array of plain values that `text` is; none where it is none, which the comparison of the two
/// will say.
fn array(text: &str, item: &Field) -> Option<Expr> {
    let inside = text.trim().strip_prefix('{')?;
    if inside.contains('{') {
        return None;
    }
    let items = array_items(text).ok()?.into_iter();
    let values = items.map(|item_text| match item_text {
        None => ScalarValue::try_from(item.data_type()),
        Some(value) => ScalarValue::try_from_string(value, item.data_type()),
    });
    let values = values.collect::<Result<Vec<_>, _>>().ok()?;
    let list = ScalarValue::new_list(&values, item.data_type(), item.is_nullable());
    Some(Expr::Literal(ScalarValue::List(list), None))
}
