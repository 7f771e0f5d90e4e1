//! Values that the server makes unless they are given: face ids above all, by which a dump goes
//! back to where it came from.

use super::{Client, text};
use crate::sql::{SqlState, SqlType};

const ID: &str = "f_01JABCDEFGHJKMNPQRSTVWXYZ0";

/// Everything in a collection, in the order of its face ids.
async fn all_of(client: &Client, collection: &str) -> Vec<Vec<String>> {
    client.rows(&format!("SELECT * FROM {collection} ORDER BY face_id")).await
}

#[tokio::test]
async fn a_face_id_may_be_given_or_left_to_the_server() {
    let client = Client::with_people().await;
    let sql = "INSERT INTO people (face_id, external_face_id, embedding) VALUES \
               ($1, 'given', '[1,0,0]'), (NULL, 'null', '[1,0,0]'), \
               (DEFAULT, 'default', '[1,0,0]') \
               RETURNING face_id";
    assert_eq!(client.describe(sql).await.0, [SqlType::Text]);
    let ids = client.rows_with(sql, &[text(ID)]).await.concat();
    assert_eq!(ids[0], ID);
    assert!(ids[1] > ids[0] && ids[2] > ids[1], "made by the server: {ids:?}");
    assert_eq!(client.face_id("given").await, ID);
    assert_eq!(client.column("SELECT external_face_id FROM people LIMIT 1").await, ["given"]);
    let found = format!("SELECT count(*) FROM (SEARCH FACES IN people LIKE '{ID}' LIMIT 9) s");
    assert_eq!(client.column(&found).await, ["6"]);
}

#[tokio::test]
async fn an_id_that_is_there_is_a_violation_and_nothing_happens() {
    let client = Client::with_people().await;
    let insert = format!("INSERT INTO people (face_id, embedding) VALUES ('{ID}', '[1,0,0]')");
    client.run(&insert).await;
    let twice = "INSERT INTO people (face_id, embedding) SELECT face_id, embedding FROM people";
    let twins =
        format!("{insert}, ('f_01JABCDEFGHJKMNPQRSTVWXYZ1', '[1,0,0]')").replace("Z0", "Z1");
    for sql in [insert.as_str(), twice, &twins] {
        let error = client.error(sql).await;
        assert_eq!(error.state, SqlState::UniqueViolation, "{sql}");
        assert_eq!(error.message, "duplicate key value violates unique constraint \"people_pkey\"");
        assert_eq!(client.count("people").await, "5", "after {sql}");
    }
    let detail = client.error(&insert).await.detail.unwrap();
    assert_eq!(detail, format!("Key (face_id)=({ID}) already exists."));
    client.run("BEGIN").await;
    assert_eq!(client.state(&insert).await, SqlState::UniqueViolation, "in a block at once");
    assert_eq!(client.run("COMMIT").await.0, "ROLLBACK");
    client.run(&format!("DELETE FROM people WHERE face_id = '{ID}'")).await;
    client.run(&insert).await;
}

#[tokio::test]
async fn two_transactions_with_one_id_cannot_both_commit() {
    let client = Client::with_people().await;
    let other = client.another();
    let insert = format!("INSERT INTO people (face_id, embedding) VALUES ('{ID}', '[1,0,0]')");
    client.run("BEGIN").await;
    client.run(&insert).await;
    other.run(&insert).await;
    assert_eq!(client.state("COMMIT").await, SqlState::SerializationFailure);
    assert_eq!(client.count("people").await, "5");
}

#[tokio::test]
async fn a_collection_is_copied_with_everything_it_says() {
    let client = Client::with_people().await;
    client
        .run(
            "INSERT INTO people VALUES (DEFAULT, 'box', 'i', ARRAY[0.1, 0.2, 0.3, 0.4], 0.9, \
             0.5, '{\"age\": 7}', NULL, 'external', '2020-02-29 12:34:56.789+00', '[1,2,3]')",
        )
        .await;
    for precision in ["f32", "f16"] {
        for collection in ["first", "second"] {
            client
                .run(&format!(
                    "CREATE COLLECTION {collection} \
                     WITH (dimensions = 3, precision = '{precision}')"
                ))
                .await;
        }
        client.run("INSERT INTO first SELECT * FROM people").await;
        assert_eq!(client.run("INSERT INTO second SELECT * FROM first").await.1, Some(5));
        let (first, second) = (all_of(&client, "first").await, all_of(&client, "second").await);
        assert_eq!(first, second, "{precision}");
        assert!(first.iter().any(|row| row[9].starts_with("2020-02-29T12:34:56.789")), "{first:?}");
        client.run("DROP COLLECTION first").await;
        client.run("DROP COLLECTION second").await;
    }
}

