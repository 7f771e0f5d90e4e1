//! DELETE removes the rows its predicate selects and no others.
//!
//! The first test is a story: DataFusion's own delete hook rebuilds filters from the optimised
//! plan, and where a predicate was optimised away (`1 = 0`, `= NULL`, a semi join) the hook was
//! called without filters, which deleted all of 1000 rows. Each line of that table is kept here.

use datafusion::scalar::ScalarValue;

use super::{Client, text};
use crate::sql::{Outcome, SqlState, SqlType};

const ROWS: usize = 1000;

/// A collection of faces named `f0`, `f1`, ... in the image `i`.
async fn thousand() -> Client {
    let client = Client::new();
    client.run("CREATE COLLECTION t WITH (dimensions = 2)").await;
    let rows: Vec<_> = (0..ROWS).map(|n| format!("('f{n}', 'i', '[1, {n}]')")).collect();
    let sql = "INSERT INTO t (external_face_id, external_image_id, embedding) VALUES ";
    client.run(&format!("{sql}{}", rows.join(", "))).await;
    client
}

#[tokio::test]
async fn predicates_that_are_optimised_away_delete_nothing_more_than_they_say() {
    let client = thousand().await;
    let null = ScalarValue::Utf8(None);
    let cases: [(&str, &[ScalarValue], u64); 14] = [
        ("external_face_id = $1", std::slice::from_ref(&null), 0),
        ("face_id = $1", std::slice::from_ref(&null), 0),
        ("1 = 0", &[], 0),
        ("face_id = NULL", &[], 0),
        ("face_id > 'zzz'", &[], 0),
        ("NOT EXISTS (SELECT 1)", &[], 0),
        ("NOT EXISTS (SELECT 1 FROM t)", &[], 0),
        ("external_face_id = 'f5' AND external_image_id IN (SELECT 'no match')", &[], 0),
        ("external_face_id IN (SELECT 'nobody')", &[], 0),
        ("face_id > 'g'", &[], 0),
        ("face_id = 'f_no_such_face'", &[], 0),
        ("external_face_id IN (SELECT 'f9')", &[], 1),
        ("external_face_id = 'f1'", &[], 1),
        (
            "external_face_id NOT IN \
             (SELECT external_face_id FROM t WHERE external_face_id <> 'f2')",
            &[],
            1,
        ),
    ];
    let mut left = ROWS as u64;
    for (predicate, values, expected) in cases {
        let sql = format!("DELETE FROM t WHERE {predicate}");
        assert_eq!(client.run_with(&sql, values).await, ("DELETE", Some(expected)), "{predicate}");
        left -= expected;
        assert_eq!(client.count("t").await, left.to_string(), "after {predicate}");
    }
}

#[tokio::test]
async fn predicates_that_are_optimised_away_update_nothing_more_than_they_say() {
    let client = thousand().await;
    let null = ScalarValue::Utf8(None);
    let cases: [(&str, &[ScalarValue], u64); 11] = [
        ("external_face_id = $1", std::slice::from_ref(&null), 0),
        ("face_id = $1", std::slice::from_ref(&null), 0),
        ("1 = 0", &[], 0),
        ("face_id = NULL", &[], 0),
        ("NOT EXISTS (SELECT 1)", &[], 0),
        ("NOT EXISTS (SELECT 1 FROM t)", &[], 0),
        ("external_face_id = 'f5' AND external_image_id IN (SELECT 'no match')", &[], 0),
        ("external_face_id IN (SELECT 'nobody')", &[], 0),
        ("external_face_id IN (SELECT 'f9')", &[], 1),
        ("external_face_id = 'f1'", &[], 1),
        (
            "external_face_id NOT IN \
             (SELECT external_face_id FROM t WHERE external_face_id <> 'f2')",
            &[],
            1,
        ),
    ];
    let mut changed = 0;
    for (predicate, values, expected) in cases {
        let sql = format!("UPDATE t SET metadata = '{{\"changed\": true}}' WHERE {predicate}");
        assert_eq!(client.run_with(&sql, values).await, ("UPDATE", Some(expected)), "{predicate}");
        changed += expected;
        let counts = client.rows("SELECT count(*), count(metadata) FROM t").await.remove(0);
        assert_eq!(counts, [ROWS.to_string(), changed.to_string()], "after {predicate}");
    }
}

#[tokio::test]
async fn a_face_can_be_deleted_by_its_id_and_by_a_search() {
    let client = Client::with_people().await;
    let ann = client.face_id("ann").await;
    let sql = "DELETE FROM people WHERE face_id = $1";
    assert_eq!(client.run_with(sql, &[text(&ann)]).await, ("DELETE", Some(1)));
    assert_eq!(client.run_with(sql, &[text(&ann)]).await, ("DELETE", Some(0)));
    let sql = "DELETE FROM people AS p WHERE p.face_id IN (SELECT face_id FROM \
               (SEARCH FACES IN people EMBEDDING '[0, 0, 1]' THRESHOLD 0.9) s)";
    assert_eq!(client.run(sql).await, ("DELETE", Some(1)));
    let left = client.column("SELECT external_face_id FROM people ORDER BY 1").await;
    assert_eq!(left, ["bob", "cid"]);
}

