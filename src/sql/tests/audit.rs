//! What statements leave in `likeness.audit`, and who reads it.

use super::Client;
use crate::engine::{Actor, Door, Role};
use crate::sql::{SqlSession, SqlState};

/// A client of tenant `acme` that came through the SQL door, on a server that keeps records.
async fn recorded() -> Client {
    let mut client = Client::with_people().await;
    client.session = session(&client, "acme", Role::Admin);
    client
}

fn session(client: &Client, tenant: &str, role: Role) -> SqlSession {
    let actor =
        Actor { key_id: Some("k_1".to_owned()), key: Some("ci".to_owned()), role, door: Door::Sql };
    SqlSession::new(client.database.tenant(tenant).acting_as(actor), role, "ci")
}

/// Action, collection, purpose, probe, threshold, number of faces of the session's records.
async fn records(client: &Client) -> Vec<String> {
    let sql = "SELECT action, collection, purpose, probe, threshold, faces FROM likeness.audit \
               WHERE door = 'sql' ORDER BY at";
    client.rows(sql).await.into_iter().map(|row| row.join("|")).collect()
}

#[tokio::test]
async fn searches_leave_what_they_asked_for_and_found() {
    let client = recorded().await;
    client.rows("SEARCH FACES IN people EMBEDDING '[1,0,0]' THRESHOLD 0.5").await;
    client.run("SET likeness.purpose = 'duplicate check'").await;
    let ann = client.face_id("ann").await;
    client.rows(&format!("SEARCH FACES IN people LIKE '{ann}' LIMIT 2")).await;
    client.rows("SELECT rank FROM (SEARCH FACES IN people LIKE EXTERNAL 'bob') s").await;
    client.rows("SELECT * FROM similar_faces('people', threshold => 0.75)").await;
    client.rows("SELECT * FROM similar_faces('people', threshold => 1)").await;
    client.rows("SELECT face_id FROM people ORDER BY embedding <=> '[1,0,0]' LIMIT 1").await;
    assert_eq!(
        records(&client).await,
        [
            "search|people||embedding|0.5|3".to_owned(),
            format!("search|people|duplicate check|{ann}||2"),
            "search|people|duplicate check|external||3".to_owned(),
            "search_pairs|people|duplicate check||0.75|".to_owned(),
            "search_pairs|people|duplicate check||1.0|0".to_owned(),
            "search|people|duplicate check|embedding||1".to_owned(),
        ]
    );
    let named = client.rows("SELECT key_id, key_name, failed FROM likeness.audit LIMIT 1").await;
    assert_eq!(named, [["k_1", "ci", "false"]]);
    let found = client.column("SELECT face_ids FROM likeness.audit ORDER BY at LIMIT 1").await;
    assert!(found[0].contains(&ann), "{found:?}");
    let pairs = "SELECT face_ids FROM likeness.audit WHERE threshold = 0.75";
    let pairs = client.column(pairs).await;
    let bob = client.face_id("bob").await;
    assert!(pairs[0].contains(&ann) && pairs[0].contains(&bob), "{pairs:?}");
    let searches = client.database.engine.searches();
    // A face that is searched with is itself passed over.
    assert_eq!((searches.searches(), searches.rows()), (6, 4 * 4 + 2 * 3));
}

#[tokio::test]
async fn rows_that_leave_are_exports_and_reading_names_is_none() {
    let client = recorded().await;
    client.rows("SELECT face_id, metadata FROM people").await;
    client.rows("EXPLAIN SELECT embedding FROM people").await;
    assert_eq!(records(&client).await, Vec::<String>::new());
    client.rows("SELECT embedding FROM people WHERE external_face_id = 'ann'").await;
    let ann = client.face_id("ann").await;
    client.rows(&format!("SELECT embedding FROM people WHERE face_id = '{ann}'")).await;
    let crate::sql::Outcome::CopyOut { stream, .. } =
        client.outcome("COPY (SELECT face_id FROM people) TO STDOUT", &[]).await.unwrap()
    else {
        panic!("no COPY")
    };
    drop(stream);
    assert_eq!(records(&client).await, ["export|people||||"; 3]);
}

