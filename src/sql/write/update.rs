//! UPDATE: grammar and execution. New values are found by the query that finds the faces.

use std::collections::HashSet;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::logical_expr::LogicalPlan;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{self, Query, UpdateTableFromKind, With};
use futures::TryStreamExt;
use likeness_storage::Lsn;
use likeness_storage::limits::BATCH_OPERATIONS_MAX;

use super::assignment::Assignments;
use super::returning::Returning;
use super::target::Target;
use super::transaction::Writer;
use crate::sql::plan::query::QueryContext;
use crate::sql::read::search::face_ids;
use crate::sql::value::types::SqlType;
use crate::sql::{Outcome, SqlError, SqlState};

/// Bytes of embeddings that one statement may rewrite: changed faces are kept whole.
const EMBEDDING_BYTES_MAX: usize = 1 << 30;

/// `UPDATE c [AS alias] SET column = value, .. [FROM ..] [WHERE predicate] [RETURNING ..]`.
#[derive(Debug)]
pub(in crate::sql) struct Update {
    name: Vec<String>,
    assignments: Assignments,
    /// `SELECT c.face_id, new values FROM c [, ..] [WHERE predicate]`.
    query: Query,
    returning: Option<Returning>,
}

impl Update {
    /// # Errors
    /// Clauses that are not supported; unknown columns, and those that cannot be changed.
    pub(in crate::sql) fn parse(update: ast::Update) -> Result<Self, SqlError> {
        let ast::Update {
            update_token: _,
            optimizer_hints: _,
            table,
            assignments,
            from,
            selection,
            returning,
            output: None,
            or: None,
            order_by,
            limit: None,
        } = update
        else {
            return Err(SqlError::unsupported("UPDATE with OUTPUT or LIMIT"));
        };
        let others = match from {
            None => Vec::new(),
            Some(UpdateTableFromKind::AfterSet(others)) => others,
            Some(UpdateTableFromKind::BeforeSet(_)) => {
                return Err(SqlError::unsupported("FROM before SET"));
            }
        };
        let Some(target) = Target::of(table).filter(|_| order_by.is_empty()) else {
            return Err(SqlError::unsupported("UPDATE of anything but one collection"));
        };
        let collection = target.name.last().map_or("", String::as_str);
        let parsed = Assignments::parse(assignments, target.qualifier());
        let (assignments, values) = parsed.map_err(|error| error.of_relation(collection))?;
        let query = target.query(values, others, selection)?;
        let returning =
            returning.map(|items| Returning::parse(items, target.qualifier())).transpose()?;
        Ok(Self { name: target.name, assignments, query, returning })
    }

    /// The same behind WITH.
    pub(in crate::sql) fn with(mut self, with: Option<With>) -> Self {
        if let Some(returning) = &mut self.returning {
            returning.put_behind(with.as_ref());
        }
        self.query.with = with;
        self
    }

    /// The plan that finds the ids of the faces to change, and their new values.
    pub(in crate::sql) async fn plan(
        &self,
        context: &QueryContext,
    ) -> Result<LogicalPlan, SqlError> {
        context.catalog().written(&self.name)?;
        context.plan(&self.query).await
    }

    /// Parameters that are a whole new value have the type of their column.
    pub(in crate::sql) async fn parameter_types(
        &self,
        context: &QueryContext,
        mut types: Vec<Option<SqlType>>,
    ) -> Result<Vec<Option<SqlType>>, SqlError> {
        self.assignments.decide(&mut types);
        if let Some(returning) = &self.returning {
            returning.decide(context, &mut types).await?;
        }
        Ok(types)
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

    /// Changes the faces that satisfy the predicate now, all or none.
    pub(in crate::sql) async fn run(
        &self,
        context: &QueryContext,
        writer: &Writer,
        parameters: Vec<ScalarValue>,
    ) -> Result<Outcome, SqlError> {
        let catalog = context.catalog();
        let (name, at) = (catalog.written(&self.name)?, catalog.snapshot());
        let row_bytes = at.descriptor(name)?.dim.get() * size_of::<f32>();
        let most = (EMBEDDING_BYTES_MAX / row_bytes).min(BATCH_OPERATIONS_MAX / 2);
        let plan = self.plan(context).await?;
        let mut batches = context.stream(plan, parameters.clone()).await?;
        let (mut updates, mut seen) = (Vec::new(), HashSet::new());
        while let Some(batch) = batches.try_next().await? {
            for (row, face_id) in face_ids(&batch)?.into_iter().enumerate() {
                // As in PostgreSQL, of several rows that FROM brings for a face one counts.
                if seen.insert(face_id) {
                    updates.push(self.assignments.update(name, face_id, &batch, row)?);
                }
            }
            if updates.len() > most {
                return Err(too_many(most));
            }
        }
        let changes = catalog.tenant().update(at, name, updates).await?;
        let returned = match &self.returning {
            Some(returning) => {
                let rows: Vec<_> = changes.rows().map(|row| row.as_ref(Lsn::default())).collect();
                Some(returning.of_rows(context, &self.name, &rows, &parameters).await?)
            }
            None => None,
        };
        let written = writer.apply(changes).await?;
        Ok(match returned {
            Some((schema, batches)) => Outcome::of_batches("UPDATE", schema, batches),
            None => Outcome::Done { tag: "UPDATE", rows: Some(written.enrolled) },
        })
    }
}

fn too_many(most: usize) -> SqlError {
    let message = format!(
        "UPDATE would change more than {most} faces, which is the limit of one statement in this \
         collection; nothing was changed"
    );
    SqlError::new(SqlState::ProgramLimitExceeded, message)
        .with_hint("Update in several statements.")
}
