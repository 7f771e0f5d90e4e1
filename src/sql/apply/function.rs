//! The functions that stand for subqueries while a statement is planned.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Subquery,
    Volatility,
};
use datafusion::scalar::ScalarValue;

use super::super::SqlError;
use super::super::marker::ARRAY_SUBQUERY;

/// Makes `ARRAY(query)` known to a session.
pub(in super::super) fn register(state: &mut SessionState) -> Result<(), SqlError> {
    let signature = Signature::any(1, Volatility::Stable);
    state.register_udf(Arc::new(ScalarUDF::from(ArraySubquery { signature })))?;
    Ok(())
}

/// The query in `ARRAY(query)`.
pub(super) fn array_subquery(expr: &Expr) -> Option<&Subquery> {
    match expr {
        Expr::ScalarFunction(call) if call.func.name() == ARRAY_SUBQUERY => {
            match call.args.as_slice() {
                [Expr::ScalarSubquery(query)] => Some(query),
                _ => None,
            }
        }
        _ => None,
    }
}

/// `ARRAY(query)`: tells its type, and is replaced before anything is run.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ArraySubquery {
    signature: Signature,
}

impl ScalarUDFImpl for ArraySubquery {
    fn name(&self) -> &'static str {
        ARRAY_SUBQUERY
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        let [element] = arguments else { return internal_err!("an array of several queries") };
        Ok(DataType::List(Arc::new(Field::new_list_field(element.clone(), true))))
    }

    fn invoke_with_args(
        &self,
        _arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        internal_err!("an array of a query that was not planned")
    }
}

/// `value IN (query)`, where the values of the query are an array by now.
#[derive(Debug, PartialEq, Eq, Hash)]
struct IsAmong {
    signature: Signature,
}

/// `value IN (array)`.
pub(super) fn is_among(value: Expr, array: Expr) -> Expr {
    let signature = Signature::any(2, Volatility::Immutable);
    ScalarUDF::from(IsAmong { signature }).call(vec![value, array])
}

impl ScalarUDFImpl for IsAmong {
    fn name(&self) -> &'static str {
        "is among"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let rows = arguments.number_rows;
        let columns = arguments.args.into_iter().map(|argument| argument.into_array(rows));
        are_among(&columns.collect::<Result<Vec<_>, _>>()?).map(ColumnarValue::Array)
    }
}

fn are_among(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [values, lists] = columns else { return internal_err!("a look-up in nothing") };
    let found = (0..values.len()).map(|row| {
        let value = ScalarValue::try_from_array(values, row)?;
        let ScalarValue::List(list) = ScalarValue::try_from_array(lists, row)? else {
            return Ok(None);
        };
        let list = list.value(0);
        let list = (0..list.len()).map(|at| ScalarValue::try_from_array(&list, at));
        Ok(found_among(&value, &list.collect::<Result<Vec<_>, _>>()?))
    });
    Ok(Arc::new(found.collect::<Result<BooleanArray, DataFusionError>>()?))
}

/// Whether `value` is one of `values`; what NULLs leave open is NULL.
fn found_among(value: &ScalarValue, values: &[ScalarValue]) -> Option<bool> {
    if values.is_empty() {
        return Some(false);
    }
    if value.is_null() {
        return None;
    }
    if values.contains(value) {
        return Some(true);
    }
    values.iter().all(|value| !value.is_null()).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nulls_leave_open_is_null() {
        let number = |value: i64| ScalarValue::from(value);
        let null = ScalarValue::Int64(None);
        assert_eq!(found_among(&number(1), &[number(2), number(1)]), Some(true));
        assert_eq!(found_among(&number(1), &[number(2)]), Some(false));
        assert_eq!(found_among(&number(1), &[number(2), null.clone()]), None);
        assert_eq!(found_among(&number(1), &[number(1), null.clone()]), Some(true));
        assert_eq!(found_among(&null, &[number(1)]), None);
        assert_eq!(found_among(&null, &[]), Some(false));
    }
}
