//! Prepared statements as drivers see them, beside those of SQL.

use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::error::SqlState;

use super::{Door, code};

#[tokio::test]
async fn statements_prepared_in_sql_and_by_messages_share_their_names() {
    let door = Door::open().await;
    let client = door.admin().await;
    let first = async |sql: &str| {
        let messages = client.simple_query(sql).await.unwrap();
        messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        })
    };
    let statement = client.prepare("SELECT $1::bigint + 1").await.unwrap();
    let sql = "SELECT name FROM pg_prepared_statements WHERE NOT from_sql";
    let name = first(sql).await.unwrap();
    assert_eq!(first(&format!("EXECUTE {name}(41)")).await.unwrap(), "42");
    client.batch_execute(&format!("DEALLOCATE {name}")).await.unwrap();
    let error = client.query(&statement, &[&1_i64]).await.unwrap_err();
    assert_eq!(code(&error), SqlState::INVALID_SQL_STATEMENT_NAME);

    client.batch_execute("PREPARE doubled(bigint) AS SELECT $1 * 2 AS twice").await.unwrap();
    // Described and executed as any other statement.
    let row = client.query_one("EXECUTE doubled($1)", &[&21_i64]).await.unwrap();
    assert_eq!((row.columns()[0].name(), row.get::<_, i64>("twice")), ("twice", 42));
    let error = client.batch_execute("PREPARE doubled AS SELECT 1").await.unwrap_err();
    assert_eq!(code(&error), SqlState::DUPLICATE_PSTATEMENT);
    client.batch_execute("DEALLOCATE ALL").await.unwrap();
    let error = client.query("EXECUTE doubled($1)", &[&21_i64]).await.unwrap_err();
    assert_eq!(code(&error), SqlState::INVALID_SQL_STATEMENT_NAME);
}
