//! `concat` and `concat_ws`: values of any type one behind the other, as their texts.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::sql::value::output::{IntervalStyle, interval_style, texts};

pub(super) fn functions() -> [ScalarUDF; 2] {
    [("concat", false), ("concat_ws", true)].map(|(name, separated)| {
        let signature = Signature::variadic_any(Volatility::Immutable);
        ScalarUDF::from(Concat { name, separated, signature })
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Concat {
    name: &'static str,
    /// Whether the first argument stands between the others.
    separated: bool,
    signature: Signature,
}

impl ScalarUDFImpl for Concat {
    fn name(&self) -> &str {
        self.name
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
        let rows = arguments.number_rows;
        let style = interval_style(&arguments.config_options);
        let columns = arguments.args.iter().zip(&arguments.arg_fields);
        let columns = columns.map(|(column, field)| shown(&column.to_array(rows)?, field, style));
        let columns = columns.collect::<Result<Vec<_>, DataFusionError>>()?;
        let (separators, values) = match columns.split_first() {
            Some((separators, values)) if self.separated => (Some(separators), values),
            _ => (None, columns.as_slice()),
        };
        let mut joined = StringBuilder::new();
        for row in 0..rows {
            let separator = match separators {
                Some(separators) if separators.is_null(row) => {
                    joined.append_null();
                    continue;
                }
                Some(separators) => separators.value(row),
                None => "",
            };
            let parts = values.iter().filter(|column| !column.is_null(row));
            let parts: Vec<_> = parts.map(|column| column.value(row)).collect();
            joined.append_value(parts.join(separator));
        }
        Ok(ColumnarValue::Array(Arc::new(joined.finish())))
    }
}

/// A column as texts; truth has one letter, as in results.
pub(super) fn shown(
    column: &ArrayRef,
    field: &Field,
    style: IntervalStyle,
) -> Result<StringArray, DataFusionError> {
    match column.data_type() {
        DataType::Boolean => {
            let letters = column.as_boolean().iter();
            Ok(letters.map(|truth| truth.map(|truth| if truth { "t" } else { "f" })).collect())
        }
        // An array of NULLs does not say that they are NULL.
        text if text.is_string() || *text == DataType::Null => {
            Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone())
        }
        _ => texts(column, field, style),
    }
}
