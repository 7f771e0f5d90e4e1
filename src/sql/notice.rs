//! What a client is told beside the answer to its statement.

use super::SqlState;

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
    pub(super) const WARNING: &str = "WARNING";
    const NOTICE: &str = "NOTICE";

    /// Something that the client hardly wanted.
    pub(super) fn warning(state: SqlState, message: impl Into<String>) -> Self {
        Self { severity: Self::WARNING, state, message: message.into() }
    }

    /// What was asked for is so already, which may surprise the client.
    pub(super) fn skipping(state: SqlState, message: impl Into<String>) -> Self {
        Self { severity: Self::NOTICE, state, message: message.into() }
    }
}
