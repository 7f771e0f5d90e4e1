//! Records: rows that a statement writes, and rows of tables as a whole.

mod compared;
mod made;

pub(in crate::sql) use compared::{ComparedRecords, DENIED_MAX};
pub(in crate::sql) use made::{column_of, register};
