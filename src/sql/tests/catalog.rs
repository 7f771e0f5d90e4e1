//! A tenant reaches its own collections and cannot tell another's from ones that do not exist.

use super::{Client, Database, text};
use crate::engine::Role;
use crate::sql::SqlState;

/// Tenant `acme` with people, and a client of tenant `other` on the same engine.
async fn neighbours() -> (Client, Client) {
    let acme = Client::with_people().await;
    let session = acme.database.session("other", Role::Admin);
    let database = Database { engine: acme.database.engine.clone(), ..Database::new() };
    (acme, Client { database, session })
}

#[tokio::test]
async fn another_tenants_collection_looks_like_one_that_does_not_exist() {
    let (acme, other) = neighbours().await;
    let ann = acme.face_id("ann").await;
    let attempts = [
        "SELECT * FROM {}",
        "SELECT count(*) FROM {}",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM {})",
        "EXPLAIN SELECT * FROM {}",
        "SEARCH FACES IN {} LIKE '@'",
        "SEARCH FACES IN {} EMBEDDING '[1,0,0]'",
        "SELECT * FROM (SEARCH FACES IN {} LIKE '@') s",
        "INSERT INTO {} (embedding) VALUES ('[1,0,0]')",
        "DELETE FROM {} WHERE face_id = '@'",
        "DROP COLLECTION {}",
    ];
    for attempt in attempts {
        let sql = |name: &str| attempt.replace("{}", name).replace('@', &ann);
        let theirs = other.error(&sql("people")).await;
        let nobodys = other.error(&sql("no_such")).await;
        assert_eq!(theirs.state, SqlState::UndefinedTable, "{attempt}");
        assert_eq!(theirs.message.replace("people", "no_such"), nobodys.message, "{attempt}");
        let across = other.error(&sql("acme.public.people")).await;
        assert_eq!(across.state, SqlState::UndefinedTable, "{attempt}");
    }
    assert!(other.rows("SHOW COLLECTIONS").await.is_empty());
    assert_eq!(acme.count("people").await, "4");
}

#[tokio::test]
async fn the_system_catalogs_tell_nothing_of_other_tenants() {
    let (acme, other) = neighbours().await;
    for relation in [
        "pg_class WHERE relname LIKE 'people%'",
        "pg_constraint",
        "pg_index",
        "pg_tables",
        "information_schema.tables",
        "information_schema.columns",
        "information_schema.table_constraints",
        "pg_database WHERE datname <> 'other'",
    ] {
        let sql = format!("SELECT * FROM {relation}");
        assert_eq!(other.rows(&sql).await, Vec::<Vec<String>>::new(), "{sql}");
    }
    assert_eq!(other.state("SELECT 'people'::regclass").await, SqlState::UndefinedTable);
    let oid = acme.column("SELECT 'people'::regclass::oid").await.remove(0);
    let sql = format!("SELECT pg_get_indexdef({oid} + 1), pg_table_size({oid})");
    assert_eq!(other.rows(&sql).await, [["", "0"]]);
}

#[tokio::test]
async fn both_tenants_may_use_the_same_name() {
    let (acme, other) = neighbours().await;
    other.run("CREATE COLLECTION people WITH (dimensions = 2)").await;
    other.run("INSERT INTO people (external_face_id, embedding) VALUES ('zoe', '[1,0]')").await;
    assert_eq!(other.column("SELECT external_face_id FROM people").await, ["zoe"]);
    let anns = acme.face_id("ann").await;
    let sql = "SEARCH FACES IN people LIKE $1";
    assert_eq!(other.error_with(sql, &[text(&anns)]).await.state, SqlState::InvalidParameterValue);
    other.run("DROP COLLECTION people").await;
    assert_eq!(acme.count("people").await, "4");
}

#[tokio::test]
async fn nothing_in_a_statement_leads_to_files_or_the_system() {
    let client = Client::with_people().await;
    for sql in [
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM \"/etc/passwd\"",
        "SELECT * FROM \"file:///etc/passwd\"",
        "SELECT * FROM \"https://localhost/x.csv\"",
        "SELECT * FROM information_schema.no_such",
        "SELECT * FROM pg_catalog.pg_authid",
    ] {
        assert_eq!(client.state(sql).await, SqlState::UndefinedTable, "{sql}");
    }
    let function = "SELECT * FROM read_csv('/etc/passwd')";
    assert_eq!(client.state(function).await, SqlState::UndefinedFunction);
    assert_eq!(
        client.state("SELECT pg_read_file('/etc/passwd')").await,
        SqlState::UndefinedFunction
    );
    for sql in ["COPY people TO '/tmp/x'", "COPY (SELECT 1) TO PROGRAM 'id'"] {
        assert_eq!(client.state(sql).await, SqlState::InsufficientPrivilege, "{sql}");
    }
    assert_eq!(client.state("LOAD 'x'").await, SqlState::FeatureNotSupported);
}
