//! Values in PostgreSQL's text form, as psql shows them.

use std::fmt::{self, Write};

use bytes::{BufMut, BytesMut};
use datafusion::arrow::array::{Array, StructArray};
use pgwire::api::Type;

use super::super::column::is_plain_vector;
use super::super::vector;
use super::EncodeError;
use super::value::Value;
use crate::sql::{IntervalStyle, function_name, output};

/// Writes the text form of a value that is not NULL.
///
/// # Errors
/// When the type cannot say it.
pub(super) fn write(
    pg_type: &Type,
    style: IntervalStyle,
    value: &Value<'_>,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    match value {
        // The caller writes NULL as a length; inside arrays it is a word.
        Value::Null => out.put_slice(b"NULL"),
        Value::Bool(value) => out.put_u8(if *value { b't' } else { b'f' }),
        Value::Int(value) if *pg_type == Type::REGPROC => match function_name(*value) {
            Some(name) => out.put_slice(name.as_bytes()),
            None => put(write!(out, "{value}")),
        },
        Value::Int(value) => put(write!(out, "{value}")),
        Value::Float4(value) => put(output::float(*value, out)),
        Value::Float8(value) => put(output::float(*value, out)),
        Value::Numeric(digits) => out.put_slice(digits.as_bytes()),
        Value::Text(text) => out.put_slice(text.as_bytes()),
        Value::Bytes(bytes) => bytea(bytes, out),
        Value::Date(days) => {
            let written = i32::try_from(*days).ok().and_then(|days| output::days(days, out));
            put(written.ok_or(EncodeError::Datetime)?);
        }
        Value::Time(microseconds) => put(output::time(*microseconds, out)),
        Value::Timestamp(microseconds) => {
            let zone = *pg_type == Type::TIMESTAMPTZ;
            put(output::moment(*microseconds, zone, out).ok_or(EncodeError::Datetime)?);
        }
        Value::Interval(span) => put(output::interval(*span, style, out)),
        Value::List(items) if vector::is_vector(pg_type) => components(items.as_ref(), out)?,
        Value::List(items) if is_plain_vector(pg_type) => words(items.as_ref(), out)?,
        Value::List(items) => array(pg_type, style, items.as_ref(), out)?,
        Value::Record(rows, row) => record(rows, *row, style, out)?,
    }
    Ok(())
}

/// Writing to a growing buffer cannot fail.
fn put(_written: fmt::Result) {}

fn bytea(bytes: &[u8], out: &mut BytesMut) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(2 + bytes.len() * 2);
    out.put_slice(b"\\x");
    for byte in bytes {
        out.put_u8(DIGITS[usize::from(byte >> 4)]);
        out.put_u8(DIGITS[usize::from(byte & 15)]);
    }
}

/// Numbers between spaces.
fn words(items: &dyn Array, out: &mut BytesMut) -> Result<(), EncodeError> {
    for row in 0..items.len() {
        if row > 0 {
            out.put_u8(b' ');
        }
        write(&Type::INT8, IntervalStyle::default(), &Value::at(items, row)?, out)?;
    }
    Ok(())
}

/// Brackets around the components of a vector.
fn components(items: &dyn Array, out: &mut BytesMut) -> Result<(), EncodeError> {
    let components = vector::components(items).ok_or_else(EncodeError::no_vector)?;
    let mut separator = b'[';
    for component in components {
        out.put_u8(separator);
        put(output::float(*component, out));
        separator = b',';
    }
    out.put_u8(b']');
    Ok(())
}

/// Braces around the items, with quotes where an item could be misread.
fn array(
    pg_type: &Type,
    style: IntervalStyle,
    items: &dyn Array,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let element = super::element_type(pg_type)?;
    if super::binary::shape(items)?.is_empty() {
        out.put_slice(b"{}");
    } else {
        items_text(&element, style, items, out)?;
    }
    Ok(())
}

fn items_text(
    element: &Type,
    style: IntervalStyle,
    items: &dyn Array,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let mut text = BytesMut::new();
    out.put_u8(b'{');
    for row in 0..items.len() {
        if row > 0 {
            out.put_u8(b',');
        }
        match Value::at(items, row)? {
            Value::List(inner) => items_text(element, style, inner.as_ref(), out)?,
            value @ (Value::Text(_)
            | Value::Bytes(_)
            | Value::Date(_)
            | Value::Timestamp(_)
            | Value::Interval(_)
            | Value::Record(..)) => {
                text.clear();
                write(element, style, &value, &mut text)?;
                check_length(&text)?;
                item(&text, out);
            }
            value => write(element, style, &value, out)?,
        }
    }
    out.put_u8(b'}');
    Ok(())
}

/// Bytes of a field of a record, or of an item of an array. Quotes double at each level of records
/// in one another.
const PART_BYTES_MAX: usize = if cfg!(test) { 1 << 20 } else { 64 << 20 };

/// Parentheses around the fields, with quotes where a field could be misread; nothing is NULL.
fn record(
    rows: &StructArray,
    row: usize,
    style: IntervalStyle,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let mut text = BytesMut::new();
    out.put_u8(b'(');
    for (at, field) in super::fields_of(rows, row).enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        let (pg_type, value) = field?;
        if !matches!(value, Value::Null) {
            text.clear();
            write(&pg_type, style, &value, &mut text)?;
            check_length(&text)?;
            record_field(&text, out);
        }
    }
    out.put_u8(b')');
    Ok(())
}

fn check_length(part: &[u8]) -> Result<(), EncodeError> {
    if part.len() > PART_BYTES_MAX { Err(EncodeError::TooLong) } else { Ok(()) }
}

fn record_field(text: &[u8], out: &mut BytesMut) {
    let special = |byte: &u8| b"(),\"\\ \t\n\r\x0b\x0c".contains(byte);
    if !text.is_empty() && !text.iter().any(special) {
        out.put_slice(text);
        return;
    }
    out.put_u8(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(*byte);
        }
        out.put_u8(*byte);
    }
    out.put_u8(b'"');
}

fn item(text: &[u8], out: &mut BytesMut) {
    let special = |byte: &u8| b"{},\"\\ \t\n\r\x0b\x0c".contains(byte);
    let quoted = text.is_empty() || text.eq_ignore_ascii_case(b"null") || text.iter().any(special);
    if !quoted {
        out.put_slice(text);
        return;
    }
    out.put_u8(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(b'\\');
        }
        out.put_u8(*byte);
    }
    out.put_u8(b'"');
}
