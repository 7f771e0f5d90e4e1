//! Values in PostgreSQL's binary form.

use bytes::{BufMut, BytesMut};
use datafusion::arrow::array::{Array, AsArray, StructArray};
use datafusion::arrow::datatypes::Float32Type;
use pgwire::api::Type;

use super::super::column::{Format, is_plain_vector};
use super::super::vector;
use super::value::Value;
use super::{EncodeError, numeric};
use crate::sql::{IntervalStyle, is_infinite};

/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL counts from.
const EPOCH_DAYS: i64 = 10_957;
/// The same in microseconds.
pub(in crate::pg) const EPOCH_US: i64 = EPOCH_DAYS * 86_400_000_000;
/// Lists in lists deeper than this are no array to PostgreSQL.
const DIMENSIONS_MAX: usize = 6;

/// Writes the binary form of a value that is not NULL.
///
/// # Errors
/// When the type cannot hold it.
pub(super) fn write(
    pg_type: &Type,
    value: &Value<'_>,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    match value {
        // The caller writes NULL as a length, without any bytes.
        Value::Null => {}
        Value::Bool(value) => out.put_u8((*value).into()),
        Value::Int(value) => integer(pg_type, *value, out)?,
        Value::Float4(value) if *pg_type == Type::FLOAT8 => out.put_f64((*value).into()),
        Value::Float4(value) => out.put_f32(*value),
        Value::Float8(_) if *pg_type == Type::FLOAT4 => {
            return Err(EncodeError::Mismatch(pg_type.name().to_owned()));
        }
        Value::Float8(value) => out.put_f64(*value),
        Value::Numeric(digits) => numeric::write(digits, out)?,
        Value::Text(text) if *pg_type == Type::UUID => uuid(text, out)?,
        Value::Text(text) => {
            if *pg_type == Type::JSONB {
                out.put_u8(1); // The version of jsonb's binary form.
            }
            out.put_slice(text.as_bytes());
        }
        Value::Bytes(bytes) => out.put_slice(bytes),
        Value::Date(days) => {
            let days = match i32::try_from(*days) {
                Ok(infinite @ (i32::MIN | i32::MAX)) => Some(infinite),
                _ => days.checked_sub(EPOCH_DAYS).and_then(|days| i32::try_from(days).ok()),
            };
            out.put_i32(days.ok_or(EncodeError::Datetime)?);
        }
        Value::Time(microseconds) => out.put_i64(*microseconds),
        Value::Timestamp(infinite) if is_infinite(*infinite) => out.put_i64(*infinite),
        Value::Timestamp(microseconds) => {
            out.put_i64(microseconds.checked_sub(EPOCH_US).ok_or(EncodeError::Datetime)?);
        }
        Value::Interval(span) => {
            out.put_i64(span.microseconds);
            out.put_i32(span.days);
            out.put_i32(span.months);
        }
        Value::List(items) if vector::is_vector(pg_type) => {
            let components =
                vector::components(items.as_ref()).ok_or_else(EncodeError::no_vector)?;
            if !vector::write(components, out) {
                return Err(EncodeError::TooLong);
            }
        }
        Value::List(items) => array(pg_type, items.as_ref(), out)?,
        Value::Record(rows, row) => record(rows, *row, out)?,
    }
    Ok(())
}

/// The bytes whose hexadecimal digits a `uuid` shows.
fn uuid(text: &str, out: &mut BytesMut) -> Result<(), EncodeError> {
    let mismatch = |_| EncodeError::Mismatch(Type::UUID.name().to_owned());
    out.put_slice(&hex::decode(text.replace('-', "")).map_err(mismatch)?);
    Ok(())
}

/// An integer in the width of its type; Arrow's unsigned ones were widened to fit.
fn integer(pg_type: &Type, value: i64, out: &mut BytesMut) -> Result<(), EncodeError> {
    let mismatch = |_| EncodeError::Mismatch(pg_type.name().to_owned());
    match *pg_type {
        Type::INT2 => out.put_i16(i16::try_from(value).map_err(mismatch)?),
        Type::INT4 => out.put_i32(i32::try_from(value).map_err(mismatch)?),
        Type::INT8 => out.put_i64(value),
        Type::OID | Type::REGPROC => out.put_u32(u32::try_from(value).map_err(mismatch)?),
        _ => return Err(EncodeError::Mismatch(pg_type.name().to_owned())),
    }
    Ok(())
}

