//! Cursors of a session: DECLARE, FETCH, MOVE, CLOSE, and what the protocol asks for by name.

use std::sync::Arc;
use std::time::SystemTime;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::scalar::ScalarValue;
use tokio::sync::Mutex;

use super::SqlSession;
use crate::sql::grammar::statement::Declare;
use crate::sql::session_state::cursor::{DeclareHead, Fetch, Lasts, Opened, Reader};
use crate::sql::write::transaction::only_in_blocks;
use crate::sql::{BINARY_KEY, Description, Outcome, SqlError, Statement};

impl SqlSession {
    /// The columns of an open cursor; none when there is no such cursor.
    pub fn cursor_columns(&self, name: &str) -> Option<SchemaRef> {
        self.holdings.cursors().lock().get(name).ok().map(|cursor| Arc::clone(&cursor.schema))
    }

    /// Opens a portal over the rows of a query, which `text` says, and answers with its number. SQL
    /// finds it as a cursor; it ends with its transaction, and with [`Self::forget_portals`].
    ///
    /// # Errors
    /// 42P03 when the name is taken, 54000 when there are too many, and why the query cannot run.
    pub async fn open_portal(
        &self,
        name: &str,
        text: &str,
        query: &Statement,
        parameters: Vec<ScalarValue>,
    ) -> Result<u64, SqlError> {
        self.holdings.cursors().lock().check_new(name)?;
        let outcome = self.execute(query, parameters).await?;
        self.open(&DeclareHead::of_portal(name), text.into(), Lasts::Portal, outcome)
    }

    /// Whether the cursor of this name is open that had this number when it was opened.
    pub fn has_cursor(&self, name: &str, number: u64) -> bool {
        self.holdings.cursors().lock().has(name, number)
    }

    /// The columns of an open cursor and its next rows: `limit` of them, or all.
    ///
    /// # Errors
    /// 34000 when there is no such cursor, 55000 while rows of it are being sent.
    pub fn fetch_portal(
        &self,
        name: &str,
        limit: Option<u64>,
    ) -> Result<(SchemaRef, SendableRecordBatchStream), SqlError> {
        let cursor = Arc::clone(self.holdings.cursors().lock().get(name)?);
        let rows = cursor.next(name, limit.unwrap_or(u64::MAX))?;
        Ok((Arc::clone(&cursor.schema), rows))
    }

    /// Closes the cursors that are portals: their transaction is over.
    pub fn forget_portals(&self) {
        self.holdings.cursors().lock().close_portals();
    }

    /// Closes a cursor, if there is one of that name.
    pub fn forget_cursor(&self, name: &str) {
        // There is nothing to close where it does not exist.
        let _ = self.holdings.cursors().lock().close(Some(name));
    }

    /// Opens a cursor over the rows of its query, none of which are looked for yet.
    pub(super) async fn declare(
        &self,
        statement: &Statement,
        declare: &Declare,
        parameters: Vec<ScalarValue>,
    ) -> Result<Outcome, SqlError> {
        let Declare { head, query, text } = declare;
        if !head.hold && self.writer.is_autocommit() {
            return Err(only_in_blocks("DECLARE CURSOR"));
        }
        self.holdings.cursors().lock().check_new(&head.name)?;
        let query = query.clone().with_parameters(statement.parameters());
        let outcome = self.run_inner(&query, parameters).await?;
        let lasts = if head.hold { Lasts::Session } else { Lasts::Transaction };
        self.open(head, text.clone(), lasts, outcome)?;
        Ok(Outcome::Done { tag: "DECLARE CURSOR", rows: None })
    }

    /// Opens a cursor over what came of its query, and answers with its number.
    fn open(
        &self,
        head: &DeclareHead,
        text: Box<str>,
        lasts: Lasts,
        outcome: Outcome,
    ) -> Result<u64, SqlError> {
        let Outcome::Rows { schema, stream, .. } = outcome else {
            return Err(SqlError::unsupported("DECLARE of anything but a query"));
        };
        let memory = self.context()?.memory("cursor");
        let schema = if head.binary { sent_in_binary(&schema) } else { schema };
        let opened = Opened {
            schema,
            lasts,
            scroll: head.scroll,
            binary: head.binary,
            text,
            at: SystemTime::now(),
            reader: Arc::new(Mutex::new(Reader::new(stream, head.scroll, memory))),
        };
        self.holdings.cursors().lock().insert(head.name.clone(), opened)
    }

    pub(super) async fn fetch(&self, fetch: &Fetch) -> Result<Outcome, SqlError> {
        let cursor = Arc::clone(self.holdings.cursors().lock().get(&fetch.cursor)?);
        cursor.run(fetch).await
    }

    pub(super) fn close(&self, name: Option<&str>) -> Result<Outcome, SqlError> {
        self.holdings.cursors().lock().close(name)?;
        let tag = if name.is_some() { "CLOSE CURSOR" } else { "CLOSE CURSOR ALL" };
        Ok(Outcome::Done { tag, rows: None })
    }

    /// What FETCH returns now: a cursor of its name may be closed and opened with other columns.
    /// That there is none is told by the FETCH itself.
    pub(super) fn fetch_description(&self, fetch: &Fetch) -> Description {
        let columns = if fetch.only_move { None } else { self.cursor_columns(&fetch.cursor) };
        Description { parameters: Vec::new(), columns }
    }
}

/// `schema` of rows that are sent in binary to whoever does not say how it wants them.
fn sent_in_binary(schema: &SchemaRef) -> SchemaRef {
    let mut metadata = schema.metadata().clone();
    metadata.insert(BINARY_KEY.to_owned(), String::new());
    Arc::new(Schema::new_with_metadata(schema.fields().clone(), metadata))
}
