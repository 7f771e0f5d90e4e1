//! Values as text, in PostgreSQL's words: what the doors send and what a cast to `text` makes.

mod form;
mod function;
mod rule;

pub use form::IntervalStyle;
pub(crate) use form::{Interval, days, float, interval, moment, time};
pub(in crate::sql) use function::{ISO_8601, function, interval_style, printed, texts};
pub(in crate::sql) use rule::PrintedValues;
