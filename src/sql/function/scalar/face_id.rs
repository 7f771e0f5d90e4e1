//! `gen_face_id()`: the face id that the server would give.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::StringArray;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::biometric::FaceIdGenerator;

/// The name of the function.
pub(in crate::sql) const GEN_FACE_ID: &str = "gen_face_id";

static GENERATOR: LazyLock<FaceIdGenerator> = LazyLock::new(FaceIdGenerator::new);

/// `gen_face_id()`.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::from(Generated { signature: Signature::nullary(Volatility::Volatile) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Generated {
    signature: Signature,
}

impl ScalarUDFImpl for Generated {
    fn name(&self) -> &'static str {
        GEN_FACE_ID
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
        let ids = (0..arguments.number_rows).map(|_| GENERATOR.next_id().to_string());
        Ok(ColumnarValue::Array(Arc::new(StringArray::from_iter_values(ids))))
    }
}
