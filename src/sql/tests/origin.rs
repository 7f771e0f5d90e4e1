//! Where the columns of answers come from, told before a statement runs and with its rows.

use super::*;
use crate::sql::Origin;

/// The number of each column that is of `relation`, and 0 for others.
fn numbers(schema: &datafusion::arrow::datatypes::Schema, relation: u32) -> Vec<i16> {
    let number = |origin: Option<Origin>| match origin {
        Some(origin) if origin.relation == relation => origin.column,
        _ => 0,
    };
    Origin::all(schema).map(number).collect()
}

#[tokio::test]
async fn columns_that_are_passed_on_say_where_they_come_from() {
    let client = Client::with_people().await;
    let oid = client.column("SELECT 'people'::regclass::oid").await.remove(0).parse().unwrap();
    let all: Vec<i16> = (1..=11).collect();
    let searched = [&[0, 1, 0][..], &all[1..]].concat();
    let cases: &[(&str, &[i16])] = &[
        ("SELECT * FROM people", &all),
        ("SELECT metadata m, 1, face_id || '', p.face_id FROM people p", &[8, 0, 0, 1]),
        ("SELECT face_id, embedding FROM people WHERE face_id = 'f_'", &[1, 11]),
        ("SELECT s.* FROM (SELECT model, count(*) FROM people GROUP BY model) s", &[9, 0]),
        ("SELECT DISTINCT model FROM people ORDER BY 1 LIMIT 1", &[9]),
        ("SELECT DISTINCT ON (model) created_at, model FROM people", &[10, 9]),
        ("SELECT row_number() OVER (ORDER BY face_id), face_id FROM people", &[0, 1]),
        ("WITH w(a, b) AS (SELECT quality, face_id FROM people) SELECT b, a FROM w", &[1, 6]),
        ("SELECT x.n, p.face_id FROM (VALUES (1)) x(n) LEFT JOIN people p ON true", &[0, 1]),
        ("SELECT face_id::text, external_face_id::bytea FROM people", &[0, 0]),
        ("SELECT face_id FROM people UNION SELECT face_id FROM people", &[0]),
        ("SEARCH FACES IN people EMBEDDING '[1,0,0]'", &searched),
        ("SEARCH FACES IN people EMBEDDING '[1,0,0]' WHERE face_id > ''", &searched),
        ("SELECT similarity, face_id FROM (SEARCH FACES IN people LIKE EXTERNAL 'ann') s", &[0, 1]),
        ("INSERT INTO people (embedding) VALUES ('[1,0,0]') RETURNING model, face_id", &[9, 1]),
        ("UPDATE people SET metadata = '1' RETURNING metadata, 7, face_id", &[8, 0, 1]),
        ("DELETE FROM people WHERE false RETURNING lower(model), quality", &[0, 6]),
    ];
    for (sql, expected) in cases {
        let statement = client.parse(sql).unwrap();
        let described = client.session.describe(&statement, &[]).await.unwrap();
        assert_eq!(numbers(&described.columns.unwrap(), oid), *expected, "{sql}");
        match client.outcome(sql, &[]).await.unwrap() {
            Outcome::Rows { schema, .. } => assert_eq!(numbers(&schema, oid), *expected, "{sql}"),
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn columns_of_the_system_say_where_they_come_from() {
    let client = Client::new();
    for sql in
        ["SELECT relname, oid FROM pg_class", "SELECT c.relname, c.oid FROM pg_catalog.pg_class c"]
    {
        let statement = client.parse(sql).unwrap();
        let described = client.session.describe(&statement, &[]).await.unwrap();
        assert_eq!(numbers(&described.columns.unwrap(), 1259), [2, 1], "{sql}");
    }
}

#[tokio::test]
async fn rows_of_a_cursor_say_where_they_come_from() {
    let client = Client::with_people().await;
    let oid = client.column("SELECT 'people'::regclass::oid").await.remove(0).parse().unwrap();
    client.run("BEGIN").await;
    for kind in ["CURSOR", "BINARY CURSOR"] {
        let name = kind.to_lowercase().replace(' ', "_");
        client.run(&format!("DECLARE {name} {kind} FOR SELECT 1, model FROM people")).await;
        let fetched = client.outcome(&format!("FETCH {name}"), &[]).await.unwrap();
        let Outcome::Rows { schema, .. } = fetched else { panic!("no rows") };
        assert_eq!(numbers(&schema, oid), [0, 9], "{kind}");
    }
}
