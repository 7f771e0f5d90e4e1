//! Texts as moments and numbers by one of PostgreSQL's templates: `to_date`, `to_timestamp`,
//! `to_number`.

mod moment;
mod number;
mod template;

use std::sync::Arc;

use chrono::NaiveDateTime;
use datafusion::arrow::array::{
    ArrayRef, AsArray, Date32Array, Float64Array, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, TimeUnit};
use datafusion::error::DataFusionError;

use super::{Function, arity};
use crate::sql::value::infinity::days_of;
use crate::sql::{SqlError, SqlState};
pub(super) use number::function as to_number;
use template::Part;

const UTC: &str = "UTC";

pub(super) fn functions() -> [Function; 2] {
    let texts = || vec![DataType::Utf8, DataType::Utf8];
    let moments = DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()));
    [
        Function::exact("to_date", texts(), Field::new("", DataType::Date32, true), |columns| {
            let days = read(columns, "to_date")?;
            let days = days.into_iter().map(|moment| moment.map(|at| days_of(microseconds(at))));
            Ok(Arc::new(days.collect::<Date32Array>()))
        }),
        Function::one_of(
            "to_timestamp",
            vec![texts(), vec![DataType::Float64]],
            Field::new("", moments, true),
            |columns| {
                let moments = if let [seconds] = columns {
                    since_1970(seconds.as_primitive::<Float64Type>())?
                } else {
                    let moments = read(columns, "to_timestamp")?.into_iter();
                    moments.map(|moment| moment.map(microseconds)).collect()
                };
                Ok(Arc::new(moments.with_timezone(UTC)))
            },
        ),
    ]
}

fn microseconds(moment: NaiveDateTime) -> i64 {
    moment.and_utc().timestamp_micros()
}

/// Moments so many seconds after 1970 began.
fn since_1970(seconds: &Float64Array) -> Result<TimestampMicrosecondArray, SqlError> {
    let moments = seconds.iter().map(|seconds| match seconds {
        None => Ok(None),
        Some(f64::INFINITY) => Ok(Some(i64::MAX)),
        Some(f64::NEG_INFINITY) => Ok(Some(i64::MIN)),
        Some(seconds) => {
            let microseconds = (seconds * 1e6).round_ties_even();
            if microseconds.abs() < i64::MAX as f64 {
                return Ok(Some(microseconds as i64));
            }
            let message = format!("timestamp out of range: \"{seconds}\"");
            Err(SqlError::new(SqlState::DatetimeFieldOverflow, message))
        }
    });
    moments.collect()
}

/// The moments that texts are by their templates.
fn read(columns: &[ArrayRef], name: &str) -> Result<Vec<Option<NaiveDateTime>>, DataFusionError> {
    let [texts, templates] = columns else { return Err(arity(name)) };
    // Most templates are the same for all rows.
    let mut known: Option<(&str, Vec<Part>)> = None;
    let rows = texts.as_string::<i32>().iter().zip(templates.as_string::<i32>());
    let read = rows.map(|row| {
        let (Some(text), Some(template)) = row else { return Ok(None) };
        let parts = match known.take() {
            Some((before, parts)) if before == template => parts,
            _ => template::parts(template)?,
        };
        let moment = moment::moment(text, &parts).map(Some);
        known = Some((template, parts));
        moment
    });
    Ok(read.collect::<Result<_, SqlError>>()?)
}
