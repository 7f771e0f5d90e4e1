//! `similar_faces('c', threshold => ..)`: all pairs of alike faces, found as they are read.

mod columns;
mod exec;
mod function;
mod request;

pub(in crate::sql) use function::FUNCTION;
