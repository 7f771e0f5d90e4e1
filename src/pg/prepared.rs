//! What a connection has prepared: its statements and portals, by name.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::scalar::ScalarValue;

use super::column::{Columns, Format};
use super::error::{PgError, WireState};
use super::rows::Rows;
use crate::sql::{SqlState, SqlType, Statement};

/// Prepared statements, and likewise portals, that one connection may hold.
const HELD_MAX: usize = 10_000;

/// What a connection has prepared. The empty name is a slot that the next message overwrites.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    statements: HashMap<String, Arc<PreparedStatement>>,
    portals: HashMap<String, Portal>,
}

/// A statement that has been parsed and planned.
#[derive(Debug)]
pub(super) struct PreparedStatement {
    /// None for an empty text.
    pub(super) statement: Option<Statement>,
    pub(super) parameters: Vec<Parameter>,
    /// None when it returns no rows.
    pub(super) columns: Option<Arc<Columns>>,
}

/// A parameter of a prepared statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter {
    /// What the client was told, or chose.
    pub(super) oid: u32,
    pub(super) sql_type: SqlType,
}

/// A prepared statement with its parameters.
#[derive(Debug)]
pub(super) struct Portal {
    pub(super) prepared: Arc<PreparedStatement>,
    /// One per column of the result.
    pub(super) formats: Vec<Format>,
    pub(super) state: PortalState,
}

/// How far a portal has come.
#[derive(Debug)]
pub(super) enum PortalState {
    /// It has not been run; the values of its parameters.
    Bound(Vec<ScalarValue>),
    /// It has rows left.
    Suspended(Rows),
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

impl Prepared {
    /// Drops the slot that a simple query takes over.
    pub(super) fn forget_unnamed(&mut self) {
        self.statements.remove("");
        self.portals.remove("");
    }

    /// Drops all portals; they end with the transaction that made them.
    pub(super) fn close_portals(&mut self) {
        self.portals.clear();
    }

    /// # Errors
    /// 26000 when there is no such statement.
    pub(super) fn statement(&self, name: &str) -> Result<&Arc<PreparedStatement>, PgError> {
        self.statements.get(name).ok_or_else(|| {
            let message = format!("prepared statement \"{name}\" does not exist");
            PgError::error(WireState::InvalidSqlStatementName, message)
        })
    }

    /// # Errors
    /// 42P05 when the name is taken, 54000 when there are too many statements.
    pub(super) fn check_new_statement(&self, name: &str) -> Result<(), PgError> {
        if self.statements.contains_key(name) {
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(PgError::error(WireState::DuplicatePreparedStatement, message));
        }
        check_room(self.statements.len())
    }

    pub(super) fn insert_statement(&mut self, name: String, statement: PreparedStatement) {
        self.statements.insert(name, Arc::new(statement));
    }

    /// Drops a statement, if there is one of that name.
    pub(super) fn remove_statement(&mut self, name: &str) {
        self.statements.remove(name);
    }

    pub(super) fn clear_statements(&mut self) {
        self.statements.clear();
    }

    /// # Errors
    /// 34000 when there is no such portal.
    pub(super) fn portal(&self, name: &str) -> Result<&Portal, PgError> {
        self.portals.get(name).ok_or_else(|| no_portal(name))
    }

    /// Hands a portal out; whoever ran it puts it back.
    ///
    /// # Errors
    /// 34000 when there is no such portal.
    pub(super) fn take_portal(&mut self, name: &str) -> Result<Portal, PgError> {
        self.portals.remove(name).ok_or_else(|| no_portal(name))
    }

    /// # Errors
    /// 42P03 when the name is taken, 54000 when there are too many portals.
    pub(super) fn check_new_portal(&self, name: &str) -> Result<(), PgError> {
        if self.portals.contains_key(name) {
            let message = format!("portal \"{name}\" already exists");
            return Err(PgError::error(WireState::DuplicateCursor, message));
        }
        check_room(self.portals.len())
    }

    pub(super) fn insert_portal(&mut self, name: String, portal: Portal) {
        self.portals.insert(name, portal);
    }

    /// Drops a portal, if there is one of that name.
    pub(super) fn remove_portal(&mut self, name: &str) {
        self.portals.remove(name);
    }
}

fn check_room(held: usize) -> Result<(), PgError> {
    if held < HELD_MAX {
        return Ok(());
    }
    let message = format!("a connection holds at most {HELD_MAX} prepared statements or portals");
    Err(PgError::error(SqlState::ProgramLimitExceeded, message).with_hint("close some of them"))
}

fn no_portal(name: &str) -> PgError {
    let message = format!("portal \"{name}\" does not exist");
    PgError::error(WireState::InvalidCursorName, message)
}
