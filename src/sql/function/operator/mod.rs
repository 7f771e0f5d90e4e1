//! That operators, conditions and casts have the types that PostgreSQL has them for. The planner
//! would convert one side in its own way, or complain in its own words.

mod assigned;
mod common;
mod known;
mod operand;
mod planner;
mod rule;

pub(in crate::sql) use assigned::{assigned, not_assigned};
pub(in crate::sql) use common::common_type;
pub(in crate::sql) use operand::operand;
pub(in crate::sql) use planner::KnownOperators;
pub(in crate::sql) use rule::{CheckedOperands, compared};
