//! The functions that stand for subqueries while a statement is planned.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Subquery, Volatility,
};

use crate::sql::SqlError;
use crate::sql::function::marked::{marked, marked_array};
use crate::sql::grammar::marker::ARRAY_SUBQUERY;
use crate::sql::value::types::SqlType;

/// Makes `ARRAY(query)` known to a session.
pub(in crate::sql) fn register(state: &mut SessionState) -> Result<(), SqlError> {
    let signature = Signature::any(1, Volatility::Stable);
    state.register_udf(Arc::new(ScalarUDF::from(ArraySubquery { signature })))?;
    Ok(())
}

/// The field of arrays of what is in this one.
pub(super) fn array_of(element: &Field) -> Field {
    match marked_array(SqlType::of(element)) {
        Some(array) => array.field(),
        None => Field::new_list("", Field::new_list_field(element.data_type().clone(), true), true),
    }
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

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        internal_err!("{ARRAY_SUBQUERY} tells its field")
    }

    fn return_field_from_args(
        &self,
        arguments: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        let [element] = arguments.arg_fields else {
            return internal_err!("an array of several queries");
        };
        Ok(Arc::new(array_of(element).with_name(ARRAY_SUBQUERY)))
    }

    fn invoke_with_args(
        &self,
        _arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        internal_err!("an array of a query that was not planned")
    }
}

/// A value that may be NULL, whatever its field says.
#[derive(Debug, PartialEq, Eq, Hash)]
struct MayBeNull {
    signature: Signature,
}

/// `value`, which is NULL where a subquery has no row.
pub(super) fn may_be_null(value: Expr) -> Expr {
    let sql_type = match &value {
        Expr::ScalarSubquery(query) => SqlType::of(query.subquery.schema().field(0)),
        _ => SqlType::Unknown,
    };
    let signature = Signature::any(1, Volatility::Immutable);
    told(ScalarUDF::from(MayBeNull { signature }).call(vec![value]), sql_type)
}

/// A subquery's value with its type, where the planner would take it for what it is stored as.
pub(super) fn told(value: Expr, sql_type: SqlType) -> Expr {
    match sql_type {
        SqlType::Jsonb
        | SqlType::JsonbArray
        | SqlType::Uuid
        | SqlType::UuidArray
        | SqlType::Vector => marked(value, sql_type),
        _ => value,
    }
}

impl ScalarUDFImpl for MayBeNull {
    fn name(&self) -> &'static str {
        "may be null"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        internal_err!("a value tells its field")
    }

    fn return_field_from_args(
        &self,
        arguments: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        let [value] = arguments.arg_fields else { return internal_err!("one value may be NULL") };
        Ok(Arc::new(value.as_ref().clone().with_nullable(true)))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let Some(value) = arguments.args.into_iter().next() else {
            return internal_err!("no value may be NULL");
        };
        Ok(value)
    }
}
