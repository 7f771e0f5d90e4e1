//! Transactions of a session: what its statements read, and where their changes go.

mod command;
mod state;
mod writer;

pub(super) use command::{TransactionCommand, parse};
pub(super) use state::{State, only_in_blocks};
pub(super) use writer::Writer;
