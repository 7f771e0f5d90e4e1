//! A moment and an interval behind it.

use chrono::{DateTime, Months};
use datafusion::arrow::datatypes::IntervalMonthDayNano;

use crate::sql::value::infinity::is_infinite;

const DAY_US: i64 = 86_400_000_000;

/// The moment a step after another; none where no calendar has it.
pub(in crate::sql) fn later(moment: i64, step: IntervalMonthDayNano) -> Option<i64> {
    if is_infinite(moment) {
        return Some(moment);
    }
    let at = DateTime::from_timestamp_micros(moment)?;
    let months = Months::new(step.months.unsigned_abs());
    let at = if step.months < 0 {
        at.checked_sub_months(months)?
    } else {
        at.checked_add_months(months)?
    };
    let days = i64::from(step.days).checked_mul(DAY_US)?;
    at.timestamp_micros().checked_add(days)?.checked_add(step.nanoseconds / 1000)
}
