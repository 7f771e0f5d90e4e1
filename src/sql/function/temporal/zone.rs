//! `AT TIME ZONE`: moments as clocks of a zone show them, and what such a clock shows as a moment.

use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, FixedOffset, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone};
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::function::{moments, timestamptz};
use crate::sql::value::infinity::is_infinite;
use crate::sql::{SqlError, SqlState};

/// Abbreviations that are offsets in PostgreSQL and zones with summer time elsewhere.
const ABBREVIATIONS: [(&str, &str); 4] =
    [("CET", "+01:00"), ("EET", "+02:00"), ("MET", "+01:00"), ("WET", "+00:00")];

/// `timezone(zone, time)`, which `time AT TIME ZONE zone` becomes.
pub(in crate::sql) fn at_zone() -> ScalarUDF {
    ScalarUDF::from(AtZone { signature: Signature::any(2, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct AtZone {
    signature: Signature,
}

impl ScalarUDFImpl for AtZone {
    fn name(&self) -> &'static str {
        "timezone"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// What has a zone loses it, and what has none gets one; text and dates are moments.
    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        let zone = match arguments {
            [_, DataType::Timestamp(_, None)] => Some(Arc::from("UTC")),
            [_, DataType::Timestamp(..) | DataType::Date32 | DataType::Null] => None,
            [_, text] if text.is_string() => None,
            _ => {
                let message = "AT TIME ZONE of anything but a timestamp";
                return Err(SqlError::unsupported(message).into());
            }
        };
        Ok(DataType::Timestamp(TimeUnit::Microsecond, zone))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let rows = arguments.number_rows;
        let columns = arguments.args.iter().map(|argument| argument.to_array(rows));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let [zones, times] = columns.as_slice() else {
            return internal_err!("a zone and a time");
        };
        let has_zone = !matches!(times.data_type(), DataType::Timestamp(_, None));
        let moved = moved(zones, times, if has_zone { shown } else { meant })?;
        let zone = (!has_zone).then_some("UTC");
        Ok(ColumnarValue::Array(Arc::new(moved.with_timezone_opt(zone))))
    }
}

fn moved(
    zones: &ArrayRef,
    times: &ArrayRef,
    moved: fn(Tz, NaiveDateTime) -> Option<NaiveDateTime>,
) -> Result<TimestampMicrosecondArray, DataFusionError> {
    let zones = cast(zones, &DataType::Utf8)?;
    let times = match times.data_type() {
        text if text.is_string() => moments(&cast(times, &timestamptz())?)?,
        _ => moments(times)?,
    };
    let times = times.as_primitive::<TimestampMicrosecondType>();
    let mut known: Option<(&str, Tz)> = None;
    let pairs = zones.as_string::<i32>().iter().zip(times.iter());
    let pairs = pairs.map(|pair| {
        let (Some(name), Some(time)) = pair else { return Ok(None) };
        let zone = match known {
            Some((known, zone)) if known == name => zone,
            _ => zone(name)?,
        };
        known = Some((name, zone));
        if is_infinite(time) {
            return Ok(Some(time));
        }
        let time = DateTime::from_timestamp_micros(time).map(|time| time.naive_utc());
        let moved = time.and_then(|time| moved(zone, time));
        match moved {
            Some(time) => Ok(Some(time.and_utc().timestamp_micros())),
            None => Err(SqlError::new(SqlState::DatetimeFieldOverflow, "timestamp out of range")),
        }
    });
    Ok(pairs.collect::<Result<_, SqlError>>()?)
}

/// What a clock of `zone` shows at a moment.
pub(in crate::sql) fn shown(zone: Tz, moment: NaiveDateTime) -> Option<NaiveDateTime> {
    moment.checked_add_offset(zone.offset_from_utc_datetime(&moment).fix())
}

/// The moment that a clock of `zone` means. What it shows twice is the later, and what it never
/// shows, because it is put forward, is taken for the time before.
pub(in crate::sql) fn meant(zone: Tz, clock: NaiveDateTime) -> Option<NaiveDateTime> {
    let offset: FixedOffset = match zone.offset_from_local_datetime(&clock) {
        MappedLocalTime::Single(offset) | MappedLocalTime::Ambiguous(_, offset) => offset.fix(),
        MappedLocalTime::None => {
            let before = clock.checked_sub_signed(TimeDelta::try_days(1)?)?;
            zone.offset_from_local_datetime(&before).latest()?.fix()
        }
    };
    clock.checked_sub_offset(offset)
}

pub(in crate::sql) fn zone(name: &str) -> Result<Tz, SqlError> {
    if name.starts_with(['+', '-']) || name.starts_with(|letter: char| letter.is_ascii_digit()) {
        return Err(SqlError::unsupported("a time zone by its offset"));
    }
    let fixed = ABBREVIATIONS.iter().find(|(short, _)| *short == name);
    let known = fixed.map_or(name, |(_, offset)| offset);
    Tz::from_str(known).map_err(|_| {
        let message = format!("time zone \"{name}\" not recognized");
        SqlError::new(SqlState::InvalidParameterValue, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    #[test]
    fn clocks_are_put_forward_and_back() {
        let berlin = zone("Europe/Berlin").unwrap();
        assert_eq!(shown(berlin, time("2024-01-01T12:00:00")), Some(time("2024-01-01T13:00:00")));
        assert_eq!(shown(berlin, time("2024-07-01T12:00:00")), Some(time("2024-07-01T14:00:00")));
        assert_eq!(meant(berlin, time("2024-07-01T12:00:00")), Some(time("2024-07-01T10:00:00")));
        // Shown by no clock, and by each twice.
        assert_eq!(meant(berlin, time("2024-03-31T02:30:00")), Some(time("2024-03-31T01:30:00")));
        assert_eq!(meant(berlin, time("2024-10-27T02:30:00")), Some(time("2024-10-27T01:30:00")));
        assert!(zone("Nowhere/Town").is_err());
        assert_eq!(zone("+01:00").unwrap_err().state, SqlState::FeatureNotSupported);
    }
}
