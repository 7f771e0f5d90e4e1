//! `||` of texts and of bytes as a function, which is measured as all functions are.

use datafusion::arrow::compute::kernels::concat_elements::concat_elements_dyn;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::check;
use super::size::bytes_of_argument;

/// What the function is called.
pub(super) const NAME: &str = "||";

pub(super) fn function() -> ScalarUDF {
    ScalarUDF::from(Joined { signature: Signature::any(2, Volatility::Immutable) })
}

/// One value behind the other, both of one type.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Joined {
    signature: Signature,
}

impl ScalarUDFImpl for Joined {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        let [left, _] = arguments else { return internal_err!("an operator has two sides") };
        Ok(left.clone())
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let is_constant = |side: &ColumnarValue| matches!(side, ColumnarValue::Scalar(_));
        let constant = arguments.args.iter().all(is_constant);
        let rows = if constant { 1 } else { arguments.number_rows };
        // A constant is there once for each row.
        let constants = arguments.args.iter().filter(|side| is_constant(side));
        let constants: usize = constants.map(bytes_of_argument).sum();
        check(NAME, constants.saturating_mul(rows))?;
        let [left, right] = &ColumnarValue::values_to_arrays(&arguments.args)?[..] else {
            return internal_err!("an operator has two sides");
        };
        let joined = concat_elements_dyn(left.as_ref(), right.as_ref())?;
        Ok(if constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&joined, 0)?)
        } else {
            ColumnarValue::Array(joined)
        })
    }
}
