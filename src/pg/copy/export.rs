//! COPY .. TO STDOUT: rows are read batch by batch and sent no faster than the client reads.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::copy::{CopyData, CopyDone, CopyOutResponse};

use super::super::column::{Columns, Format};
use super::super::connection::Connection;
use super::super::error::{Failure, PgError};
use super::rows::RowWriter;
use crate::sql::{CopyFormat, SqlError, SqlState};

impl Connection {
    /// Sends the rows of a stream as the data of COPY.
    ///
    /// # Errors
    /// What the query says, or the connection's own failure.
    pub(in crate::pg) async fn copy_out(
        &mut self,
        format: &CopyFormat,
        schema: SchemaRef,
        mut stream: SendableRecordBatchStream,
    ) -> Result<(), Failure> {
        let columns = Columns::new(schema)?.in_style(self.session.interval_style());
        let (code, count, codes) = response(format, columns.list().len())?;
        let response = CopyOutResponse::new(code, count, codes);
        self.wire.send(PgWireBackendMessage::CopyOutResponse(response)).await?;
        let mut writer = RowWriter::new(format, columns.list());
        if let Some(line) = writer.header_line() {
            self.wire.send(PgWireBackendMessage::CopyData(CopyData::new(line))).await?;
        }
        let mut sent = 0;
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(SqlError::from)?;
            for row in 0..batch.num_rows() {
                let data = CopyData::new(writer.row(&batch, row)?);
                self.wire.send(PgWireBackendMessage::CopyData(data)).await?;
                sent += 1;
            }
        }
        if let Some(trailer) = writer.trailer() {
            self.wire.send(PgWireBackendMessage::CopyData(CopyData::new(trailer))).await?;
        }
        self.wire.send(PgWireBackendMessage::CopyDone(CopyDone::new())).await?;
        self.complete("COPY", Some(sent)).await
    }
}

/// What both responses that begin a COPY tell: the format of all, and of each column.
pub(super) fn response(
    format: &CopyFormat,
    columns: usize,
) -> Result<(i8, i16, Vec<i16>), PgError> {
    let code = if format.is_binary() { Format::Binary } else { Format::Text }.code();
    let count = i16::try_from(columns).map_err(|_| {
        PgError::error(SqlState::ProgramLimitExceeded, "a row has at most 32767 columns")
    })?;
    Ok((i8::from(format.is_binary()), count, vec![code; columns]))
}