#[tokio::test]
async fn what_is_erased_is_recorded_when_it_is_committed() {
    let client = recorded().await;
    client.run("BEGIN").await;
    client.run("DELETE FROM people WHERE external_face_id = 'ann'").await;
    client.run("ROLLBACK").await;
    assert_eq!(records(&client).await, Vec::<String>::new());
    client.run("BEGIN").await;
    client.run("DELETE FROM people WHERE external_face_id = 'ann'").await;
    client.run("SAVEPOINT s").await;
    client.run("DELETE FROM people WHERE external_face_id = 'bob'").await;
    client.run("ROLLBACK TO s").await;
    client.run("DELETE FROM people WHERE external_face_id = 'cid'").await;
    client.run("COMMIT").await;
    client.run("UPDATE people SET metadata = '1'").await;
    client.rows("VACUUM ERASE people").await;
    client.run("DROP COLLECTION people").await;
    assert_eq!(
        records(&client).await,
        ["erase|people||||2", "purge|people||||0", "erase|people||||2"]
    );
}

#[tokio::test]
async fn emptying_and_dropping_a_collection_erases_all_its_faces() {
    let client = recorded().await;
    client.run("SET likeness.purpose = 'end of contract'").await;
    client.run("BEGIN").await;
    client.run("TRUNCATE people").await;
    client.run("ROLLBACK").await;
    assert_eq!(records(&client).await, Vec::<String>::new());
    client.run("TRUNCATE people").await;
    let named = "SELECT cardinality(face_ids) FROM likeness.audit WHERE action = 'erase'";
    assert_eq!(client.column(named).await, ["4"]);
    client.run("INSERT INTO people (embedding) VALUES ('[1,2,3]')").await;
    client.run("DROP COLLECTION people").await;
    assert_eq!(
        records(&client).await,
        ["erase|people|end of contract|||4", "erase|people|end of contract|||1"]
    );
    client.run("CREATE COLLECTION people WITH (dimensions = 3)").await;
    client.run("DROP COLLECTION people").await;
    let last = records(&client).await.pop();
    assert_eq!(last.unwrap(), "erase|people|end of contract|||0", "it held none, and is gone");
}

#[tokio::test]
async fn an_erasure_that_came_to_nothing_says_so() {
    let client = recorded().await;
    client.run("BEGIN").await;
    client.run("DELETE FROM people WHERE external_face_id = 'ann'").await;
    client.another().run("DELETE FROM people WHERE external_face_id = 'ann'").await;
    assert_eq!(client.state("COMMIT").await, SqlState::SerializationFailure);
    let sql = "SELECT failed FROM likeness.audit WHERE door = 'sql' ORDER BY at";
    assert_eq!(client.column(sql).await, ["false", "true"]);
}

#[tokio::test]
async fn records_are_for_the_tenants_administrators_and_the_chain_is_for_the_operator() {
    let mut client = recorded().await;
    client.rows("SEARCH FACES IN people EMBEDDING '[1,0,0]'").await;
    assert_eq!(client.state("VERIFY AUDIT").await, SqlState::InsufficientPrivilege);
    assert_eq!(client.state("SELECT * FROM likeness.other").await, SqlState::UndefinedTable);
    assert_eq!(client.state("DELETE FROM likeness.audit").await, SqlState::InsufficientPrivilege);
    for role in [Role::Read, Role::Write] {
        client.session = session(&client, "acme", role);
        let error = client.error("SELECT * FROM likeness.audit").await;
        assert_eq!(error.state, SqlState::InsufficientPrivilege, "{error}");
    }
    client.session = session(&client, "beta", Role::Admin);
    assert_eq!(client.count("likeness.audit").await, "0");
    // Nothing counts what others did.
    assert_eq!(client.state("SELECT seq FROM likeness.audit").await, SqlState::UndefinedColumn);
    client.session = session(&client, "default", Role::Admin);
    let found = client.rows("VERIFY AUDIT").await;
    assert_eq!((found.len(), &*found[0][0], &*found[0][1], &*found[0][3]), (1, "1", "1", ""));
    client.session = session(&client, "default", Role::Write);
    assert_eq!(client.state("VERIFY AUDIT").await, SqlState::InsufficientPrivilege);
}

#[tokio::test]
async fn a_purpose_is_short_text_and_may_be_taken_back() {
    let client = recorded().await;
    let long = format!("SET likeness.purpose = '{}'", "x".repeat(201));
    assert_eq!(client.state(&long).await, SqlState::InvalidParameterValue);
    client.run("SET likeness.purpose = 'audit'").await;
    client.run("SET likeness.purpose = ''").await;
    client.rows("SEARCH FACES IN people EMBEDDING '[1,0,0]' LIMIT 1").await;
    assert_eq!(records(&client).await, ["search|people||embedding||1"]);
}
