//! `ROW(..)`: a record of values, each of which keeps its type.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::sql::SqlError;

/// Makes it known to a session, in place of the planner's, which forgets what types are called.
pub(in crate::sql) fn register(state: &mut SessionState) -> Result<(), SqlError> {
    state.register_udf(Arc::new(function()))?;
    Ok(())
}

/// A record of these values.
pub(super) fn record(values: Vec<Expr>) -> Expr {
    function().call(values)
}

fn function() -> ScalarUDF {
    let arguments = vec![TypeSignature::Nullary, TypeSignature::VariadicAny];
    ScalarUDF::from(Record { signature: Signature::one_of(arguments, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Record {
    signature: Signature,
}

impl ScalarUDFImpl for Record {
    fn name(&self) -> &'static str {
        "row"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        internal_err!("a record tells its field")
    }

    fn return_field_from_args(
        &self,
        arguments: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        let fields = arguments.arg_fields.iter().zip(1..).map(|(field, place)| {
            let field = field.as_ref().clone();
            Arc::new(field.with_name(format!("f{place}")).with_nullable(true))
        });
        let fields: Fields = fields.collect();
        Ok(Arc::new(Field::new(self.name(), DataType::Struct(fields), false)))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let DataType::Struct(fields) = arguments.return_field.data_type() else {
            return internal_err!("a record has fields");
        };
        let constant =
            arguments.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { arguments.number_rows };
        let values = arguments.args.iter().map(|argument| argument.to_array(rows));
        let values = values.collect::<Result<Vec<ArrayRef>, _>>()?;
        let records = StructArray::try_new_with_length(fields.clone(), values, None, rows)?;
        Ok(if constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&records, 0)?)
        } else {
            ColumnarValue::Array(Arc::new(records))
        })
    }
}
