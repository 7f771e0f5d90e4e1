//! ALTER COLLECTION and COMMENT: another name, another description.

use super::Client;
use crate::engine::Role;
use crate::sql::SqlState;

/// Name and description of every collection.
async fn shown(client: &Client) -> Vec<String> {
    let rows = client.rows("SHOW COLLECTIONS").await;
    rows.iter().map(|row| format!("{}: {}", row[0], row[5])).collect()
}

#[tokio::test]
async fn a_collection_gets_another_name_and_keeps_its_faces() {
    let client = Client::with_people().await;
    let ann = client.face_id("ann").await;
    let renamed = "ALTER COLLECTION people RENAME TO \"The Staff\"";
    assert_eq!(client.run(renamed).await, ("ALTER COLLECTION", None));
    assert_eq!(client.state("SELECT * FROM people").await, SqlState::UndefinedTable);
    assert_eq!(client.count("\"The Staff\"").await, "4");
    let found = format!("SEARCH FACES IN \"The Staff\" LIKE '{ann}' LIMIT 1");
    assert_eq!(client.rows(&found).await.len(), 1);
    client.run("CREATE COLLECTION people WITH (dimensions = 1)").await;
    let back = "ALTER TABLE IF EXISTS public.\"The Staff\" RENAME TO staff";
    assert_eq!(client.run(back).await, ("ALTER TABLE", None));
    assert_eq!(shown(&client).await, ["people: ", "staff: "]);
}

#[tokio::test]
async fn a_description_is_set_changed_and_taken_away() {
    let client = Client::with_people().await;
    let described = "SELECT obj_description('people'::regclass, 'pg_class')";
    let steps = [
        ("ALTER COLLECTION people SET (description = 'it''s ours')", "it's ours"),
        ("COMMENT ON TABLE people IS 'theirs'", "theirs"),
        ("COMMENT ON TABLE people IS NULL", ""),
        ("COMMENT ON COLLECTION public.people IS 'whose?'", "whose?"),
        ("ALTER COLLECTION people SET (description = NULL)", ""),
        ("COMMENT ON TABLE people IS ''", ""),
    ];
    for (sql, expected) in steps {
        client.run(sql).await;
        assert_eq!(shown(&client).await, [format!("people: {expected}")], "{sql}");
        assert_eq!(client.column(described).await, [expected], "{sql}");
    }
    client.run("ALTER COLLECTION people SET (description = 'kept')").await;
    client.run("ALTER COLLECTION people RENAME TO staff").await;
    assert_eq!(shown(&client).await, ["staff: kept"]);
}

#[tokio::test]
async fn alterations_are_part_of_their_transaction() {
    let client = Client::with_people().await;
    let other = client.another();
    client.run("BEGIN").await;
    client.run("ALTER COLLECTION people RENAME TO staff").await;
    client.run("INSERT INTO staff (embedding) VALUES ('[1,0,0]')").await;
    client.run("SAVEPOINT s").await;
    client.run("ALTER COLLECTION staff SET (description = 'x')").await;
    client.run("ROLLBACK TO s").await;
    assert_eq!(shown(&client).await, ["staff: "]);
    assert_eq!(shown(&other).await, ["people: "]);
    client.run("COMMIT").await;
    assert_eq!(other.count("staff").await, "5");

    client.run("BEGIN").await;
    client.run("COMMENT ON TABLE staff IS 'mine'").await;
    other.run("COMMENT ON TABLE staff IS 'theirs'").await;
    assert_eq!(client.state("COMMIT").await, SqlState::SerializationFailure);
    client.run("BEGIN").await;
    client.run("ALTER COLLECTION staff RENAME TO people").await;
    other.run("CREATE COLLECTION people WITH (dimensions = 1)").await;
    assert_eq!(client.state("COMMIT").await, SqlState::DuplicateTable);
    assert_eq!(shown(&other).await, ["people: ", "staff: theirs"]);
}

#[tokio::test]
async fn what_cannot_be_altered_stays_as_it_is() {
    let mut client = Client::with_people().await;
    client.run("CREATE COLLECTION staff WITH (dimensions = 1)").await;
    let long = format!("ALTER COLLECTION people RENAME TO \"{}\"", "x".repeat(121));
    let verbose = format!("COMMENT ON TABLE people IS '{}'", "x".repeat(1001));
    let cases = [
        ("ALTER COLLECTION people RENAME TO staff", SqlState::DuplicateTable),
        ("ALTER COLLECTION people RENAME TO people", SqlState::DuplicateTable),
        ("ALTER COLLECTION nobody RENAME TO somebody", SqlState::UndefinedTable),
        ("ALTER COLLECTION pg_catalog.people RENAME TO somebody", SqlState::UndefinedTable),
        ("COMMENT ON TABLE nobody IS 'x'", SqlState::UndefinedTable),
        ("ALTER COLLECTION people RENAME TO \"\"", SqlState::SyntaxError),
        (&long, SqlState::InvalidName),
        (&verbose, SqlState::InvalidParameterValue),
        ("ALTER COLLECTION people SET (dimensions = 4)", SqlState::FeatureNotSupported),
        ("ALTER COLLECTION people SET (colour = 'red')", SqlState::InvalidParameterValue),
        ("ALTER COLLECTION people SET (description = 7)", SqlState::InvalidParameterValue),
        (
            "ALTER COLLECTION people SET (description = 'a', description = 'b')",
            SqlState::SyntaxError,
        ),
        ("ALTER COLLECTION people", SqlState::SyntaxError),
        ("ALTER COLLECTION people RENAME", SqlState::SyntaxError),
        ("ALTER TABLE people ADD COLUMN age int", SqlState::FeatureNotSupported),
        ("ALTER TABLE people RENAME COLUMN metadata TO data", SqlState::FeatureNotSupported),
        ("COMMENT ON COLUMN people.metadata IS 'x'", SqlState::FeatureNotSupported),
    ];
    for (sql, state) in cases {
        let error = client.error(sql).await;
        assert_eq!(error.state, state, "{sql}: {error}");
    }
    client.run("ALTER COLLECTION IF EXISTS nobody RENAME TO somebody").await;
    assert_eq!(shown(&client).await, ["people: ", "staff: "]);
    client.session = client.database.session("other", Role::Admin);
    let foreign = client.state("ALTER COLLECTION people RENAME TO mine").await;
    assert_eq!(foreign, SqlState::UndefinedTable, "another tenant's looks like none");
}
