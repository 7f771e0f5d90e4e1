//! The cursors that a session has open.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::grammar::Fetch;
use super::reader::{Reader, Step, fetched};
use crate::sql::{Outcome, SqlError, SqlState};

/// Cursors that one session may have open.
const OPEN_MAX: usize = 1_000;

/// The open cursors of a session by name.
#[derive(Debug, Default)]
pub(in crate::sql) struct Cursors {
    open: BTreeMap<String, Numbered>,
    /// How many there have been.
    made: u64,
}

#[derive(Debug)]
struct Numbered {
    number: u64,
    cursor: Arc<Opened>,
}

/// How long a cursor stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum Lasts {
    /// As long as its transaction.
    Transaction,
    /// Up to its CLOSE, if its transaction commits.
    Session,
    /// As the portal that a message of the protocol made of it.
    Portal,
}

/// An open cursor.
pub(in crate::sql) struct Opened {
    pub(in crate::sql) schema: SchemaRef,
    pub(in crate::sql) lasts: Lasts,
    pub(in crate::sql) scroll: bool,
    pub(in crate::sql) binary: bool,
    /// The statement that opened it.
    pub(in crate::sql) text: Box<str>,
    pub(in crate::sql) at: SystemTime,
    pub(in crate::sql) reader: Arc<Mutex<Reader>>,
}

impl std::fmt::Debug for Opened {
    /// Leaves the rows out: they are biometric data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("text", &self.text).finish_non_exhaustive()
    }
}

impl Cursors {
    /// # Errors
    /// 42P03 when the name is taken, 54000 when there are too many cursors.
    pub(in crate::sql) fn check_new(&self, name: &str) -> Result<(), SqlError> {
        if self.open.contains_key(name) {
            let message = format!("cursor \"{name}\" already exists");
            return Err(SqlError::new(SqlState::DuplicateCursor, message));
        }
        if self.open.len() >= OPEN_MAX {
            let message = format!("a session has at most {OPEN_MAX} open cursors");
            return Err(SqlError::new(SqlState::ProgramLimitExceeded, message)
                .with_hint("CLOSE some of them."));
        }
        Ok(())
    }

    /// Opens a cursor, and answers with its number: how many there have been with it.
    ///
    /// # Errors
    /// Those of [`Self::check_new`].
    pub(in crate::sql) fn insert(&mut self, name: String, cursor: Opened) -> Result<u64, SqlError> {
        self.check_new(&name)?;
        self.made += 1;
        self.open.insert(name, Numbered { number: self.made, cursor: Arc::new(cursor) });
        Ok(self.made)
    }

    /// Whether the cursor of this name and number is open.
    pub(in crate::sql) fn has(&self, name: &str, number: u64) -> bool {
        self.open.get(name).is_some_and(|cursor| cursor.number == number)
    }

    /// Closes those that the protocol opened.
    pub(in crate::sql) fn close_portals(&mut self) {
        self.open.retain(|_, numbered| numbered.cursor.lasts != Lasts::Portal);
    }

    /// # Errors
    /// 34000 when there is no such cursor.
    pub(in crate::sql) fn get(&self, name: &str) -> Result<&Arc<Opened>, SqlError> {
        self.open.get(name).map(|numbered| &numbered.cursor).ok_or_else(|| {
            let message = format!("cursor \"{name}\" does not exist");
            SqlError::new(SqlState::InvalidCursorName, message)
        })
    }

    /// CLOSE: one cursor, or all.
    ///
    /// # Errors
    /// 34000 when there is no such cursor.
    pub(in crate::sql) fn close(&mut self, name: Option<&str>) -> Result<(), SqlError> {
        match name {
            Some(name) => {
                self.get(name)?;
                self.open.remove(name);
            }
            None => self.close_all(),
        }
        Ok(())
    }

    pub(in crate::sql) fn close_all(&mut self) {
        self.open.clear();
    }

    /// How many cursors there have been: what [`Self::go_back`] goes back to.
    pub(in crate::sql) fn made(&self) -> u64 {
        self.made
    }

    /// Closes what was opened since there had been so many.
    pub(in crate::sql) fn go_back(&mut self, made: u64) {
        self.open.retain(|_, cursor| cursor.number <= made);
    }

    /// Closes what does not outlive a transaction.
    pub(in crate::sql) fn commit(&mut self) {
        self.open.retain(|_, numbered| numbered.cursor.lasts == Lasts::Session);
    }

    /// All of them, in the order of names.
    pub(in crate::sql) fn all(&self) -> impl Iterator<Item = (&str, &Opened)> {
        self.open.iter().map(|(name, numbered)| (name.as_str(), &*numbered.cursor))
    }
}

impl Opened {
    /// Fetches or moves.
    ///
    /// # Errors
    /// 55000 while rows of it are being sent, and backwards without SCROLL; what the query says.
    pub(in crate::sql) async fn run(&self, fetch: &Fetch) -> Result<Outcome, SqlError> {
        let mut reader = self.reader(&fetch.cursor)?;
        let step = reader.seek(fetch.way, fetch.only_move).await?;
        if fetch.only_move {
            let rows = reader.skip(step).await?;
            return Ok(Outcome::Done { tag: "MOVE", rows: Some(rows) });
        }
        let stream: SendableRecordBatchStream = fetched(reader, step);
        Ok(Outcome::Rows { tag: "FETCH", schema: Arc::clone(&self.schema), stream })
    }

    /// The next rows, at most so many, for the portal of this name.
    ///
    /// # Errors
    /// 55000 while rows of it are being sent.
    pub(in crate::sql) fn next(
        &self,
        name: &str,
        most: u64,
    ) -> Result<SendableRecordBatchStream, SqlError> {
        Ok(fetched(self.reader(name)?, Step::Forward(most)))
    }

    /// # Errors
    /// 55000 where a FETCH holds it of which the client took only some rows.
    fn reader(&self, name: &str) -> Result<OwnedMutexGuard<Reader>, SqlError> {
        Arc::clone(&self.reader).try_lock_owned().map_err(|_| {
            let message = format!("cursor \"{name}\" is being read");
            SqlError::new(SqlState::ObjectNotInPrerequisiteState, message)
        })
    }
}
