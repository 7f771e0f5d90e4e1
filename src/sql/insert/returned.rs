//! What RETURNING of an INSERT answers, kept until the faces are enrolled.

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::memory_pool::MemoryReservation;
use likeness_storage::{Lsn, Row};

use super::super::query::QueryContext;
use super::super::returning::Returning;
use super::super::{Outcome, SqlError};

const TAG: &str = "INSERT 0";

/// The columns of faces that were enrolled.
pub(super) struct Returned<'a> {
    returning: Option<&'a Returning>,
    /// Faces whose columns have not been taken yet.
    rows: Vec<Row>,
    batches: Vec<RecordBatch>,
    /// Counts the batches towards the memory of queries.
    memory: MemoryReservation,
}

impl<'a> Returned<'a> {
    pub(super) fn of(returning: Option<&'a Returning>, context: &QueryContext) -> Self {
        let memory = context.memory("RETURNING");
        Self { returning, rows: Vec::new(), batches: Vec::new(), memory }
    }

    pub(super) fn note(&mut self, rows: &[Row]) {
        if self.returning.is_some() {
            self.rows.extend_from_slice(rows);
        }
    }

    /// Takes the columns of the faces noted.
    ///
    /// # Errors
    /// 53200 when they are too many.
    pub(super) fn keep(&mut self) -> Result<(), SqlError> {
        let Some(returning) = self.returning else { return Ok(()) };
        let rows: Vec<_> = self.rows.iter().map(|row| row.as_ref(Lsn::default())).collect();
        let batch = returning.batch(&rows)?;
        self.memory.try_grow(batch.get_array_memory_size())?;
        self.batches.push(batch);
        self.rows.clear();
        Ok(())
    }

    /// The answer to a statement that enrolled or changed so many rows.
    pub(super) fn outcome(self, rows: u64) -> Outcome {
        match self.returning {
            None => Outcome::Done { tag: TAG, rows: Some(rows) },
            Some(returning) => Outcome::of_batches(TAG, returning.schema(), self.batches),
        }
    }
}