/// How many fields there are, then the type and the value of each.
fn record(rows: &StructArray, row: usize, out: &mut BytesMut) -> Result<(), EncodeError> {
    out.put_i32(length(rows.num_columns())?);
    for field in super::fields_of(rows, row) {
        let (pg_type, value) = field?;
        out.put_u32(pg_type.oid());
        super::field(&pg_type, IntervalStyle::default(), Format::Binary, &value, out)?;
    }
    Ok(())
}

/// Dimensions, then every item in row-major order.
fn array(pg_type: &Type, items: &dyn Array, out: &mut BytesMut) -> Result<(), EncodeError> {
    let element = super::element_type(pg_type)?;
    let shape = shape(items)?;
    out.put_i32(length(shape.len())?);
    let has_null = out.len();
    out.put_i32(0);
    out.put_u32(element.oid());
    for size in &shape {
        out.put_i32(length(*size)?);
        out.put_i32(i32::from(!is_plain_vector(pg_type))); // Items are counted from 1.
    }
    let mut nulls = false;
    if !shape.is_empty() {
        elements(&element, items, &mut nulls, out)?;
    }
    if let (true, Some(flag)) = (nulls, out.get_mut(has_null..has_null + 4)) {
        flag.copy_from_slice(&1_i32.to_be_bytes());
    }
    Ok(())
}

/// The size of each dimension; none at all for an array without items.
///
/// # Errors
/// PostgreSQL's arrays are boxes: lists within a list must agree in length.
pub(super) fn shape(items: &dyn Array) -> Result<Vec<usize>, EncodeError> {
    let mut shape = Vec::new();
    measure(items, 0, &mut shape)?;
    if shape.contains(&0) {
        shape.clear();
    }
    Ok(shape)
}

fn measure(items: &dyn Array, depth: usize, shape: &mut Vec<usize>) -> Result<(), EncodeError> {
    if depth >= DIMENSIONS_MAX {
        return Err(EncodeError::Ragged);
    }
    match shape.get(depth) {
        None => shape.push(items.len()),
        Some(size) if *size == items.len() => {}
        Some(_) => return Err(EncodeError::Ragged),
    }
    if !super::is_list(items.data_type()) {
        return Ok(());
    }
    for row in 0..items.len() {
        match Value::at(items, row)? {
            Value::List(inner) => measure(inner.as_ref(), depth + 1, shape)?,
            _ => return Err(EncodeError::Ragged),
        }
    }
    Ok(())
}

fn elements(
    element: &Type,
    items: &dyn Array,
    nulls: &mut bool,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    if let Some(reals) = items.as_primitive_opt::<Float32Type>()
        && reals.null_count() == 0
        && *element == Type::FLOAT4
    {
        reals_of(reals.values(), out);
        return Ok(());
    }
    for row in 0..items.len() {
        match Value::at(items, row)? {
            Value::List(inner) => elements(element, inner.as_ref(), nulls, out)?,
            Value::Null => {
                *nulls = true;
                out.put_i32(-1);
            }
            value => super::with_length(out, |out| write(element, &value, out))?,
        }
    }
    Ok(())
}

/// Embeddings: most of what a search answers with.
fn reals_of(values: &[f32], out: &mut BytesMut) {
    const LENGTH: u64 = 4;
    let start = out.len();
    out.resize(start + size_of_val(values) * 2, 0);
    let (items, _) = out.get_mut(start..).unwrap_or_default().as_chunks_mut();
    for (item, value) in items.iter_mut().zip(values) {
        *item = (LENGTH << 32 | u64::from(value.to_bits())).to_be_bytes();
    }
}

fn length(count: usize) -> Result<i32, EncodeError> {
    i32::try_from(count).map_err(|_| EncodeError::TooLong)
}
