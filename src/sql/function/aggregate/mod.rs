//! Aggregates as PostgreSQL has them: whole numbers add up to wider ones and have exact averages,
//! what does not fit is an error, rows become documents, and values are asked in their order.

mod deviations;
mod distinct;
mod document;
mod function;
mod gathered;
mod groups;
mod in_order;
mod joined;
mod measure;
mod ordered_set;
mod sliding;
mod statistics;
mod total;
mod two_phases;
mod unassuming;
mod vectors;

use std::sync::Arc;

use datafusion::logical_expr::AggregateUDF;

pub(in crate::sql) use two_phases::DistinctInTwoPhases;

/// Aggregates of the planner's that take no row back.
const FORGETFUL: [&str; 5] = ["array_agg", "bit_and", "bit_or", "bool_and", "bool_or"];

/// All aggregates: ours, and those of the planner that we have none for.
pub(in crate::sql) fn functions(planners: Vec<Arc<AggregateUDF>>) -> Vec<Arc<AggregateUDF>> {
    let forgetful =
        document::documents().chain(statistics::functions()).chain([joined::function()]);
    let forgetful = forgetful.map(sliding::sliding);
    let mut functions: Vec<_> = function::functions()
        .into_iter()
        .chain(forgetful)
        .chain(ordered_set::ordered_sets())
        .collect();
    for theirs in planners {
        let same =
            |name: &str| name == theirs.name() || theirs.aliases().iter().any(|it| it == name);
        if functions.iter().any(|ours| same(ours.name())) {
            continue;
        }
        let forgetful = FORGETFUL.contains(&theirs.name());
        let is_unassuming = unassuming::UNASSUMING.contains(&theirs.name());
        functions.push(match theirs {
            theirs if forgetful => sliding::sliding(theirs),
            theirs if is_unassuming => unassuming::unassuming(theirs),
            theirs => theirs,
        });
    }
    functions
}
