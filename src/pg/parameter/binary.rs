//! Parameters in binary form.

use bytes::Buf;
use datafusion::scalar::ScalarValue;

use super::super::encode::numeric as binary_numeric;
use super::super::vector;
use super::{ParameterError, array, integer, narrow, numeric, time, timestamp, utf8};
use crate::sql::{SqlType, uuid_of_bytes};

/// First byte of jsonb's binary form; no JSON text starts with it.
const JSONB_VERSION: u8 = 1;

/// Reads the binary form of a value. Numbers may come in another width than the type's, as
/// drivers send them by the width of the variable they were given.
///
/// # Errors
/// When the bytes are no value of that type.
pub(super) fn read(sql_type: SqlType, bytes: &[u8]) -> Result<ScalarValue, ParameterError> {
    let malformed = || ParameterError::binary(sql_type);
    Ok(match sql_type {
        SqlType::Bool => ScalarValue::from(boolean(bytes)?),
        SqlType::Int2 | SqlType::Int4 | SqlType::Int8 => {
            integer(sql_type, whole(bytes).ok_or_else(malformed)?)?
        }
        SqlType::Oid | SqlType::Regproc => integer(SqlType::Oid, oid(sql_type, bytes)?)?,
        SqlType::Float4 => ScalarValue::from(float4(sql_type, bytes)?),
        SqlType::Float8 => ScalarValue::from(float8(sql_type, bytes)?),
        SqlType::Numeric => numeric(&binary_numeric::read(bytes).ok_or_else(malformed)?)?,
        SqlType::Text
        | SqlType::Name
        | SqlType::Char
        | SqlType::Varchar
        | SqlType::Bpchar
        | SqlType::Unknown => ScalarValue::from(utf8(bytes)?),
        SqlType::Bytea => ScalarValue::Binary(Some(bytes.to_vec())),
        SqlType::Jsonb => {
            let json = bytes.strip_prefix(&[JSONB_VERSION]).unwrap_or(bytes);
            return super::text::read(sql_type, utf8(json)?);
        }
        SqlType::Uuid => {
            ScalarValue::from(uuid_of_bytes(bytes.try_into().map_err(|_| malformed())?))
        }
        SqlType::Timestamptz => timestamp(time::moment(sql_type, bytes)?),
        SqlType::Timestamp | SqlType::Date | SqlType::Time | SqlType::Interval => {
            time::binary(sql_type, bytes)?
        }
        SqlType::Vector => {
            array::float4(reals(sql_type, bytes)?.into_iter().map(|real| Ok(Some(real))))?
        }
        _ => return read_array(sql_type, bytes),
    })
}

/// Reads the binary form of an array; an embedding may come as `vector` too, which is what clients
/// send whose library knows that type.
fn read_array(sql_type: SqlType, bytes: &[u8]) -> Result<ScalarValue, ParameterError> {
    if sql_type == SqlType::Float4Array
        && let Some(components) = vector::read(bytes)
    {
        return array::float4(components.into_iter().map(|component| Ok(Some(component))));
    }
    let items = Items::of(sql_type, bytes)?;
    match (sql_type, sql_type.item()) {
        (SqlType::Float4Array, _) => {
            array::float4(items.map(|item| item?.map(|item| float4(sql_type, item)).transpose()))
        }
        (SqlType::Float8Array, _) => {
            array::float8(items.map(|item| item?.map(|item| float8(sql_type, item)).transpose()))
        }
        (SqlType::TextArray, _) | (_, None) => {
            let texts = items.map(|item| item?.map(utf8).transpose());
            Ok(array::text(texts.collect::<Result<Vec<_>, _>>()?))
        }
        (_, Some(item_type)) => {
            let value = |item: &[u8]| read(item_type, item);
            array::values(item_type, items.map(|item| item.transpose().map(|item| value(item?))))
        }
    }
}

/// The numbers of an embedding, as `vector`, `real[]` or `double precision[]`: no bytes are of more
/// than one of these forms.
///
/// # Errors
/// When the bytes are of none of them, or a NULL is among the numbers.
pub(super) fn reals(sql_type: SqlType, bytes: &[u8]) -> Result<Vec<f32>, ParameterError> {
    if let Some(components) = vector::read(bytes) {
        return Ok(components);
    }
    let items = Items::of(sql_type, bytes)?;
    if let Some(numbers) = plain_reals(&items) {
        return Ok(numbers);
    }
    let numbers = items.map(|item| float4(sql_type, item?.ok_or(ParameterError::NullItem)?));
    numbers.collect()
}

