//! Values that are known before any row is read: cells of INSERT, parts of SEARCH.

use chrono::Utc;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float32Array, RecordBatchOptions};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float32Type, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNode;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::{Alias, Placeholder};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{ColumnarValue, Expr};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{self, Value};
use std::borrow::Cow;
use std::sync::Arc;

use super::moment::{Moment, WrongMoment};
use super::numeric;
use super::types::{SqlType, reads_text_itself};
use crate::sql::grammar::marker::{TO_JSONB, TO_VECTOR};
use crate::sql::grammar::name::{name_parts, parameter_index};
use crate::sql::{SqlError, SqlState};

/// The value of `expr`, which must read no columns; `what` names it in errors.
pub(in crate::sql) fn evaluate(
    what: &str,
    expr: &Expr,
    session: &dyn Session,
) -> Result<ScalarValue, SqlError> {
    match expr {
        Expr::Alias(Alias { expr, .. }) => return evaluate(what, expr, session),
        Expr::Literal(value, _) => return Ok(value.clone()),
        Expr::Placeholder(placeholder) => {
            let message = format!("there is no parameter {}", placeholder.id);
            return Err(SqlError::new(SqlState::UndefinedParameter, message));
        }
        _ => {}
    }
    check_constant(what, expr)?;
    let schema = DFSchema::empty();
    let expr = numeric::typed(expr.clone(), &schema)?;
    let simplifier = ExprSimplifier::new(
        SimplifyContext::builder()
            .with_schema(Arc::new(schema.clone()))
            .with_config_options(Arc::clone(session.config().options()))
            .with_query_execution_start_time(session.execution_props().query_execution_start_time)
            .build(),
    );
    // Some functions, now() among them, are only ever simplified.
    let expr = simplifier.simplify(simplifier.coerce(expr, &schema)?)?;
    let physical = session.create_physical_expr(expr, &schema)?;
    Ok(value_of(physical.as_ref())?)
}

/// What `expr` is that depends on no column.
pub(in crate::sql) fn value_of(expr: &dyn PhysicalExpr) -> Result<ScalarValue, DataFusionError> {
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let one_row =
        RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options)?;
    match expr.evaluate(&one_row)? {
        ColumnarValue::Scalar(value) => Ok(value),
        ColumnarValue::Array(values) => ScalarValue::try_from_array(&values, 0),
    }
}

/// A value that needs no evaluation.
#[derive(Debug)]
pub(in crate::sql) enum Constant {
    /// It stands in the statement.
    Literal(ScalarValue),
    /// It is the parameter at this place of the list.
    Parameter(usize),
}

impl Constant {
    /// What `expr` is, as the planner would read it; none where it has to be evaluated.
    pub(in crate::sql) fn of(expr: &ast::Expr) -> Option<Self> {
        let value = match expr {
            ast::Expr::Nested(inner) => return Self::of(inner),
            ast::Expr::Value(value) => &value.value,
            _ => return None,
        };
        Some(match value {
            Value::Placeholder(name) => Self::Parameter(parameter_index(name)?),
            Value::Null => Self::Literal(ScalarValue::Null),
            Value::SingleQuotedString(text) => Self::Literal(ScalarValue::from(text.as_str())),
            Value::Number(digits, _) => Self::Literal(number(digits)?),
            _ => return None,
        })
    }

    pub(in crate::sql) fn value<'a>(
        &'a self,
        parameters: &'a [ScalarValue],
    ) -> Result<&'a ScalarValue, SqlError> {
        match self {
            Self::Literal(value) => Ok(value),
            Self::Parameter(at) => parameters.get(*at).ok_or_else(|| {
                let message = format!("there is no parameter ${}", at + 1);
                SqlError::new(SqlState::UndefinedParameter, message)
            }),
        }
    }
}

/// A whole number as `bigint`, any other as `numeric`; those above are rare enough to be planned.
fn number(digits: &str) -> Option<ScalarValue> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return digits.parse::<i64>().ok().map(ScalarValue::from);
    }
    numeric::exact(digits).ok()
}

/// That `expr` is made of literals, parameters and functions of them.
pub(in crate::sql) fn check_constant(what: &str, expr: &Expr) -> Result<(), SqlError> {
    if !expr.contains_outer() && is_row_constant(expr)? {
        return Ok(());
    }
    let message = format!("{what} must be a constant or a parameter");
    Err(SqlError::new(SqlState::FeatureNotSupported, message))
}

