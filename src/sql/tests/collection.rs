//! CREATE, DROP and SHOW of collections.

use super::Client;
use crate::sql::SqlState;

#[tokio::test]
async fn collections_are_created_listed_and_dropped() {
    let client = Client::new();
    let created = ("CREATE COLLECTION", None);
    assert_eq!(client.run("CREATE COLLECTION b WITH (dimensions = 4)").await, created);
    let described = "create collection a with (description = 'it''s ''quoted''', dimensions=512)";
    assert_eq!(client.run(described).await, created);
    client.run("INSERT INTO b (embedding) VALUES ('[1,2,3,4]')").await;
    let rows = client.rows("SHOW COLLECTIONS").await;
    let shown: Vec<_> = rows.iter().map(|row| row[..5].join("|")).collect();
    assert_eq!(shown, ["a|0|external|512|it's 'quoted'", "b|1|external|4|"]);
    let (_, columns) = client.describe("show collections").await;
    let names = ["name", "faces", "model", "dimensions", "description", "created_at"];
    assert_eq!(columns.unwrap(), names);
    assert_eq!(client.run("DROP COLLECTION b").await, ("DROP COLLECTION", None));
    assert_eq!(client.column("SHOW COLLECTIONS").await, ["a"]);
}

#[tokio::test]
async fn existing_and_missing_collections_can_be_passed_over() {
    let client = Client::with_people().await;
    for sql in [
        "CREATE COLLECTION IF NOT EXISTS people WITH (dimensions = 5)",
        "CREATE COLLECTION people IF NOT EXISTS WITH (dimensions = 5)",
        "DROP COLLECTION IF EXISTS nobody",
    ] {
        client.run(sql).await;
    }
    assert_eq!(client.count("people").await, "4");
}

#[tokio::test]
async fn names_fold_like_postgresql_and_may_be_anything_in_quotes() {
    let client = Client::new();
    client.run("CREATE COLLECTION Users WITH (dimensions = 1)").await;
    assert_eq!(client.count("USERS").await, "0");
    assert_eq!(client.state("SELECT * FROM \"Users\"").await, SqlState::UndefinedTable);
    let weird = ["a b", "x\"; DROP COLLECTION users; --", "select", "ärger", "a.b", "'", "日本"];
    for name in weird {
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        client.run(&format!("CREATE COLLECTION {quoted} WITH (dimensions = 1)")).await;
        client.run(&format!("INSERT INTO {quoted} (embedding) VALUES ('[1]')")).await;
        assert_eq!(client.count(&quoted).await, "1", "{name}");
        let found = client.rows(&format!("SEARCH FACES IN {quoted} EMBEDDING '[1]'")).await;
        assert_eq!(found.len(), 1, "{name}");
        let deleted = client.run(&format!("DELETE FROM public.{quoted} WHERE true")).await;
        assert_eq!(deleted, ("DELETE", Some(1)), "{name}");
        client.run(&format!("DROP COLLECTION {quoted}")).await;
    }
    assert_eq!(client.column("SHOW COLLECTIONS").await, ["users"]);
}

#[tokio::test]
async fn what_cannot_be_created_is_refused_with_its_class() {
    let client = Client::with_people().await;
    let long = "x".repeat(121);
    let cases = [
        ("CREATE COLLECTION people WITH (dimensions = 3)", SqlState::DuplicateTable),
        ("CREATE COLLECTION c", SqlState::SystemError),
        ("CREATE COLLECTION c WITH (model = 'default')", SqlState::SystemError),
        ("CREATE COLLECTION c WITH (model = 'other')", SqlState::InvalidParameterValue),
        ("CREATE COLLECTION c WITH (dimensions = 0)", SqlState::InvalidParameterValue),
        ("CREATE COLLECTION c WITH (dimensions = 4097)", SqlState::InvalidParameterValue),
        ("CREATE COLLECTION c WITH (dimensions = 'x')", SqlState::InvalidParameterValue),
        ("CREATE COLLECTION c WITH (dimensions = 2.5)", SqlState::InvalidParameterValue),
        ("CREATE COLLECTION c WITH (speed = 1)", SqlState::InvalidParameterValue),
        ("CREATE COLLECTION c WITH (dimensions = 1, dimensions = 2)", SqlState::SyntaxError),
        ("CREATE COLLECTION c WITH (model = 'default', dimensions = 2)", SqlState::SyntaxError),
        ("CREATE COLLECTION c WITH ()", SqlState::SyntaxError),
        ("CREATE COLLECTION", SqlState::SyntaxError),
        ("CREATE COLLECTION c nonsense", SqlState::SyntaxError),
        ("CREATE COLLECTION other.c WITH (dimensions = 1)", SqlState::InvalidSchemaName),
        ("CREATE COLLECTION \"\" WITH (dimensions = 1)", SqlState::InvalidName),
        (&format!("CREATE COLLECTION {long} WITH (dimensions = 1)"), SqlState::InvalidName),
        ("DROP COLLECTION nobody", SqlState::UndefinedTable),
        ("DROP COLLECTION people, people", SqlState::SyntaxError),
        ("DROP TABLE people", SqlState::FeatureNotSupported),
    ];
    for (sql, state) in cases {
        let error = client.error(sql).await;
        assert_eq!(error.state, state, "{sql}: {error}");
    }
    assert_eq!(client.column("SHOW COLLECTIONS").await, ["people"]);
}

#[tokio::test]
async fn a_missing_model_comes_with_both_ways_out() {
    let error = Client::new().error("CREATE COLLECTION c").await;
    let hint = error.hint.unwrap();
    assert!(hint.contains("likeness models install") && hint.contains("dimensions"), "{hint}");
}
