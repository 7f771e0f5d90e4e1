//! INSERT: grammar. All rows of a statement are enrolled, durably, or none.

mod column;
mod conflict;
mod faces;
mod parameters;
mod returned;
mod row;
mod run;
mod source;
mod upsert;

pub(super) use column::InsertColumn;
pub use row::FaceCell;
pub(super) use row::{ProposedFace, WrongFace, face_of};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::sql::sqlparser::ast::{self, Ident, TableObject};

use self::conflict::OnConflict;
use self::row::no_source;
use self::source::{ColumnList, Source};
use super::returning::Returning;
use crate::sql::grammar::name::name_parts;
use crate::sql::plan::query::QueryContext;
use crate::sql::{SqlError, SqlType};

/// `INSERT INTO c [AS alias] [(columns)] VALUES (..), .. | query [ON CONFLICT ..] [RETURNING ..]`.
#[derive(Debug)]
pub(in crate::sql) struct Insert {
    name: Vec<String>,
    columns: ColumnList,
    source: Source,
    on_conflict: Option<OnConflict>,
    returning: Option<Returning>,
}

impl Insert {
    /// # Errors
    /// Clauses that are not supported, unknown columns, rows of the wrong length.
    pub(in crate::sql) fn parse(insert: ast::Insert) -> Result<Self, SqlError> {
        refuse_clauses(&insert)?;
        let TableObject::TableName(name) = &insert.table else {
            return Err(SqlError::unsupported("INSERT INTO anything but a collection"));
        };
        let name = name_parts(name).ok_or_else(|| SqlError::unsupported("a computed name"))?;
        let collection = name.last().map_or("", String::as_str);
        let columns = ColumnList::of(&insert.columns);
        let columns = columns.map_err(|error| error.of_relation(collection))?;
        let source = match insert.source {
            Some(query) => Source::of(query),
            // DEFAULT VALUES: of nothing there is no template.
            None => return Err(no_source()),
        };
        if let Source::Cells(rows) = &source {
            rows.iter().try_for_each(|row| columns.check_width(row.len()))?;
        }
        let given = columns.columns();
        if !given.contains(&InsertColumn::Image) && !given.contains(&InsertColumn::EMBEDDING) {
            return Err(no_source());
        }
        let qualifier = match insert.table_alias {
            Some(alias) => alias.alias,
            None => Ident::with_quote('"', collection),
        };
        let on_conflict = insert.on.map(|on| OnConflict::parse(on, collection, &qualifier));
        let on_conflict = on_conflict.transpose()?;
        let returning =
            insert.returning.map(|items| Returning::parse(items, &qualifier)).transpose()?;
        Ok(Self { name, columns, source, on_conflict, returning })
    }

    /// The columns of RETURNING, when parameters have these types.
    pub(in crate::sql) async fn schema(
        &self,
        context: &QueryContext,
        parameters: &[SqlType],
    ) -> Result<Option<SchemaRef>, SqlError> {
        match &self.returning {
            Some(returning) => returning.schema(context, &self.name, parameters).await.map(Some),
            None => Ok(None),
        }
    }

    /// That the collection exists and is this tenant's.
    pub(in crate::sql) fn check(&self, context: &QueryContext) -> Result<(), SqlError> {
        let name = context.catalog().written(&self.name)?;
        context.catalog().gallery(name)?;
        Ok(())
    }
}

/// Refuses the clauses of other systems.
fn refuse_clauses(insert: &ast::Insert) -> Result<(), SqlError> {
    let ast::Insert {
        insert_token: _,
        optimizer_hints: _,
        or,
        ignore,
        into: _,
        table: _,
        table_alias: _,
        columns: _,
        overwrite,
        source: _,
        assignments,
        partitioned,
        after_columns,
        has_table_keyword,
        on: _,
        returning: _,
        output,
        replace_into,
        priority,
        insert_alias,
        settings,
        format_clause,
        multi_table_insert_type,
        multi_table_into_clauses,
        multi_table_when_clauses,
        multi_table_else_clause,
    } = insert;
    let foreign = or.is_some()
        || *ignore
        || *overwrite
        || !assignments.is_empty()
        || partitioned.is_some()
        || !after_columns.is_empty()
        || *has_table_keyword
        || output.is_some()
        || *replace_into
        || priority.is_some()
        || insert_alias.is_some()
        || settings.is_some()
        || format_clause.is_some()
        || multi_table_insert_type.is_some()
        || !multi_table_into_clauses.is_empty()
        || !multi_table_when_clauses.is_empty()
        || multi_table_else_clause.is_some();
    if foreign {
        return Err(SqlError::unsupported("this form of INSERT").with_hint(
            "Write INSERT INTO collection (columns) VALUES (..), .. [RETURNING expressions].",
        ));
    }
    Ok(())
}
