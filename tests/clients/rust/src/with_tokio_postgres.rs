//! tokio-postgres: everything prepared, values in binary, types looked up in the catalog.

use std::pin::pin;

use chrono::{DateTime, Utc};
use futures::{SinkExt, TryStreamExt};
use serde_json::{Value, json};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::checks::{INSERT, check, pinned, variable};

/// All checks.
pub async fn run() {
    pinned("tokio-postgres");
    check("reads values of every type", values()).await;
    check("sends parameters of every type", parameters()).await;
    check("sends arrays of every type", arrays()).await;
    check("infers the types of parameters", inference()).await;
    check("inserts, and returns what the server made", insert()).await;
    check("pipelines statements", pipeline()).await;
    check("sends several statements in one text", several()).await;
    check("fetches portions of a portal", portal()).await;
    check("nests transactions as savepoints", savepoints()).await;
    check("copies in, as text and in binary", copies_in()).await;
    check("copies out", copies_out()).await;
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

async fn arrays() {
    let client = emptied().await;
    let query = "SELECT $1::text[], $2::smallint[], $3::int[], $4::bigint[], $5::float8[], \
                 $6::bool[], $7::bytea[], $8::timestamptz[]";
    let texts = vec![Some("a"), None, Some("c \"{,}\\")];
    let (shorts, numbers, longs) = (vec![1_i16, -2], vec![70_000], vec![1_i64 << 40]);
    let (doubles, truths, bytes) = (vec![0.1], vec![true, false], vec![vec![0_u8, 255], vec![]]);
    let moments = vec![DateTime::<Utc>::from_timestamp(1_704_164_645, 0).unwrap()];
    let sent: [&(dyn ToSql + Sync); 8] =
        [&texts, &shorts, &numbers, &longs, &doubles, &truths, &bytes, &moments];
    let row = client.query_one(query, &sent).await.unwrap();
    assert_eq!(row.get::<_, Vec<Option<&str>>>(0), texts);
    assert_eq!((row.get::<_, Vec<i16>>(1), row.get::<_, Vec<i32>>(2)), (shorts, numbers));
    assert_eq!((row.get::<_, Vec<i64>>(3), row.get::<_, Vec<f64>>(4)), (longs, doubles));
    assert_eq!((row.get::<_, Vec<bool>>(5), row.get::<_, Vec<Vec<u8>>>(6)), (truths, bytes));
    assert_eq!(row.get::<_, Vec<DateTime<Utc>>>(7), moments);
    let found = "SELECT count(*) FROM faces WHERE external_face_id = ANY($1)";
    let count = client.query_one(found, &[&vec!["ann", "bob"]]).await.unwrap();
    assert_eq!(count.get::<_, i64>(0), 0);
}

async fn inference() {
    let client = connect().await;
    let search = "SEARCH FACES IN faces EMBEDDING $1 THRESHOLD $2 LIMIT $3";
    let statement = client.prepare(search).await.unwrap();
    let names = statement.params().iter().map(Type::name).collect::<Vec<_>>();
    assert_eq!(names, ["vector", "float4", "int8"]);
    let statement = client.prepare(&search.replace("$1", "$1::real[]")).await.unwrap();
    assert_eq!(statement.params(), [Type::FLOAT4_ARRAY, Type::FLOAT4, Type::INT8]);
    let statement =
        client.prepare("SELECT 1 FROM faces WHERE external_face_id = $1").await.unwrap();
    assert_eq!(statement.params(), [Type::TEXT]);
}

async fn insert() {
    let client = emptied().await;
    let statement = "INSERT INTO faces (external_face_id, metadata, embedding) \
                     VALUES ($1, $2, $3::real[]) RETURNING face_id, metadata";
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

async fn names(client: &Client) -> Vec<String> {
    let query = "SELECT external_face_id FROM faces ORDER BY 1";
    client.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

async fn savepoints() {
    let mut client = emptied().await;
    let mut outer = client.transaction().await.unwrap();
    outer.execute(INSERT, &[&"ann", &vec![1.0_f32, 0.0, 0.0]]).await.unwrap();
    let inner = outer.transaction().await.unwrap();
    inner.execute(INSERT, &[&"bob", &vec![0.0_f32, 1.0, 0.0]]).await.unwrap();
    let error = inner.query("SELECT 1 / 0", &[]).await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::DIVISION_BY_ZERO));
    inner.rollback().await.unwrap();
    let inner = outer.savepoint("by_name").await.unwrap();
    inner.execute(INSERT, &[&"cleo", &vec![0.0_f32, 0.0, 1.0]]).await.unwrap();
    inner.commit().await.unwrap();
    outer.commit().await.unwrap();
    assert_eq!(names(&client).await, ["ann", "cleo"]);
}

async fn copies_in() {
    let client = emptied().await;
    let text = "COPY faces (external_face_id, embedding) FROM STDIN";
    let mut sink = pin!(client.copy_in(text).await.unwrap());
    sink.send(&b"ann\t[1,0,0]\nbob\t"[..]).await.unwrap();
    sink.send(&b"[0,1,0]\n"[..]).await.unwrap();
    assert_eq!(sink.finish().await.unwrap(), 2);
    let binary = format!("{text} (FORMAT binary)");
    let sink = client.copy_in(&binary).await.unwrap();
    let mut rows = pin!(BinaryCopyInWriter::new(sink, &[Type::TEXT, Type::FLOAT4_ARRAY]));
    rows.as_mut().write(&[&"cleo", &vec![0.0_f32, 0.0, 1.0]]).await.unwrap();
    assert_eq!(rows.finish().await.unwrap(), 1);
    // What breaks off enrols nobody.
    {
        let mut sink = pin!(client.copy_in(text).await.unwrap());
        sink.send(&b"dan\t[1,0,0]\n"[..]).await.unwrap();
    }
    assert_eq!(names(&client).await, ["ann", "bob", "cleo"]);
}

async fn copies_out() {
    let client = emptied().await;
    client.execute(INSERT, &[&"ann", &vec![1.0_f32, 0.0, 0.0]]).await.unwrap();
    let query = "COPY (SELECT external_face_id, embedding FROM faces) TO STDOUT (FORMAT csv)";
    let parts: Vec<_> = client.copy_out(query).await.unwrap().try_collect().await.unwrap();
    assert_eq!(parts.concat(), b"ann,\"[1,0,0]\"\n");
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
