//! Cursors: a query whose rows a client takes as it wants them, by statements.
//!
//! A cursor is the query's stream, read as far as FETCH and MOVE went: nothing is computed before
//! it is wanted, and what was fetched is let go unless the cursor may scroll. The stream reads the
//! snapshot that it began with, and goes on doing so behind a COMMIT if the cursor is held.

mod grammar;
mod open;
mod reader;

pub(in crate::sql) use grammar::{Close, DeclareHead, Fetch, parse_close, parse_fetch, parse_head};
pub(in crate::sql) use open::{Cursors, Lasts, Opened};
pub(in crate::sql) use reader::Reader;
