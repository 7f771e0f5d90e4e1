//! Casts to `varchar`, `varchar(n)` and `char(n)`: texts to Arrow, marked by their fields.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::sql::function::allowance::Made;
use crate::sql::grammar::marker::{TO_CHARACTERS, TO_VARCHAR};
use crate::sql::value::types::{SqlType, with_length};
use crate::sql::{SqlError, SqlState};

/// Longest text of either type, as in PostgreSQL.
const CHARACTERS_MAX: i64 = 10_485_760;

/// What such casts become; a second argument is the length.
pub(super) fn functions() -> impl Iterator<Item = ScalarUDF> {
    [SqlType::Varchar, SqlType::Bpchar].into_iter().map(|sql_type| {
        let lists = vec![
            TypeSignature::Exact(vec![DataType::Utf8]),
            TypeSignature::Exact(vec![DataType::Utf8, DataType::Int64]),
        ];
        let signature = Signature::one_of(lists, Volatility::Immutable);
        ScalarUDF::from(Bounded { sql_type, signature })
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    sql_type: SqlType,
    signature: Signature,
}

impl Bounded {
    /// `texts` cut to so many characters, and filled with spaces up to them if they are `char(n)`.
    fn fitted(&self, texts: &StringArray, length: i64) -> Result<StringArray, SqlError> {
        let is_filled = self.sql_type == SqlType::Bpchar;
        let Some(length) = usize::try_from(length).ok().filter(|_| length <= CHARACTERS_MAX) else {
            let name = if is_filled { "char" } else { "varchar" };
            let message = format!("length for type {name} cannot exceed {CHARACTERS_MAX}");
            return Err(SqlError::new(SqlState::InvalidParameterValue, message));
        };
        let mut made = Made::by("char");
        let fitted = texts.iter().map(|text| {
            let Some(text) = text else { return Ok(None) };
            let mut fitted: String = text.chars().take(length).collect();
            if is_filled {
                let missing = length - fitted.chars().count();
                made.add(missing)?;
                fitted.extend(std::iter::repeat_n(' ', missing));
            }
            Ok(Some(fitted))
        });
        fitted.collect()
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &'static str {
        if self.sql_type == SqlType::Bpchar { TO_CHARACTERS } else { TO_VARCHAR }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        internal_err!("{} tells its field", self.name())
    }

    fn return_field_from_args(
        &self,
        arguments: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        let field = self.sql_type.field().with_name(self.name());
        let length = arguments.scalar_arguments.get(1).copied().flatten().and_then(length);
        let length = length.and_then(|length| i32::try_from(length).ok());
        Ok(Arc::new(match length {
            Some(length) => with_length(field, length),
            None => field,
        }))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let mut given = arguments.args.into_iter();
        let Some(texts) = given.next() else { return internal_err!("nothing is cast") };
        let length = match given.next() {
            Some(ColumnarValue::Scalar(value)) => length(&value),
            // It stands in a type, which no column does.
            Some(ColumnarValue::Array(lengths)) => {
                lengths.as_primitive::<Int64Type>().iter().flatten().next()
            }
            None => None,
        };
        let Some(length) = length else { return Ok(texts) };
        match texts {
            ColumnarValue::Scalar(text) => {
                let fitted = self.fitted(text.to_array()?.as_string(), length)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&fitted, 0)?))
            }
            ColumnarValue::Array(texts) => {
                let fitted: ArrayRef = Arc::new(self.fitted(texts.as_string(), length)?);
                Ok(ColumnarValue::Array(fitted))
            }
        }
    }
}

fn length(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::Int64(length) => *length,
        ScalarValue::Int32(length) => length.map(i64::from),
        _ => None,
    }
}
