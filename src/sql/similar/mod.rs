//! `similar_faces('c', threshold => ..)`: from a call where a table may stand to a logical node and
//! an operator.
//!
//! It is no table function of `DataFusion`'s, which would get its arguments before parameters are
//! bound: a [`SimilarPairs`](node::SimilarPairs) node takes them like any other node, and the
//! operator asks the engine for pairs when its rows are asked for.

mod arguments;
mod columns;
mod exec;
mod node;
mod planner;
mod request;

pub(super) use exec::SimilarPlanner;
pub(super) use planner::SimilarRelationPlanner;
