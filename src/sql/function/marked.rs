//! Values of types that Arrow knows as those of another, told by the field of what makes them:
//! arrays of identifiers and of documents, and the items of these.

use std::sync::Arc;

use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{DFSchema, internal_err};
use datafusion::error::DataFusionError;
use datafusion::functions_nested::expr_fn::{
    array_append, array_concat, array_element, array_prepend, array_slice, make_array,
};
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr,
};
use datafusion::logical_expr::{
    ColumnarValue, Expr, GetFieldAccess, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::operator::{common_type, operand};
use super::scalar::{document_of_text, malformed_uuid, read_document, uuid};
use crate::sql::value::types::SqlType;

const MARKED: &str = "marked";

/// `value`, which is stored as one of `sql_type`, as one.
pub(in crate::sql) fn marked(value: Expr, sql_type: SqlType) -> Expr {
    let signature = Signature::any(1, Volatility::Immutable);
    ScalarUDF::from(Marked { sql_type, signature }).call(vec![value])
}

/// What is marked, where `expr` marks a value; itself where it does not.
pub(in crate::sql) fn unmarked(expr: &Expr) -> &Expr {
    match expr {
        Expr::ScalarFunction(call) if call.func.name() == MARKED => {
            call.args.first().unwrap_or(expr)
        }
        _ => expr,
    }
}

/// The type of arrays of items of this type, where it has to be told.
pub(in crate::sql) fn marked_array(item: SqlType) -> Option<SqlType> {
    item.array().filter(|array| array.is_marked())
}

/// A text that stands in a statement where a value of `sql_type` is meant; others stay.
///
/// # Errors
/// 22P02 for one that is none.
pub(in crate::sql) fn written(value: Expr, sql_type: SqlType) -> Result<Expr, DataFusionError> {
    let text = match &value {
        Expr::Literal(literal, _) => literal.try_as_str().flatten(),
        _ => None,
    };
    let Some(text) = text else { return Ok(value) };
    match sql_type {
        SqlType::Uuid => {
            let shown = uuid(text).ok_or_else(|| malformed_uuid(text))?;
            Ok(Expr::Literal(ScalarValue::from(shown), None))
        }
        SqlType::Jsonb => {
            // What is no document is said before anything runs.
            read_document(text)?;
            document_of_text(value)
        }
        _ => Ok(value),
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Marked {
    sql_type: SqlType,
    signature: Signature,
}

impl ScalarUDFImpl for Marked {
    fn name(&self) -> &'static str {
        MARKED
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        internal_err!("a marked value tells its field")
    }

    fn return_field_from_args(
        &self,
        _arguments: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        Ok(Arc::new(self.sql_type.field().with_name(self.name())))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let Some(value) = arguments.args.into_iter().next() else {
            return internal_err!("nothing is marked");
        };
        let wanted = self.sql_type.arrow_type();
        Ok(match value {
            ColumnarValue::Scalar(value) => ColumnarValue::Scalar(value.cast_to(&wanted)?),
            ColumnarValue::Array(values) => ColumnarValue::Array(cast(&values, &wanted)?),
        })
    }
}

/// Plans what makes such arrays, and what takes them apart.
#[derive(Debug)]
pub(in crate::sql) struct MarkedArrays;

impl ExprPlanner for MarkedArrays {
    fn plan_array_literal(
        &self,
        items: Vec<Expr>,
        schema: &DFSchema,
    ) -> Result<PlannerResult<Vec<Expr>>, DataFusionError> {
        let types = items.iter().map(|item| operand(item, schema));
        // That items are of one type is checked where all else is.
        let Ok(item_type) = common_type("ARRAY", types) else {
            return Ok(PlannerResult::Original(items));
        };
        let Some(array_type) = marked_array(item_type) else {
            return Ok(PlannerResult::Original(items));
        };
        let items = items.into_iter().map(|item| written(item, item_type));
        let array = make_array(items.collect::<Result<_, _>>()?);
        Ok(PlannerResult::Planned(marked(array, array_type)))
    }

    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>, DataFusionError> {
        if expr.op != BinaryOperator::StringConcat {
            return Ok(PlannerResult::Original(expr));
        }
        let (left, right) = (operand(&expr.left, schema), operand(&expr.right, schema));
        let is_array = |side: SqlType| side.item().is_some() && side.is_marked();
        let joined = if is_array(left) && right == left {
            array_concat(vec![expr.left, expr.right])
        } else if is_array(left) && left.item() == Some(right) {
            array_append(expr.left, expr.right)
        } else if is_array(right) && right.item() == Some(left) {
            array_prepend(expr.left, expr.right)
        } else {
            return Ok(PlannerResult::Original(expr));
        };
        Ok(PlannerResult::Planned(marked(joined, if is_array(left) { left } else { right })))
    }

    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>, DataFusionError> {
        let array_type = operand(&access.expr, schema);
        let Some(item_type) = array_type.item().filter(|_| array_type.is_marked()) else {
            return Ok(PlannerResult::Original(access));
        };
        Ok(PlannerResult::Planned(match access.field_access {
            GetFieldAccess::ListIndex { key } => {
                marked(array_element(access.expr, *key), item_type)
            }
            GetFieldAccess::ListRange { start, stop, .. } => {
                marked(array_slice(access.expr, *start, *stop, None), array_type)
            }
            GetFieldAccess::NamedStructField { .. } => {
                return Ok(PlannerResult::Original(access));
            }
        }))
    }
}
