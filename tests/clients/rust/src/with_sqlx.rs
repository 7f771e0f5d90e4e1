//! sqlx: a pool, everything prepared and kept, types looked up in the catalog.

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolCopyExt, PgPoolOptions};
use sqlx::{Acquire, ColumnOrigin, Executor, Row, Statement};

use crate::checks::{INSERT, check, pinned, variable};

/// All checks.
pub async fn run() {
    pinned("sqlx");
    check("reads values of every type", values()).await;
    check("sends parameters of every type", parameters()).await;
    check("sends arrays", arrays()).await;
    check("inserts, and returns what the server made", insert()).await;
    check("searches with parameters", search()).await;
    check("describes statements", describes()).await;
    check("streams rows", streams()).await;
    check("nests transactions as savepoints", savepoints()).await;
    check("copies in and out", copies()).await;
    check("shares a pool", pool()).await;
    check("reports SQLSTATEs", errors()).await;
    println!("done");
}

async fn connect() -> PgPool {
    let options = PgConnectOptions::new()
        .host(&variable("PGHOST"))
        .port(variable("PGPORT").parse().unwrap())
        .username(&variable("PGUSER"))
        .password(&variable("PGPASSWORD"))
        .database(&variable("PGDATABASE"));
    PgPoolOptions::new().max_connections(4).connect_with(options).await.unwrap()
}

async fn emptied() -> PgPool {
    let pool = connect().await;
    sqlx::query("DELETE FROM faces").execute(&pool).await.unwrap();
    pool
}

async fn enrol(executor: impl Executor<'_, Database = sqlx::Postgres>, name: &str) {
    let insert = sqlx::query(INSERT).bind(name).bind(vec![1.0_f32, 0.0, 0.0]);
    insert.execute(executor).await.unwrap();
}

async fn values() {
    let query = "SELECT true, 3::int, 9::bigint, 1.5::real, 'x'::text, NULL::text, \
                 '\\x00ff'::bytea, \
                 '{\"a\": [1]}'::jsonb, '2024-01-02 03:04:05+00'::timestamptz, \
                 ARRAY[1.5, 2.5]::real[]";
    let row = sqlx::query(query).fetch_one(&connect().await).await.unwrap();
    assert!(row.get::<bool, _>(0));
    assert_eq!((row.get::<i32, _>(1), row.get::<i64, _>(2), row.get::<f32, _>(3)), (3, 9, 1.5));
    assert_eq!((row.get::<&str, _>(4), row.get::<Option<String>, _>(5)), ("x", None));
    assert_eq!(row.get::<Vec<u8>, _>(6), [0, 255]);
    assert_eq!(row.get::<Value, _>(7), json!({"a": [1]}));
    assert_eq!(row.get::<DateTime<Utc>, _>(8).to_rfc3339(), "2024-01-02T03:04:05+00:00");
    assert_eq!(row.get::<Vec<f32>, _>(9), [1.5, 2.5]);
}

async fn parameters() {
    let query = sqlx::query_as::<_, (bool, i32, String, Vec<f32>)>("SELECT $1, $2, $3, $4");
    let bound = query.bind(true).bind(7).bind("é'\\").bind(vec![1.0_f32, 2.0]);
    let row = bound.fetch_one(&connect().await).await.unwrap();
    assert_eq!(row, (true, 7, "é'\\".to_owned(), vec![1.0, 2.0]));
}

async fn arrays() {
    let query = "SELECT $1::text[], $2::int[], $3::bool[], $4::bytea[]";
    let (texts, numbers) = (vec!["a".to_owned(), "b \"{,}\\".to_owned()], vec![70_000, -1]);
    let (truths, bytes) = (vec![true, false], vec![vec![0_u8, 255], vec![]]);
    let bound = sqlx::query_as::<_, (Vec<String>, Vec<i32>, Vec<bool>, Vec<Vec<u8>>)>(query)
        .bind(&texts)
        .bind(&numbers)
        .bind(&truths)
        .bind(&bytes);
    let row = bound.fetch_one(&connect().await).await.unwrap();
    assert_eq!(row, (texts, numbers, truths, bytes));
}

async fn names(pool: &PgPool) -> Vec<String> {
    let query = "SELECT external_face_id FROM faces ORDER BY 1";
    sqlx::query_scalar(query).fetch_all(pool).await.unwrap()
}

