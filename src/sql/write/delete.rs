//! DELETE: grammar and execution.

use std::collections::HashSet;

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::compute::{concat_batches, filter_record_batch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{self, FromTable, Query, With};
use futures::TryStreamExt;
use likeness_storage::limits::BATCH_OPERATIONS_MAX;

use super::target::Target;
use super::transaction::Writer;
use crate::sql::answer::origin::with_origins;
use crate::sql::plan::query::QueryContext;
use crate::sql::read::search::face_ids;
use crate::sql::{Origin, Outcome, SqlError, SqlState, SqlType};

/// `DELETE FROM c [AS alias] [USING ..] [WHERE predicate] [RETURNING ..]`.
#[derive(Debug)]
pub(in crate::sql) struct Delete {
    name: Vec<String>,
    /// `SELECT c.face_id, what RETURNING wants FROM c [, ..] [WHERE predicate]`.
    query: Query,
    returns: bool,
}

impl Delete {
    /// # Errors
    /// Clauses that are not supported.
    pub(in crate::sql) fn parse(delete: ast::Delete) -> Result<Self, SqlError> {
        let ast::Delete {
            delete_token: _,
            optimizer_hints: _,
            tables,
            from: FromTable::WithFromKeyword(mut from),
            using,
            selection,
            returning,
            output: None,
            order_by,
            limit: None,
        } = delete
        else {
            return Err(SqlError::unsupported("DELETE with OUTPUT or LIMIT"));
        };
        let one = from.len() == 1 && tables.is_empty() && order_by.is_empty();
        let Some(target) = from.pop().filter(|_| one).and_then(Target::of) else {
            return Err(SqlError::unsupported("DELETE FROM anything but one collection"));
        };
        let returns = returning.is_some();
        let values = returning.unwrap_or_default();
        let query = target.query(values, using.unwrap_or_default(), selection)?;
        Ok(Self { name: target.name, query, returns })
    }

    /// The same behind WITH.
    pub(in crate::sql) fn with(mut self, with: Option<With>) -> Self {
        self.query.with = with;
        self
    }

    /// The plan that finds the ids of the faces to delete.
    pub(in crate::sql) async fn plan(
        &self,
        context: &QueryContext,
    ) -> Result<LogicalPlan, SqlError> {
        context.catalog().written(&self.name)?;
        context.plan(&self.query).await
    }

    /// The columns of RETURNING, when the parameters of the query's plan have these types.
    pub(in crate::sql) fn columns(
        &self,
        context: &QueryContext,
        plan: LogicalPlan,
        parameters: &[SqlType],
    ) -> Result<Option<SchemaRef>, SqlError> {
        let returned = self.returns.then(|| without_id(&context.columns(plan, parameters)?));
        returned.transpose()
    }

    /// Deletes the rows that satisfy the predicate now, all or none.
    pub(in crate::sql) async fn run(
        &self,
        context: &QueryContext,
        writer: &Writer,
        parameters: Vec<ScalarValue>,
    ) -> Result<Outcome, SqlError> {
        let name = context.catalog().written(&self.name)?;
        let plan = self.plan(context).await?;
        let origins = context.origins(&plan);
        let mut batches = context.stream(plan, parameters).await?;
        let schema = with_origins(&batches.schema(), origins);
        let memory = context.memory("RETURNING");
        let (mut ids, mut returned) = (HashSet::new(), Vec::new());
        while let Some(batch) = batches.try_next().await? {
            // Of several rows that USING brings for a face one counts.
            let new = face_ids(&batch)?.into_iter().map(|id| Some(ids.insert(id)));
            let new = new.collect::<BooleanArray>();
            if ids.len() > BATCH_OPERATIONS_MAX {
                return Err(too_many());
            }
            if self.returns {
                let rows = filter_record_batch(&batch, &new).map_err(DataFusionError::from)?;
                memory.try_grow(rows.get_array_memory_size())?;
                returned.push(rows);
            }
        }
        let ids = ids.into_iter().collect();
        let written = writer.apply(context.catalog().snapshot().removal(name, ids)?).await?;
        if !self.returns {
            return Ok(Outcome::Done { tag: "DELETE", rows: Some(written.removed) });
        }
        Ok(Outcome::of_batches("DELETE", without_id(&schema)?, vec![rows_of(&schema, &returned)?]))
    }
}

fn too_many() -> SqlError {
    let message = format!(
        "DELETE would remove more than {BATCH_OPERATIONS_MAX} faces, which is the limit of one \
         statement; nothing was removed"
    );
    SqlError::new(SqlState::ProgramLimitExceeded, message)
        .with_hint("Delete in several statements, or drop the collection.")
}

/// What the client asked for, without the ids in the first column.
fn rows_of(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<RecordBatch, SqlError> {
    let rows = concat_batches(schema, batches).and_then(|all| {
        let columns: Vec<usize> = (1..all.num_columns()).collect();
        all.project(&columns)
    });
    rows.map_err(|error| DataFusionError::from(error).into())
}

fn without_id(schema: &SchemaRef) -> Result<SchemaRef, SqlError> {
    let columns: Vec<usize> = (1..schema.fields().len()).collect();
    let projected = schema.project(&columns).map_err(DataFusionError::from)?;
    Ok(with_origins(&SchemaRef::new(projected), Origin::all(schema).skip(1)))
}
