//! Parameters of a Bind message as values for the SQL session.

mod array;
mod binary;
mod text;
mod time;

use datafusion::error::DataFusionError;
use datafusion::scalar::ScalarValue;

use super::column::Format;
use super::error::{Code, PgError, WireState};
use crate::sql::{FaceCell, NumericError, SqlError, SqlState, SqlType};

/// Name of the time zone that timestamps carry.
const UTC: &str = "UTC";
/// Characters of a wrong value that an error message repeats.
const QUOTED_CHARS: usize = 40;

/// Why a parameter is not a value of its type.
#[derive(Debug, thiserror::Error)]
enum ParameterError {
    #[error("invalid input syntax for type {name}: \"{text}\"")]
    Syntax { name: &'static str, text: String },
    #[error("{}", .0.message)]
    Time(SqlError),
    #[error("value is out of range for type {name}")]
    Range { name: &'static str },
    #[error("incorrect binary data format for type {name}")]
    Binary { name: &'static str },
    #[error("invalid byte sequence for encoding \"UTF8\"")]
    Encoding,
    #[error("arrays of more than one dimension are not supported")]
    Dimensions,
    #[error("a numeric that is NaN or infinite is not supported")]
    NotFinite,
    #[error("array must not contain nulls")]
    NullItem,
    #[error("value cannot be used")]
    Value(#[from] DataFusionError),
}

impl ParameterError {
    fn syntax(sql_type: SqlType, text: &str) -> Self {
        let shown: String = text.chars().take(QUOTED_CHARS).collect();
        let cut = if shown.len() < text.len() { "..." } else { "" };
        Self::Syntax { name: name(sql_type), text: format!("{shown}{cut}") }
    }

    fn range(sql_type: SqlType) -> Self {
        Self::Range { name: name(sql_type) }
    }

    fn binary(sql_type: SqlType) -> Self {
        Self::Binary { name: name(sql_type) }
    }

    fn code(&self) -> Code {
        match self {
            Self::Time(error) => error.state.into(),
            Self::Syntax { .. } => SqlState::InvalidTextRepresentation.into(),
            Self::Range { .. } => SqlState::NumericValueOutOfRange.into(),
            Self::Binary { .. } => WireState::InvalidBinaryRepresentation.into(),
            Self::Encoding => WireState::CharacterNotInRepertoire.into(),
            Self::NullItem => SqlState::NullValueNotAllowed.into(),
            Self::Dimensions | Self::NotFinite => SqlState::FeatureNotSupported.into(),
            Self::Value(_) => SqlState::InvalidParameterValue.into(),
        }
    }
}

/// Reads parameter `$number` of type `sql_type`; `bytes` is none for NULL.
///
/// # Errors
/// When the bytes are no value of that type; the message names the parameter.
pub(super) fn decode(
    number: usize,
    sql_type: SqlType,
    format: Format,
    bytes: Option<&[u8]>,
) -> Result<ScalarValue, PgError> {
    let value = match (bytes, format) {
        (None, _) => ScalarValue::try_from(sql_type.arrow_type()).map_err(ParameterError::from),
        (Some(bytes), Format::Binary) => binary::read(sql_type, bytes),
        (Some(bytes), Format::Text) => utf8(bytes).and_then(|text| text::read(sql_type, text)),
    };
    value.map_err(|error| PgError::error(error.code(), format!("parameter ${number}: {error}")))
}

/// Reads a cell of COPY, which is written as a parameter is; an embedding may come as `real[]` or
/// as `vector`.
///
/// # Errors
/// When the bytes are no value of that type.
pub(super) fn cell(
    sql_type: SqlType,
    format: Format,
    bytes: Option<&[u8]>,
) -> Result<FaceCell, PgError> {
    let Some(bytes) = bytes else { return Ok(FaceCell::Null) };
    read_cell(sql_type, format, bytes)
        .map_err(|error| PgError::error(error.code(), error.to_string()))
}

fn read_cell(sql_type: SqlType, format: Format, bytes: &[u8]) -> Result<FaceCell, ParameterError> {
    let holds_reals = matches!(sql_type, SqlType::Vector | SqlType::Float4Array);
    let value = match format {
        Format::Binary if holds_reals => {
            return binary::reals(sql_type, bytes).map(FaceCell::Reals);
        }
        Format::Binary => binary::read(sql_type, bytes)?,
        Format::Text => {
            let text = utf8(bytes)?;
            if holds_reals {
                return text::reals(sql_type, text).map(FaceCell::Reals);
            }
            text::read(sql_type, text)?
        }
    };
    match value {
        ScalarValue::Utf8(Some(text)) => Ok(FaceCell::Text(text)),
        ScalarValue::Binary(Some(bytes)) => Ok(FaceCell::Bytes(bytes)),
        ScalarValue::Float32(Some(number)) => Ok(FaceCell::Real(number)),
        ScalarValue::TimestampMicrosecond(Some(moment), _) => Ok(FaceCell::Moment(moment)),
        _ => Err(ParameterError::binary(sql_type)),
    }
}

/// A text, in which PostgreSQL has no zero: its texts end there.
fn utf8(bytes: &[u8]) -> Result<&str, ParameterError> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    text.ok_or(ParameterError::Encoding)
}

/// PostgreSQL's name of a type, for messages.
fn name(sql_type: SqlType) -> &'static str {
    match sql_type {
        SqlType::Unknown => SqlType::Text.name(),
        known => known.name(),
    }
}

/// An integer in the width of its type.
fn integer(sql_type: SqlType, value: i64) -> Result<ScalarValue, ParameterError> {
    let range = |_| ParameterError::range(sql_type);
    Ok(match sql_type {
        SqlType::Int2 => ScalarValue::from(i16::try_from(value).map_err(range)?),
        SqlType::Int4 => ScalarValue::from(i32::try_from(value).map_err(range)?),
        SqlType::Oid | SqlType::Regproc => ScalarValue::from(u32::try_from(value).map_err(range)?),
        _ => ScalarValue::from(value),
    })
}

/// A double in the width of a real; what is finite must stay finite.
fn narrow(sql_type: SqlType, value: f64) -> Result<f32, ParameterError> {
    let narrowed = value as f32;
    if value.is_finite() && !narrowed.is_finite() {
        return Err(ParameterError::range(sql_type));
    }
    Ok(narrowed)
}

/// A number given as decimal digits.
fn numeric(digits: &str) -> Result<ScalarValue, ParameterError> {
    crate::sql::numeric(digits).map_err(|error| match error {
        NumericError::Syntax => ParameterError::syntax(SqlType::Numeric, digits),
        NumericError::Range => ParameterError::range(SqlType::Numeric),
        NumericError::NotFinite => ParameterError::NotFinite,
    })
}

fn timestamp(microseconds: i64) -> ScalarValue {
    ScalarValue::TimestampMicrosecond(Some(microseconds), Some(UTC.into()))
}

#[cfg(test)]
mod tests;
