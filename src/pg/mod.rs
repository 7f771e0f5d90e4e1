//! The PostgreSQL door: log-in, the simple and the extended protocol, values on the wire.
//!
//! pgwire supplies the messages, their codec and the SCRAM exchange; the conversation is held
//! here, because rows must stream in constant memory, lengths must be checked before they are
//! believed, and every connection has its own session. Statements go to [`crate::sql`] as text
//! and come back as Arrow; this folder plans nothing and reads no gallery.

mod auth;
mod budget;
mod cancel;
mod column;
mod connection;
mod copy;
mod encode;
mod encryption;
mod error;
mod extended;
mod frame;
mod greeting;
mod journal;
mod lobby;
mod mishap;
mod parameter;
mod portal;
mod prepared;
mod proof;
mod rows;
mod scram;
mod server;
mod simple;
mod single;
mod startup;
mod traffic;
mod vector;
mod wire;

pub use encryption::Encryption;
pub use server::{PgLimits, serve, serve_within};
pub use single::{Answer, AnswerColumn, AnswerError, AnswerLimits, answer};
pub use traffic::PgTraffic;

#[cfg(test)]
mod tests;
