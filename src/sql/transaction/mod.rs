//! Transactions of a session: what its statements read, and where their changes go.

mod command;
mod state;
mod writer;

pub(super) use command::{Access, TransactionCommand, access, parse};
pub(super) use state::State;
pub(super) use writer::Writer;