async fn savepoints() {
    let pool = emptied().await;
    let mut outer = pool.begin().await.unwrap();
    enrol(&mut *outer, "ann").await;
    let mut inner = outer.begin().await.unwrap();
    enrol(&mut *inner, "bob").await;
    assert!(sqlx::query("SELECT 1 / 0").execute(&mut *inner).await.is_err());
    inner.rollback().await.unwrap();
    let mut inner = outer.begin().await.unwrap();
    enrol(&mut *inner, "cleo").await;
    inner.commit().await.unwrap();
    outer.commit().await.unwrap();
    assert_eq!(names(&pool).await, ["ann", "cleo"]);
}

async fn copies() {
    let pool = emptied().await;
    let text = "COPY faces (external_face_id, embedding) FROM STDIN";
    let mut target = pool.copy_in_raw(text).await.unwrap();
    target.send(&b"ann\t[1,0,0]\nbob\t[0,1,0]\n"[..]).await.unwrap();
    assert_eq!(target.finish().await.unwrap(), 2);
    let query = "COPY (SELECT external_face_id FROM faces ORDER BY 1) TO STDOUT";
    let parts: Vec<_> = pool.copy_out_raw(query).await.unwrap().try_collect().await.unwrap();
    assert_eq!(parts.concat(), b"ann\nbob\n");
    let target = pool.copy_in_raw(text).await.unwrap();
    target.abort("no more").await.unwrap();
    assert_eq!(names(&pool).await.len(), 2);
}

async fn insert() {
    let pool = emptied().await;
    let statement = "INSERT INTO faces (external_face_id, metadata, embedding) VALUES ($1, $2, $3) \
                     RETURNING face_id, metadata, created_at";
    let metadata = json!({"team": "red"});
    let bound = sqlx::query_as::<_, (String, Value, DateTime<Utc>)>(statement)
        .bind("ann")
        .bind(&metadata)
        .bind(vec![1.0_f32, 0.0, 0.0]);
    let row = bound.fetch_one(&pool).await.unwrap();
    assert!(row.0.starts_with("f_"));
    assert_eq!(row.1, metadata);
    let deleted = sqlx::query("DELETE FROM faces").execute(&pool).await.unwrap();
    assert_eq!(deleted.rows_affected(), 1);
}

async fn search() {
    let pool = emptied().await;
    enrol(&pool, "ann").await;
    let search =
        "SELECT external_face_id FROM (SEARCH FACES IN faces EMBEDDING $1 THRESHOLD $2 LIMIT $3) s";
    let bound = sqlx::query_scalar::<_, String>(search)
        .bind(vec![1.0_f32, 0.1, 0.0])
        .bind(0.5_f32)
        .bind(5_i64);
    assert_eq!(bound.fetch_all(&pool).await.unwrap(), ["ann"]);
}

async fn describes() {
    let pool = connect().await;
    let query = sqlx::SqlSafeStr::into_sql_str("SELECT face_id, created_at FROM faces");
    let statement = pool.prepare(query).await.unwrap();
    let columns: Vec<&str> = statement.columns().iter().map(sqlx::Column::name).collect();
    assert_eq!(columns, ["face_id", "created_at"]);
    let origins: Vec<String> = statement
        .columns()
        .iter()
        .map(|column| match sqlx::Column::origin(column) {
            ColumnOrigin::Table(origin) => format!("{}.{}", origin.table, origin.name),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(origins, ["faces.face_id", "faces.created_at"]);
}

async fn streams() {
    let pool = connect().await;
    let rows =
        sqlx::query_scalar::<_, i64>("SELECT n::bigint FROM generate_series(1, 1000) AS t(n)")
            .fetch(&pool);
    let sum = rows.try_fold(0, |sum, n| async move { Ok(sum + n) }).await.unwrap();
    assert_eq!(sum, 500_500);
}

async fn pool() {
    let pool = connect().await;
    let asked = (0..20).map(|number: i32| {
        let query = sqlx::query_scalar::<_, i32>("SELECT $1");
        query.bind(number).fetch_one(&pool)
    });
    assert_eq!(futures::future::try_join_all(asked).await.unwrap(), Vec::from_iter(0..20));
}

async fn errors() {
    let pool = connect().await;
    for (statement, state) in
        [("SELECT * FROM nowhere", "42P01"), ("SELEC 1", "42601"), ("SELECT 1/0", "22012")]
    {
        let error = sqlx::query(statement).fetch_all(&pool).await.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().code().unwrap(), state);
    }
}