/// What nearly all arrays are made of: numbers of four bytes, each behind its length.
fn plain_reals(items: &Items<'_>) -> Option<Vec<f32>> {
    let (pairs, rest) = items.rest.as_chunks::<8>();
    if !rest.is_empty() || pairs.len() != items.left {
        return None;
    }
    if !pairs.iter().all(|pair| pair.starts_with(&[0, 0, 0, 4])) {
        return None;
    }
    let number = |[_, _, _, _, a, b, c, d]: &[u8; 8]| f32::from_be_bytes([*a, *b, *c, *d]);
    Some(pairs.iter().map(number).collect())
}

fn boolean(bytes: &[u8]) -> Result<bool, ParameterError> {
    match bytes {
        [0] => Ok(false),
        [1] => Ok(true),
        _ => Err(ParameterError::binary(SqlType::Bool)),
    }
}

fn whole(mut bytes: &[u8]) -> Option<i64> {
    match bytes.len() {
        2 => Some(bytes.get_i16().into()),
        4 => Some(bytes.get_i32().into()),
        8 => Some(bytes.get_i64()),
        _ => None,
    }
}

fn oid(sql_type: SqlType, bytes: &[u8]) -> Result<i64, ParameterError> {
    let number = <[u8; 4]>::try_from(bytes).map_err(|_| ParameterError::binary(sql_type))?;
    Ok(u32::from_be_bytes(number).into())
}

fn float8(sql_type: SqlType, mut bytes: &[u8]) -> Result<f64, ParameterError> {
    match bytes.len() {
        4 => Ok(bytes.get_f32().into()),
        8 => Ok(bytes.get_f64()),
        _ => Err(ParameterError::binary(sql_type)),
    }
}

fn float4(sql_type: SqlType, bytes: &[u8]) -> Result<f32, ParameterError> {
    narrow(sql_type, float8(sql_type, bytes)?)
}

/// The items of an array of one dimension, each none for NULL.
struct Items<'a> {
    sql_type: SqlType,
    rest: &'a [u8],
    left: usize,
}

impl<'a> Items<'a> {
    fn of(sql_type: SqlType, bytes: &'a [u8]) -> Result<Self, ParameterError> {
        let malformed = || ParameterError::binary(sql_type);
        let mut items = Self { sql_type, rest: bytes, left: 0 };
        let dimensions = items.int()?;
        let _has_nulls = items.int()?;
        let _element_type = items.int()?;
        match dimensions {
            0 if items.rest.is_empty() => return Ok(items),
            1 => {}
            2..=6 => return Err(ParameterError::Dimensions),
            _ => return Err(malformed()),
        }
        items.left = usize::try_from(items.int()?).map_err(|_| malformed())?;
        let _lower_bound = items.int()?;
        // Each item has at least a length: a count that lies is caught before anything is made.
        if items.left.saturating_mul(4) > items.rest.len() {
            return Err(malformed());
        }
        Ok(items)
    }

    fn int(&mut self) -> Result<i32, ParameterError> {
        let (int, rest) =
            self.rest.split_first_chunk().ok_or(ParameterError::binary(self.sql_type))?;
        self.rest = rest;
        Ok(i32::from_be_bytes(*int))
    }

    fn item(&mut self) -> Result<Option<&'a [u8]>, ParameterError> {
        let sql_type = self.sql_type;
        let malformed = || ParameterError::binary(sql_type);
        let item = match self.int()? {
            -1 => None,
            length => {
                let length = usize::try_from(length).map_err(|_| malformed())?;
                let (item, rest) = self.rest.split_at_checked(length).ok_or_else(malformed)?;
                self.rest = rest;
                Some(item)
            }
        };
        if self.left == 0 && !self.rest.is_empty() {
            return Err(malformed());
        }
        Ok(item)
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Option<&'a [u8]>, ParameterError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some(self.item())
    }
}
