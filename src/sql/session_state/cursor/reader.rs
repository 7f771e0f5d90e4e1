//! The rows of a cursor: where it stands among them, and how it moves.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::array::UInt64Array;
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, stream};
use tokio::sync::OwnedMutexGuard;

use super::grammar::Way;
use crate::sql::{SqlError, SqlState};

/// The rows of a cursor.
pub(in crate::sql) struct Reader {
    rows: SendableRecordBatchStream,
    /// Whether it may go back, for which rows are kept.
    scroll: bool,
    /// Rows that have been read: all where it may scroll, else the batch where it stands.
    kept: VecDeque<RecordBatch>,
    /// The rows before those kept.
    dropped: u64,
    /// The number of the row where it stands, from 1: 0 before the first, and one more than there
    /// are rows behind the last.
    here: u64,
    /// How many rows there are, once that is known.
    total: Option<u64>,
    /// Whether the query failed, or was given up while it was waited for: what it says after that
    /// would look like its end.
    broken: bool,
    memory: MemoryReservation,
}

/// What is to be fetched from where a cursor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum Step {
    /// The next rows, at most so many.
    Forward(u64),
    /// The rows before, the nearest first, at most so many.
    Backward(u64),
}

impl Reader {
    /// The rows of a query; `memory` is for those that are kept.
    pub(in crate::sql) fn new(
        rows: SendableRecordBatchStream,
        scroll: bool,
        memory: MemoryReservation,
    ) -> Self {
        let (kept, dropped, here, total, broken) = (VecDeque::new(), 0, 0, None, false);
        Self { rows, scroll, kept, dropped, here, total, broken, memory }
    }

    /// Goes to where the rows begin that FETCH wants; `only_move` for MOVE, which may count the row
    /// where the cursor stands without reading it again.
    ///
    /// # Errors
    /// 55000 backwards without SCROLL, and what the query says.
    pub(in crate::sql) async fn seek(
        &mut self,
        way: Way,
        only_move: bool,
    ) -> Result<Step, SqlError> {
        match way {
            Way::Rows(0) | Way::Relative(0) => self.current(only_move),
            Way::Rows(rows @ 1..) => Ok(Step::Forward(rows.unsigned_abs())),
            Way::Rows(rows) => {
                self.check_scroll()?;
                Ok(Step::Backward(rows.unsigned_abs()))
            }
            Way::Relative(rows @ 1..) => {
                self.pass(rows.unsigned_abs() - 1).await?;
                Ok(Step::Forward(1))
            }
            Way::Relative(rows) => {
                self.check_scroll()?;
                Ok(self.before(self.here.saturating_sub(rows.unsigned_abs())))
            }
            Way::Absolute(row @ 0..) => {
                let row = row.unsigned_abs();
                if row > self.here {
                    self.pass(row - self.here - 1).await?;
                    return Ok(Step::Forward(1));
                }
                if self.here > 0 {
                    self.check_scroll()?;
                }
                Ok(self.before(row))
            }
            Way::Absolute(row) => {
                self.check_scroll()?;
                self.pass(u64::MAX).await?;
                let behind = self.total.unwrap_or_default() + 1;
                Ok(self.before(behind.saturating_sub(row.unsigned_abs())))
            }
        }
    }

    /// The next batch of what is to be fetched, which becomes less; none at its end.
    ///
    /// # Errors
    /// What the query says, and 53200 when too much would have to be kept.
    pub(in crate::sql) async fn next(
        &mut self,
        step: &mut Step,
    ) -> Result<Option<RecordBatch>, SqlError> {
        match step {
            Step::Forward(0) | Step::Backward(0) => Ok(None),
            Step::Forward(left) => {
                let batch = self.forward(*left).await?;
                *left -= batch.as_ref().map_or(0, rows_of);
                Ok(batch)
            }
            Step::Backward(left) => {
                let batch = self.backward(*left)?;
                *left -= batch.as_ref().map_or(0, rows_of);
                Ok(batch)
            }
        }
    }

    /// Passes over what would be fetched, and tells how many rows that are.
    ///
    /// # Errors
    /// Those of [`Self::next`].
    pub(in crate::sql) async fn skip(&mut self, mut step: Step) -> Result<u64, SqlError> {
        let mut passed = 0;
        while let Some(batch) = self.next(&mut step).await? {
            passed += rows_of(&batch);
        }
        Ok(passed)
    }