#[tokio::test]
async fn returning_answers_what_the_deleted_faces_were() {
    let client = Client::with_people().await;
    let sql = "DELETE FROM people WHERE external_image_id = $1 \
               RETURNING upper(external_face_id) AS who, face_id, embedding";
    let (parameters, columns) = client.describe(sql).await;
    assert_eq!(parameters, [SqlType::Text]);
    assert_eq!(columns.unwrap(), ["who", "face_id", "embedding"]);
    let ann = client.face_id("ann").await;
    let mut rows = client.rows_with(sql, &[text("red")]).await;
    rows.sort();
    assert_eq!(rows[0], ["ANN", &*ann, "[1.0, 0.0, 0.0]"]);
    assert_eq!(rows.len(), 2);
    let Outcome::Rows { tag, schema, .. } =
        client.outcome("DELETE FROM people RETURNING *", &[]).await.unwrap()
    else {
        panic!("no rows");
    };
    assert_eq!((tag, schema.fields().len()), ("DELETE", 11));
    assert_eq!(client.count("people").await, "0");
}

#[tokio::test]
async fn using_brings_tables_to_decide_by() {
    let client = Client::with_people().await;
    let sql = "DELETE FROM people p USING (VALUES ('ann'), ('ann'), ('bob')) v(name) \
               WHERE p.external_face_id = v.name RETURNING p.external_face_id";
    let mut gone = client.column(sql).await;
    gone.sort();
    assert_eq!(gone, ["ann", "bob"], "a face is deleted once");
    let sql = "DELETE FROM public.people USING people q WHERE people.face_id < q.face_id";
    assert_eq!(client.run(sql).await, ("DELETE", Some(1)));
    assert_eq!(client.column("SELECT external_face_id FROM people").await, ["dee"]);
}

#[tokio::test]
async fn without_a_predicate_everything_goes() {
    let client = Client::with_people().await;
    assert_eq!(client.run("DELETE FROM people").await, ("DELETE", Some(4)));
    assert_eq!(client.run("DELETE FROM people").await, ("DELETE", Some(0)));
}

#[tokio::test]
async fn truncate_empties_collections_and_leaves_what_they_are() {
    let client = Client::with_people().await;
    client.run("COMMENT ON TABLE people IS 'ours'").await;
    client.run("CREATE COLLECTION pets WITH (dimensions = 2, precision = 'f16')").await;
    client.run("INSERT INTO pets (embedding) VALUES ('[1,0]')").await;
    let shown = "SHOW COLLECTIONS";
    let mut before = client.rows(shown).await;
    client.run("BEGIN").await;
    assert_eq!(client.run("TRUNCATE people").await, ("TRUNCATE TABLE", None));
    client.run("INSERT INTO people (embedding) VALUES ('[0,1,0]')").await;
    assert_eq!(client.count("people").await, "1");
    client.run("ROLLBACK").await;
    assert_eq!(client.rows(shown).await, before);
    let all = "TRUNCATE TABLE ONLY people, public.pets, people RESTART IDENTITY CASCADE";
    assert_eq!(client.run(all).await, ("TRUNCATE TABLE", None));
    for row in &mut before {
        "0".clone_into(&mut row[1]);
    }
    assert_eq!(client.rows(shown).await, before);
    client.run("INSERT INTO people (embedding) VALUES ('[0,1,0]')").await;
    assert_eq!(client.count("people").await, "1");
}

#[tokio::test]
async fn a_delete_that_fails_deletes_nothing() {
    let client = Client::with_people().await;
    let cases = [
        ("DELETE FROM nobody", SqlState::UndefinedTable),
        ("DELETE FROM other.public.people", SqlState::UndefinedTable),
        ("DELETE FROM people WHERE nothing = 1", SqlState::UndefinedColumn),
        ("DELETE FROM people WHERE 1 / (rank() OVER ()) = 1", SqlState::WindowingError),
        ("DELETE FROM people WHERE 1 / 0 = 1", SqlState::DivisionByZero),
        ("DELETE FROM people RETURNING nothing", SqlState::UndefinedColumn),
        ("DELETE FROM people RETURNING 1 / 0", SqlState::DivisionByZero),
        ("DELETE FROM people, people p", SqlState::FeatureNotSupported),
        ("DELETE FROM people JOIN people p ON true", SqlState::FeatureNotSupported),
        ("DELETE FROM (SELECT * FROM people) p", SqlState::FeatureNotSupported),
        ("TRUNCATE nobody", SqlState::UndefinedTable),
        ("TRUNCATE people, nobody", SqlState::UndefinedTable),
        ("DELETE FROM people WHERE CURRENT OF c", SqlState::FeatureNotSupported),
    ];
    for (sql, state) in cases {
        let error = client.error(sql).await;
        assert_eq!(error.state, state, "{sql}: {error}");
        assert_eq!(client.count("people").await, "4", "after {sql}");
    }
}