/// As [`check_constant`]; columns of an outer query are constant beside each row of it.
pub(in crate::sql) fn check_row_constant(what: &str, expr: &Expr) -> Result<(), SqlError> {
    if is_row_constant(expr)? {
        return Ok(());
    }
    let message = format!("{what} must be a constant, a parameter or a column of an outer query");
    Err(SqlError::new(SqlState::FeatureNotSupported, message))
}

fn is_row_constant(expr: &Expr) -> Result<bool, SqlError> {
    let depends = |part: &Expr| {
        matches!(
            part,
            Expr::Column(_)
                | Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::AggregateFunction(_)
                | Expr::WindowFunction(_)
                | Expr::Unnest(_)
        )
    };
    Ok(!expr.exists(|part| Ok(depends(part)))?)
}

/// A parameter whose type nothing else decides gets `sql_type`.
pub(in crate::sql) fn typed(expr: Expr, sql_type: SqlType) -> Expr {
    match expr {
        Expr::Placeholder(Placeholder { id, field: None }) => {
            Expr::Placeholder(Placeholder::new_with_field(id, Some(Arc::new(sql_type.field()))))
        }
        other => other,
    }
}

/// `expr` without parentheses, and without casts of text to types whose input syntax we read
/// ourselves: `('[1,2]'::real[])` is `'[1,2]'`, and a parameter stays a parameter.
pub(in crate::sql) fn without_text_casts(expr: &ast::Expr) -> &ast::Expr {
    match expr {
        ast::Expr::Nested(inner) => without_text_casts(inner),
        ast::Expr::Cast { expr: inner, data_type, kind: _, format: None, .. }
            if reads_text_itself(data_type) =>
        {
            match without_text_casts(inner) {
                text @ ast::Expr::Value(value)
                    if matches!(
                        value.value,
                        Value::SingleQuotedString(_)
                            | Value::EscapedStringLiteral(_)
                            | Value::DollarQuotedString(_)
                            | Value::Placeholder(_)
                            | Value::Null
                    ) =>
                {
                    text
                }
                _ => expr,
            }
        }
        ast::Expr::Function(call) => cast_of(call).unwrap_or(expr),
        other => other,
    }
}

/// The parameter that a call casts to `vector` or `jsonb`, or the text that it casts to `jsonb`;
/// what it lacks to be one shows where it is used.
fn cast_of(call: &ast::Function) -> Option<&ast::Expr> {
    let ast::FunctionArguments::List(arguments) = &call.args else { return None };
    let [ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(argument))] =
        arguments.args.as_slice()
    else {
        return None;
    };
    let ast::Expr::Value(value) = argument else { return None };
    let name = name_parts(&call.name)?.pop()?;
    let is_cast = match value.value {
        Value::Placeholder(_) => [TO_VECTOR, TO_JSONB].contains(&name.as_str()),
        Value::SingleQuotedString(_) | Value::EscapedStringLiteral(_) | Value::Null => {
            name == TO_JSONB
        }
        _ => false,
    };
    is_cast.then_some(argument)
}

/// A text; NULL is none.
pub(in crate::sql) fn text(what: &str, value: &ScalarValue) -> Result<Option<String>, SqlError> {
    match value.try_as_str() {
        Some(text) => Ok(text.map(str::to_owned)),
        None if value.is_null() => Ok(None),
        None if value.data_type().is_nested() || is_bytes(&value.data_type()) => {
            Err(mismatch(what, "text", value))
        }
        None => match value.cast_to(&DataType::Utf8)?.try_as_str() {
            Some(text) => Ok(text.map(str::to_owned)),
            None => Err(mismatch(what, "text", value)),
        },
    }
}

/// Bytes, given as such or in one of PostgreSQL's two text forms; NULL is none.
pub(in crate::sql) fn bytes(what: &str, value: &ScalarValue) -> Result<Option<Vec<u8>>, SqlError> {
    match value {
        ScalarValue::Binary(bytes)
        | ScalarValue::LargeBinary(bytes)
        | ScalarValue::BinaryView(bytes)
        | ScalarValue::FixedSizeBinary(_, bytes) => Ok(bytes.clone()),
        null if null.is_null() => Ok(None),
        other => match other.try_as_str().flatten() {
            Some(text) => bytea(text).map(Some),
            None => Err(mismatch(what, "bytea", other)),
        },
    }
}

/// A number; NULL is none.
pub(in crate::sql) fn real(what: &str, value: &ScalarValue) -> Result<Option<f32>, SqlError> {
    // By way of `double precision`, as the digits of a constant that takes no plan.
    let value =
        numeric::inexact(value, &DataType::Float64).map_or(Cow::Borrowed(value), Cow::Owned);
    match value.cast_to(&DataType::Float32)? {
        ScalarValue::Float32(number) => Ok(number),
        _ => Err(mismatch(what, "real", &value)),
    }
}

