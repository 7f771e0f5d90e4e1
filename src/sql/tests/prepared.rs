//! PREPARE, EXECUTE and DEALLOCATE.

use super::{Client, Outcome, text};
use crate::engine::Role;
use crate::sql::{SqlState, SqlType};

#[tokio::test]
async fn a_prepared_query_is_executed_with_its_arguments() {
    let client = Client::with_people().await;
    let sql = "PREPARE of_team AS SELECT external_face_id FROM people \
               WHERE external_image_id = $1 AND confidence IS NULL ORDER BY 1 LIMIT $2";
    assert_eq!(client.run(sql).await, ("PREPARE", None));
    assert_eq!(client.column("EXECUTE of_team('red', 5)").await, ["ann", "bob"]);
    assert_eq!(client.column("EXECUTE of_team('bl' || 'ue', 3 - 2)").await, ["cid"]);
    assert_eq!(client.rows("EXECUTE of_team(NULL, NULL)").await.len(), 0);
    let (parameters, columns) = client.describe("EXECUTE of_team('red', 5)").await;
    assert_eq!((parameters, columns.unwrap()), (vec![], vec!["external_face_id".to_owned()]));
}

#[tokio::test]
async fn arguments_become_values_of_the_types_that_were_declared_or_inferred() {
    let client = Client::with_people().await;
    client.run("PREPARE typed(int, text, real[], jsonb) AS SELECT $1 + 1, $2, $3, $4").await;
    let row = client.rows("EXECUTE typed('41', 7, '{1,0.5}', '{\"a\": 1}')").await.remove(0);
    assert_eq!(row, ["42", "7", "[1.0, 0.5]", "{\"a\": 1}"]);
    client.run("PREPARE alike AS SEARCH FACES IN people EMBEDDING $1 LIMIT $2").await;
    assert_eq!(client.rows("EXECUTE alike('[1, 0, 0]', 2)").await.len(), 2);
    assert_eq!(
        client.state("EXECUTE alike('no vector', 2)").await,
        SqlState::InvalidTextRepresentation
    );
    assert_eq!(
        client.state("EXECUTE typed('x', 7, NULL, NULL)").await,
        SqlState::InvalidTextRepresentation
    );
    assert_eq!(client.state("PREPARE odd(nothing) AS SELECT $1").await, SqlState::UndefinedObject);
}

#[tokio::test]
async fn arguments_may_be_parameters_themselves() {
    let client = Client::with_people().await;
    let sql = "PREPARE of_team(text, bigint) AS SELECT count(*) + $2 FROM people \
               WHERE external_image_id = $1";
    client.run(sql).await;
    let sql = "EXECUTE of_team($2, $1)";
    assert_eq!(client.describe(sql).await.0, [SqlType::Int8, SqlType::Text]);
    assert_eq!(client.rows_with(sql, &[10_i64.into(), text("red")]).await, [["12"]]);
}

#[tokio::test]
async fn what_changes_faces_is_prepared_too() {
    let client = Client::with_people().await;
    client
        .run("PREPARE enroll AS INSERT INTO people (external_face_id, embedding) VALUES ($1, $2)")
        .await;
    assert_eq!(client.run("EXECUTE enroll('eve', '[0, 1, 0]')").await, ("INSERT 0", Some(1)));
    client.run("PREPARE gone AS DELETE FROM people WHERE external_face_id = $1").await;
    assert_eq!(client.run("EXECUTE gone('eve')").await, ("DELETE", Some(1)));
    client.run("BEGIN READ ONLY").await;
    assert_eq!(client.state("EXECUTE gone('ann')").await, SqlState::ReadOnlySqlTransaction);
    client.run("ROLLBACK").await;
    assert_eq!(client.count("people").await, "4");
}

#[tokio::test]
async fn names_of_prepared_statements_are_kept_until_they_are_deallocated() {
    let client = Client::new();
    client.run("BEGIN").await;
    client.run("PREPARE one AS SELECT 1").await;
    client.run("ROLLBACK").await;
    assert_eq!(client.rows("EXECUTE one").await, [["1"]], "it is no part of the transaction");
    let error = client.error("PREPARE one AS SELECT 2").await;
    assert_eq!(error.state, SqlState::DuplicatePreparedStatement);
    assert_eq!(error.message, "prepared statement \"one\" already exists");
    let error = client.error("EXECUTE one(1)").await;
    assert_eq!(error.state, SqlState::SyntaxError);
    assert_eq!(error.message, "wrong number of parameters for prepared statement \"one\"");
    assert_eq!(error.detail.unwrap(), "Expected 0 parameters but got 1.");
    assert_eq!(client.run("DEALLOCATE PREPARE one").await, ("DEALLOCATE", None));
    for sql in ["EXECUTE one", "DEALLOCATE one"] {
        let error = client.error(sql).await;
        assert_eq!(error.state, SqlState::InvalidSqlStatementName, "{sql}");
        assert_eq!(error.message, "prepared statement \"one\" does not exist");
    }
    client.run("PREPARE \"One\" AS SELECT 1").await;
    assert_eq!(client.state("EXECUTE One").await, SqlState::InvalidSqlStatementName);
    for all in ["DEALLOCATE ALL", "DISCARD ALL"] {
        client.run("PREPARE two AS SELECT 2").await;
        assert_eq!(client.run(all).await, (all, None));
        assert_eq!(client.state("EXECUTE two").await, SqlState::InvalidSqlStatementName);
    }
}

