//! A text literal beside an array is an array in PostgreSQL, which gives a literal the type of what
//! it stands beside: `polroles = '{0}'`.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::scalar::ScalarValue;

/// Reads such literals where a binary operator is planned.
#[derive(Debug)]
pub(super) struct ArrayLiterals;

impl ExprPlanner for ArrayLiterals {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>, DataFusionError> {
        let RawBinaryExpr { op, left, right } = expr;
        let (left, right) = match (text_of(&left), text_of(&right)) {
            (None, Some(text)) => {
                let array = array_beside(&left, text, schema);
                (left, array.unwrap_or(right))
            }
            (Some(text), None) => {
                let array = array_beside(&right, text, schema);
                (array.unwrap_or(left), right)
            }
            _ => (left, right),
        };
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

/// The array that `text` is where `other` is one of plain values; none where it is none, which the
/// comparison of the two will say.
fn array_beside(other: &Expr, text: &str, schema: &DFSchema) -> Option<Expr> {
    let DataType::List(item) = other.get_type(schema).ok()? else { return None };
    let inside = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    if inside.contains(['"', '{', '\\']) {
        return None;
    }
    let items = inside.split(',').map(str::trim).filter(|_| !inside.trim().is_empty());
    let values = items.map(|item_text| match item_text {
        null if null.eq_ignore_ascii_case("null") => ScalarValue::try_from(item.data_type()),
        value => ScalarValue::try_from_string(value.to_owned(), item.data_type()),
    });
    let values = values.collect::<Result<Vec<_>, _>>().ok()?;
    let list = ScalarValue::new_list(&values, item.data_type(), item.is_nullable());
    Some(Expr::Literal(ScalarValue::List(list), None))
}
