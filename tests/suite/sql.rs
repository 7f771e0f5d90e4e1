//! The PostgreSQL door as a stock driver sees it: log-in, statements, parameters, tags, errors.

use futures::TryStreamExt;
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::error::SqlState;

use crate::support::{ServerBuilder, as_text, embeddings};

const CREATE: &str = "CREATE COLLECTION users WITH (dimensions = 32, description = 'test')";
const INSERT: &str = "INSERT INTO users (external_face_id, external_image_id, embedding) \
                      VALUES ($1, $2, $3::real[]) RETURNING face_id";

async fn filled(client: &tokio_postgres::Client, rows: &[Vec<f32>]) -> Vec<String> {
    client.batch_execute(CREATE).await.unwrap();
    let insert = client.prepare(INSERT).await.unwrap();
    let mut ids = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let (face, image) = (format!("u{at}"), format!("image-{}", at % 3));
        ids.push(client.query_one(&insert, &[&face, &image, row]).await.unwrap().get(0));
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_face_is_searchable_the_moment_its_insert_returns() {
    let server = ServerBuilder::new().start().await;
    let client = server.admin().await;
    let rows = embeddings(30, 32);
    client.batch_execute(CREATE).await.unwrap();
    let insert = client.prepare(INSERT).await.unwrap();
    for (at, row) in rows.iter().enumerate() {
        let id = format!("u{at}");
        let inserted: String =
            client.query_one(&insert, &[&id, &"i", row]).await.unwrap().get("face_id");
        let search = "SEARCH FACES IN users LIKE EMBEDDING $1::real[] LIMIT 1";
        let found = client.query_one(search, &[row]).await.unwrap();
        assert_eq!(found.get::<_, String>("face_id"), inserted);
        assert_eq!(found.get::<_, i64>("rank"), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn search_composes_with_sql_and_filters_before_it_ranks() {
    let server = ServerBuilder::new().start().await;
    let client = server.admin().await;
    let ids = filled(&client, &embeddings(60, 32)).await;

    let search = "SEARCH FACES IN users LIKE $1 WHERE external_image_id = $2 LIMIT 100";
    let found = client.query(search, &[&ids[0], &"image-1"]).await.unwrap();
    assert_eq!(found.len(), 20, "every face of the image is a candidate, whatever its rank");
    let similarities: Vec<f32> = found.iter().map(|row| row.get("similarity")).collect();
    assert!(similarities.is_sorted_by(|a, b| a >= b));
    assert!(found.iter().all(|row| row.get::<_, &str>("external_image_id") == "image-1"));

    let itself = client.query("SEARCH FACES IN users LIKE $1 LIMIT 100", &[&ids[0]]).await.unwrap();
    assert_eq!(itself.len(), 59, "the probe is not among its own candidates");

    let grouped = client
        .query(
            "SELECT u.external_image_id, count(*) AS faces \
             FROM (SEARCH FACES IN users LIKE $1 LIMIT 30) s JOIN users u ON u.face_id = s.face_id \
             GROUP BY 1 ORDER BY 1",
            &[&ids[0]],
        )
        .await
        .unwrap();
    let total: i64 = grouped.iter().map(|row| row.get::<_, i64>("faces")).sum();
    assert_eq!(total, 30);

    let none = "SEARCH FACES IN users LIKE $1 THRESHOLD 0.999";
    assert!(client.query(none, &[&ids[0]]).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_matches_nothing_deletes_nothing() {
    let server = ServerBuilder::new().start().await;
    let client = server.admin().await;
    filled(&client, &embeddings(9, 32)).await;
    for nothing in ["1 = 0", "face_id = NULL", "face_id IN (SELECT 'f9')", "NOT EXISTS (SELECT 1)"]
    {
        let delete = format!("DELETE FROM users WHERE {nothing}");
        assert_eq!(client.execute(delete.as_str(), &[]).await.unwrap(), 0, "{delete}");
    }
    let null: Option<String> = None;
    let by_parameter = "DELETE FROM users WHERE external_face_id = $1";
    assert_eq!(client.execute(by_parameter, &[&null]).await.unwrap(), 0);
    assert_eq!(client.execute(by_parameter, &[&"u3"]).await.unwrap(), 1);
    let left: i64 = client.query_one("SELECT count(*) FROM users", &[]).await.unwrap().get(0);
    assert_eq!(left, 8);
    assert_eq!(client.execute("DELETE FROM users", &[]).await.unwrap(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn simple_queries_answer_with_the_tags_of_postgres() {
    let server = ServerBuilder::new().start().await;
    let client = server.admin().await;
    let text = as_text(&embeddings(1, 32)[0]);
    let script = format!(
        "{CREATE}; INSERT INTO users (embedding) VALUES ('{text}'), ('{text}'); \
         SELECT external_face_id FROM users; DELETE FROM users; DROP COLLECTION users;"
    );
    let messages = client.simple_query(&script).await.unwrap();
    let counts: Vec<u64> = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
            _ => None,
        })
        .collect();
    assert_eq!(counts, [0, 2, 2, 2, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_carry_the_sqlstate_that_postgres_would_use() {
    let server = ServerBuilder::new().start().await;
    let client = server.admin().await;
    client.batch_execute(CREATE).await.unwrap();
    let cases = [
        ("SELEC 1", SqlState::SYNTAX_ERROR),
        ("SELECT * FROM nowhere", SqlState::UNDEFINED_TABLE),
        ("SEARCH FACES IN nowhere LIKE 'f_1'", SqlState::UNDEFINED_TABLE),
        ("SELECT nothing FROM users", SqlState::UNDEFINED_COLUMN),
        (CREATE, SqlState::DUPLICATE_TABLE),
        ("SELECT 1/0", SqlState::DIVISION_BY_ZERO),
        ("SELECT * FROM '/etc/passwd'", SqlState::UNDEFINED_TABLE),
        ("LISTEN x", SqlState::FEATURE_NOT_SUPPORTED),
    ];
    for (statement, state) in cases {
        let error = client.simple_query(statement).await.unwrap_err();
        assert_eq!(error.code(), Some(&state), "{statement}: {error:?}");
    }
    assert_eq!(client.query("SELECT 1", &[]).await.unwrap().len(), 1, "the session lives on");
}

#[tokio::test(flavor = "multi_thread")]
async fn deallocated_statements_are_gone_and_new_ones_work() {
    let server = ServerBuilder::new().start().await;
    let client = server.admin().await;
    let kept = client.prepare("SELECT 1").await.unwrap();
    assert_eq!(client.query(&kept, &[]).await.unwrap().len(), 1);
    for forget in ["DEALLOCATE ALL", "DISCARD ALL"] {
        let statement = client.prepare("SELECT 2").await.unwrap();
        client.batch_execute(forget).await.unwrap();
        let error = client.query(&statement, &[]).await.unwrap_err();
        let gone = SqlState::INVALID_SQL_STATEMENT_NAME;
        assert_eq!(error.code(), Some(&gone), "{forget}: {error:?}");
    }
    let unknown = client.batch_execute("DEALLOCATE nobody").await.unwrap_err();
    assert_eq!(unknown.code(), Some(&SqlState::INVALID_SQL_STATEMENT_NAME));
    assert_eq!(client.query("SELECT 3", &[]).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn similar_faces_are_paired_resumed_and_given_up() {
    let server = ServerBuilder::new().start().await;
    let client = server.admin().await;
    let ids = filled(&client, &embeddings(20, 32)).await;
    let statement = "SELECT * FROM similar_faces('users', threshold => $1, after_face_id => $2)";
    let prepared = client.prepare(statement).await.unwrap();
    let all = client.query(&prepared, &[&0.0_f32, &None::<&str>]).await.unwrap();
    assert_eq!(all.len(), 20 * 19 / 2);
    let pairs: Vec<(&str, &str)> = all.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert!(pairs.is_sorted_by(|a, b| a < b) && pairs.iter().all(|(one, other)| one < other));
    for row in &all[..40] {
        let search = "SELECT similarity FROM (SEARCH FACES IN users LIKE $1 LIMIT 100) s \
                      WHERE face_id = $2";
        let (one, other): (&str, &str) = (row.get(0), row.get(1));
        let found = client.query_one(search, &[&one, &other]).await.unwrap();
        assert_eq!(found.get::<_, f32>(0).to_bits(), row.get::<_, f32>("similarity").to_bits());
    }
    let rest = client.query(&prepared, &[&0.0_f32, &Some(&ids[4])]).await.unwrap();
    assert_eq!(rest.len(), 15 * 14 / 2);

    client.batch_execute("CREATE COLLECTION crowd WITH (dimensions = 2)").await.unwrap();
    let crowd =
        format!("INSERT INTO crowd (embedding) VALUES {}", vec!["($1::real[])"; 4000].join(", "));
    client.execute(&crowd, &[&[1.0_f32, 0.0].as_slice()]).await.unwrap();
    let endless = "SELECT * FROM similar_faces('crowd', threshold => 0)";
    let mut rows = Box::pin(client.query_raw(endless, &[] as &[&str]).await.unwrap());
    assert!(rows.try_next().await.unwrap().is_some());
    client.cancel_token().cancel_query(tokio_postgres::NoTls).await.unwrap();
    let ended = loop {
        match rows.try_next().await {
            Ok(Some(_)) => {}
            other => break other.map(|_| ()),
        }
    };
    assert_eq!(ended.unwrap_err().code(), Some(&SqlState::QUERY_CANCELED));
}
