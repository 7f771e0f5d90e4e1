//! Values as text, in PostgreSQL's words: what the doors send and what a cast to `text` makes.

mod form;
mod function;
mod rule;

pub(crate) use form::{Interval, days, float, interval, moment, time};
pub(super) use function::{function, texts};
pub(super) use rule::PrintedValues;
