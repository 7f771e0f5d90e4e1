//! Casts that PostgreSQL makes otherwise than the planner: of documents, of texts to times and
//! bytes, between dates and timestamps, and of arrays whose items are such.

mod function;
mod rule;

pub(in crate::sql) use rule::ConvertedValues;
