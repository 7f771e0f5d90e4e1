//! Aggregates as PostgreSQL has them: whole numbers add up to wider ones and have exact averages,
//! what does not fit is an error, and rows become documents.

mod distinct;
mod document;
mod function;
mod groups;
mod measure;
mod total;
mod two_phases;

pub(super) use document::documents;
pub(super) use function::functions;
pub(super) use two_phases::DistinctInTwoPhases;
