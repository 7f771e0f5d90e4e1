//! WITH before a statement that changes faces.

use datafusion::sql::sqlparser::ast::{self, Query, SetExpr};

use super::refusal;
use super::statement::Command;
use crate::sql::SqlError;
use crate::sql::write::delete::Delete;
use crate::sql::write::insert::Insert;
use crate::sql::write::update::Update;

/// The command that `query` is.
///
/// # Errors
/// What is wrong with the statement behind WITH, and what only a query may have behind it.
pub(super) fn command(query: Query) -> Result<Command, SqlError> {
    let refused = || SqlError::unsupported("this form of WITH before a statement that writes");
    let Query { with, body, order_by: None, limit_clause: None, fetch: None, .. } = query else {
        return Err(refused());
    };
    match *body {
        SetExpr::Insert(ast::Statement::Insert(mut insert)) => {
            // `WITH .. INSERT INTO c query` as `INSERT INTO c WITH .. query`.
            match &mut insert.source {
                Some(source) if source.with.is_none() => source.with = with,
                Some(_) => return Err(refused()),
                None => {}
            }
            Ok(Command::Insert(Box::new(Insert::parse(insert)?)))
        }
        SetExpr::Update(ast::Statement::Update(update)) => {
            Ok(Command::Update(Box::new(Update::parse(update)?.with(with))))
        }
        SetExpr::Delete(ast::Statement::Delete(delete)) => {
            Ok(Command::Delete(Box::new(Delete::parse(delete)?.with(with))))
        }
        SetExpr::Merge(_) => Err(refusal::unsupported("MERGE")),
        _ => Err(refused()),
    }
}
