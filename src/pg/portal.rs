//! The portals of a connection: prepared statements with their parameters, and how far they came.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::scalar::ScalarValue;

use super::column::Format;
use super::error::PgError;
use super::prepared::Told;
use super::rows::Rows;
use crate::sql::SqlState;

/// Portals that one connection may hold.
const HELD_MAX: usize = 10_000;

/// Memory that those which have a name may take together. The one without a name is let go by the
/// next, and is as large as a message may make it.
const HELD_BYTES_MAX: usize = 64 << 20;

/// The portals of a connection. The empty name is a slot that the next message overwrites.
#[derive(Debug, Default)]
pub(super) struct Portals {
    held: HashMap<String, Portal>,
    /// What those with a name take.
    bytes: usize,
}

/// A prepared statement with its parameters.
#[derive(Debug)]
pub(super) struct Portal {
    pub(super) told: Arc<Told>,
    /// One per column of the result.
    pub(super) formats: Vec<Format>,
    pub(super) state: PortalState,
    /// About how much memory it takes, of which the values of its parameters may be most.
    bytes: usize,
}

impl Portal {
    /// One that has not been run.
    pub(super) fn bound(
        told: Arc<Told>,
        formats: Vec<Format>,
        parameters: Vec<ScalarValue>,
    ) -> Self {
        let values: usize = parameters.iter().map(ScalarValue::size).sum();
        let bytes = size_of::<Self>() + told.bytes + values;
        Self { told, formats, state: PortalState::Bound(parameters), bytes }
    }
}

/// How far a portal has come.
#[derive(Debug)]
pub(super) enum PortalState {
    /// It has not been run; the values of its parameters.
    Bound(Vec<ScalarValue>),
    /// It has rows left.
    Suspended(Rows),
    /// It is the session's cursor of its name and this number, which SQL may read and close too.
    Cursor(u64),
    /// It has been run to its end.
    Done(Finished),
}

/// What is left of a portal that has run to its end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Finished {
    /// It returned rows; there are no more, however often it is asked.
    Rows(&'static str),
    /// It did something, which it must not do twice.
    Deed,
}

impl Portals {
    /// Drops all of them; they end with the transaction that made them.
    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.bytes = 0;
    }

    /// The number of the cursor that a portal is; none where it is none, or not there.
    pub(super) fn cursor(&self, name: &str) -> Option<u64> {
        match self.held.get(name)?.state {
            PortalState::Cursor(number) => Some(number),
            PortalState::Bound(_) | PortalState::Suspended(_) | PortalState::Done(_) => None,
        }
    }

    /// # Errors
    /// 34000 when there is no such portal.
    pub(super) fn get(&self, name: &str) -> Result<&Portal, PgError> {
        self.held.get(name).ok_or_else(|| no_portal(name))
    }

    /// Hands a portal out; whoever ran it puts it back.
    ///
    /// # Errors
    /// 34000 when there is no such portal.
    pub(super) fn take(&mut self, name: &str) -> Result<Portal, PgError> {
        self.remove(name).ok_or_else(|| no_portal(name))
    }

    /// # Errors
    /// 42P03 when the name is taken, 54000 when there are too many portals.
    pub(super) fn check_new(&self, name: &str) -> Result<(), PgError> {
        if self.held.contains_key(name) {
            let message = format!("portal \"{name}\" already exists");
            return Err(PgError::error(SqlState::DuplicateCursor, message));
        }
        if self.held.len() >= HELD_MAX {
            let message = format!("a connection holds at most {HELD_MAX} portals");
            return Err(PgError::error(SqlState::ProgramLimitExceeded, message)
                .with_hint("close some of them"));
        }
        Ok(())
    }

    /// Whether there is memory for one more.
    ///
    /// # Errors
    /// 54000 when there is not.
    pub(super) fn check_room(&self, name: &str, portal: &Portal) -> Result<(), PgError> {
        if name.is_empty() || self.bytes + portal.bytes <= HELD_BYTES_MAX {
            return Ok(());
        }
        let mib = HELD_BYTES_MAX >> 20;
        let message = format!("the portals of a connection take at most {mib} MiB of memory");
        Err(PgError::error(SqlState::ProgramLimitExceeded, message).with_hint("close some of them"))
    }

    /// Gives a portal its name, which is free; there is room for it.
    pub(super) fn insert(&mut self, name: String, portal: Portal) {
        if !name.is_empty() {
            self.bytes += portal.bytes;
        }
        self.held.insert(name, portal);
    }

    /// Takes a portal away, if there is one of that name.
    pub(super) fn remove(&mut self, name: &str) -> Option<Portal> {
        let portal = self.held.remove(name)?;
        if !name.is_empty() {
            self.bytes -= portal.bytes;
        }
        Some(portal)
    }
}

fn no_portal(name: &str) -> PgError {
    let message = format!("portal \"{name}\" does not exist");
    PgError::error(SqlState::InvalidCursorName, message)
}