    async fn pass(&mut self, rows: u64) -> Result<(), SqlError> {
        self.skip(Step::Forward(rows)).await.map(|_| ())
    }

    /// The row where it stands, once more.
    fn current(&mut self, only_move: bool) -> Result<Step, SqlError> {
        let on_row = self.here > 0 && self.total.is_none_or(|total| self.here <= total);
        if !on_row {
            return Ok(Step::Forward(0));
        }
        if !only_move {
            // The batch is there without SCROLL too, but PostgreSQL takes this for a step back.
            self.check_scroll()?;
        }
        self.here -= 1;
        Ok(Step::Forward(1))
    }

    /// Stands before the row of this number, which is to be fetched; 0 is no row.
    fn before(&mut self, row: u64) -> Step {
        self.here = row.saturating_sub(1);
        Step::Forward(u64::from(row > 0))
    }

    fn check_scroll(&self) -> Result<(), SqlError> {
        if self.scroll {
            return Ok(());
        }
        let message = "cursor can only scan forward";
        Err(SqlError::new(SqlState::ObjectNotInPrerequisiteState, message)
            .with_hint("Declare it with SCROLL option to enable backward scan."))
    }

    /// At most so many rows behind the one where it stands; the last of them is where it stands
    /// then. None behind the last row of all.
    async fn forward(&mut self, most: u64) -> Result<Option<RecordBatch>, SqlError> {
        loop {
            if self.total.is_some_and(|total| self.here >= total) {
                self.here = self.total.unwrap_or_default() + 1;
                return Ok(None);
            }
            if let Some((batch, row)) = self.find(self.here + 1) {
                let length =
                    (batch.num_rows() - row).min(usize::try_from(most).unwrap_or(usize::MAX));
                let batch = batch.slice(row, length);
                self.here += rows_of(&batch);
                return Ok(Some(batch));
            }
            self.load().await?;
        }
    }

    /// At most so many rows before the one where it stands, the nearest first; none before the
    /// first row.
    fn backward(&mut self, most: u64) -> Result<Option<RecordBatch>, SqlError> {
        let Some((batch, row)) = self.here.checked_sub(1).and_then(|last| self.find(last)) else {
            self.here = 0;
            return Ok(None);
        };
        let rows = (row as u64 + 1).min(most);
        let places = (0..rows).map(|back| row as u64 - back).collect::<Vec<_>>();
        let batch =
            take_record_batch(batch, &UInt64Array::from(places)).map_err(DataFusionError::from)?;
        self.here -= rows;
        Ok(Some(batch))
    }

    /// The batch among those kept that holds the row of this number, and its place there.
    fn find(&self, number: u64) -> Option<(&RecordBatch, usize)> {
        let mut row = usize::try_from(number.checked_sub(self.dropped + 1)?).ok()?;
        for batch in &self.kept {
            if row < batch.num_rows() {
                return Some((batch, row));
            }
            row -= batch.num_rows();
        }
        None
    }

    /// Reads the next batch, or learns that there is none.
    ///
    /// # Errors
    /// What the query says, 53200 when too much would have to be kept, and 55000 after either.
    async fn load(&mut self) -> Result<(), SqlError> {
        if self.broken {
            let message = "the query of the cursor has failed";
            return Err(SqlError::new(SqlState::ObjectNotInPrerequisiteState, message));
        }
        self.broken = true;
        let Some(batch) = self.rows.next().await.transpose()? else {
            self.broken = false;
            let kept: u64 = self.kept.iter().map(rows_of).sum();
            self.total = Some(self.dropped + kept);
            return Ok(());
        };
        let bytes = get_record_batch_memory_size(&batch);
        if self.scroll {
            self.memory.try_grow(bytes)?;
        } else {
            self.dropped += self.kept.drain(..).map(|batch| rows_of(&batch)).sum::<u64>();
            self.memory.try_resize(bytes)?;
        }
        self.kept.push_back(batch);
        self.broken = false;
        Ok(())
    }
}

/// What is fetched, as a stream that moves the cursor as it is read.
pub(super) fn fetched(reader: OwnedMutexGuard<Reader>, step: Step) -> SendableRecordBatchStream {
    let schema = reader.rows.schema();
    let batches = stream::try_unfold((reader, step), async |(mut reader, mut step)| {
        let batch = reader.next(&mut step).await?;
        Ok(batch.map(|batch| (batch, (reader, step))))
    });
    Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), batches))
}

fn rows_of(batch: &RecordBatch) -> u64 {
    batch.num_rows() as u64
}
