//! EXPLAIN as a document.

use serde_json::Value;

use super::{Client, text};
use crate::sql::{SqlState, SqlType, is_json};

/// What the document says of the only statement.
async fn explained(client: &Client, sql: &str) -> Value {
    let rows = client.column(sql).await;
    assert_eq!(rows.len(), 1, "{sql}");
    let document: Value = serde_json::from_str(&rows[0]).unwrap();
    document.as_array().unwrap()[0].clone()
}

/// Operators of a plan, from the root on.
fn operators(node: &Value, found: &mut Vec<Value>) {
    found.push(node.clone());
    for input in node["Plans"].as_array().into_iter().flatten() {
        operators(input, found);
    }
}

fn all(explained: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    operators(&explained["Plan"], &mut found);
    found
}

#[tokio::test]
async fn a_plan_is_a_document_in_the_shape_of_postgresql() {
    let client = Client::with_people().await;
    let query = "SELECT external_face_id FROM people p JOIN people q USING (external_face_id)";
    let document = explained(&client, &format!("EXPLAIN (FORMAT JSON) {query}")).await;
    let operators = all(&document);
    let scans = operators.iter().filter(|node| node["Node Type"] == "GalleryScan");
    let scans: Vec<_> = scans.collect();
    assert_eq!(scans.len(), 2, "{document}");
    assert_eq!(scans[0]["Plan Rows"], 4);
    assert!(scans[0]["Details"].as_str().unwrap().starts_with("collection=people"));
    let related = |name: &str| operators.iter().any(|node| node["Parent Relationship"] == name);
    assert!(related("Outer") && related("Inner"), "{document}");
    for absent in ["Execution Time", "Planning Time", "Triggers"] {
        assert!(document.get(absent).is_none(), "{absent}");
    }
    assert!(operators.iter().all(|node| node.get("Actual Rows").is_none()));
}

#[tokio::test]
async fn with_analyze_the_document_tells_what_happened() {
    let client = Client::with_people().await;
    let query = "SELECT external_face_id FROM people WHERE metadata IS NOT NULL ORDER BY 1";
    let document = explained(&client, &format!("EXPLAIN (ANALYZE, FORMAT json) {query}")).await;
    let root = &document["Plan"];
    assert_eq!((&root["Actual Rows"], &root["Actual Loops"]), (&4.into(), &1.into()));
    assert!(root["Actual Total Time"].is_number(), "{document}");
    assert!(document["Execution Time"].is_number() && document["Planning Time"].is_number());
    assert_eq!(document["Triggers"], Value::Array(Vec::new()));

    let quiet = "EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off, FORMAT JSON) ";
    let document = explained(&client, &format!("{quiet}{query}")).await;
    assert_eq!(document["Plan"]["Actual Rows"], 4);
    for node in all(&document) {
        for absent in ["Plan Rows", "Actual Total Time"] {
            assert!(node.get(absent).is_none(), "{absent}: {document}");
        }
    }
    assert!(document.get("Execution Time").is_none() && document.get("Planning Time").is_none());
}

#[tokio::test]
async fn the_last_of_equal_options_counts_and_analyze_may_be_off() {
    let client = Client::with_people().await;
    let options = "ANALYZE, ANALYZE false, VERBOSE, BUFFERS off, SUMMARY, FORMAT TEXT, FORMAT JSON";
    let document = explained(&client, &format!("EXPLAIN ({options}) SELECT 1 / 0")).await;
    assert!(document["Planning Time"].is_number() && document.get("Execution Time").is_none());
    let lines = client.column("EXPLAIN (FORMAT JSON, FORMAT TEXT) SELECT 1").await;
    assert!(!lines[0].starts_with('['), "{lines:?}");
    assert_eq!(client.state("EXPLAIN (FORMAT JSON, ANALYZE) SELECT 1 / 0").await.code(), "22012");
    let error = client.error("EXPLAIN (FORMAT nothing) SELECT 1").await;
    assert_eq!(error.state, SqlState::InvalidParameterValue);
}

#[tokio::test]
async fn searches_and_prepared_statements_are_documents_too() {
    let client = Client::with_people().await;
    let search = "SEARCH FACES IN people EMBEDDING '[1,0,0]' LIMIT 2";
    let document = explained(&client, &format!("EXPLAIN (ANALYZE, FORMAT JSON) {search}")).await;
    let searched = all(&document).into_iter().find(|node| node["Node Type"] == "FaceSearch");
    assert_eq!(searched.unwrap()["Actual Rows"], 2, "{document}");

    client.run("PREPARE named AS SELECT * FROM people WHERE external_face_id = $1").await;
    let sql = "EXPLAIN (FORMAT JSON) EXECUTE named($1)";
    assert_eq!(client.describe(sql).await.0, [SqlType::Text]);
    let shown = client.rows_with(sql, &[text("ann")]).await.concat().concat();
    assert!(shown.contains("GalleryScan") && shown.contains("ann"), "{shown}");
}

#[tokio::test]
async fn a_document_is_described_as_one_and_lines_are_text() {
    let client = Client::new();
    for (sql, expected) in
        [("EXPLAIN (FORMAT JSON) SELECT 1", true), ("EXPLAIN (FORMAT TEXT) SELECT 1", false)]
    {
        let statement = client.parse(sql).unwrap();
        let columns = client.session.describe(&statement, &[]).await.unwrap().columns.unwrap();
        assert_eq!(columns.field(0).name(), "QUERY PLAN");
        assert_eq!(is_json(columns.field(0)), expected, "{sql}");
    }
}
