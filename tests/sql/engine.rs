//! How sqllogictest reaches the server: a connection of the stock driver.

use std::fmt;

use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType};
use tokio_postgres::{Client, SimpleQueryMessage};

/// The types of columns that the files name: any, text, integer, real.
pub(crate) type Column = DefaultColumnType;

/// One connection.
pub(crate) struct Engine {
    client: Client,
}

impl Engine {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }
}

/// An error as the files see it: SQLSTATE and message.
#[derive(Debug)]
pub(crate) struct Refusal(tokio_postgres::Error);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_db_error() {
            Some(error) => write!(f, "{}: {}", error.code().code(), error.message()),
            None => self.0.fmt(f),
        }
    }
}

impl std::error::Error for Refusal {}

#[async_trait::async_trait]
impl AsyncDB for Engine {
    type Error = Refusal;
    type ColumnType = Column;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<Column>, Refusal> {
        let messages = self.client.simple_query(sql).await.map_err(Refusal)?;
        let mut types = Vec::new();
        let mut rows = Vec::new();
        let mut affected = 0;
        for message in &messages {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    types = vec![Column::Any; columns.len()];
                }
                SimpleQueryMessage::Row(row) => {
                    let cell = |at| match row.get(at) {
                        None => "NULL".to_owned(),
                        Some("") => "(empty)".to_owned(),
                        Some(text) => text.to_owned(),
                    };
                    rows.push((0..row.len()).map(cell).collect());
                }
                SimpleQueryMessage::CommandComplete(count) => affected = *count,
                _ => {}
            }
        }
        if types.is_empty() {
            return Ok(DBOutput::StatementComplete(affected));
        }
        Ok(DBOutput::Rows { types, rows })
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &'static str {
        "likeness"
    }

    fn error_sql_state(error: &Refusal) -> Option<String> {
        Some(error.0.code()?.code().to_owned())
    }
}
