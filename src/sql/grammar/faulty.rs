//! A statement that can be read and that nothing can be done with. As in PostgreSQL only errors of
//! syntax are told before anything of a text runs; this one fails when its turn has come.

use crate::sql::write::absent::Written;
use crate::sql::{SqlError, SqlState};

/// A statement, and what is wrong with it.
#[derive(Debug)]
pub(in crate::sql) struct Faulty {
    error: SqlError,
    /// The collection that it names, if it does.
    written: Option<Written>,
}

impl Faulty {
    pub(super) fn new(error: SqlError, written: Option<Written>) -> Self {
        Self { error, written }
    }

    /// What to call it in the log.
    pub(super) fn kind(&self) -> &'static str {
        self.written.as_ref().map_or("none", |written| written.by)
    }

    /// What to say of it: what is wrong, unless `may_write` has something that comes before.
    pub(in crate::sql) fn told(
        &self,
        may_write: impl Fn(&Written) -> Result<(), SqlError>,
    ) -> SqlError {
        let error = self.error.clone();
        match &self.written {
            Some(written) => written.or(error, may_write),
            None => error,
        }
    }
}

/// Whether the text can not be read as a statement.
pub(super) fn is_of_syntax(error: &SqlError) -> bool {
    error.state == SqlState::SyntaxError && error.message.starts_with("syntax error")
}
