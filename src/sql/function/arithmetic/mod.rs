//! Numbers that do not fit are errors, as in PostgreSQL: sums, products and quotients are checked,
//! and what is cast to a whole number is rounded.

mod function;
mod rule;

pub(super) use function::{plain, rounded};
pub(in crate::sql) use rule::CheckedArithmetic;
