//! tokio-postgres: everything prepared, values in binary, types looked up in the catalog.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::checks::{check, pinned, variable};

/// All checks.
pub async fn run() {
    pinned("tokio-postgres");
    check("reads values of every type", values()).await;
    check("sends parameters of every type", parameters()).await;
    check("infers the types of parameters", inference()).await;
    check("inserts, and returns what the server made", insert()).await;
    check("pipelines statements", pipeline()).await;
    check("sends several statements in one text", several()).await;
    check("fetches portions of a portal", portal()).await;
    check("cancels a statement that runs", cancel()).await;
    check("reports SQLSTATEs, with position", errors()).await;
    println!("done");
}

async fn connect() -> Client {
    let (client, connection) = Config::new()
        .host(variable("PGHOST"))
        .port(variable("PGPORT").parse().unwrap())
        .user(variable("PGUSER"))
        .password(variable("PGPASSWORD"))
        .dbname(variable("PGDATABASE"))
        .connect(NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

async fn emptied() -> Client {
    let client = connect().await;
    client.execute("DELETE FROM faces", &[]).await.unwrap();
    client
}

async fn values() {
    let query = "SELECT true, 3::int, 9::bigint, 1.5::real, 2.5::float8, 'x'::text, NULL::text, \
                 '\\x00ff'::bytea, '{\"a\": [1]}'::jsonb, '2024-01-02 03:04:05+00'::timestamptz, \
                 ARRAY[1.5, 2.5]::real[]";
    let row = connect().await.query_one(query, &[]).await.unwrap();
    assert!(row.get::<_, bool>(0));
    assert_eq!((row.get::<_, i32>(1), row.get::<_, i64>(2)), (3, 9));
    assert_eq!((row.get::<_, f32>(3), row.get::<_, f64>(4)), (1.5, 2.5));
    assert_eq!((row.get::<_, &str>(5), row.get::<_, Option<&str>>(6)), ("x", None));
    assert_eq!(row.get::<_, &[u8]>(7), [0, 255]);
    assert_eq!(row.get::<_, Value>(8), json!({"a": [1]}));
    assert_eq!(row.get::<_, DateTime<Utc>>(9).to_rfc3339(), "2024-01-02T03:04:05+00:00");
    assert_eq!(row.get::<_, Vec<f32>>(10), [1.5, 2.5]);
}

async fn parameters() {
    let query =
        "SELECT $1::bool, $2::int, $3::float8, $4::text, $5::bytea, $6::real[], $7::timestamptz";
    let moment = DateTime::<Utc>::from_timestamp(1_704_164_645, 0).unwrap();
    let row = connect()
        .await
        .query_one(
            query,
            &[&true, &7, &0.25, &"é'\\", &&[0_u8, 1][..], &vec![1.0_f32, 2.0], &moment],
        )
        .await
        .unwrap();
    assert_eq!(
        (row.get::<_, bool>(0), row.get::<_, i32>(1), row.get::<_, f64>(2)),
        (true, 7, 0.25)
    );
    assert_eq!((row.get::<_, &str>(3), row.get::<_, &[u8]>(4)), ("é'\\", &[0, 1][..]));
    assert_eq!(row.get::<_, Vec<f32>>(5), [1.0, 2.0]);
    assert_eq!(row.get::<_, DateTime<Utc>>(6), moment);
}

async fn inference() {
    let client = connect().await;
    let search = "SEARCH FACES IN faces EMBEDDING $1 THRESHOLD $2 LIMIT $3";
    let statement = client.prepare(search).await.unwrap();
    assert_eq!(statement.params(), [Type::FLOAT4_ARRAY, Type::FLOAT4, Type::INT8]);
    let statement =
        client.prepare("SELECT 1 FROM faces WHERE external_face_id = $1").await.unwrap();
    assert_eq!(statement.params(), [Type::TEXT]);
}

async fn insert() {
    let client = emptied().await;
    let statement = "INSERT INTO faces (external_face_id, metadata, embedding) VALUES ($1, $2, $3) \
                     RETURNING face_id, metadata";
    let metadata = json!({"team": "red"});
    let row =
        client.query_one(statement, &[&"ann", &metadata, &vec![1.0_f32, 0.0, 0.0]]).await.unwrap();
    assert!(row.get::<_, &str>(0).starts_with("f_"));
    assert_eq!(row.get::<_, Value>(1), metadata);
    assert_eq!(client.execute("DELETE FROM faces", &[]).await.unwrap(), 1);
}

async fn pipeline() {
    let client = connect().await;
    let statement = client.prepare("SELECT $1::text").await.unwrap();
    let texts: Vec<String> = (0..50).map(|number| number.to_string()).collect();
    let sent = texts.iter().map(|text| async { client.query_one(&statement, &[text]).await });
    let rows = futures::future::try_join_all(sent).await.unwrap();
    assert!(rows.iter().zip(&texts).all(|(row, text)| row.get::<_, &str>(0) == text));
}

async fn several() {
    let messages = connect().await.simple_query("SELECT 1; SELECT 2, 'x'").await.unwrap();
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0)),
        _ => None,
    });
    assert_eq!(rows.collect::<Vec<_>>(), [Some("1"), Some("2")]);
}

async fn portal() {
    let mut client = connect().await;
    let transaction = client.transaction().await.unwrap();
    let query = "SELECT n FROM generate_series(1, 100) AS t(n)";
    let portal = transaction.bind(query, &[]).await.unwrap();
    assert_eq!(transaction.query_portal(&portal, 30).await.unwrap().len(), 30);
    assert_eq!(transaction.query_portal(&portal, 0).await.unwrap().len(), 70);
}

async fn cancel() {
    let client = connect().await;
    let token = client.cancel_token();
    let endless = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b";
    let running = tokio::spawn(async move { client.query(endless, &[]).await });
    // A request that comes before the statement finds nothing to cancel.
    while !running.is_finished() {
        token.cancel_query(NoTls).await.unwrap();
    }
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED));
}

async fn errors() {
    let client = connect().await;
    for (statement, state) in [
        ("SELECT * FROM nowhere", SqlState::UNDEFINED_TABLE),
        ("SELECT nothing FROM faces", SqlState::UNDEFINED_COLUMN),
        ("SELEC 1", SqlState::SYNTAX_ERROR),
        ("SELECT 1/0", SqlState::DIVISION_BY_ZERO),
    ] {
        let error = client.query(statement, &[]).await.unwrap_err();
        assert_eq!(error.code(), Some(&state), "{statement}");
    }
}