#[tokio::test]
async fn what_cannot_be_so_is_refused() {
    let client = Client::with_people().await;
    let cases = [
        ("face_id", "'f_nonsense'", SqlState::InvalidTextRepresentation),
        ("face_id", "lower('f_01JABCDEFGHJKMNPQRSTVWXYZ0')", SqlState::InvalidTextRepresentation),
        ("model", "'sface'", SqlState::InvalidParameterValue),
        ("confidence", "1.5", SqlState::InvalidParameterValue),
        ("quality", "-1", SqlState::InvalidParameterValue),
        ("quality", "'NaN'::real", SqlState::InvalidParameterValue),
        ("bounding_box", "ARRAY[0.1, 0.2, 0.3]", SqlState::InvalidParameterValue),
        ("bounding_box", "ARRAY[0, 0, 1, 2]", SqlState::InvalidParameterValue),
        ("attributes", "'[1]'", SqlState::InvalidParameterValue),
        ("created_at", "'soon'", SqlState::InvalidDatetimeFormat),
        ("created_at", "'20000-01-01 00:00:00+00'", SqlState::DatetimeFieldOverflow),
        ("created_at", "7", SqlState::DatatypeMismatch),
    ];
    for (column, value, state) in cases {
        let sql = format!("INSERT INTO people (embedding, {column}) VALUES ('[1,0,0]', {value})");
        let error = client.error(&sql).await;
        assert_eq!(error.state, state, "{sql}: {error}");
    }
    let sql = "INSERT INTO people (image, quality) VALUES ('\\x00', 0.5)";
    assert_eq!(client.state(sql).await, SqlState::InvalidParameterValue, "measured by the server");
    assert_eq!(client.count("people").await, "4");
}

#[tokio::test]
async fn parameters_of_a_query_take_the_types_of_the_columns() {
    let client = Client::with_people().await;
    let sql = "INSERT INTO people (metadata, created_at, quality, embedding) \
               SELECT $1, $2, $3, embedding FROM people WHERE external_face_id = $4 \
               UNION ALL VALUES ($1, $2, $3, $5)";
    let types = client.describe(sql).await.0;
    assert_eq!(
        types,
        [SqlType::Jsonb, SqlType::Timestamptz, SqlType::Float4, SqlType::Text, SqlType::Vector]
    );
}

#[tokio::test]
async fn many_rows_of_a_query_go_straight_to_segments() {
    let client = Client::new();
    client.run("CREATE COLLECTION wide WITH (dimensions = 4096)").await;
    let embedding = format!("[1{}]", ",0".repeat(4095));
    let insert = format!("INSERT INTO wide (embedding) VALUES ('{embedding}')");
    client.run(&insert).await;
    let many = "INSERT INTO wide (embedding) \
                SELECT embedding FROM wide CROSS JOIN generate_series(1, 700)";
    let in_memory = "SHOW STORAGE";
    client.run("BEGIN").await;
    assert_eq!(client.run(many).await, ("INSERT 0", Some(700)));
    client.run("ROLLBACK").await;
    assert_eq!(client.count("wide").await, "1");
    let returned = client.rows(&format!("{many} RETURNING face_id")).await;
    assert_eq!(returned.len(), 700);
    assert_eq!(client.count("wide").await, "701");
    let sizes = client.rows(in_memory).await.remove(0);
    assert_eq!((&*sizes[1], &*sizes[3], &*sizes[5]), ("701", "1", "1"), "one in memory: {sizes:?}");
    let bad = "INSERT INTO wide (embedding) SELECT CASE n WHEN 700 THEN NULL ELSE embedding END \
               FROM (SELECT embedding FROM wide LIMIT 1) w CROSS JOIN generate_series(1, 700) g(n)";
    assert_eq!(client.state(bad).await, SqlState::NotNullViolation);
    assert_eq!(client.count("wide").await, "701", "of a statement that fails nothing stays");
}
