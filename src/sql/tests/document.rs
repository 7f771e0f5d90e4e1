//! The examples of `docs/sql.md` run.

use datafusion::scalar::ScalarValue;

use super::{Client, Outcome, must, text};
use crate::sql::{SqlState, SqlType, Statement};

const DOCUMENT: &str = include_str!("../../../docs/sql.md");

#[tokio::test]
async fn the_first_session_of_the_manual_works_as_printed() {
    let (_, rest) = DOCUMENT.split_once("## A first session").unwrap();
    let (_, rest) = rest.split_once("```sql\n").unwrap();
    let (session, _) = rest.split_once("```").unwrap();
    let client = Client::new();
    let mut rows_of_searches = Vec::new();
    for statement in client.session.parse(session).unwrap() {
        let outcome = client.session.execute(&statement, Vec::new()).await;
        if let Outcome::Rows { tag: "SELECT", stream, .. } = must(session, outcome) {
            rows_of_searches.push(super::texts(stream).await.unwrap().len());
        }
    }
    assert_eq!(rows_of_searches, [2, 1]);
}

#[tokio::test]
async fn the_thumbnails_of_the_manual_are_null_where_nobody_keeps_any() {
    let (_, rest) = DOCUMENT.split_once("```sql\nSELECT face_thumbnail").unwrap();
    let (examples, _) = rest.split_once("```").unwrap();
    let examples = format!("SELECT face_thumbnail{examples}");
    let client = Client::new();
    client.run("CREATE COLLECTION users WITH (dimensions = 1)").await;
    let insert = "INSERT INTO users (external_face_id, embedding) VALUES ('ann', '[1]')";
    client.run(insert).await;
    client.run("INSERT INTO users (embedding) VALUES ('[1]')").await;
    let mut pictures = Vec::new();
    for statement in client.session.parse(&examples).unwrap() {
        let outcome = must(&examples, client.session.execute(&statement, Vec::new()).await);
        let Outcome::Rows { stream, .. } = outcome else { panic!("{outcome:?}") };
        let rows = super::texts(stream).await.unwrap();
        pictures.push(rows.last().unwrap().last().unwrap().clone());
    }
    assert_eq!(pictures, ["", ""]);
}

#[tokio::test]
async fn the_searches_of_the_manual_plan_with_their_parameter() {
    let (_, rest) = DOCUMENT.split_once("```sql\nWITH hits").unwrap();
    let (examples, _) = rest.split_once("```").unwrap();
    let client = Client::new();
    client.run("CREATE COLLECTION users WITH (dimensions = 1)").await;
    client.run("INSERT INTO users (embedding) VALUES ('[1]')").await;
    let face_id = client.column("SELECT face_id FROM users").await.remove(0);
    let examples = format!("WITH hits{examples}");
    let statements = client.session.parse(&examples).unwrap();
    assert_eq!(statements.len(), 2);
    for statement in statements {
        let outcome = client.session.execute(&statement, vec![text(&face_id)]).await;
        must(&examples, outcome);
    }
}

#[tokio::test]
async fn the_pairs_of_the_manual_are_found() {
    let (_, rest) = DOCUMENT.split_once("```sql\nSELECT s.external_face_id").unwrap();
    let (examples, _) = rest.split_once("```").unwrap();
    let client = Client::new();
    for collection in ["users", "banned"] {
        client.run(&format!("CREATE COLLECTION {collection} WITH (dimensions = 1)")).await;
        let columns = "(metadata, embedding)";
        client.run(&format!("INSERT INTO {collection} {columns} VALUES ('{{}}', '[1]')")).await;
    }
    client.run("INSERT INTO users (embedding) VALUES ('[1]')").await;
    let examples = format!("SELECT s.external_face_id{examples}");
    let mut rows = Vec::new();
    for statement in client.session.parse(&examples).unwrap() {
        let parameters = vec![0.5_f32.into(); statement.parameter_count()];
        let outcome = must(&examples, client.session.execute(&statement, parameters).await);
        let Outcome::Rows { stream, .. } = outcome else { panic!("{outcome:?}") };
        rows.push(super::texts(stream).await.unwrap().len());
    }
    assert_eq!(rows, [1, 2]);
}

#[tokio::test]
async fn the_searches_for_each_row_of_the_manual_find_whom_they_name() {
    let (_, rest) = DOCUMENT.split_once("#### A search for each row").unwrap();
    let (_, rest) = rest.split_once("```sql\n").unwrap();
    let (examples, _) = rest.split_once("```").unwrap();
    let client = Client::new();
    for collection in ["visitors", "users", "banned"] {
        client.run(&format!("CREATE COLLECTION {collection} WITH (dimensions = 3)")).await;
        let row = "(external_face_id, embedding) VALUES ('ann', '[1, 0, 0]')";
        client.run(&format!("INSERT INTO {collection} {row}")).await;
    }
    let mut rows = Vec::new();
    for statement in client.session.parse(examples).unwrap() {
        let outcome = must(examples, client.session.execute(&statement, Vec::new()).await);
        let Outcome::Rows { stream, .. } = outcome else { panic!("{outcome:?}") };
        rows.push(super::texts(stream).await.unwrap().len());
    }
    assert_eq!(rows, [1, 2, 1]);
}

#[tokio::test]
async fn the_transaction_of_the_manual_keeps_what_it_says() {
    let (_, rest) = DOCUMENT.split_once("```sql\nBEGIN;").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let client = Client::new();
    client.run("CREATE COLLECTION users WITH (dimensions = 3)").await;
    client.run("INSERT INTO users (external_face_id, embedding) VALUES ('ann', '[1,0,0]')").await;
    let example = format!("BEGIN;{example}");
    let mut counts = Vec::new();
    for statement in client.session.parse(&example).unwrap() {
        let outcome = must(&example, client.session.execute(&statement, Vec::new()).await);
        if let Outcome::Rows { stream, .. } = outcome {
            counts.extend(super::texts(stream).await.unwrap().concat());
        }
    }
    assert_eq!(counts, ["1"], "inside");
    assert_eq!(client.count("users").await, "2");
}

