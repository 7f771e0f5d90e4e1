//! Texts that come from columns as times, lengths of time and bytes, in every form that a literal
//! may have.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{
    ArrayRef, BinaryArray, Date32Array, IntervalMonthDayNanoArray, StringArray,
    Time64MicrosecondArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;

use crate::sql::answer::wording::{no_value, type_name};
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
        other => return internal_err!("a text as {other}"),
    })
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
