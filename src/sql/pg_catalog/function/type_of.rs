//! `pg_typeof`: the name of the type of a value.

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::super::collections::field_type_oid;
use super::naming::type_name;

pub(super) fn function() -> ScalarUDF {
    ScalarUDF::from(TypeOf { signature: Signature::any(1, Volatility::Stable) })
}

/// The type is known before any value is: every row has the same answer.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TypeOf {
    signature: Signature,
}

impl ScalarUDFImpl for TypeOf {
    fn name(&self) -> &'static str {
        "pg_typeof"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let name = arguments.arg_fields.first().map(|field| type_name(type_oid(field), None));
        Ok(ColumnarValue::Scalar(ScalarValue::Utf8(name)))
    }
}

/// The OID of the type of a field. An array of any number of dimensions has one.
fn type_oid(field: &Field) -> u32 {
    match field.data_type() {
        DataType::List(item) if matches!(item.data_type(), DataType::List(_)) => type_oid(item),
        _ => field_type_oid(field),
    }
}
