//! Functions, operators and casts as PostgreSQL has them, where the planner has none or others, and
//! the rules that put them into plans.

pub(super) mod aggregate;
pub(super) mod allowance;
pub(super) mod any;
pub(super) mod arithmetic;
pub(super) mod array_order;
pub(super) mod beside;
pub(super) mod coalesce;
pub(super) mod comparing;
pub(super) mod conversion;
mod emptied;
pub(super) mod extreme;
pub(super) mod marked;
#[cfg(test)]
pub(super) mod mishap;
pub(super) mod operator;
pub(super) mod pattern;
pub(super) mod record;
pub(super) mod scalar;
pub(super) mod sleep;
pub(super) mod subscript;
pub(super) mod temporal;
pub(super) mod text_column;
pub(super) mod thumbnail;
pub(super) mod vector;
pub(super) mod zero;