/// A number in `double precision`; NULL is none.
pub(in crate::sql) fn double(what: &str, value: &ScalarValue) -> Result<Option<f64>, SqlError> {
    let value =
        numeric::inexact(value, &DataType::Float64).map_or(Cow::Borrowed(value), Cow::Owned);
    match value.cast_to(&DataType::Float64)? {
        ScalarValue::Float64(number) => Ok(number),
        _ => Err(mismatch(what, "double precision", &value)),
    }
}

/// A point in time, in microseconds since the Unix epoch; NULL is none.
pub(in crate::sql) fn moment(what: &str, value: &ScalarValue) -> Result<Option<i64>, SqlError> {
    if let Some(text) = value.try_as_str().flatten() {
        let moment = Moment::read(text, Utc::now()).and_then(|moment| {
            // Later and earlier years are not shown alike everywhere.
            moment.plain(true)?;
            moment.utc()
        });
        let wrong = |wrong: WrongMoment| wrong.error(text, "timestamp with time zone");
        return moment.map(Some).map_err(wrong);
    }
    let data_type = SqlType::Timestamptz.arrow_type();
    let is_moment = value.data_type().is_temporal() || value.is_null();
    match value.cast_to(&data_type) {
        Ok(ScalarValue::TimestampMicrosecond(moment, _)) if is_moment => Ok(moment),
        _ => Err(mismatch(what, "timestamp with time zone", value)),
    }
}

/// Numbers, given as an array or as text (`[0.1, ..]` or `{0.1, ..}`); NULL is none.
pub(in crate::sql) fn reals(what: &str, value: &ScalarValue) -> Result<Option<Vec<f32>>, SqlError> {
    let elements: ArrayRef = match value {
        null if null.is_null() => return Ok(None),
        ScalarValue::List(list) => list.value(0),
        ScalarValue::LargeList(list) => list.value(0),
        ScalarValue::FixedSizeList(list) => list.value(0),
        other => match other.try_as_str().flatten() {
            Some(text) => return real_array(what, text).map(Some),
            None => return Err(mismatch(what, "real[]", other)),
        },
    };
    if !elements.data_type().is_numeric() && !elements.is_empty() {
        return Err(mismatch(what, "real[]", value));
    }
    let elements = cast(&elements, &DataType::Float32).map_err(DataFusionError::from)?;
    let numbers: &Float32Array = elements.as_primitive::<Float32Type>();
    if numbers.null_count() > 0 {
        let message = format!("{what} must not contain NULL");
        return Err(SqlError::new(SqlState::NullValueNotAllowed, message));
    }
    Ok(Some(numbers.values().to_vec()))
}

fn is_bytes(data_type: &DataType) -> bool {
    data_type.is_binary() || matches!(data_type, DataType::FixedSizeBinary(_))
}

fn mismatch(what: &str, expected: &str, value: &ScalarValue) -> SqlError {
    let given = SqlType::of_arrow(&value.data_type()).name();
    let message = format!("{what} is of type {expected}, not {given}");
    SqlError::new(SqlState::DatatypeMismatch, message)
}

/// Numbers from `[0.1, ..]` or `{0.1, ..}`; `what` names them in errors.
pub(in crate::sql) fn real_array(what: &str, text: &str) -> Result<Vec<f32>, SqlError> {
    let malformed = || {
        let shown: String = text.chars().take(40).collect();
        SqlError::new(
            SqlState::InvalidTextRepresentation,
            format!("invalid input syntax for {what}: \"{shown}\""),
        )
        .with_hint("Write numbers as [0.1, 0.2] or {0.1, 0.2}.")
    };
    let trimmed = text.trim();
    let inner = [('[', ']'), ('{', '}')]
        .into_iter()
        .find_map(|(open, close)| trimmed.strip_prefix(open)?.strip_suffix(close))
        .ok_or_else(malformed)?;
    let number = |written: &str| {
        let written = written.trim();
        let quoted = written.strip_prefix('"').and_then(|written| written.strip_suffix('"'));
        let written = quoted.unwrap_or(written).trim();
        let number: f32 = written.parse().map_err(|_| malformed())?;
        // Infinity that is written as digits was meant to be something else.
        if number.is_infinite() && written.contains(|letter: char| letter.is_ascii_digit()) {
            let shown: String = written.chars().take(40).collect();
            let message = format!("\"{shown}\" is out of range for {what}");
            return Err(SqlError::new(SqlState::NumericValueOutOfRange, message));
        }
        Ok(number)
    };
    inner.split(',').map(number).collect()
}

