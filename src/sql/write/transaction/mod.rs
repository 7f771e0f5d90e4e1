//! Transactions of a session: what its statements read, and where their changes go.

mod command;
mod state;
mod writer;

pub(in crate::sql) use command::{TransactionCommand, parse};
pub(in crate::sql) use state::{State, only_in_blocks};
pub(in crate::sql) use writer::Writer;
