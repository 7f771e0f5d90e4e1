//! Where the rows of an INSERT come from, and which columns their cells are for.

use std::cmp::Ordering;

use datafusion::sql::sqlparser::ast::{self, Parens, Query, SetExpr, Values};

use super::InsertColumn;
use crate::sql::grammar::name::name_parts;
use crate::sql::plan::projection::plain_body;
use crate::sql::{SqlError, SqlState};

/// Where the rows come from.
#[derive(Debug)]
pub(super) enum Source {
    /// VALUES: rows of cells.
    Cells(Vec<Vec<ast::Expr>>),
    /// Any other query.
    Query(Box<Query>),
}

impl Source {
    pub(super) fn of(query: Box<Query>) -> Self {
        match plain_values(&query) {
            Some(rows) => Self::Cells(rows.iter().map(|row| row.content.clone()).collect()),
            None => Self::Query(query),
        }
    }
}

/// The rows of a query that is VALUES and nothing else; its cells may say DEFAULT.
fn plain_values(query: &Query) -> Option<&[Parens<Vec<ast::Expr>>]> {
    match plain_body(query)? {
        SetExpr::Values(Values { explicit_row: false, value_keyword: false, rows }) => Some(rows),
        _ => None,
    }
}

/// The columns that the cells of a row are for, in their order.
#[derive(Debug)]
pub(super) struct ColumnList {
    columns: Vec<InsertColumn>,
    /// Without a list the cells are for the first columns of the collection.
    is_given: bool,
}

impl ColumnList {
    /// # Errors
    /// Unknown columns, columns named twice.
    pub(super) fn of(written: &[ast::ObjectName]) -> Result<Self, SqlError> {
        if written.is_empty() {
            return Ok(Self { columns: InsertColumn::unnamed(), is_given: false });
        }
        let names = written.iter().map(|name| match name_parts(name).as_deref() {
            Some([name]) => Ok(name.clone()),
            _ => Err(SqlError::undefined_column(&name.to_string())),
        });
        let names = names.collect::<Result<Vec<String>, SqlError>>()?;
        let columns = InsertColumn::named(names.iter().map(String::as_str))?;
        Ok(Self { columns, is_given: true })
    }

    pub(super) fn columns(&self) -> &[InsertColumn] {
        &self.columns
    }

    /// That a row of so many values has one for each column.
    ///
    /// # Errors
    /// 42601.
    pub(super) fn check_width(&self, values: usize) -> Result<(), SqlError> {
        let excess = match values.cmp(&self.columns.len()) {
            Ordering::Less if self.is_given => "target columns than expressions",
            Ordering::Greater => "expressions than target columns",
            Ordering::Less | Ordering::Equal => return Ok(()),
        };
        Err(SqlError::new(SqlState::SyntaxError, format!("INSERT has more {excess}")))
    }
}
