//! The statements that a session has prepared: PREPARE and the messages of the protocol share one
//! space of names.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::{Description, SqlError, SqlState, Statement};

/// Prepared statements that one session may hold.
const HELD_MAX: usize = 10_000;

/// A statement that has been parsed and planned.
#[derive(Debug, Clone)]
pub struct PreparedStatement {
    /// None for an empty text.
    pub statement: Option<Statement>,
    /// What it takes and returns.
    pub description: Description,
    /// OIDs of parameter types as far as the client chose them itself; 0 where it did not.
    pub chosen: Vec<u32>,
    /// As it was written.
    pub text: Box<str>,
    /// Whether PREPARE made it.
    pub from_sql: bool,
    /// When it was made.
    pub at: SystemTime,
}

/// The prepared statements of a session by name. The empty name is that of the protocol's unnamed
/// statement, which no SQL reaches.
#[derive(Debug, Default)]
pub(super) struct PreparedStatements(BTreeMap<String, Arc<PreparedStatement>>);

impl PreparedStatements {
    /// # Errors
    /// 42P05 when the name is taken, 54000 when there are too many statements.
    pub(super) fn check_new(&self, name: &str) -> Result<(), SqlError> {
        if self.0.contains_key(name) {
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(SqlError::new(SqlState::DuplicatePreparedStatement, message));
        }
        if self.0.len() >= HELD_MAX {
            let message = format!("a session holds at most {HELD_MAX} prepared statements");
            return Err(SqlError::new(SqlState::ProgramLimitExceeded, message)
                .with_hint("DEALLOCATE some of them."));
        }
        Ok(())
    }

    /// Gives a statement its name.
    ///
    /// # Errors
    /// Those of [`Self::check_new`].
    pub(super) fn insert(
        &mut self,
        name: String,
        statement: PreparedStatement,
    ) -> Result<(), SqlError> {
        self.check_new(&name)?;
        self.0.insert(name, Arc::new(statement));
        Ok(())
    }

    /// # Errors
    /// 26000 when there is no such statement.
    pub(super) fn get(&self, name: &str) -> Result<&Arc<PreparedStatement>, SqlError> {
        self.0.get(name).ok_or_else(|| {
            let message = format!("prepared statement \"{name}\" does not exist");
            SqlError::new(SqlState::InvalidSqlStatementName, message)
        })
    }

    /// Drops a statement; false when there is none of that name.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    /// DEALLOCATE: one statement, or all that have a name.
    ///
    /// # Errors
    /// 26000 when there is no such statement.
    pub(super) fn deallocate(&mut self, name: Option<&str>) -> Result<(), SqlError> {
        match name {
            Some(name) => {
                self.get(name)?;
                self.0.remove(name);
            }
            None => self.0.retain(|name, _| name.is_empty()),
        }
        Ok(())
    }

    /// All that have a name, in the order of names.
    pub(super) fn named(&self) -> impl Iterator<Item = (&str, &PreparedStatement)> {
        let all = self.0.iter().map(|(name, prepared)| (name.as_str(), &**prepared));
        all.filter(|(name, _)| !name.is_empty())
    }
}
