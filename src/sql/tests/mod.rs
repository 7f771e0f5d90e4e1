//! Sessions on a real engine over a store in a temporary directory, without any model pack.

mod alter;
mod audit;
mod catalog;
mod collection;
mod conflict;
mod cursor;
mod delete;
mod dialect;
mod direct;
mod document;
mod error;
mod explain;
mod fault;
mod fuzz;
mod given;
mod insert;
mod jsonb;
mod key;
mod keys;
mod lateral;
mod limits;
mod lookup;
mod model;
mod nearest;
mod number;
mod origin;
mod parameter;
mod pg_catalog;
mod picture;
mod prepared;
mod query;
mod role;
mod search;
mod session;
mod similar;
mod storage;
mod tools;
mod transaction;
mod update;
mod value;
mod vector;

use std::sync::Arc;

use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;
use likeness_storage::{Store, StoreOptions};
use tempfile::TempDir;

use super::{Outcome, SqlError, SqlSession, SqlState, SqlType, Statement};
use crate::engine::{AuditLog, Engine, Inference, Role, Tenant};

/// An engine and the directory it lives in.
#[derive(Clone)]
struct Database {
    engine: Arc<Engine>,
    directory: Arc<TempDir>,
}

impl Database {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let (store, _) = Store::open(directory.path(), StoreOptions::default()).unwrap();
        let audit = AuditLog::open(directory.path()).unwrap();
        let inference = Inference::unavailable("none for this test");
        let engine = Engine::recorded(Arc::new(store), inference, audit);
        Self { engine, directory: Arc::new(directory) }
    }

    fn tenant(&self, name: &str) -> Tenant {
        self.engine.tenant(name.parse().unwrap())
    }

    fn session(&self, tenant: &str, role: Role) -> SqlSession {
        SqlSession::new(self.tenant(tenant), role, "tester")
    }
}

/// A session of an administrator on a fresh database.
struct Client {
    database: Database,
    session: SqlSession,
}

impl Client {
    fn new() -> Self {
        let database = Database::new();
        let session = database.session("acme", Role::Admin);
        Self { database, session }
    }

    /// Another session of the same tenant.
    fn another(&self) -> Self {
        let database = self.database.clone();
        let session = database.session("acme", Role::Admin);
        Self { database, session }
    }

    /// A client whose tenant has the collection `people` of 3 dimensions with the faces of
    /// [`PEOPLE`].
    async fn with_people() -> Self {
        let client = Self::new();
        client.run("CREATE COLLECTION people WITH (dimensions = 3)").await;
        for (name, team, embedding) in PEOPLE {
            client
                .run(&format!(
                    "INSERT INTO people (external_face_id, external_image_id, metadata, embedding) \
                     VALUES ('{name}', '{team}', '{{\"team\": \"{team}\"}}', '{embedding}')"
                ))
                .await;
        }
        client
    }

    fn parse(&self, sql: &str) -> Result<Statement, SqlError> {
        let mut statements = self.session.parse(sql)?;
        assert_eq!(statements.len(), 1, "{sql}");
        Ok(statements.remove(0))
    }

    async fn outcome(&self, sql: &str, values: &[ScalarValue]) -> Result<Outcome, SqlError> {
        self.session.execute(&self.parse(sql)?, values.to_vec()).await
    }

    async fn try_rows(
        &self,
        sql: &str,
        values: &[ScalarValue],
    ) -> Result<Vec<Vec<String>>, SqlError> {
        match self.outcome(sql, values).await? {
            Outcome::Rows { stream, .. } => texts(stream).await,
            other => Err(SqlError::new(SqlState::InternalError, format!("{sql}: {other:?}"))),
        }
    }

    /// The rows of a statement as texts; NULL is the empty text.
    async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        self.rows_with(sql, &[]).await
    }

    async fn rows_with(&self, sql: &str, values: &[ScalarValue]) -> Vec<Vec<String>> {
        must(sql, self.try_rows(sql, values).await)
    }

    /// The first column of a statement's rows.
    async fn column(&self, sql: &str) -> Vec<String> {
        self.rows(sql).await.into_iter().map(|mut row| row.remove(0)).collect()
    }

    /// Runs a statement that returns no rows; its tag and count.
    async fn run(&self, sql: &str) -> (&'static str, Option<u64>) {
        self.run_with(sql, &[]).await
    }

    async fn run_with(&self, sql: &str, values: &[ScalarValue]) -> (&'static str, Option<u64>) {
        match must(sql, self.outcome(sql, values).await) {
            Outcome::Done { tag, rows } => (tag, rows),
            Outcome::TransactionStarted { tag } | Outcome::TransactionEnded { tag } => (tag, None),
            other => panic!("{sql}: {other:?}"),
        }
    }

    /// The error of a statement, whether it shows at once or among the rows.
    async fn error(&self, sql: &str) -> SqlError {
        self.error_with(sql, &[]).await
    }

    async fn error_with(&self, sql: &str, values: &[ScalarValue]) -> SqlError {
        let result = match self.outcome(sql, values).await {
            Ok(Outcome::Rows { stream, .. }) => texts(stream).await.map(|rows| format!("{rows:?}")),
            other => other.map(|outcome| format!("{outcome:?}")),
        };
        match result {
            Err(error) => error,
            Ok(outcome) => panic!("{sql} went well: {outcome}"),
        }
    }

    async fn state(&self, sql: &str) -> SqlState {
        self.error(sql).await.state
    }

    async fn face_id(&self, external_face_id: &str) -> String {
        let sql =
            format!("SELECT face_id FROM people WHERE external_face_id = '{external_face_id}'");
        self.column(&sql).await.remove(0)
    }

    async fn count(&self, collection: &str) -> String {
        self.column(&format!("SELECT count(*) FROM {collection}")).await.remove(0)
    }

    async fn describe(&self, sql: &str) -> (Vec<SqlType>, Option<Vec<String>>) {
        let statement = must(sql, self.parse(sql));
        let description = must(sql, self.session.describe(&statement, &[]).await);
        let names = description
            .columns
            .map(|schema| schema.fields().iter().map(|field| field.name().clone()).collect());
        (description.parameters, names)
    }
}

/// Has all rows of an outcome computed.
async fn drained(outcome: Outcome) -> Result<(), SqlError> {
    match outcome {
        Outcome::Rows { stream, .. } => texts(stream).await.map(drop),
        _ => Ok(()),
    }
}

/// External face id, team, embedding.
const PEOPLE: [(&str, &str, &str); 4] = [
    ("ann", "red", "[1, 0, 0]"),
    ("bob", "red", "[0.8, 0.6, 0]"),
    ("cid", "blue", "[0.6, 0.8, 0]"),
    ("dee", "blue", "[0, 0, 1]"),
];

fn must<T>(sql: &str, result: Result<T, SqlError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{sql}: {} {error} {:?}", error.state, error.detail),
    }
}

async fn texts(
    stream: datafusion::execution::SendableRecordBatchStream,
) -> Result<Vec<Vec<String>>, SqlError> {
    let batches: Vec<_> = stream.try_collect().await?;
    let options = FormatOptions::default();
    let mut rows = Vec::new();
    for batch in &batches {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column.value(row).to_string()).collect());
        }
    }
    Ok(rows)
}

fn text(value: &str) -> ScalarValue {
    ScalarValue::from(value)
}

fn reals(values: &[f32]) -> ScalarValue {
    let values: Vec<ScalarValue> = values.iter().copied().map(ScalarValue::from).collect();
    let element = datafusion::arrow::datatypes::DataType::Float32;
    ScalarValue::List(ScalarValue::new_list_nullable(&values, &element))
}
