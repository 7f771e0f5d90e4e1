//! `uuid`: text to Arrow, marked by its field, in the form in which PostgreSQL shows it.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use ring::rand::{SecureRandom, SystemRandom};

use super::{Function, arity};
use crate::sql::grammar::marker::{AS_UUID, TO_UUID};
use crate::sql::value::types::{UUID, with_pg_type};
use crate::sql::{SqlError, SqlState};

/// Bytes of one.
const BYTES: usize = 16;

pub(super) fn functions() -> [Function; 2] {
    let one = Function::exact(TO_UUID, [DataType::Utf8], field(), |arguments| {
        let [texts] = arguments else { return Err(arity(TO_UUID)) };
        let read = |text: &str| shown(text).ok_or_else(|| malformed(text));
        let read = texts.as_string::<i32>().iter().map(|text| text.map(read).transpose());
        Ok(Arc::new(read.collect::<Result<StringArray, _>>()?) as ArrayRef)
    });
    [one, mark()]
}

/// What a set of identifiers is made of has lost its mark.
fn mark() -> Function {
    Function::any(AS_UUID, 1, field(), |arguments| {
        let [texts] = arguments else { return Err(arity(AS_UUID)) };
        Ok(cast(texts, &DataType::Utf8)?)
    })
}

/// A text that is an identifier, marked as one.
pub(in crate::sql) fn marked(text: Expr) -> Expr {
    ScalarUDF::from(mark()).call(vec![text])
}

/// `gen_random_uuid()`.
pub(in crate::sql) fn random() -> ScalarUDF {
    ScalarUDF::from(Random { signature: Signature::nullary(Volatility::Volatile) })
}

fn field() -> Field {
    with_pg_type(Field::new("", DataType::Utf8, true), UUID)
}

/// What PostgreSQL says of a text that is none.
pub(in crate::sql) fn malformed(text: &str) -> SqlError {
    let message = format!("invalid input syntax for type uuid: \"{text}\"");
    SqlError::new(SqlState::InvalidTextRepresentation, message)
}

/// The text in which a `uuid` is shown; none for text that is none.
pub fn shown(text: &str) -> Option<String> {
    let trimmed = text.trim();
    let inner = match trimmed.strip_prefix('{') {
        Some(inner) => inner.strip_suffix('}')?,
        None => trimmed,
    };
    if !inner.split('-').all(|group| group.len() % 4 == 0 && !group.is_empty()) {
        return None;
    }
    let digits: String = inner.chars().filter(|letter| *letter != '-').collect();
    let mut bytes = [0; BYTES];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(of_bytes(bytes))
}

/// The text of a `uuid` of these bytes.
pub fn of_bytes(bytes: [u8; BYTES]) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.into_iter().enumerate() {
        let separator = if [4, 6, 8, 10].contains(&at) { "-" } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{byte:02x}");
    }
    text
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Random {
    signature: Signature,
}

impl ScalarUDFImpl for Random {
    fn name(&self) -> &'static str {
        "gen_random_uuid"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        internal_err!("{} tells its field", self.name())
    }

    fn return_field_from_args(
        &self,
        _arguments: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        Ok(Arc::new(field().with_name(self.name()).with_nullable(false)))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let mut bytes = vec![[0; BYTES]; arguments.number_rows];
        SystemRandom::new().fill(bytes.as_flattened_mut()).map_err(|_| {
            SqlError::new(SqlState::SystemError, "the system gives no random numbers")
        })?;
        let versioned = |mut bytes: [u8; BYTES]| {
            bytes[6] = bytes[6] & 0x0f | 0x40;
            bytes[8] = bytes[8] & 0x3f | 0x80;
            of_bytes(bytes)
        };
        let texts = bytes.into_iter().map(versioned);
        Ok(ColumnarValue::Array(Arc::new(StringArray::from_iter_values(texts))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_read_in_all_their_forms() {
        let expected = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
        let forms = [
            expected,
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
            "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}",
            " a0eebc999c0b4ef8bb6d6bb9bd380a11 ",
        ];
        for text in forms {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
        for bad in
            ["", "a0eebc99", "{a0eebc999c0b4ef8bb6d6bb9bd380a11", "ä0eebc999c0b4ef8bb6d6bb9bd380a1"]
        {
            assert_eq!(shown(bad), None, "{bad}");
        }
    }
}
