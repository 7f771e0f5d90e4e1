//! What RETURNING of an INSERT answers, found before the faces are enrolled.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::scalar::ScalarValue;
use likeness_storage::{Lsn, Row};

use super::Insert;
use crate::sql::plan::query::QueryContext;
use crate::sql::{Outcome, SqlError};

const TAG: &str = "INSERT 0";

/// What is told of the faces that a statement enrols.
pub(super) struct Returned<'a> {
    insert: &'a Insert,
    context: &'a QueryContext,
    parameters: &'a [ScalarValue],
    /// Faces that have not been looked at yet.
    rows: Vec<Row>,
    schema: Option<SchemaRef>,
    batches: Vec<RecordBatch>,
    /// Counts the batches towards the memory of queries.
    memory: MemoryReservation,
}

impl<'a> Returned<'a> {
    pub(super) fn of(
        insert: &'a Insert,
        context: &'a QueryContext,
        parameters: &'a [ScalarValue],
    ) -> Self {
        let memory = context.memory("RETURNING");
        let (rows, schema, batches) = (Vec::new(), None, Vec::new());
        Self { insert, context, parameters, rows, schema, batches, memory }
    }

    pub(super) fn note(&mut self, rows: &[Row]) {
        if self.insert.returning.is_some() {
            self.rows.extend_from_slice(rows);
        }
    }

    /// Finds what is told of the faces noted.
    ///
    /// # Errors
    /// What the expressions say, and 53200 when there is too much of it.
    pub(super) async fn keep(&mut self) -> Result<(), SqlError> {
        let Insert { name, returning: Some(returning), .. } = self.insert else { return Ok(()) };
        let rows = std::mem::take(&mut self.rows);
        let rows: Vec<_> = rows.iter().map(|row| row.as_ref(Lsn::default())).collect();
        let told = returning.of_rows(self.context, name, &rows, self.parameters);
        let (schema, batches) = told.await?;
        for batch in &batches {
            self.memory.try_grow(batch.get_array_memory_size())?;
        }
        self.batches.extend(batches);
        self.schema = Some(schema);
        Ok(())
    }

    /// The answer to a statement that enrols or changes so many rows, and has been kept.
    pub(super) fn outcome(self, rows: u64) -> Outcome {
        match self.schema {
            None => Outcome::Done { tag: TAG, rows: Some(rows) },
            Some(schema) => Outcome::of_batches(TAG, schema, self.batches),
        }
    }
}
