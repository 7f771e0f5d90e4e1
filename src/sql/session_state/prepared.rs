//! The statements that a session has prepared: PREPARE and the messages of the protocol share one
//! space of names.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use datafusion::arrow::datatypes::Field;

use crate::sql::{Description, SqlError, SqlState, Statement};

/// Prepared statements that one session may hold.
const HELD_MAX: usize = 10_000;

/// Memory that those which have a name may take together. The one without a name is let go by the
/// next, and is as large as a message may make it.
const HELD_BYTES_MAX: usize = 64 << 20;

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

impl PreparedStatement {
    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        let Self { statement, description, chosen, text, .. } = self;
        let columns = description.columns.as_ref().map_or(0, |columns| columns.fields().len());
        size_of::<Self>()
            + text.len()
            + statement.as_ref().map_or(0, Statement::bytes)
            + size_of_val(description.parameters.as_slice())
            + size_of_val(chosen.as_slice())
            + columns * size_of::<Field>()
    }
}

/// The prepared statements of a session by name. The empty name is that of the protocol's unnamed
/// statement, which no SQL reaches.
#[derive(Debug, Default)]
pub(in crate::sql) struct PreparedStatements {
    held: BTreeMap<String, Arc<PreparedStatement>>,
    /// What those with a name take.
    bytes: usize,
}

impl PreparedStatements {
    /// # Errors
    /// 42P05 when the name is taken, 54000 when there are too many statements.
    pub(in crate::sql) fn check_new(&self, name: &str) -> Result<(), SqlError> {
        if self.held.contains_key(name) {
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(SqlError::new(SqlState::DuplicatePreparedStatement, message));
        }
        if self.held.len() >= HELD_MAX {
            let message = format!("a session holds at most {HELD_MAX} prepared statements");
            return Err(SqlError::new(SqlState::ProgramLimitExceeded, message)
                .with_hint("DEALLOCATE some of them."));
        }
        Ok(())
    }

    /// Gives a statement its name.
    ///
    /// # Errors
    /// Those of [`Self::check_new`], and 54000 when the statements would take too much memory.
    pub(in crate::sql) fn insert(
        &mut self,
        name: String,
        statement: PreparedStatement,
    ) -> Result<(), SqlError> {
        self.check_new(&name)?;
        if !name.is_empty() {
            let bytes = self.bytes + taken(&name, &statement);
            if bytes > HELD_BYTES_MAX {
                return Err(too_large());
            }
            self.bytes = bytes;
        }
        self.held.insert(name, Arc::new(statement));
        Ok(())
    }

    /// # Errors
    /// 26000 when there is no such statement.
    pub(in crate::sql) fn get(&self, name: &str) -> Result<&Arc<PreparedStatement>, SqlError> {
        self.held.get(name).ok_or_else(|| {
            let message = format!("prepared statement \"{name}\" does not exist");
            SqlError::new(SqlState::InvalidSqlStatementName, message)
        })
    }

    /// Drops a statement; false when there is none of that name.
    pub(in crate::sql) fn remove(&mut self, name: &str) -> bool {
        let Some(statement) = self.held.remove(name) else { return false };
        if !name.is_empty() {
            self.bytes -= taken(name, &statement);
        }
        true
    }

    /// DEALLOCATE: one statement, or all that have a name.
    ///
    /// # Errors
    /// 26000 when there is no such statement.
    pub(in crate::sql) fn deallocate(&mut self, name: Option<&str>) -> Result<(), SqlError> {
        if let Some(name) = name {
            self.get(name)?;
            self.remove(name);
        } else {
            self.held.retain(|name, _| name.is_empty());
            self.bytes = 0;
        }
        Ok(())
    }

    /// All that have a name, in the order of names.
    pub(in crate::sql) fn named(&self) -> impl Iterator<Item = (&str, &PreparedStatement)> {
        let all = self.held.iter().map(|(name, prepared)| (name.as_str(), &**prepared));
        all.filter(|(name, _)| !name.is_empty())
    }
}

/// What a statement takes under its name.
fn taken(name: &str, statement: &PreparedStatement) -> usize {
    name.len() + statement.bytes()
}

fn too_large() -> SqlError {
    let mib = HELD_BYTES_MAX >> 20;
    let message = format!("the prepared statements of a session take at most {mib} MiB of memory");
    SqlError::new(SqlState::ProgramLimitExceeded, message).with_hint("DEALLOCATE some of them.")
}