#[tokio::test]
async fn only_statements_about_rows_are_prepared() {
    let client = Client::new();
    for sql in ["PREPARE x AS BEGIN", "PREPARE x AS PREPARE y AS SELECT 1", "PREPARE x AS VACUUM"] {
        assert_eq!(client.state(sql).await, SqlState::SyntaxError, "{sql}");
    }
    assert_eq!(client.state("PREPARE x AS SELECT nothing").await, SqlState::UndefinedColumn);
    assert_eq!(client.state("PREPARE x AS SELECT * FROM nowhere").await, SqlState::UndefinedTable);
    assert_eq!(client.state("EXECUTE x").await, SqlState::InvalidSqlStatementName);
    client.run("PREPARE one AS SELECT $1::int").await;
    assert_eq!(client.state("EXECUTE one(people)").await, SqlState::UndefinedColumn);
    for tag in ["DISCARD PLANS", "DISCARD SEQUENCES", "DISCARD TEMP"] {
        assert_eq!(client.run(tag).await, (tag, None));
    }
    assert!(matches!(client.outcome("EXECUTE one(1)", &[]).await, Ok(Outcome::Rows { .. })));
}

#[tokio::test]
async fn a_role_prepares_and_executes_what_it_may_run() {
    let mut client = Client::with_people().await;
    client.session = client.database.session("acme", Role::Read);
    client.run("PREPARE faces AS SELECT count(*) FROM people").await;
    assert_eq!(client.rows("EXECUTE faces").await, [["4"]]);
    let state = client.state("PREPARE gone AS DELETE FROM people").await;
    assert_eq!(state, SqlState::InsufficientPrivilege);
}

async fn plan(client: &Client, sql: &str) -> String {
    client.rows(sql).await.concat().join("\n")
}

#[tokio::test]
async fn what_a_prepared_query_would_do_is_explained() {
    let client = Client::with_people().await;
    client.run("PREPARE named(text) AS SELECT * FROM people WHERE external_face_id = $1").await;
    let shown = plan(&client, "EXPLAIN EXECUTE named('an' || 'n')").await;
    assert!(shown.contains("GalleryScan: collection=people") && shown.contains("ann"), "{shown}");
    for sql in ["EXPLAIN ANALYZE EXECUTE named('ann')", "EXPLAIN (ANALYZE) EXECUTE named('ann')"] {
        let shown = plan(&client, sql).await;
        assert!(shown.contains("output_rows=1"), "{shown}");
    }
    client.run("PREPARE alike AS SEARCH FACES IN people EMBEDDING $1 LIMIT $2").await;
    let shown = plan(&client, "EXPLAIN ANALYZE EXECUTE alike('[1, 0, 0]', 2)").await;
    assert!(shown.contains("output_rows=2"), "{shown}");
    let sql = "EXPLAIN EXECUTE named($1)";
    let (parameters, columns) = client.describe(sql).await;
    assert_eq!((parameters, columns.unwrap()), (vec![SqlType::Text], vec!["QUERY PLAN".into()]));
    assert!(!client.rows_with(sql, &[text("ann")]).await.is_empty());
    client.run("PREPARE gone AS DELETE FROM people").await;
    for (sql, state) in [
        ("EXPLAIN EXECUTE nothing", SqlState::InvalidSqlStatementName),
        ("EXPLAIN EXECUTE named", SqlState::SyntaxError),
        ("EXPLAIN ANALYZE EXECUTE gone", SqlState::FeatureNotSupported),
        ("EXPLAIN (FORMAT YAML) EXECUTE named('ann')", SqlState::FeatureNotSupported),
        ("CREATE TABLE copy AS EXECUTE named('ann')", SqlState::FeatureNotSupported),
        ("CREATE TABLE copy AS SELECT 1", SqlState::FeatureNotSupported),
    ] {
        let error = client.error(sql).await;
        assert_eq!(error.state, state, "{sql}: {error}");
    }
    assert_eq!(client.count("people").await, "4");
}

#[tokio::test]
async fn a_session_sees_its_own_prepared_statements_and_cursors_only() {
    let client = Client::new();
    client.run("PREPARE one AS SELECT 1").await;
    client.run("BEGIN").await;
    client.run("DECLARE c CURSOR FOR SELECT 1").await;
    for view in ["pg_prepared_statements", "pg_cursors"] {
        assert_eq!(client.count(view).await, "1", "{view}");
        assert_eq!(client.another().count(view).await, "0", "{view}");
    }
}
