//! COPY: rows that leave a query, rows that come into a collection. Their bytes are the door's.

mod export;
mod format;
mod given;
mod grammar;
mod import;
mod options;

pub(in crate::sql) use export::CopyOut;
pub use format::{CopyColumns, CopyCsv, CopyFormat, CopyHeader, CopyText};
pub(in crate::sql) use grammar::{CopyStatement, parse};
pub(in crate::sql) use import::CopyIn;
pub use import::{CopyImport, WrongRow};

use datafusion::sql::sqlparser::ast::Query;

use self::grammar::{Copied, Direction, select};
use crate::sql::{SqlError, SqlState};

/// What a COPY does.
pub(in crate::sql) enum Copy {
    /// Sends the rows of a query, which nobody has looked at yet.
    Out(Box<Query>, CopyFormat),
    /// Receives rows for a collection.
    In(CopyIn),
}

impl CopyStatement {
    /// What is to be done.
    ///
    /// # Errors
    /// Options that do not fit, and files, which no statement reads or writes.
    pub(in crate::sql) fn resolve(self) -> Result<Copy, SqlError> {
        let Self { what, direction, options } = self;
        if let Direction::Server(place) = direction {
            let message = format!("permission denied to COPY {place}");
            return Err(SqlError::new(SqlState::InsufficientPrivilege, message).with_hint(
                "Anyone can COPY to stdout or from stdin. psql's \\copy command also works for \
                 anyone.",
            ));
        }
        let format = options::format_of(options, direction == Direction::Out)?;
        match what {
            Copied::Query(query) => Ok(Copy::Out(query, format)),
            Copied::Table { name, columns } if direction == Direction::Out => {
                let query = select(&name, columns.as_deref()).map_err(|error| {
                    SqlError::new(SqlState::InvalidName, format!("no name of a table: {error}"))
                })?;
                Ok(Copy::Out(query, format))
            }
            Copied::Table { name, columns } => Ok(Copy::In(CopyIn::new(name, columns, format)?)),
        }
    }
}
