//! COPY .. FROM STDIN: takes the client's data until it says that this was all, or gives up.

use std::io;

use pgwire::messages::copy::CopyInResponse;
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};

use super::super::connection::Connection;
use super::super::error::{Failure, PgError};
use super::super::wire::WireError;
use super::export::response;
use super::reader::Reader;
use crate::sql::{CopyImport, SqlState};

impl Connection {
    /// Receives the data of COPY. Whatever ends it early leaves nothing behind.
    ///
    /// # Errors
    /// What is wrong with the data, why the client gave up, or the connection's own failure.
    pub(in crate::pg) async fn copy_in(&mut self, mut import: CopyImport) -> Result<(), Failure> {
        let columns = import.columns();
        let (code, count, codes) = response(import.format(), columns.len())?;
        let response = CopyInResponse::new(code, count, codes);
        self.wire.send(PgWireBackendMessage::CopyInResponse(response)).await?;
        self.wire.flush().await?;
        let mut reader = Reader::new(import.name(), columns, import.format());
        loop {
            match self.wire.next().await? {
                Some(PgWireFrontendMessage::CopyData(message)) => {
                    reader.feed(&message.data);
                    take_rows(&mut reader, &mut import, false).await?;
                }
                Some(PgWireFrontendMessage::CopyDone(_)) => break,
                Some(PgWireFrontendMessage::CopyFail(message)) => {
                    let message = format!("COPY from stdin failed: {}", message.message);
                    return Err(PgError::error(SqlState::QueryCanceled, message).into());
                }
                // Drivers send these without knowing yet that data is wanted.
                Some(PgWireFrontendMessage::Flush(_) | PgWireFrontendMessage::Sync(_)) => {}
                Some(_) => {
                    let message = "unexpected message during COPY from stdin";
                    return Err(PgError::fatal(SqlState::ProtocolViolation, message).into());
                }
                None => return Err(WireError::Io(io::ErrorKind::UnexpectedEof.into()).into()),
            }
        }
        take_rows(&mut reader, &mut import, true).await?;
        let rows = import.finish().await.map_err(|wrong| reader.refused_at_last(wrong))?;
        self.complete("COPY", Some(rows)).await
    }
}

async fn take_rows(
    reader: &mut Reader,
    import: &mut CopyImport,
    last: bool,
) -> Result<(), PgError> {
    while let Some(row) = reader.next(last)? {
        import.push(row, reader.number()).await.map_err(|wrong| reader.refused(wrong))?;
    }
    Ok(())
}
