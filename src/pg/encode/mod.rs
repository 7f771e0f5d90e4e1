//! Arrow rows as `DataRow` messages.

mod binary;
pub(super) mod numeric;
mod text;
mod value;

use bytes::{BufMut, BytesMut};
use datafusion::arrow::array::{Array, RecordBatch, StructArray};
use datafusion::arrow::datatypes::DataType;
use pgwire::api::Type;
use pgwire::messages::data::DataRow;

pub(super) use binary::EPOCH_US;

use self::value::Value;
use super::column::{Column, Format, element_of, unsupported};
use super::error::{PgError, WireState};
use crate::sql::{IntervalStyle, SqlState, VECTOR_NAME};

/// A value that cannot be sent.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(in crate::pg) enum EncodeError {
    /// PostgreSQL has no type for it.
    #[error("type {0} cannot be sent")]
    Unsupported(DataType),
    /// An unsigned number above what `bigint` holds.
    #[error("bigint out of range: {0}")]
    Bigint(u64),
    /// A date or time outside what PostgreSQL or the calendar can say.
    #[error("date or time out of range")]
    Datetime,
    /// Lists in a list that differ in length, or are NULL, or nest too deeply.
    #[error("lists within a list must have the same length and not be NULL")]
    Ragged,
    /// The value does not fit the type announced for its column.
    #[error("value does not fit type {0}")]
    Mismatch(String),
    /// More bytes than a field can have.
    #[error("value is longer than a field can be")]
    TooLong,
}

impl EncodeError {
    fn no_vector() -> Self {
        Self::Mismatch(VECTOR_NAME.to_owned())
    }
}

/// Writes one row; `columns` and `formats` have one entry per column of `batch`.
///
/// # Errors
/// When a value cannot be sent.
pub(super) fn data_row(
    batch: &RecordBatch,
    row: usize,
    columns: &[Column],
    formats: &[Format],
    scratch: &mut BytesMut,
) -> Result<DataRow, PgError> {
    for ((column, format), array) in columns.iter().zip(formats).zip(batch.columns()) {
        Value::at(array.as_ref(), row)
            .and_then(|value| field(&column.pg_type, column.intervals, *format, &value, scratch))
            .map_err(|error| told(&column.name, error))?;
    }
    let count = i16::try_from(columns.len()).map_err(|_| {
        PgError::error(SqlState::ProgramLimitExceeded, "a row has at most 32767 columns")
    })?;
    Ok(DataRow::new(scratch.split(), count))
}

/// Writes the text of one cell as it is shown; false, and nothing, where it is NULL.
///
/// # Errors
/// When the value has no text.
pub(super) fn cell_text(
    array: &dyn Array,
    row: usize,
    column: &Column,
    out: &mut BytesMut,
) -> Result<bool, PgError> {
    let value = Value::at(array, row).map_err(|error| told(&column.name, error))?;
    if matches!(value, Value::Null) {
        return Ok(false);
    }
    text::write(&column.pg_type, column.intervals, &value, out)
        .map_err(|error| told(&column.name, error))?;
    Ok(true)
}

fn field(
    pg_type: &Type,
    style: IntervalStyle,
    format: Format,
    value: &Value<'_>,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    match (value, format) {
        (Value::Null, _) => {
            out.put_i32(-1);
            Ok(())
        }
        (value, Format::Text) => with_length(out, |out| text::write(pg_type, style, value, out)),
        (value, Format::Binary) => with_length(out, |out| binary::write(pg_type, value, out)),
    }
}

/// Writes something with its length in bytes before it.
fn with_length(
    out: &mut BytesMut,
    write: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = out.len();
    out.put_i32(0);
    write(out)?;
    let bytes = i32::try_from(out.len() - start - 4).map_err(|_| EncodeError::TooLong)?;
    if let Some(length) = out.get_mut(start..start + 4) {
        length.copy_from_slice(&bytes.to_be_bytes());
    }
    Ok(())
}

fn element_type(array: &Type) -> Result<Type, EncodeError> {
    element_of(array).ok_or_else(|| EncodeError::Mismatch(array.name().to_owned()))
}

/// The values in a row of `rows`, each with its type.
fn fields_of(
    rows: &StructArray,
    row: usize,
) -> impl Iterator<Item = Result<(Type, Value<'_>), EncodeError>> {
    rows.fields().iter().zip(rows.columns()).map(move |(field, values)| {
        let column = Column::of(field);
        let column = column.map_err(|_| EncodeError::Unsupported(field.data_type().clone()))?;
        Ok((column.pg_type, Value::at(values.as_ref(), row)?))
    })
}

fn is_list(data_type: &DataType) -> bool {
    matches!(data_type, DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..))
}

fn told(column: &str, error: EncodeError) -> PgError {
    let message = format!("column \"{column}\": {error}");
    match error {
        EncodeError::Unsupported(data_type) => unsupported(column, &data_type),
        EncodeError::Bigint(_) | EncodeError::Mismatch(_) => {
            PgError::error(SqlState::NumericValueOutOfRange, message)
        }
        EncodeError::Datetime => PgError::error(WireState::DatetimeFieldOverflow, message),
        EncodeError::Ragged => PgError::error(SqlState::DataException, message),
        EncodeError::TooLong => PgError::error(SqlState::ProgramLimitExceeded, message),
    }
}

#[cfg(test)]
mod tests;
