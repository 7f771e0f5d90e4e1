//! Prepared statements as the wire sees them.

use std::sync::{Arc, Weak};

use pgwire::api::Type;

use super::column::{Columns, array_of};
use super::error::PgError;
use super::vector;
use crate::sql::{PreparedStatement, SqlType, Statement};

/// What a client is told about a prepared statement.
#[derive(Debug)]
pub(super) struct Told {
    /// None for an empty text.
    pub(super) statement: Option<Statement>,
    pub(super) parameters: Vec<Parameter>,
    /// None when it returns no rows.
    pub(super) columns: Option<Arc<Columns>>,
    /// About how much memory the statement takes, which a portal of it keeps alive.
    pub(super) bytes: usize,
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
        let bytes = prepared.bytes();
        Ok(Self { statement: statement.clone(), parameters, columns, bytes })
    }
}

/// Knows what was told last, because a statement that is prepared is mostly bound again and again.
#[derive(Debug, Default)]
pub(super) struct Teller {
    last: Option<(Weak<PreparedStatement>, Arc<Told>)>,
}

impl Teller {
    /// What a client is told about this statement.
    ///
    /// # Errors
    /// 0A000 when PostgreSQL has no type for one of its columns.
    pub(super) fn told_of(
        &mut self,
        prepared: &Arc<PreparedStatement>,
    ) -> Result<Arc<Told>, PgError> {
        if let Some((of, told)) = &self.last
            && std::ptr::eq(of.as_ptr(), Arc::as_ptr(prepared))
        {
            return Ok(Arc::clone(told));
        }
        let told = Arc::new(Told::of(prepared)?);
        self.last = Some((Arc::downgrade(prepared), Arc::clone(&told)));
        Ok(told)
    }
}

/// A parameter of a prepared statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter {
    /// What the client was told, or chose.
    pub(super) oid: u32,
    pub(super) sql_type: SqlType,
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
        SqlType::Varchar => Type::VARCHAR,
        SqlType::Bpchar => Type::BPCHAR,
        SqlType::Regproc => Type::REGPROC,
        SqlType::Float4 => Type::FLOAT4,
        SqlType::Float8 => Type::FLOAT8,
        SqlType::Numeric => Type::NUMERIC,
        SqlType::Text | SqlType::Unknown => Type::TEXT,
        SqlType::Bytea => Type::BYTEA,
        SqlType::Jsonb => Type::JSONB,
        SqlType::Uuid => Type::UUID,
        SqlType::Timestamptz => Type::TIMESTAMPTZ,
        SqlType::Timestamp => Type::TIMESTAMP,
        SqlType::Date => Type::DATE,
        SqlType::Time => Type::TIME,
        SqlType::Interval => Type::INTERVAL,
        SqlType::Vector => vector::pg_type(),
        array => {
            let item = array.item().map(wire_type);
            item.and_then(|item| array_of(&item)).unwrap_or(Type::TEXT)
        }
    }
}
