//! A text that is of the type of what stands beside it: what chooses one of several values has a
//! type before rules read texts.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
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
    let signature = Signature::variadic_any(Volatility::Immutable);
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
        let beside = arguments.arg_fields.iter().skip(1).map(AsRef::as_ref);
        let field = told(beside).unwrap_or_else(|| SqlType::Text.field());
        Ok(Arc::new(field.with_name(TEXT_BESIDE).with_nullable(true)))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let sql_type = SqlType::of(&arguments.return_field);
        match arguments.args.into_iter().next() {
            Some(text) if sql_type == SqlType::Vector => {
                let vector = vectors_of(&text.into_array(1)?)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&vector, 0)?))
            }
            Some(text) => text.cast_to(arguments.return_field.data_type(), None),
            None => internal_err!("no text"),
        }
    }
}

/// The type that some values give to a text beside them; none where the planner reads it so itself.
pub(in crate::sql) fn told<'a>(beside: impl Iterator<Item = &'a Field>) -> Option<Field> {
    beside.filter(|field| tells(SqlType::of(field))).max_by_key(|field| rank(field)).cloned()
}

fn tells(sql_type: SqlType) -> bool {
    use SqlType::{Bool, Date, Interval, Time, Timestamp, Timestamptz, Vector};
    matches!(sql_type, Bool | Date | Interval | Time | Timestamp | Timestamptz | Vector)
        || (sql_type.item().is_some() && !sql_type.is_marked())
}

/// Of several moments the one that tells most is what all of them are.
fn rank(field: &Field) -> u8 {
    match SqlType::of(field) {
        SqlType::Date => 0,
        SqlType::Timestamp => 1,
        _ => 2,
    }
}
