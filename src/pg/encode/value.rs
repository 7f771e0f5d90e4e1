//! One cell of an Arrow array as the value PostgreSQL would see.

use std::borrow::Cow;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, OffsetSizeTrait, StructArray,
};
use datafusion::arrow::datatypes::{
    ArrowDictionaryKeyType, ArrowPrimitiveType, DataType, Date32Type, Date64Type, Decimal32Type,
    Decimal64Type, Decimal128Type, Decimal256Type, DecimalType, DurationMicrosecondType,
    DurationMillisecondType, DurationNanosecondType, DurationSecondType, Float16Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalDayTimeType,
    IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType, Time32MillisecondType,
    Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use super::EncodeError;
use crate::sql::NUMERIC_SCALE;
use crate::sql::output::Interval;

/// Microseconds in a day.
const DAY_US: i64 = 86_400_000_000;

/// A value with Arrow's many widths folded into PostgreSQL's few.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float4(f32),
    Float8(f64),
    /// Decimal digits with an optional sign and point.
    Numeric(String),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// Days since 1970-01-01.
    Date(i64),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds since 1970-01-01 00:00 (UTC where the type has a time zone).
    Timestamp(i64),
    Interval(Interval),
    /// The items, in order.
    List(Cow<'a, ArrayRef>),
    /// A row by its place among rows of the same columns.
    Record(&'a StructArray, usize),
}

impl<'a> Value<'a> {
    /// The value in `row` of `array`.
    ///
    /// # Errors
    /// When PostgreSQL has no type for it or its types cannot hold it.
    pub(super) fn at(array: &'a dyn Array, row: usize) -> Result<Self, EncodeError> {
        if array.is_null(row) {
            return Ok(Self::Null);
        }
        Ok(match array.data_type() {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Bool(array.as_boolean().value(row)),
            DataType::Int8 => Self::Int(primitive::<Int8Type>(array, row).into()),
            DataType::Int16 => Self::Int(primitive::<Int16Type>(array, row).into()),
            DataType::Int32 => Self::Int(primitive::<Int32Type>(array, row).into()),
            DataType::Int64 => Self::Int(primitive::<Int64Type>(array, row)),
            DataType::UInt8 => Self::Int(primitive::<UInt8Type>(array, row).into()),
            DataType::UInt16 => Self::Int(primitive::<UInt16Type>(array, row).into()),
            DataType::UInt32 => Self::Int(primitive::<UInt32Type>(array, row).into()),
            DataType::UInt64 => {
                let value = primitive::<UInt64Type>(array, row);
                Self::Int(i64::try_from(value).map_err(|_| EncodeError::Bigint(value))?)
            }
            DataType::Float16 => Self::Float4(primitive::<Float16Type>(array, row).to_f32()),
            DataType::Float32 => Self::Float4(primitive::<Float32Type>(array, row)),
            DataType::Float64 => Self::Float8(primitive::<Float64Type>(array, row)),
            DataType::Decimal32(..) => decimal::<Decimal32Type>(array, row),
            DataType::Decimal64(..) => decimal::<Decimal64Type>(array, row),
            DataType::Decimal128(..) => decimal::<Decimal128Type>(array, row),
            DataType::Decimal256(..) => decimal::<Decimal256Type>(array, row),
            DataType::Utf8 => Self::Text(array.as_string::<i32>().value(row)),
            DataType::LargeUtf8 => Self::Text(array.as_string::<i64>().value(row)),
            DataType::Utf8View => Self::Text(array.as_string_view().value(row)),
            DataType::Binary => Self::Bytes(array.as_binary::<i32>().value(row)),
            DataType::LargeBinary => Self::Bytes(array.as_binary::<i64>().value(row)),
            DataType::BinaryView => Self::Bytes(array.as_binary_view().value(row)),
            DataType::FixedSizeBinary(_) => Self::Bytes(array.as_fixed_size_binary().value(row)),
            DataType::Dictionary(keys, _) => return in_dictionary(keys, array, row),
            DataType::Struct(_) => Self::Record(array.as_struct(), row),
            DataType::List(_) => list::<i32>(array.as_list(), row),
            DataType::LargeList(_) => list::<i64>(array.as_list(), row),
            DataType::FixedSizeList(..) => fixed_size_list(array.as_fixed_size_list(), row),
            _ => return temporal(array, row),
        })
    }
}

/// The value that a dictionary's key stands for.
fn in_dictionary<'a>(
    keys: &DataType,
    array: &'a dyn Array,
    row: usize,
) -> Result<Value<'a>, EncodeError> {
    match keys {
        DataType::Int8 => keyed::<Int8Type>(array, row),
        DataType::Int16 => keyed::<Int16Type>(array, row),
        DataType::Int32 => keyed::<Int32Type>(array, row),
        DataType::Int64 => keyed::<Int64Type>(array, row),
        DataType::UInt8 => keyed::<UInt8Type>(array, row),
        DataType::UInt16 => keyed::<UInt16Type>(array, row),
        DataType::UInt32 => keyed::<UInt32Type>(array, row),
        DataType::UInt64 => keyed::<UInt64Type>(array, row),
        _ => Err(EncodeError::Unsupported(array.data_type().clone())),
    }
}

