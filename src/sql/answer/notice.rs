//! What a client is told beside the answer to its statement.

use crate::sql::SqlState;

/// A warning or a notice; the statement went on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `WARNING` or `NOTICE`.
    pub severity: &'static str,
    /// Of what kind it is.
    pub state: SqlState,
    /// What there is to know, in one sentence.
    pub message: String,
}

impl Notice {
    pub(in crate::sql) const WARNING: &str = "WARNING";
    const NOTICE: &str = "NOTICE";

    /// Something that the client hardly wanted.
    pub(in crate::sql) fn warning(state: SqlState, message: impl Into<String>) -> Self {
        Self { severity: Self::WARNING, state, message: message.into() }
    }

    /// What was asked for is so already, which may surprise the client.
    pub(in crate::sql) fn skipping(state: SqlState, message: impl Into<String>) -> Self {
        Self { severity: Self::NOTICE, state, message: message.into() }
    }
}
