//! Functions of values that PostgreSQL has and the planner lacks, or that the rewriting of a
//! statement calls.

mod array;
mod bounded;
mod bytes;
mod character;
mod concat;
mod decimals;
mod face_id;
mod format;
mod from_char;
mod identifier;
mod jsonb;
mod like;
mod marked_array;
mod math;
mod moments;
mod null;
mod padding;
mod quote;
mod regexp;
mod sample;
mod series;
mod subscripts;
mod text;
mod to_char;
mod unicode;
mod uuid;
mod vector;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::DataFusionError;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::sql::SqlError;
use crate::sql::value::output;
pub(in crate::sql) use face_id::GEN_FACE_ID;
pub(in crate::sql) use jsonb::{
    ComparedDocuments, JSONB, JsonOperators, as_document, cast_by_value, document_keys,
    document_of, document_of_text, in_sort_order, is_cast_by_value, is_written_document,
    items_in_sort_order, read_document, same_documents, written_document,
};
pub(in crate::sql) use uuid::{malformed as malformed_uuid, marked as as_uuid};
pub use uuid::{of_bytes as uuid_of_bytes, shown as uuid};
pub(in crate::sql) use vector::VectorOperators;

/// Makes all of them known to a session.
pub(in crate::sql) fn register(state: &mut SessionState) -> Result<(), SqlError> {
    let functions = [
        text::functions(),
        character::functions(),
        math::functions(),
        padding::functions(),
        series::functions(),
        jsonb::functions(),
        vector::functions(),
    ];
    let texts = uuid::functions()
        .into_iter()
        .chain(marked_array::functions())
        .chain(quote::functions())
        .chain(null::functions())
        .chain(sample::functions())
        .chain(like::functions())
        .chain(bytes::functions())
        .chain(regexp::functions())
        .chain(from_char::functions())
        .chain([identifier::function(), unicode::function()]);
    for function in functions.into_iter().flatten().chain(texts) {
        state.register_udf(Arc::new(ScalarUDF::from(function)))?;
    }
    for function in jsonb::typed_functions()
        .chain(series::typed_functions())
        .chain([
            uuid::random(),
            face_id::function(),
            to_char::function(),
            output::function(),
            format::function(),
        ])
        .chain([subscripts::function(), from_char::to_number()])
        .chain(array::functions())
        .chain(bounded::functions())
        .chain(concat::functions())
    {
        state.register_udf(Arc::new(function))?;
    }
    Ok(())
}

/// What computes a column of results from columns of arguments.
type Body = fn(&[ArrayRef]) -> Result<ArrayRef, DataFusionError>;

/// A function of values, the same for the same arguments.
#[derive(Debug)]
struct Function {
    name: &'static str,
    signature: Signature,
    /// The type of its results.
    returns: Field,
    body: Body,
}

impl Function {
    /// A function of arguments of these types.
    fn exact(
        name: &'static str,
        arguments: impl IntoIterator<Item = DataType>,
        returns: Field,
        body: Body,
    ) -> Self {
        Self::one_of(name, vec![arguments.into_iter().collect()], returns, body)
    }

    /// A function that takes any of several lists of arguments.
    fn one_of(name: &'static str, lists: Vec<Vec<DataType>>, returns: Field, body: Body) -> Self {
        let lists = lists.into_iter().map(TypeSignature::Exact).collect();
        let signature = Signature::one_of(lists, Volatility::Immutable);
        Self { name, signature, returns, body }
    }

    /// A function of so many arguments of any type.
    fn any(name: &'static str, arguments: usize, returns: Field, body: Body) -> Self {
        let signature = Signature::any(arguments, Volatility::Immutable);
        Self { name, signature, returns, body }
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(self.returns.data_type().clone())
    }

    fn return_field_from_args(
        &self,
        _arguments: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        Ok(Arc::new(self.returns.clone().with_name(self.name)))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let constant =
            arguments.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { arguments.number_rows };
        let columns = arguments.args.into_iter().map(|argument| argument.into_array(rows));
        let results = (self.body)(&columns.collect::<Result<Vec<_>, _>>()?)?;
        Ok(if constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&results, 0)?)
        } else {
            ColumnarValue::Array(results)
        })
    }
}

/// The planner called a function with arguments that its signature rules out.
fn arity(name: &str) -> DataFusionError {
    DataFusionError::Internal(format!("{name} was called with other arguments"))
}
