//! A panic ends its statement, with an error, and nothing else.

use super::*;
use crate::pg::{AnswerLimits, answer};
use crate::sql::SqlSession;

/// While the statement is planned, before its first row, and between its rows.
const PANICS: [&str; 3] = [
    "SELECT panic_if(true)",
    "SELECT panic_if(n = 1) FROM generate_series(1, 5) g(n)",
    "SELECT n, panic_if(n = 90000) FROM generate_series(1, 100000) g(n)",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_ends_the_statement_with_an_error_and_leaves_the_connection() {
    let door = Door::open().await;
    let client = door.admin().await;
    client.batch_execute("CREATE COLLECTION c WITH (dimensions = 2)").await.unwrap();
    for statement in PANICS {
        let error = in_time(client.simple_query(statement)).await.unwrap_err();
        assert_eq!(code(&error), SqlState::INTERNAL_ERROR, "{statement}");
        assert_eq!(error.as_db_error().unwrap().message(), "internal error", "{statement}");
        still_serves(&client).await;
        let error = in_time(client.query(statement, &[])).await.unwrap_err();
        assert_eq!(code(&error), SqlState::INTERNAL_ERROR, "{statement}");
        still_serves(&client).await;
        let rows = client.copy_out(&format!("COPY ({statement}) TO STDOUT")).await;
        let copied = async { rows?.try_collect::<Vec<_>>().await };
        assert_eq!(code(&copied.await.unwrap_err()), SqlState::INTERNAL_ERROR, "{statement}");
        still_serves(&client).await;
    }
    let writing = "INSERT INTO c (embedding) SELECT '[1, 2]'::vector
        FROM generate_series(1, 9) g(n) WHERE NOT panic_if(n = 9)";
    client.batch_execute("BEGIN; INSERT INTO c (embedding) VALUES ('[1, 0]')").await.unwrap();
    assert_eq!(code(&client.simple_query(writing).await.unwrap_err()), SqlState::INTERNAL_ERROR);
    let error = client.simple_query("SELECT 1").await.unwrap_err();
    assert_eq!(code(&error), SqlState::IN_FAILED_SQL_TRANSACTION);
    client.batch_execute("ROLLBACK").await.unwrap();
    let row = client.query_one("SELECT count(*) FROM c", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_portal_whose_query_panics_is_gone_and_its_connection_is_not() {
    let door = Door::open().await;
    let mut client = door.admin().await;
    let transaction = client.transaction().await.unwrap();
    let portal = transaction.bind(PANICS[2], &[]).await.unwrap();
    assert_eq!(transaction.query_portal(&portal, 2).await.unwrap().len(), 2);
    let error = transaction.query_portal(&portal, 0).await.unwrap_err();
    assert_eq!(code(&error), SqlState::INTERNAL_ERROR);
    transaction.rollback().await.unwrap();
    still_serves(&client).await;
}

#[tokio::test]
async fn a_statement_without_a_connection_that_panics_is_answered_with_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(directory.path(), StoreOptions::default()).unwrap();
    let engine = Engine::new(Arc::new(store), Inference::unavailable("none in this test"));
    let session = SqlSession::new(engine.tenant("acme".parse().unwrap()), Role::Read, "desk");
    let limits = AnswerLimits { rows: 9, bytes: 99, time: Duration::from_mins(1) };
    for statement in &PANICS[..2] {
        let answered = answer(&session, statement, &[], limits, Arc::default()).await;
        assert_eq!(answered.unwrap_err().code, "XX000", "{statement}");
    }
}
