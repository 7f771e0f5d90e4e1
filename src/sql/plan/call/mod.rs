//! Functions of ours that stand where a table may: from the call to a logical node and an operator.
//!
//! They are no table functions of `DataFusion`'s, which would get their arguments before parameters
//! are bound: a [`Call`](node::Call) node takes them like any other node, and the function makes
//! its operator when they are known.

mod node;
mod planner;
mod signature;

pub(super) use planner::{CallPlanner, CallRelationPlanner};
pub(in crate::sql) use signature::TableFunction;
