//! Prepared statements as the wire sees them, and the portals of a connection.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::scalar::ScalarValue;
use pgwire::api::Type;

use super::column::{Columns, Format};
use super::error::PgError;
use super::rows::Rows;
use super::vector;
use crate::sql::{PreparedStatement, SqlState, SqlType, Statement};

/// Portals that one connection may hold.
const HELD_MAX: usize = 10_000;

/// The portals of a connection. The empty name is a slot that the next message overwrites.
#[derive(Debug, Default)]
pub(super) struct Portals(HashMap<String, Portal>);

/// What a client is told about a prepared statement.
#[derive(Debug)]
pub(super) struct Told {
    /// None for an empty text.
    pub(super) statement: Option<Statement>,
    pub(super) parameters: Vec<Parameter>,
    /// None when it returns no rows.
    pub(super) columns: Option<Arc<Columns>>,
}

impl Told {
    /// # Errors
    /// 0A000 when PostgreSQL has no type for one of its columns.
    pub(super) fn of(prepared: &PreparedStatement) -> Result<Self, PgError> {
        let PreparedStatement { statement, description, chosen, .. } = prepared;
        let parameter = |(at, sql_type): (usize, &SqlType)| {
            let chosen = chosen.get(at).copied().filter(|oid| *oid != 0);
            let oid = chosen.unwrap_or_else(|| wire_type(*sql_type).oid());
            Parameter { oid, sql_type: *sql_type }
        };
        let parameters = description.parameters.iter().enumerate().map(parameter).collect();
        let columns = description.columns.clone().map(Columns::new).transpose()?;
        Ok(Self { statement: statement.clone(), parameters, columns })
    }
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
    pub(super) told: Told,
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

impl Portals {
    /// Drops all of them; they end with the transaction that made them.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// # Errors
    /// 34000 when there is no such portal.
    pub(super) fn get(&self, name: &str) -> Result<&Portal, PgError> {
        self.0.get(name).ok_or_else(|| no_portal(name))
    }

    /// Hands a portal out; whoever ran it puts it back.
    ///
    /// # Errors
    /// 34000 when there is no such portal.
    pub(super) fn take(&mut self, name: &str) -> Result<Portal, PgError> {
        self.0.remove(name).ok_or_else(|| no_portal(name))
    }

    /// # Errors
    /// 42P03 when the name is taken, 54000 when there are too many portals.
    pub(super) fn check_new(&self, name: &str) -> Result<(), PgError> {
        if self.0.contains_key(name) {
            let message = format!("portal \"{name}\" already exists");
            return Err(PgError::error(SqlState::DuplicateCursor, message));
        }
        if self.0.len() >= HELD_MAX {
            let message = format!("a connection holds at most {HELD_MAX} portals");
            return Err(PgError::error(SqlState::ProgramLimitExceeded, message)
                .with_hint("close some of them"));
        }
        Ok(())
    }

    pub(super) fn insert(&mut self, name: String, portal: Portal) {
        self.0.insert(name, portal);
    }

    /// Drops a portal, if there is one of that name.
    pub(super) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }
}

fn no_portal(name: &str) -> PgError {
    let message = format!("portal \"{name}\" does not exist");
    PgError::error(SqlState::InvalidCursorName, message)
}

/// The type in which a parameter travels.
fn wire_type(sql_type: SqlType) -> Type {
    match sql_type {
        SqlType::Bool => Type::BOOL,
        SqlType::Int2 => Type::INT2,
        SqlType::Int4 => Type::INT4,
        SqlType::Int8 => Type::INT8,
        SqlType::Oid => Type::OID,
        SqlType::Name => Type::NAME,
        SqlType::Char => Type::CHAR,
        SqlType::Regproc => Type::REGPROC,
        SqlType::Float4 => Type::FLOAT4,
        SqlType::Float8 => Type::FLOAT8,
        SqlType::Numeric => Type::NUMERIC,
        SqlType::Text | SqlType::Unknown => Type::TEXT,
        SqlType::Bytea => Type::BYTEA,
        SqlType::Jsonb => Type::JSONB,
        SqlType::Uuid => Type::UUID,
        SqlType::Timestamptz => Type::TIMESTAMPTZ,
        SqlType::Int2Array => Type::INT2_ARRAY,
        SqlType::Int4Array => Type::INT4_ARRAY,
        SqlType::Int8Array => Type::INT8_ARRAY,
        SqlType::OidArray => Type::OID_ARRAY,
        SqlType::Float4Array => Type::FLOAT4_ARRAY,
        SqlType::Float8Array => Type::FLOAT8_ARRAY,
        SqlType::TextArray => Type::TEXT_ARRAY,
        SqlType::Vector => vector::pg_type(),
    }
}
