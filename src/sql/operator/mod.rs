//! That operators, conditions and casts have the types that PostgreSQL has them for. The planner
//! would convert one side in its own way, or complain in its own words.

mod assigned;
mod common;
mod known;
mod operand;
mod planner;
mod rule;

pub(super) use assigned::{assigned, not_assigned};
pub(super) use common::common_type;
pub(super) use operand::operand;
pub(super) use planner::KnownOperators;
pub(super) use rule::CheckedOperands;
