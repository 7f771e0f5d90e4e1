//! Texts that come from columns as times, lengths of time, bytes and arrays, in every form that a
//! literal may have.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{
    Array, ArrayRef, BinaryArray, Date32Array, IntervalMonthDayNanoArray, ListArray, StringArray,
    Time64MicrosecondArray, TimestampMicrosecondArray,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options};
use datafusion::arrow::datatypes::{DataType, FieldRef, IntervalUnit, TimeUnit};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;

use crate::sql::SqlError;
use crate::sql::answer::wording::{no_value, type_name};
use crate::sql::value::array_text::{self, Item};
use crate::sql::value::constant::bytea;
use crate::sql::value::interval::interval;
use crate::sql::value::moment::{Moment, WrongMoment, time_of_day};

/// Whether texts are read as values of this type here.
pub(super) fn is_read(to: &DataType) -> bool {
    matches!(
        to,
        DataType::Date32
            | DataType::Timestamp(TimeUnit::Microsecond, _)
            | DataType::Time64(_)
            | DataType::Interval(IntervalUnit::MonthDayNano)
            | DataType::Binary
            | DataType::List(_)
    )
}

/// The values of this type that `texts` are.
///
/// # Errors
/// Text that is none.
pub(super) fn read(texts: &StringArray, to: &DataType) -> Result<ArrayRef, DataFusionError> {
    let now = Utc::now();
    Ok(match to {
        DataType::Date32 => {
            let days = |text: &str| Moment::read(text, now)?.days();
            Arc::new(moments::<_, Date32Array>(texts, to, days)?)
        }
        DataType::Timestamp(_, Some(zone)) => {
            let utc = |text: &str| Moment::read(text, now)?.utc();
            let moments: TimestampMicrosecondArray = moments(texts, to, utc)?;
            Arc::new(moments.with_timezone(Arc::clone(zone)))
        }
        DataType::Timestamp(_, None) => {
            let local = |text: &str| Moment::read(text, now).map(|moment| moment.local());
            Arc::new(moments::<_, TimestampMicrosecondArray>(texts, to, local)?)
        }
        DataType::Time64(_) => times(texts, to, now)?,
        DataType::Interval(_) => {
            let lengths = texts.iter().map(|text| {
                let read = |text| interval(text).ok_or_else(|| no_value(text, "Interval"));
                text.map(read).transpose()
            });
            Arc::new(lengths.collect::<Result<IntervalMonthDayNanoArray, _>>()?)
        }
        DataType::Binary => {
            let bytes = texts.iter().map(|text| text.map(bytea).transpose());
            Arc::new(bytes.collect::<Result<Vec<_>, _>>()?.iter().collect::<BinaryArray>())
        }
        DataType::List(item) => arrays(texts, item)?,
        other => return internal_err!("a text as {other}"),
    })
}

fn arrays(texts: &StringArray, item: &FieldRef) -> Result<ArrayRef, DataFusionError> {
    let (mut items, mut lengths) = (Vec::new(), Vec::with_capacity(texts.len()));
    for text in texts {
        let before = items.len();
        for part in text.map(array_text::read).transpose()?.into_iter().flatten() {
            items.push(match part {
                Item::Null => None,
                Item::Text(part) => Some(part),
                Item::Array(_) => {
                    let what = "an array of several dimensions that is no literal";
                    return Err(SqlError::unsupported(what).into());
                }
            });
        }
        lengths.push(items.len() - before);
    }
    let items = StringArray::from(items);
    let items = if is_read(item.data_type()) {
        read(&items, item.data_type())?
    } else {
        let strictly = CastOptions { safe: false, ..CastOptions::default() };
        cast_with_options(&items, item.data_type(), &strictly)?
    };
    let (offsets, nulls) = (OffsetBuffer::from_lengths(lengths), texts.nulls().cloned());
    Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, items, nulls)?))
}

fn times(
    texts: &StringArray,
    to: &DataType,
    now: DateTime<Utc>,
) -> Result<ArrayRef, DataFusionError> {
    let read = |text: &str| time_of_day(text, now);
    let times: ArrayRef = Arc::new(moments::<_, Time64MicrosecondArray>(texts, to, read)?);
    Ok(cast(&times, to)?)
}

fn moments<T, A: FromIterator<Option<T>>>(
    texts: &StringArray,
    to: &DataType,
    read: impl Fn(&str) -> Result<T, WrongMoment>,
) -> Result<A, DataFusionError> {
    let shown = to.to_string();
    let read = |text| read(text).map_err(|wrong| wrong.error(text, type_name(&shown)));
    let moments = texts.iter().map(|text| text.map(read).transpose());
    Ok(moments.collect::<Result<A, _>>()?)
}
