//! Times and spans where PostgreSQL and the planner differ: time zones, operators, functions, and
//! which of two intervals is longer.

mod age;
mod aggregate;
mod difference;
mod function;
mod later;
mod make;
mod operator;
mod overlap;
mod part;
mod precision;
mod rule;
mod scale;
mod span;
mod truncate;
mod unit;
mod zone;

use datafusion::logical_expr::ScalarUDF;

pub(super) use aggregate::{interval_average, interval_sum};
pub(in crate::sql) use function::INTERVAL;
pub(super) use function::{TIMESTAMP, moments};
pub(super) use later::later;
pub(in crate::sql) use operator::DateOperators;
pub(in crate::sql) use rule::ComparedIntervals;
pub(in crate::sql) use span::{span, spans};
pub(in crate::sql) use zone::{meant, zone};

/// Functions, most of them instead of the planner's.
pub(in crate::sql) fn functions() -> impl Iterator<Item = ScalarUDF> {
    let made = part::functions().into_iter().chain(truncate::functions());
    made.chain(age::functions()).chain(make::functions()).chain([
        zone::at_zone(),
        precision::function(),
        overlap::function(),
    ])
}
