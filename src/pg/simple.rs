//! The simple query protocol: a text of statements, run and answered one after the other.

use std::sync::Arc;

use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::EmptyQueryResponse;

use super::cancel::{cancelable, deadline_from_now};
use super::column::{Columns, Format};
use super::connection::Connection;
use super::error::Failure;
use super::rows::{Progress, Rows};
use crate::sql::{BINARY_KEY, Outcome, Statement};

impl Connection {
    /// Answers a Query message. Several statements are one transaction, but for those that BEGIN
    /// and COMMIT among them set apart. The first error ends it and undoes what is not committed,
    /// and statements after it are not run.
    ///
    /// # Errors
    /// What the statement that failed says, or the connection's own failure.
    pub(super) async fn simple_query(&mut self, text: &str) -> Result<(), Failure> {
        self.session.forget_prepared("");
        self.portals.remove("");
        self.authorize()?;
        let statements = self.session.parse(text)?;
        if statements.is_empty() {
            self.wire
                .send(PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new()))
                .await?;
        }
        for statement in &statements {
            if statements.len() > 1 {
                // Behind a COMMIT another transaction begins.
                self.session.begin_implicit();
            }
            if statement.ends_transaction() {
                // A commit that has begun cannot be given up.
                self.run_statement(statement).await?;
                continue;
            }
            // Each statement has the whole time for itself.
            let deadline = deadline_from_now(&self.session);
            let canceler = Arc::clone(&self.canceler);
            cancelable(canceler, deadline, self.run_statement(statement)).await?;
        }
        self.session.end_implicit().await?;
        self.ready().await
    }

    async fn run_statement(&mut self, statement: &Statement) -> Result<(), Failure> {
        self.journal.begin(statement.kind());
        // Boxed: the future that runs a statement is large, and every caller would carry it.
        match Box::pin(self.session.execute(statement, Vec::new())).await? {
            Outcome::Rows { tag, schema, stream } => {
                let is_binary = schema.metadata().contains_key(BINARY_KEY);
                let format = if is_binary { Format::Binary } else { Format::Text };
                let columns = Columns::new(schema)?.in_style(self.session.interval_style());
                let formats = vec![format; columns.list().len()];
                let mut rows = Rows::new(tag, columns, formats, stream);
                let description = rows.description();
                self.wire.send(PgWireBackendMessage::RowDescription(description)).await?;
                let sent = match rows.send(&mut self.wire, None).await? {
                    Progress::Exhausted(sent) => Some(sent),
                    Progress::Suspended => None,
                };
                self.complete(tag, sent).await
            }
            Outcome::CopyOut { format, schema, stream } => {
                Box::pin(self.copy_out(&format, schema, stream)).await
            }
            Outcome::CopyIn(import) => Box::pin(self.copy_in(*import)).await,
            Outcome::Done { tag, rows } => self.complete(tag, rows).await,
            Outcome::TransactionStarted { tag } | Outcome::TransactionEnded { tag } => {
                self.complete(tag, None).await
            }
            Outcome::Empty => {
                let empty = PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new());
                Ok(self.wire.send(empty).await?)
            }
        }
    }
}
