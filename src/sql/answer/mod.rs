//! What a client is told: rows and counts, errors in PostgreSQL's words with their codes, notices.

pub(super) mod error;
pub(super) mod notice;
pub(super) mod origin;
pub(super) mod outcome;
pub(super) mod state;
pub(super) mod undefined;
pub(super) mod wording;