fn keyed<K: ArrowDictionaryKeyType>(
    array: &dyn Array,
    row: usize,
) -> Result<Value<'_>, EncodeError> {
    let dictionary = array.as_dictionary::<K>();
    match dictionary.key(row) {
        Some(key) => Value::at(dictionary.values().as_ref(), key),
        None => Ok(Value::Null),
    }
}

fn primitive<T: ArrowPrimitiveType>(array: &dyn Array, row: usize) -> T::Native {
    array.as_primitive::<T>().value(row)
}

fn decimal<'a, T: DecimalType>(array: &dyn Array, row: usize) -> Value<'a> {
    let digits = array.as_primitive::<T>().value_as_string(row);
    let (DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale)) = array.data_type()
    else {
        return Value::Numeric(digits);
    };
    Value::Numeric(if *scale < NUMERIC_SCALE { digits } else { without_zeros(digits) })
}

/// A number of no particular scale without the zeros that its column has.
fn without_zeros(mut digits: String) -> String {
    if digits.contains('.') {
        let kept = digits.trim_end_matches('0').trim_end_matches('.').len();
        digits.truncate(kept);
    }
    digits
}

fn list<'a, O: OffsetSizeTrait>(array: &GenericListArray<O>, row: usize) -> Value<'a> {
    Value::List(Cow::Owned(array.value(row)))
}

fn fixed_size_list<'a>(array: &FixedSizeListArray, row: usize) -> Value<'a> {
    Value::List(Cow::Owned(array.value(row)))
}

/// Dates, times and spans of time, cut to microseconds where Arrow has finer ones.
fn temporal<'a>(array: &dyn Array, row: usize) -> Result<Value<'a>, EncodeError> {
    let data_type = array.data_type();
    Ok(match data_type {
        DataType::Date32 => Value::Date(primitive::<Date32Type>(array, row).into()),
        DataType::Date64 => {
            Value::Date(primitive::<Date64Type>(array, row).div_euclid(DAY_US / 1000))
        }
        DataType::Time32(TimeUnit::Second) => {
            Value::Time(i64::from(primitive::<Time32SecondType>(array, row)) * 1_000_000)
        }
        DataType::Time32(_) => {
            Value::Time(i64::from(primitive::<Time32MillisecondType>(array, row)) * 1000)
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            Value::Time(primitive::<Time64NanosecondType>(array, row) / 1000)
        }
        DataType::Time64(_) => Value::Time(primitive::<Time64MicrosecondType>(array, row)),
        DataType::Timestamp(unit, _) => Value::Timestamp(match unit {
            TimeUnit::Second => scaled(primitive::<TimestampSecondType>(array, row), 1_000_000)?,
            TimeUnit::Millisecond => {
                scaled(primitive::<TimestampMillisecondType>(array, row), 1000)?
            }
            TimeUnit::Microsecond => primitive::<TimestampMicrosecondType>(array, row),
            TimeUnit::Nanosecond => {
                primitive::<TimestampNanosecondType>(array, row).div_euclid(1000)
            }
        }),
        DataType::Duration(unit) => Value::Interval(Interval::between(match unit {
            TimeUnit::Second => scaled(primitive::<DurationSecondType>(array, row), 1_000_000)?,
            TimeUnit::Millisecond => {
                scaled(primitive::<DurationMillisecondType>(array, row), 1000)?
            }
            TimeUnit::Microsecond => primitive::<DurationMicrosecondType>(array, row),
            TimeUnit::Nanosecond => primitive::<DurationNanosecondType>(array, row) / 1000,
        })),
        DataType::Interval(IntervalUnit::YearMonth) => {
            span(primitive::<IntervalYearMonthType>(array, row), 0, 0)
        }
        DataType::Interval(IntervalUnit::DayTime) => {
            let value = primitive::<IntervalDayTimeType>(array, row);
            span(0, value.days, i64::from(value.milliseconds) * 1000)
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let value = primitive::<IntervalMonthDayNanoType>(array, row);
            span(value.months, value.days, value.nanoseconds / 1000)
        }
        other => return Err(EncodeError::Unsupported(other.clone())),
    })
}

fn span<'a>(months: i32, days: i32, microseconds: i64) -> Value<'a> {
    Value::Interval(Interval { months, days, microseconds })
}

fn scaled(value: i64, factor: i64) -> Result<i64, EncodeError> {
    value.checked_mul(factor).ok_or(EncodeError::Datetime)
}
