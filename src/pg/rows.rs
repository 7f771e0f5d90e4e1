//! A result on its way to the client: read batch by batch, sent row by row.

use std::sync::Arc;

use bytes::BytesMut;
use datafusion::arrow::array::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::data::RowDescription;

use super::column::{Columns, Format, row_description};
use super::encode;
use super::error::{Failure, PgError};
use super::wire::Wire;
use crate::sql::{SqlError, SqlState};

/// Rows that have not been sent yet. At most one batch is in memory.
pub(super) struct Rows {
    tag: &'static str,
    columns: Arc<Columns>,
    formats: Vec<Format>,
    stream: SendableRecordBatchStream,
    batch: Option<RecordBatch>,
    /// First row of `batch` that has not been sent.
    next: usize,
    scratch: BytesMut,
}

/// How far a call to [`Rows::send`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// As many rows as were asked for have been sent; there may be more.
    Suspended,
    /// All are sent; so many in this call.
    Exhausted(u64),
}

impl Rows {
    /// The rows of `stream`; `formats` has one entry per column.
    pub(super) fn new(
        tag: &'static str,
        columns: Arc<Columns>,
        formats: Vec<Format>,
        stream: SendableRecordBatchStream,
    ) -> Self {
        Self { tag, columns, formats, stream, batch: None, next: 0, scratch: BytesMut::new() }
    }

    /// The command tag, without the count of rows.
    pub(super) fn tag(&self) -> &'static str {
        self.tag
    }

    /// What the client is told before the first row.
    pub(super) fn description(&self) -> RowDescription {
        row_description(self.columns.list(), &self.formats)
    }

    /// Sends rows until `limit` (none means all) or the end.
    ///
    /// # Errors
    /// When the statement fails on the way, a value cannot be sent, or the socket fails.
    pub(super) async fn send(
        &mut self,
        wire: &mut Wire,
        limit: Option<u64>,
    ) -> Result<Progress, Failure> {
        let mut sent = 0;
        while limit.is_none_or(|limit| sent < limit) {
            if !self.load().await? {
                return Ok(Progress::Exhausted(sent));
            }
            let Self { columns, formats, batch, next, scratch, .. } = self;
            let Some(batch) = batch else { continue };
            let row = encode::data_row(batch, *next, columns.list(), formats, scratch)?;
            wire.send(PgWireBackendMessage::DataRow(row)).await?;
            *next += 1;
            sent += 1;
        }
        Ok(Progress::Suspended)
    }

    /// Makes sure that `batch` holds the next row; false at the end.
    async fn load(&mut self) -> Result<bool, Failure> {
        while self.batch.as_ref().is_none_or(|batch| self.next >= batch.num_rows()) {
            let Some(batch) = self.stream.next().await else { return Ok(false) };
            let batch = batch.map_err(SqlError::from)?;
            if batch.num_columns() != self.columns.list().len() {
                tracing::error!(schema = ?batch.schema(), "a batch does not match its statement");
                return Err(PgError::error(SqlState::InternalError, "internal error").into());
            }
            self.batch = Some(batch);
            self.next = 0;
        }
        Ok(true)
    }
}

impl std::fmt::Debug for Rows {
    /// Leaves the rows out: they are biometric data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("tag", &self.tag).finish_non_exhaustive()
    }
}
