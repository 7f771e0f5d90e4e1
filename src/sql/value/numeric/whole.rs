//! `floor` and `ceil` of exact numbers, which have no digits behind the point.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::error::DataFusionError;
use datafusion::functions::math::{ceil, floor};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use super::{digits_of, type_of};

/// Both functions, in place of the planner's, which keep the digits of the type.
pub(super) fn functions() -> [ScalarUDF; 2] {
    [floor(), ceil()].map(|inner| ScalarUDF::from(Whole { inner }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Whole {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for Whole {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        match arguments {
            [exact] if exact.is_decimal() => {
                let (digits, scale) = digits_of(exact).unwrap_or_default();
                Ok(type_of(digits + 1 - i32::from(scale), 0))
            }
            _ => self.inner.return_type(arguments),
        }
    }

    fn invoke_with_args(
        &self,
        mut arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let [number] = arguments.args.as_slice() else {
            return self.inner.invoke_with_args(arguments);
        };
        let Some((digits, scale)) = digits_of(&number.data_type()) else {
            return self.inner.invoke_with_args(arguments);
        };
        // 9.9 has two digits, and the number above it three.
        let wider = type_of(digits + 1, scale);
        let field = Arc::new(Field::new(self.name(), wider.clone(), true));
        let returned = std::mem::replace(&mut arguments.return_field, Arc::clone(&field));
        arguments.args = vec![number.cast_to(&wider, None)?];
        arguments.arg_fields = vec![field];
        self.inner.invoke_with_args(arguments)?.cast_to(returned.data_type(), None)
    }
}
