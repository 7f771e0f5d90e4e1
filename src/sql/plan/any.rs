//! `x = ANY (array)` and its like: the planner forgets what a NULL in the array leaves open, and
//! takes a text for an array of texts.

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::functions_nested::make_array::make_array_udf;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::adapt::array_items;
use super::literal::{text_as, text_of};
use crate::sql::function::any::{any_of, innermost};
use crate::sql::function::marked::{unmarked, written};
use crate::sql::function::operator::{compared, operand};
use crate::sql::function::scalar::{in_sort_order, items_in_sort_order};
use crate::sql::grammar::marker::of_any;
use crate::sql::value::constant::typed;
use crate::sql::value::types::SqlType;
use crate::sql::{SqlError, SqlState};

/// Plans comparisons with the items of an array.
#[derive(Debug)]
pub(super) struct ComparedWithAny;

impl ExprPlanner for ComparedWithAny {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>, DataFusionError> {
        let Some(op) = of_any(&expr.op) else { return Ok(PlannerResult::Original(expr)) };
        let RawBinaryExpr { left, right, .. } = expr;
        planned(left, &op, right, schema).map(PlannerResult::Planned)
    }
}

fn planned(
    left: Expr,
    op: &BinaryOperator,
    right: Expr,
    schema: &DFSchema,
) -> Result<Expr, DataFusionError> {
    if matches!(&right, Expr::Literal(value, _) if value.data_type() == DataType::Null) {
        return Ok(Expr::Literal(ScalarValue::Boolean(None), None));
    }
    let of_left = operand(&left, schema);
    let (right, of_item) = if let Some(text) = text_of(&right) {
        (written_array(text, &left, of_left, schema)?, of_left)
    } else {
        let of_item = item_type(&right, schema)?;
        (right, of_item)
    };
    compared(of_left, &op.to_string(), of_item)?;
    if *op == BinaryOperator::Eq
        && let Some(items) = plain_items(&right, schema)
    {
        return Ok(if items.is_empty() {
            Expr::Literal(ScalarValue::from(false), None)
        } else {
            Expr::InList(InList::new(Box::new(left), items, false))
        });
    }
    if [of_left, of_item].contains(&SqlType::Jsonb) {
        let left = in_sort_order(written(typed(left, SqlType::Jsonb), SqlType::Jsonb)?);
        return any_of(left, op, items_in_sort_order(typed(right, SqlType::JsonbArray)));
    }
    let of_array = right.get_type(schema).ok();
    let left = match (text_of(&left), of_array.as_ref().and_then(innermost)) {
        (Some(text), Some(data_type)) => {
            let field = match of_item {
                SqlType::Uuid => of_item.field(),
                _ => Field::new("", data_type.clone(), true),
            };
            text_as(text, &field)?
        }
        _ => left,
    };
    any_of(left, op, right)
}

/// The array that a text is beside `left`.
fn written_array(
    text: &str,
    left: &Expr,
    of_left: SqlType,
    schema: &DFSchema,
) -> Result<Expr, DataFusionError> {
    let field = match left.to_field(schema) {
        Ok((_, field)) if of_left != SqlType::Unknown => field.as_ref().clone(),
        _ => SqlType::Text.field(),
    };
    let items = array_items(text)?.into_iter().map(|item| match item {
        Some(text) => text_as(&text, &field),
        None => Ok(Expr::Literal(ScalarValue::Null, None)),
    });
    Ok(make_array_udf().call(items.collect::<Result<_, _>>()?))
}

/// The type of the items of an array; unknown where that is decided later, or cannot be told.
fn item_type(array: &Expr, schema: &DFSchema) -> Result<SqlType, DataFusionError> {
    let of_array = operand(array, schema);
    if let Some(of_item) = of_array.item() {
        return Ok(of_item);
    }
    match array.get_type(schema) {
        Ok(of_levels @ DataType::List(_)) if of_array != SqlType::Vector => {
            let leaf = innermost(&of_levels).filter(|_| of_array == SqlType::Unknown);
            Ok(leaf.map_or(SqlType::Unknown, SqlType::of_arrow))
        }
        Ok(DataType::Null) | Err(_) => Ok(SqlType::Unknown),
        Ok(_) if of_array == SqlType::Unknown => Ok(SqlType::Unknown),
        Ok(_) => {
            let message = "op ANY/ALL (array) requires array on right side";
            Err(SqlError::new(SqlState::WrongObjectType, message).into())
        }
    }
}

/// The items of an array that are written out and are no arrays themselves.
fn plain_items(array: &Expr, schema: &DFSchema) -> Option<Vec<Expr>> {
    let Expr::ScalarFunction(call) = unmarked(array) else { return None };
    let is_plain = |item: &Expr| match item.get_type(schema) {
        Ok(DataType::List(_)) => operand(item, schema) == SqlType::Vector,
        _ => true,
    };
    let is_array = call.func == make_array_udf() && call.args.iter().all(is_plain);
    is_array.then(|| call.args.clone())
}
