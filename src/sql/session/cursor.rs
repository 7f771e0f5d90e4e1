//! Cursors of a session: DECLARE, FETCH, MOVE, CLOSE, and what the protocol asks for by name.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::scalar::ScalarValue;
use tokio::sync::Mutex;

use super::SqlSession;
use crate::sql::cursor::{Fetch, Opened, Reader};
use crate::sql::statement::Declare;
use crate::sql::transaction::only_in_blocks;
use crate::sql::{BINARY_KEY, Description, Outcome, SqlError};

impl SqlSession {
    /// The columns of an open cursor; none when there is no such cursor.
    pub fn cursor_columns(&self, name: &str) -> Option<SchemaRef> {
        self.holdings.cursors().lock().get(name).ok().map(|cursor| Arc::clone(&cursor.schema))
    }

    /// Closes a cursor, if there is one of that name.
    pub fn forget_cursor(&self, name: &str) {
        // There is nothing to close where it does not exist.
        let _ = self.holdings.cursors().lock().close(Some(name));
    }

    /// Opens a cursor over the rows of its query, none of which are looked for yet.
    pub(super) async fn declare(
        &self,
        declare: &Declare,
        parameters: Vec<ScalarValue>,
    ) -> Result<Outcome, SqlError> {
        let Declare { head, query, text } = declare;
        if !head.hold && self.writer.is_autocommit() {
            return Err(only_in_blocks("DECLARE CURSOR"));
        }
        self.holdings.cursors().lock().check_new(&head.name)?;
        let outcome = self.run_inner(query, parameters).await?;
        let Outcome::Rows { schema, stream, .. } = outcome else {
            return Err(SqlError::unsupported("DECLARE of anything but a query"));
        };
        let memory = self.context()?.memory("cursor");
        let schema = if head.binary { sent_in_binary(&schema) } else { schema };
        let opened = Opened {
            schema,
            hold: head.hold,
            scroll: head.scroll,
            binary: head.binary,
            text: text.clone(),
            at: SystemTime::now(),
            reader: Arc::new(Mutex::new(Reader::new(stream, head.scroll, memory))),
        };
        self.holdings.cursors().lock().insert(head.name.clone(), opened)?;
        Ok(Outcome::Done { tag: "DECLARE CURSOR", rows: None })
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
    let metadata = HashMap::from([(BINARY_KEY.to_owned(), String::new())]);
    Arc::new(Schema::new_with_metadata(schema.fields().clone(), metadata))
}
