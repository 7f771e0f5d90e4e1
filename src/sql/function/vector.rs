//! Casts to `vector` and `real[]`.
//!
//! To Arrow both are lists of `real`, so a cast between them would be none; these functions are
//! what the casts become, because the type of a function's result can be told.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float32Array, Float32Builder, ListArray, ListBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{internal_err, plan_err};
use datafusion::error::DataFusionError;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::scalar::ScalarValue;
use likeness_storage::limits::DIM_MAX;

use crate::sql::grammar::marker::{TO_REAL_ARRAY, TO_VECTOR};
use crate::sql::value::array_text::{self, Item, is_general};
use crate::sql::value::constant::real_array as read_real_array;
use crate::sql::value::types::{VECTOR_NAME, real_array, real_element, with_pg_type};
use crate::sql::{SqlError, SqlState};

/// Makes both casts known to a session.
pub(in crate::sql) fn register(state: &mut SessionState) -> Result<(), SqlError> {
    for target in [Target::Vector, Target::RealArray] {
        state.register_udf(Arc::new(ScalarUDF::from(NumbersCast::to(target))))?;
    }
    Ok(())
}

/// `numbers` as a vector.
pub(in crate::sql) fn as_vector(numbers: Expr) -> Expr {
    ScalarUDF::from(NumbersCast::to(Target::Vector)).call(vec![numbers])
}

/// The vectors that these texts are.
///
/// # Errors
/// A text that is none.
pub(super) fn vectors_of(texts: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    NumbersCast::to(Target::Vector).convert(texts, None)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Target {
    Vector,
    RealArray,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Vector => VECTOR_NAME,
            Self::RealArray => "real[]",
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct NumbersCast {
    target: Target,
    signature: Signature,
}

impl NumbersCast {
    fn to(target: Target) -> Self {
        Self { target, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for NumbersCast {
    fn name(&self) -> &str {
        match self.target {
            Target::Vector => TO_VECTOR,
            Target::RealArray => TO_REAL_ARRAY,
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        let (given, dimensions) = match (self.target, arguments) {
            (_, [given]) => (given, None),
            (Target::Vector, [given, _]) => (given, Some(DataType::Int64)),
            _ => return plan_err!("No function matches {} with these arguments", self.name()),
        };
        // What cannot be cast stays as it is, for the field to refuse it in better words.
        let numbers = match given {
            text if text.is_string() => DataType::Utf8,
            other if holds_numbers(other) => real_array(),
            other => other.clone(),
        };
        Ok([numbers].into_iter().chain(dimensions).collect())
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        internal_err!("{} tells its field", self.name())
    }

    fn return_field_from_args(
        &self,
        arguments: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        if let Some(given) = arguments.arg_fields.first().map(|field| field.data_type())
            && !given.is_string()
            && !holds_numbers(given)
        {
            let message = format!("cannot cast type {given} to {}", self.target.name());
            return Err(SqlError::new(SqlState::CannotCoerce, message).into());
        }
        let field = Field::new(self.name(), real_array(), true);
        Ok(Arc::new(match self.target {
            Target::Vector => with_pg_type(field, VECTOR_NAME),
            Target::RealArray => field,
        }))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let mut given = arguments.args.into_iter();
        let Some(numbers) = given.next() else {
            return internal_err!("{} without an argument", self.name());
        };
        let dimensions = match given.next() {
            Some(ColumnarValue::Scalar(ScalarValue::Int64(dimensions))) => dimensions,
            _ => None,
        };
        match numbers {
            ColumnarValue::Scalar(value) => {
                let converted = self.convert(&value.to_array()?, dimensions)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&converted, 0)?))
            }
            ColumnarValue::Array(values) => {
                Ok(ColumnarValue::Array(self.convert(&values, dimensions)?))
            }
        }
    }
}

impl NumbersCast {
    fn convert(
        &self,
        values: &ArrayRef,
        dimensions: Option<i64>,
    ) -> Result<ArrayRef, DataFusionError> {
        let lists = match values.as_string_opt::<i32>() {
            Some(texts) => read(texts.iter(), self.target)?,
            None => cast(values, &real_array())?.as_list::<i32>().clone(),
        };
        if self.target == Target::Vector {
            for numbers in lists.iter().flatten() {
                check_vector(numbers.as_primitive(), dimensions)?;
            }
        }
        Ok(Arc::new(lists))
    }
}

fn read<'a>(
    texts: impl Iterator<Item = Option<&'a str>>,
    target: Target,
) -> Result<ListArray, SqlError> {
    let name = format!("type {}", target.name());
    let mut lists = ListBuilder::new(Float32Builder::new()).with_field(real_element());
    for text in texts {
        match text {
            Some(text) if target == Target::RealArray && is_general(text) => {
                for item in array_text::read(text)? {
                    lists.values().append_option(real(&name, item)?);
                }
            }
            Some(text) => lists.values().append_slice(&read_real_array(&name, text)?),
            None => {}
        }
        lists.append(text.is_some());
    }
    Ok(lists.finish())
}

/// The number that an item of an array is; none for NULL.
fn real(name: &str, item: Item) -> Result<Option<f32>, SqlError> {
    match item {
        Item::Null => Ok(None),
        Item::Text(item) => Ok(read_real_array(name, &format!("[{item}]"))?.pop()),
        Item::Array(_) => {
            Err(SqlError::unsupported("an array of several dimensions that is no literal"))
        }
    }
}

/// What pgvector asks of a vector, in its words.
fn check_vector(numbers: &Float32Array, dimensions: Option<i64>) -> Result<(), SqlError> {
    let wrong = |message: String| Err(SqlError::new(SqlState::DataException, message));
    let given = numbers.len();
    if given == 0 {
        return wrong("vector must have at least 1 dimension".to_owned());
    }
    if given > DIM_MAX {
        let message = format!("vector cannot have more than {DIM_MAX} dimensions");
        return Err(SqlError::new(SqlState::ProgramLimitExceeded, message));
    }
    if dimensions.is_some_and(|wanted| i64::try_from(given) != Ok(wanted)) {
        return wrong(format!("expected {} dimensions, not {given}", dimensions.unwrap_or(0)));
    }
    if numbers.null_count() > 0 {
        let message = "vector must not contain NULL";
        return Err(SqlError::new(SqlState::NullValueNotAllowed, message));
    }
    match numbers.values().iter().find(|number| !number.is_finite()) {
        Some(number) if number.is_nan() => wrong("NaN not allowed in vector".to_owned()),
        Some(_) => wrong("infinite value not allowed in vector".to_owned()),
        None => Ok(()),
    }
}

/// Whether values of this type can be read as numbers, or are NULL only.
fn holds_numbers(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null => true,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            item.data_type().is_numeric() || item.data_type().is_null()
        }
        _ => false,
    }
}
