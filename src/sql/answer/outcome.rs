//! What a statement answers: before it runs (a description) and after (an outcome).

use std::fmt;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream;

use crate::sql::{CopyFormat, CopyImport, SqlType};

/// What a statement takes and returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Type of `$1`, `$2`, ...
    pub parameters: Vec<SqlType>,
    /// The columns of its rows; none for a statement that returns no rows.
    pub columns: Option<SchemaRef>,
}

/// What came of a statement.
pub enum Outcome {
    /// Rows, read while they are streamed; an error may still come in the middle.
    Rows {
        /// The command tag without the row count: `SELECT`, `SHOW`, `EXPLAIN`, `INSERT 0`.
        tag: &'static str,
        /// The columns.
        schema: SchemaRef,
        /// The rows.
        stream: SendableRecordBatchStream,
    },
    /// Rows that leave as the data of COPY; an error may still come in the middle.
    CopyOut {
        /// How they are written.
        format: CopyFormat,
        /// The columns.
        schema: SchemaRef,
        /// The rows.
        stream: SendableRecordBatchStream,
    },
    /// Rows are to come as the data of COPY.
    CopyIn(Box<CopyImport>),
    /// Done, nothing to read.
    Done {
        /// The command tag without the row count.
        tag: &'static str,
        /// Rows changed, for tags that carry a count.
        rows: Option<u64>,
    },
    /// The session is in a transaction block now.
    TransactionStarted {
        /// The command tag.
        tag: &'static str,
    },
    /// The session is outside any transaction block now.
    TransactionEnded {
        /// The command tag: `ROLLBACK` also for a COMMIT that had nothing left to commit.
        tag: &'static str,
    },
    /// An empty statement.
    Empty,
}

impl Outcome {
    /// Rows that are already there.
    pub(in crate::sql) fn of_batch(tag: &'static str, batch: RecordBatch) -> Self {
        Self::of_batches(tag, batch.schema(), vec![batch])
    }

    /// Rows that are already there, in several parts.
    pub(in crate::sql) fn of_batches(
        tag: &'static str,
        schema: SchemaRef,
        batches: Vec<RecordBatch>,
    ) -> Self {
        let rows = stream::iter(batches.into_iter().map(Ok));
        let stream = Box::pin(RecordBatchStreamAdapter::new(schema.clone(), rows));
        Self::Rows { tag, schema, stream }
    }
}

impl fmt::Debug for Outcome {
    /// Leaves the rows out: they are biometric data and reading them would consume them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows { tag, schema, .. } => {
                f.debug_struct("Rows").field("tag", tag).field("schema", schema).finish()
            }
            Self::CopyOut { format, schema, .. } => {
                f.debug_struct("CopyOut").field("format", format).field("schema", schema).finish()
            }
            Self::CopyIn(import) => f.debug_tuple("CopyIn").field(&import.name()).finish(),
            Self::Done { tag, rows } => {
                f.debug_struct("Done").field("tag", tag).field("rows", rows).finish()
            }
            Self::TransactionStarted { tag } => write!(f, "TransactionStarted({tag})"),
            Self::TransactionEnded { tag } => write!(f, "TransactionEnded({tag})"),
            Self::Empty => f.write_str("Empty"),
        }
    }
}

/// Where a session stands between two statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    /// Outside a transaction block.
    Idle,
    /// Inside a transaction block.
    Active,
    /// Inside a transaction block that failed; only ROLLBACK (or COMMIT) is answered.
    Failed,
}
