//! Subqueries that are run once for each row they stand beside.
//!
//! `DataFusion` turns subqueries that depend on an outer row into joins where it can, and refuses
//! the others: those that return several rows, limit them, are unnested, stand in a select list,
//! or refer to outer columns anywhere but in comparisons. For these a rule puts an [`Apply`] below
//! the node that they stand in, which plans and runs them for each row.

mod answer;
mod condition;
mod exec;
mod function;
mod node;
mod order;
mod planner;
mod reference;
mod rule;
mod values;

pub(in crate::sql) use function::register;
pub(in crate::sql) use node::{Apply, Yield};
pub(super) use planner::ApplyPlanner;
pub(super) use rule::ApplySubqueries;
