//! From a statement to a running plan: what is rewritten before the planner sees it, the types of
//! parameters, rules and operators that belong to no one function or table, and the end in time.

pub(super) mod adapt;
mod any;
pub(super) mod apply;
pub(super) mod call;
pub(super) mod choice;
mod determined;
pub(super) mod explain;
mod explanation;
pub(super) mod fixed;
mod frames;
mod grouped;
pub(super) mod in_place;
pub(super) mod inference;
pub(super) mod kept;
mod lacking;
mod limit;
pub(super) mod literal;
mod neighbour;
pub(super) mod parameters;
pub(super) mod passing;
mod patience;
pub(super) mod planning;
mod portion;
pub(super) mod projection;
pub(super) mod provenance;
pub(super) mod query;
pub(super) mod rewritten;
pub(super) mod sequence;
pub(super) mod stack;
mod told_apart;
mod united;
pub(super) mod values;
pub(super) mod wanted;
pub(super) mod yielding;
