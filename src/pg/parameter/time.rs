//! Parameters that are dates, times and lengths of time.

use chrono::Utc;
use datafusion::arrow::datatypes::IntervalMonthDayNano;
use datafusion::scalar::ScalarValue;

use super::super::encode::EPOCH_US;
use super::{ParameterError, name, timestamp};
use crate::sql::{Moment, SqlType, WrongMoment, interval, is_infinite, time_of_day};

const DAY_US: i64 = 86_400_000_000;
const EPOCH_DAYS: i64 = EPOCH_US / DAY_US;

/// Reads the text form; zones are passed over, as PostgreSQL does for types without one.
///
/// # Errors
/// When the text is no value of that type.
pub(super) fn text(sql_type: SqlType, text: &str) -> Result<ScalarValue, ParameterError> {
    let now = Utc::now();
    let read = || match sql_type {
        SqlType::Interval => {
            let length = interval(text).ok_or(WrongMoment::Syntax)?;
            Ok(ScalarValue::IntervalMonthDayNano(Some(length)))
        }
        SqlType::Time => Ok(ScalarValue::Time64Microsecond(Some(time_of_day(text, now)?))),
        SqlType::Date => Ok(ScalarValue::Date32(Some(Moment::read(text, now)?.days()?))),
        SqlType::Timestamptz => Ok(timestamp(Moment::read(text, now)?.utc()?)),
        _ => {
            let moment = Moment::read(text, now)?.local();
            Ok(ScalarValue::TimestampMicrosecond(Some(moment), None))
        }
    };
    read().map_err(|wrong: WrongMoment| ParameterError::Time(wrong.error(text, name(sql_type))))
}

/// Reads the binary form.
///
/// # Errors
/// When the bytes are no value of that type.
pub(super) fn binary(sql_type: SqlType, bytes: &[u8]) -> Result<ScalarValue, ParameterError> {
    let malformed = || ParameterError::binary(sql_type);
    let range = || ParameterError::range(sql_type);
    let long = || <[u8; 8]>::try_from(bytes).map(i64::from_be_bytes).map_err(|_| malformed());
    Ok(match sql_type {
        SqlType::Date => {
            let days = <[u8; 4]>::try_from(bytes).map_err(|_| malformed())?;
            let days = i32::from_be_bytes(days);
            match days {
                infinite @ (i32::MIN | i32::MAX) => ScalarValue::Date32(Some(infinite)),
                finite => date(sql_type, i64::from(finite) + EPOCH_DAYS)?,
            }
        }
        SqlType::Time => match long()? {
            microseconds @ 0..=DAY_US => ScalarValue::Time64Microsecond(Some(microseconds)),
            _ => return Err(range()),
        },
        SqlType::Interval => {
            let [microseconds @ .., _, _, _, _, _, _, _, _] =
                <[u8; 16]>::try_from(bytes).map_err(|_| malformed())?;
            let rest = bytes.get(8..).unwrap_or_default();
            let (days, months) = rest.split_at_checked(4).ok_or_else(malformed)?;
            let short =
                |bytes: &[u8]| bytes.try_into().map(i32::from_be_bytes).map_err(|_| malformed());
            let nanoseconds = i64::from_be_bytes(microseconds).checked_mul(1000);
            ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano {
                months: short(months)?,
                days: short(days)?,
                nanoseconds: nanoseconds.ok_or_else(range)?,
            }))
        }
        _ => {
            let moment = moment(sql_type, bytes)?;
            ScalarValue::TimestampMicrosecond(Some(moment), None)
        }
    })
}

/// Reads microseconds since 2000 as such since 1970; the extremes are the infinities of both.
///
/// # Errors
/// When the bytes are none, or too many to be counted from 1970.
pub(super) fn moment(sql_type: SqlType, bytes: &[u8]) -> Result<i64, ParameterError> {
    let since_2000 = <[u8; 8]>::try_from(bytes).map_err(|_| ParameterError::binary(sql_type))?;
    match i64::from_be_bytes(since_2000) {
        infinite if is_infinite(infinite) => Ok(infinite),
        since_2000 => since_2000
            .checked_add(EPOCH_US)
            .filter(|moment| !is_infinite(*moment))
            .ok_or_else(|| ParameterError::range(sql_type)),
    }
}

fn date(sql_type: SqlType, days: i64) -> Result<ScalarValue, ParameterError> {
    let days = i32::try_from(days).map_err(|_| ParameterError::range(sql_type))?;
    Ok(ScalarValue::Date32(Some(days)))
}

#[cfg(test)]
mod tests {
    use super::super::super::column::Format;
    use super::super::decode;
    use super::*;

    fn read(sql_type: SqlType, format: Format, bytes: &[u8]) -> ScalarValue {
        decode(1, sql_type, format, Some(bytes)).unwrap()
    }

    #[test]
    fn both_forms_of_a_value_are_the_same_value() {
        let length =
            [&5_i64.to_be_bytes()[..], &2_i32.to_be_bytes(), &1_i32.to_be_bytes()].concat();
        let cases: [(SqlType, &str, &[u8]); 4] = [
            (SqlType::Date, "2000-01-03", &2_i32.to_be_bytes()),
            (SqlType::Time, "00:00:01.5", &1_500_000_i64.to_be_bytes()),
            (SqlType::Timestamp, "2000-01-01 01:00", &3_600_000_000_i64.to_be_bytes()),
            (SqlType::Interval, "1 mon 2 days 5 microseconds", &length),
        ];
        for (sql_type, text, bytes) in cases {
            let value = read(sql_type, Format::Text, text.as_bytes());
            assert_eq!(value.data_type(), sql_type.arrow_type(), "{text}");
            assert_eq!(value, read(sql_type, Format::Binary, bytes), "{text}");
            let cut = bytes.get(1..);
            assert!(decode(1, sql_type, Format::Binary, cut).is_err(), "{text}");
            assert!(decode(1, sql_type, Format::Text, Some(b"soon")).is_err(), "{text}");
        }
    }

    #[test]
    fn infinities_are_the_extremes_in_both_forms() {
        let cases: [(SqlType, &str, &[u8]); 3] = [
            (SqlType::Date, "infinity", &i32::MAX.to_be_bytes()),
            (SqlType::Timestamp, "-infinity", &i64::MIN.to_be_bytes()),
            (SqlType::Timestamptz, "infinity", &i64::MAX.to_be_bytes()),
        ];
        for (sql_type, text, bytes) in cases {
            let value = read(sql_type, Format::Text, text.as_bytes());
            assert_eq!(value, read(sql_type, Format::Binary, bytes), "{text}");
        }
        let too_long = [0x7f; 16];
        assert!(decode(1, SqlType::Interval, Format::Binary, Some(&too_long)).is_err());
    }
}
