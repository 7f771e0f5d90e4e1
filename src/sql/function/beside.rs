//! A text that is a vector where a vector stands beside it: what chooses one of several values has
//! a type before rules read texts.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::scalar::ScalarValue;

use super::vector::vectors_of;
use crate::sql::SqlError;
use crate::sql::grammar::marker::TEXT_BESIDE;
use crate::sql::value::types::SqlType;

/// Makes it known to a session.
pub(in crate::sql) fn register(state: &mut SessionState) -> Result<(), SqlError> {
    let signature = Signature::any(2, Volatility::Immutable);
    state.register_udf(Arc::new(ScalarUDF::from(TextBeside { signature })))?;
    Ok(())
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TextBeside {
    signature: Signature,
}

impl ScalarUDFImpl for TextBeside {
    fn name(&self) -> &'static str {
        TEXT_BESIDE
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        internal_err!("{TEXT_BESIDE} tells its field")
    }

    fn return_field_from_args(
        &self,
        arguments: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        let is_vector = arguments
            .arg_fields
            .get(1)
            .is_some_and(|beside| SqlType::of(beside) == SqlType::Vector);
        let sql_type = if is_vector { SqlType::Vector } else { SqlType::Text };
        Ok(Arc::new(sql_type.field().with_name(TEXT_BESIDE)))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let is_vector = SqlType::of(&arguments.return_field) == SqlType::Vector;
        match arguments.args.into_iter().next() {
            Some(text) if !is_vector => Ok(text),
            Some(text) => {
                let vector = vectors_of(&text.into_array(1)?)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&vector, 0)?))
            }
            None => internal_err!("no text"),
        }
    }
}
