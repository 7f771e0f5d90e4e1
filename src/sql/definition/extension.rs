//! CREATE EXTENSION, by which tools make sure of `vector` before they store one; it is there.

use datafusion::sql::sqlparser::ast::CreateExtension;

use crate::sql::grammar::name::folded;
use crate::sql::{Notice, SqlError, SqlState};

/// The extension whose type, operators and functions this server has built in.
pub(in crate::sql) const VECTOR: &str = "vector";

/// CREATE EXTENSION.
#[derive(Debug)]
pub(in crate::sql) struct Extension {
    name: String,
    if_not_exists: bool,
}

impl Extension {
    pub(in crate::sql) fn parse(create: &CreateExtension) -> Self {
        Self { name: folded(&create.name), if_not_exists: create.if_not_exists }
    }

    /// What is told of an extension that is there, which is what IF NOT EXISTS asks for.
    ///
    /// # Errors
    /// 42710 without IF NOT EXISTS; 0A000 for any other extension.
    pub(in crate::sql) fn run(&self) -> Result<Notice, SqlError> {
        let name = &self.name;
        if name != VECTOR {
            let message = format!("extension \"{name}\" is not available");
            return Err(SqlError::new(SqlState::FeatureNotSupported, message)
                .with_hint("\"vector\" is built in; there are no others."));
        }
        let message = format!("extension \"{name}\" already exists");
        if !self.if_not_exists {
            return Err(SqlError::new(SqlState::DuplicateObject, message));
        }
        Ok(Notice::skipping(SqlState::DuplicateObject, format!("{message}, skipping")))
    }
}
