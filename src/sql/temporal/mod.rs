//! Times and spans where PostgreSQL and the planner differ: time zones, dates beside intervals, and
//! which of two intervals is longer.

mod operator;
mod rule;
mod span;
mod zone;

pub(super) use operator::DateOperators;
pub(super) use rule::ComparedIntervals;
pub(super) use zone::at_zone;
