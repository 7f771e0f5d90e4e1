//! Calls of functions that there are not, or not for such arguments.
//!
//! The planner complains of them in its own words, which do not tell a document from a text. What
//! it could not plan is planned once more with a function in that place that says what it was
//! given.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility,
};

use crate::sql::grammar::marker::{JSON_ELEMENTS, JSON_ELEMENTS_TEXT, JSON_KEYS, SERIES};
use crate::sql::value::types::SqlType;
use crate::sql::{SqlError, SqlState};

/// The type of a text that the statement does not cast.
const UNKNOWN: &str = "unknown";

/// Most functions of a statement that are looked at, one inside the other.
const CALLS_MAX: usize = 8;

/// What functions are called that the planner knows by other names.
const WRITTEN: [(&str, &str); 7] = [
    (JSON_ELEMENTS, "jsonb_array_elements"),
    (JSON_ELEMENTS_TEXT, "jsonb_array_elements_text"),
    (JSON_KEYS, "jsonb_object_keys"),
    (SERIES, "generate_series"),
    ("signum", "sign"),
    ("substr", "substring"),
    ("var_samp", "variance"),
];

/// Functions whose arguments are to be of one type.
const OF_ONE_TYPE: [(&str, &str); 4] = [
    ("coalesce", "COALESCE"),
    ("greatest", "GREATEST"),
    ("least", "LEAST"),
    ("make_array", "ARRAY"),
];

/// Why something cannot be planned: `error`, unless it is about a function. `again` plans it.
pub(in crate::sql) fn explained<T>(
    state: &SessionState,
    mut error: DataFusionError,
    again: impl Fn(&SessionState) -> Option<Result<T, DataFusionError>>,
) -> SqlError {
    let mut state = state.clone();
    for _ in 0..CALLS_MAX {
        let Some(name) = called(&error) else { break };
        match watch(&mut state, &name) {
            Ok(true) => {}
            Ok(false) => break,
            Err(refused) => return refused,
        }
        match again(&state) {
            Some(Err(next)) => error = next,
            _ => break,
        }
    }
    error.into()
}

/// The function that the planner complains of.
fn called(error: &DataFusionError) -> Option<String> {
    const COMPLAINTS: [&str; 4] = [
        "Invalid function '",
        "Failed to coerce arguments to satisfy a call to '",
        "The function '",
        "Function '",
    ];
    let DataFusionError::Plan(text) = error.find_root() else { return None };
    if let Some((_, call)) = text.rsplit_once("the given name and argument types '") {
        return Some(call.split_once('(')?.0.to_owned());
    }
    let rest = COMPLAINTS.iter().find_map(|words| Some(text.split_once(words)?.1))?;
    Some(rest.split_once('\'')?.0.to_owned())
}

/// Puts a function that says what it was given in the place of `name`; false where that cannot be.
fn watch(state: &mut SessionState, name: &str) -> Result<bool, SqlError> {
    if state.window_functions().contains_key(name)
        && !state.aggregate_functions().contains_key(name)
    {
        let message = format!("window function {name} requires an OVER clause");
        return Err(SqlError::new(SqlState::WrongObjectType, message));
    }
    let inner = state.scalar_functions().get(name).cloned();
    let watched = inner.as_ref().is_some_and(|inner| inner.inner().is::<Watched>());
    if watched || state.aggregate_functions().contains_key(name) {
        return Ok(false);
    }
    let aliases = inner.iter().flat_map(|inner| inner.aliases()).cloned().collect();
    let signature = Signature::one_of(
        vec![TypeSignature::VariadicAny, TypeSignature::Nullary],
        Volatility::Volatile,
    );
    let function = Watched { name: name.to_owned(), aliases, inner, signature };
    state.register_udf(Arc::new(ScalarUDF::from(function)))?;
    Ok(true)
}

/// A function that is never run.
#[derive(Debug)]
struct Watched {
    name: String,
    aliases: Vec<String>,
    /// The one that it stands for, if there is one of the name.
    inner: Option<Arc<ScalarUDF>>,
    signature: Signature,
}

impl PartialEq for Watched {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Watched {}

impl Hash for Watched {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Watched {
    fn name(&self) -> &str {
        &self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        internal_err!("a function that is looked at has no type")
    }

    fn return_field_from_args(
        &self,
        arguments: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        if let Some(inner) = &self.inner
            && let Ok(fields) = fields_with_udf(arguments.arg_fields, inner.as_ref())
        {
            let ReturnFieldArgs { scalar_arguments, .. } = arguments;
            let arguments = ReturnFieldArgs { arg_fields: &fields, scalar_arguments };
            return inner.return_field_from_args(arguments);
        }
        let types = arguments.arg_fields.iter().zip(arguments.scalar_arguments);
        let types = types.map(|(field, constant)| match constant {
            Some(value) if value.is_null() || value.try_as_str().is_some() => UNKNOWN,
            _ => SqlType::of(field).name(),
        });
        Err(refusal(&self.name, &types.collect::<Vec<_>>()).into())
    }

    fn invoke_with_args(
        &self,
        _arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        internal_err!("a function that is looked at was run")
    }
}

/// What PostgreSQL says of a call that there is none of, with arguments of these types.
pub(in crate::sql) fn refusal(name: &str, types: &[&str]) -> SqlError {
    let known = |sql_type: &&&str| **sql_type != UNKNOWN;
    match (name, types) {
        // `element = ANY (array)`
        ("array_has", [array, element]) => {
            let Some(item) = array.strip_suffix("[]") else {
                let message = "op ANY/ALL (array) requires array on right side";
                return SqlError::new(SqlState::WrongObjectType, message);
            };
            let message = format!("operator does not exist: {element} = {item}");
            return undefined(message, "operator");
        }
        ("nullif", [left, right]) if known(&left) && known(&right) => {
            let message = format!("operator does not exist: {left} = {right}");
            return undefined(message, "operator");
        }
        ("array_element", [of, _]) => {
            let message =
                format!("cannot subscript type {of} because it does not support subscripting");
            return SqlError::new(SqlState::DatatypeMismatch, message);
        }
        _ => {}
    }
    if let Some((_, written)) = OF_ONE_TYPE.iter().find(|(planned, _)| *planned == name)
        && let Some(first) = types.iter().find(known)
        && let Some(other) = types.iter().filter(known).find(|other| *other != first)
    {
        let message = format!("{written} types {first} and {other} cannot be matched");
        return SqlError::new(SqlState::DatatypeMismatch, message);
    }
    let written = WRITTEN.iter().find(|(planned, _)| *planned == name);
    let name = written.map_or(name, |(_, written)| written);
    undefined(format!("function {name}({}) does not exist", types.join(", ")), "function")
}

/// There is no such function or operator.
pub(in crate::sql) fn undefined(message: String, what: &str) -> SqlError {
    SqlError::new(SqlState::UndefinedFunction, message).with_hint(format!(
        "No {what} matches the given name and argument types. You might need to add explicit type \
         casts."
    ))
}