#[tokio::test]
async fn the_system_catalogs_of_the_manual_show_a_collection() {
    let (_, rest) = DOCUMENT.split_once("### System catalogs").unwrap();
    let (_, rest) = rest.split_once("```sql\n").unwrap();
    let (examples, _) = rest.split_once("```").unwrap();
    let client = Client::with_people().await;
    let mut rows = Vec::new();
    for statement in client.session.parse(examples).unwrap() {
        let outcome = must(examples, client.session.execute(&statement, Vec::new()).await);
        let Outcome::Rows { stream, .. } = outcome else { panic!("{outcome:?}") };
        rows.push(super::texts(stream).await.unwrap().len());
    }
    assert_eq!(rows, [11, 1]);
}

/// The statements of the second block of code below `heading`: the first is the grammar.
fn example(heading: &str) -> &'static str {
    let (_, rest) = DOCUMENT.split_once(heading).unwrap();
    rest.split("```sql\n").nth(2).unwrap().split("```").next().unwrap()
}

/// What the statements of an example answer, those that answer rows.
async fn answers(client: &Client, example: &str) -> Vec<Vec<Vec<String>>> {
    let mut answers = Vec::new();
    for statement in must(example, client.session.parse(example)) {
        let outcome = must(example, client.session.execute(&statement, Vec::new()).await);
        if let Outcome::Rows { stream, .. } = outcome {
            answers.push(must(example, super::texts(stream).await));
        }
    }
    answers
}

#[tokio::test]
async fn the_cursor_of_the_manual_hands_out_its_rows() {
    let client = Client::new();
    client.run("CREATE COLLECTION users WITH (dimensions = 1)").await;
    for name in ["ann", "bob", "cid", "dee"] {
        let values = format!("('{name}', '[1]')");
        client
            .run(&format!("INSERT INTO users (external_face_id, embedding) VALUES {values}"))
            .await;
    }
    let answers = answers(&client, example("### Cursors")).await;
    assert_eq!(answers, [vec![vec!["ann"], vec!["bob"]], vec![vec!["dee"]]]);
}

#[tokio::test]
async fn the_prepared_statement_and_the_local_setting_of_the_manual_work() {
    let client = Client::new();
    client.run("CREATE COLLECTION users WITH (dimensions = 3)").await;
    client.run("INSERT INTO users (embedding) VALUES ('[1, 0, 0]')").await;
    assert_eq!(answers(&client, example("### Prepared statements")).await[0].len(), 1);
    let (_, rest) = DOCUMENT.split_once("SET LOCAL statement_timeout").unwrap();
    let (rest, _) = rest.split_once("```").unwrap();
    let example = format!("BEGIN; SET LOCAL statement_timeout{rest}");
    assert_eq!(answers(&client, &example).await, [[["5s"]]]);
    assert_eq!(client.column("SHOW statement_timeout").await, ["0"]);
}

/// The blocks of SQL whose statements end in semicolons; those that do not show a grammar.
fn examples() -> impl Iterator<Item = &'static str> {
    let blocks = DOCUMENT.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.lines().any(|line| line.ends_with(';') || line.contains("; ")))
}

/// The collections that examples are about.
async fn with_collections() -> Client {
    let client = Client::with_people().await;
    for collection in ["users", "banned", "visitors"] {
        client.run(&format!("CREATE COLLECTION {collection} WITH (dimensions = 3)")).await;
        client.run(&format!("INSERT INTO {collection} SELECT * FROM people")).await;
    }
    client
}

/// A value for each parameter: the id of a face, a threshold, an image, a document.
async fn values(client: &Client, statement: &Statement) -> Vec<ScalarValue> {
    if statement.parameter_count() == 0 {
        return Vec::new();
    }
    let description = client.session.describe(statement, &[]).await.unwrap();
    let face_id = client.column("SELECT face_id FROM users LIMIT 1").await.pop();
    let value = |sql_type: &SqlType| match sql_type {
        SqlType::Text => text(face_id.as_deref().unwrap_or_default()),
        SqlType::Float4 => ScalarValue::from(0.5_f32),
        SqlType::Bytea => ScalarValue::Binary(Some(vec![0])),
        SqlType::Jsonb => text("[]"),
        other => panic!("no example has a parameter of type {other:?}"),
    };
    description.parameters.iter().map(value).collect()
}

/// How an example ends here, where there are no models.
fn expected(statement: &str) -> Option<SqlState> {
    if statement.contains("compare_faces(") || statement.contains("detect_faces(") {
        return Some(SqlState::SystemError);
    }
    statement.contains(" AT F").then_some(SqlState::InvalidParameterValue)
}

#[tokio::test]
async fn every_example_of_the_manual_runs() {
    let client = with_collections().await;
    let mut count = 0;
    // The first one makes the collections that it is about by itself.
    for example in examples().skip(1) {
        let statements = client.session.parse(example).unwrap();
        for (statement, sql) in statements.iter().zip(example.split_inclusive(';')) {
            let values = values(&client, statement).await;
            let state = match client.session.execute(statement, values).await {
                Ok(Outcome::Rows { stream, .. }) => super::texts(stream).await.err(),
                Ok(_) => None,
                Err(error) => Some(error),
            };
            let state = state.map(|error| error.state);
            assert_eq!(state, expected(sql), "{sql}");
            count += 1;
        }
    }
    assert!(count >= 30, "{count} examples were found");
}
