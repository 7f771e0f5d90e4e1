//! Functions of tests only. `panic_if(condition)`: a defect, as far as a statement meets it.
//! `give_up_if(condition)`: a client that cancels the statement in this very moment.

use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::engine::Interrupt;
use crate::sql::SqlError;

/// Registers both.
pub(in crate::sql) fn register(state: &mut SessionState) -> Result<(), SqlError> {
    for name in ["panic_if", "give_up_if"] {
        let signature = Signature::exact(vec![DataType::Boolean], Volatility::Immutable);
        state.register_udf(Arc::new(ScalarUDF::from(Mishap { name, signature })))?;
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Mishap {
    name: &'static str,
    signature: Signature,
}

impl ScalarUDFImpl for Mishap {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let arguments = ColumnarValue::values_to_arrays(&call.args)?;
        if arguments[0].as_boolean().has_true() {
            assert_ne!(self.name, "panic_if", "told to");
            assert!(Interrupt::here().is_some_and(|current| current.raise()));
        }
        Ok(ColumnarValue::Array(Arc::clone(&arguments[0])))
    }
}
