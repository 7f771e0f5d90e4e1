//! DELETE: grammar and execution.
//!
//! The rows are found by an ordinary query for their ids, planned here, and removed by the engine.
//! DataFusion's own delete hook is never used: it hands over filters taken from the optimised plan
//! and drops those that became something else, after which "no filters left" reads as "all rows".

use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    self, FromTable, Query, SetExpr, TableFactor, TableWithJoins,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use futures::TryStreamExt;
use likeness_storage::limits::BATCH_OPERATIONS_MAX;

use super::name::name_parts;
use super::query::QueryContext;
use super::search::face_ids;
use super::transaction::Writer;
use super::{Outcome, SqlError, SqlState};

/// `DELETE FROM c [AS alias] [WHERE predicate]`.
#[derive(Debug)]
pub(super) struct Delete {
    name: Vec<String>,
    /// `SELECT face_id FROM c [AS alias] [WHERE predicate]`.
    query: Query,
}

impl Delete {
    /// # Errors
    /// Clauses that are not supported.
    pub(super) fn parse(delete: ast::Delete) -> Result<Self, SqlError> {
        let ast::Delete {
            delete_token: _,
            optimizer_hints: _,
            tables,
            from: FromTable::WithFromKeyword(from),
            using: None,
            selection,
            returning: None,
            output: None,
            order_by,
            limit: None,
        } = delete
        else {
            return Err(SqlError::unsupported("DELETE with USING, RETURNING or LIMIT"));
        };
        let name = match from.as_slice() {
            [TableWithJoins { relation, joins }] if joins.is_empty() => gallery_name(relation),
            _ => None,
        };
        match name {
            Some(name) if tables.is_empty() && order_by.is_empty() => {
                Ok(Self { name, query: ids_query(from, selection)? })
            }
            _ => Err(SqlError::unsupported("DELETE FROM anything but one collection")),
        }
    }

    /// The query for the ids of the rows to delete.
    pub(super) fn query(&self) -> &Query {
        &self.query
    }

    /// Deletes the rows that satisfy the predicate now.
    pub(super) async fn run(
        &self,
        context: &QueryContext,
        writer: &Writer,
        parameters: Vec<ScalarValue>,
    ) -> Result<Outcome, SqlError> {
        let name = context.catalog().gallery_name(&self.name)?;
        let plan = context.plan(&self.query).await?;
        let mut batches = context.stream(plan, parameters).await?;
        let mut ids = Vec::new();
        while let Some(batch) = batches.try_next().await? {
            ids.extend(face_ids(&batch)?);
            if ids.len() > BATCH_OPERATIONS_MAX {
                let message = format!(
                    "DELETE would remove more than {BATCH_OPERATIONS_MAX} faces, which is the \
                     limit of one statement; nothing was removed"
                );
                return Err(SqlError::new(SqlState::ProgramLimitExceeded, message)
                    .with_hint("Delete in several statements, or drop the collection."));
            }
        }
        let written = writer.apply(context.catalog().snapshot().removal(name, ids)?).await?;
        Ok(Outcome::Done { tag: "DELETE", rows: Some(written.removed) })
    }
}

/// The name in a plain `c` or `c AS alias`.
fn gallery_name(relation: &TableFactor) -> Option<Vec<String>> {
    match relation {
        TableFactor::Table {
            name,
            alias: _,
            args: None,
            with_hints,
            version: None,
            with_ordinality: false,
            partitions,
            json_path: None,
            sample: None,
            index_hints,
        } if with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty() => {
            name_parts(name)
        }
        _ => None,
    }
}

fn ids_query(from: Vec<TableWithJoins>, selection: Option<ast::Expr>) -> Result<Query, SqlError> {
    let dialect = PostgreSqlDialect {};
    let template = Parser::new(&dialect)
        .try_with_sql("SELECT face_id")
        .and_then(|mut parser| parser.parse_query())
        .map_err(|error| SqlError::from(&error))?;
    let mut query = *template;
    match &mut *query.body {
        SetExpr::Select(select) => {
            select.from = from;
            select.selection = selection;
            Ok(query)
        }
        _ => Err(SqlError::new(SqlState::InternalError, "internal error")),
    }
}