/// Bytes from PostgreSQL's text forms of `bytea`: `\x` and hexadecimal digits, or bytes with `\\`
/// and `\ooo`.
pub(in crate::sql) fn bytea(text: &str) -> Result<Vec<u8>, SqlError> {
    let malformed = || {
        SqlError::new(SqlState::InvalidTextRepresentation, "invalid input syntax for type bytea")
    };
    if let Some(digits) = text.strip_prefix("\\x") {
        return hex::decode(digits).map_err(|error| {
            let message = match error {
                hex::FromHexError::InvalidHexCharacter { c, .. } => {
                    format!("invalid hexadecimal digit: \"{c}\"")
                }
                _ => "invalid hexadecimal data: odd number of digits".to_owned(),
            };
            SqlError::new(SqlState::InvalidParameterValue, message)
        });
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        (bytes, rest) = match (first, behind) {
            (b'\\', [b'\\', behind @ ..]) => (appended(bytes, b'\\'), behind),
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', behind @ ..]) => {
                let byte = ((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0');
                (appended(bytes, byte), behind)
            }
            (b'\\', _) => return Err(malformed()),
            (plain, behind) => (appended(bytes, plain), behind),
        };
    }
    Ok(bytes)
}

fn appended(mut bytes: Vec<u8>, byte: u8) -> Vec<u8> {
    bytes.push(byte);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_text_forms_of_bytea_are_read() {
        let read = |text: &str| bytes("image", &ScalarValue::from(text)).map(Option::unwrap);
        assert_eq!(read("\\xDEadbe0f").unwrap(), [0xde, 0xad, 0xbe, 0x0f]);
        assert_eq!(read("a\\\\b\\000\\377").unwrap(), [b'a', b'\\', b'b', 0, 255]);
        for bad in ["\\4", "\\400", "\\"] {
            assert_eq!(read(bad).unwrap_err().state, SqlState::InvalidTextRepresentation, "{bad}");
        }
        for bad in ["\\xabc", "\\xzz"] {
            assert_eq!(read(bad).unwrap_err().state, SqlState::InvalidParameterValue, "{bad}");
        }
    }

    #[test]
    fn embeddings_come_as_text_in_brackets_or_braces_and_as_arrays() {
        let read = |value: ScalarValue| reals("embedding", &value);
        for text in ["[1, -0.5,2e-1]", " {1,-0.5,0.2} "] {
            assert_eq!(read(ScalarValue::from(text)).unwrap().unwrap(), [1.0, -0.5, 0.2]);
        }
        let doubles = ScalarValue::new_list_nullable(
            &[ScalarValue::from(1.0_f64), ScalarValue::from(0.5_f64)],
            &DataType::Float64,
        );
        assert_eq!(read(ScalarValue::List(doubles)).unwrap().unwrap(), [1.0, 0.5]);
        assert_eq!(read(ScalarValue::Utf8(None)).unwrap(), None);
    }

    #[test]
    fn what_is_no_embedding_is_refused_with_its_class() {
        let state = |value: ScalarValue| reals("embedding", &value).unwrap_err().state;
        for text in ["", "1,2", "[1,2", "[1,,2]", "[a]", "[]"] {
            assert_eq!(
                state(ScalarValue::from(text)),
                SqlState::InvalidTextRepresentation,
                "{text}"
            );
        }
        for text in ["[1e400]", "[1, -4e38]", "{3.5e38}"] {
            assert_eq!(state(ScalarValue::from(text)), SqlState::NumericValueOutOfRange, "{text}");
        }
        assert_eq!(state(ScalarValue::from(1_i64)), SqlState::DatatypeMismatch);
        let hole = ScalarValue::new_list_nullable(
            &[ScalarValue::from(1.0_f64), ScalarValue::Float64(None)],
            &DataType::Float64,
        );
        assert_eq!(state(ScalarValue::List(hole)), SqlState::NullValueNotAllowed);
    }

    #[test]
    fn numbers_are_texts_too_but_arrays_and_bytes_are_not() {
        assert_eq!(text("id", &ScalarValue::from(7_i64)).unwrap().unwrap(), "7");
        assert!(text("id", &ScalarValue::Binary(Some(vec![1]))).is_err());
        assert_eq!(text("id", &ScalarValue::Null).unwrap(), None);
    }
}
