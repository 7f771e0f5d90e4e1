//! UPDATE changes the faces its predicate selects, and of them what SET says.
//!
//! As for DELETE, each line of the table of predicates that are optimised away is kept here.

use datafusion::scalar::ScalarValue;

use super::{Client, reals, text};
use crate::engine::Role;
use crate::sql::{Outcome, SqlState, SqlType};

const NAMES: &str = "SELECT external_face_id FROM people ORDER BY face_id";

async fn names(client: &Client) -> String {
    client.column(NAMES).await.join(" ")
}

#[tokio::test]
async fn predicates_that_are_optimised_away_change_nothing_more_than_they_say() {
    let client = Client::with_people().await;
    let null = ScalarValue::Utf8(None);
    let cases: [(&str, &[ScalarValue], u64); 12] = [
        ("external_face_id = $1", std::slice::from_ref(&null), 0),
        ("face_id = $1", std::slice::from_ref(&null), 0),
        ("1 = 0", &[], 0),
        ("face_id = NULL", &[], 0),
        ("NOT EXISTS (SELECT 1)", &[], 0),
        ("NOT EXISTS (SELECT 1 FROM people)", &[], 0),
        ("external_face_id = 'ann' AND external_image_id IN (SELECT 'no match')", &[], 0),
        ("external_face_id IN (SELECT 'nobody')", &[], 0),
        ("face_id > 'g'", &[], 0),
        ("face_id = 'f_no_such_face'", &[], 0),
        ("external_face_id IN (SELECT 'ann')", &[], 1),
        ("external_face_id = 'bob'", &[], 1),
    ];
    let mut changed = 0;
    for (predicate, values, expected) in cases {
        let sql = format!("UPDATE people SET metadata = '7' WHERE {predicate}");
        assert_eq!(client.run_with(&sql, values).await, ("UPDATE", Some(expected)), "{predicate}");
        changed += expected;
        let marked = client.column("SELECT count(*) FROM people WHERE metadata::text = '7'").await;
        assert_eq!(marked, [changed.to_string()], "after {predicate}");
    }
    assert_eq!(names(&client).await, "ann bob cid dee");
}

#[tokio::test]
async fn new_values_are_computed_from_the_old_ones_and_the_rest_stays() {
    let client = Client::with_people().await;
    let kept = "SELECT face_id, created_at, embedding, model, external_image_id FROM people";
    let before = client.rows(kept).await;
    let sql = "UPDATE people AS p SET external_face_id = upper(p.external_face_id) || '!', \
               metadata = NULL WHERE external_image_id = 'red'";
    assert_eq!(client.run(sql).await, ("UPDATE", Some(2)));
    assert_eq!(names(&client).await, "ANN! BOB! cid dee");
    assert_eq!(client.rows(kept).await, before);
    let nulls = "SELECT count(*) FROM people WHERE metadata IS NULL";
    assert_eq!(client.column(nulls).await, ["2"]);
    let sql = "UPDATE people SET (external_face_id, external_image_id) = (external_image_id, \
               external_face_id) WHERE external_face_id = 'dee'";
    client.run(sql).await;
    assert_eq!(names(&client).await, "ANN! BOB! cid blue");
    client.run("UPDATE people SET external_image_id = DEFAULT").await;
    let left = client.column("SELECT count(external_image_id) FROM people").await;
    assert_eq!(left, ["0"]);
}

#[tokio::test]
async fn returning_is_any_expression_of_the_changed_faces() {
    let client = Client::with_people().await;
    let sql = "UPDATE people SET external_face_id = external_face_id || $1 \
               WHERE external_image_id = 'red' \
               RETURNING upper(external_face_id), metadata->>'team' || $2 AS team";
    let (parameters, columns) = client.describe(sql).await;
    assert_eq!(parameters, [SqlType::Text, SqlType::Text]);
    assert_eq!(columns.unwrap(), ["upper", "team"]);
    let mut rows = client.rows_with(sql, &[text("!"), text("?")]).await;
    rows.sort();
    assert_eq!(rows, [["ANN!", "red?"], ["BOB!", "red?"]]);
    // The tables in FROM are gone by then.
    let sql = "UPDATE people SET metadata = '1' FROM (VALUES (1)) v(n) RETURNING v.n";
    assert_eq!(client.state(sql).await, SqlState::UndefinedTable);
}

#[tokio::test]
async fn parameters_take_the_type_of_their_column_and_from_brings_values() {
    let client = Client::with_people().await;
    let sql = "UPDATE people SET metadata = $1, external_face_id = $2 WHERE external_face_id = $3 \
               RETURNING external_face_id AS \"Who\", metadata, embedding";
    let (parameters, columns) = client.describe(sql).await;
    assert_eq!(parameters, [SqlType::Jsonb, SqlType::Text, SqlType::Text]);
    assert_eq!(columns.unwrap(), ["Who", "metadata", "embedding"]);
    let values = [text("[1]"), text("eve"), text("ann")];
    assert_eq!(client.rows_with(sql, &values).await, [["eve", "[1]", "[1.0, 0.0, 0.0]"]]);
    let Outcome::Rows { tag, .. } = client.outcome(sql, &values).await.unwrap() else {
        panic!("no rows");
    };
    assert_eq!(tag, "UPDATE");
    let sql = "UPDATE people SET external_face_id = v.new FROM (VALUES ('bob', 'rob'), \
               ('bob', 'bert'), ('nobody', 'x')) v(old, new) WHERE external_face_id = v.old";
    assert_eq!(client.run(sql).await, ("UPDATE", Some(1)), "a face is changed once");
    assert!(["eve rob cid dee", "eve bert cid dee"].contains(&&*names(&client).await));
}

#[tokio::test]
async fn columns_of_the_server_may_be_set_to_what_they_are() {
    let client = Client::with_people().await;
    client
        .run(
            "INSERT INTO people (external_face_id, embedding, bounding_box, confidence, quality) \
             VALUES ('eve', '[0.3,0.4,0.5]', '{\"0.1\",0.2,0.3,0.4}', 0.9, 0.7)",
        )
        .await;
    let all = "SELECT * FROM people ORDER BY face_id";
    let before = client.rows(all).await;
    let sql = "UPDATE people p SET face_id = face_id, bounding_box = p.bounding_box, \
               confidence = confidence, quality = quality, attributes = attributes, \
               model = model, created_at = created_at, embedding = embedding \
               FROM (SELECT now() AS created_at) other WHERE p.face_id IS NOT NULL";
    let ambiguous = client.error(sql).await;
    assert_eq!(ambiguous.state, SqlState::AmbiguousColumn, "{ambiguous}");
    let sql = sql.replace("= created_at", "= p.created_at");
    assert_eq!(client.run(&sql).await, ("UPDATE", Some(5)));
    assert_eq!(client.rows(all).await, before);

    let one = "SELECT created_at, quality, embedding, model FROM people \
               WHERE external_face_id = 'eve'";
    let [created_at, quality, embedding, model] = &client.rows(one).await[0][..] else { panic!() };
    let sql = format!(
        "UPDATE people SET created_at = '{created_at}', quality = {quality}, model = '{model}', \
         bounding_box = '{{0.1,\"0.2\",0.3,0.4}}', embedding = '{embedding}', \
         external_image_id = 'new' WHERE external_face_id = 'eve'"
    );
    assert_eq!(client.run(&sql).await, ("UPDATE", Some(1)));
    let kept = "SELECT quality, bounding_box IS NULL FROM people WHERE external_image_id = 'new'";
    assert_eq!(client.rows(kept).await, [[quality.as_str(), "false"]]);
    let (parameters, _) = client.describe("UPDATE people SET quality = $1, created_at = $2").await;
    assert_eq!(parameters, [SqlType::Float4, SqlType::Timestamptz]);
    client.run("PREPARE dated AS UPDATE people SET created_at = $1").await;
    for refused in [
        "UPDATE people SET quality = 0.71",
        "UPDATE people SET model = 5",
        "UPDATE people SET bounding_box = NULL",
        "UPDATE people SET bounding_box = '{}'",
        "UPDATE people SET bounding_box = '{0.1,0.2,0.3,NULL}'",
        "EXECUTE dated(now())",
    ] {
        let error = client.error(refused).await;
        assert_eq!(error.state, SqlState::GeneratedAlways, "{refused}: {error}");
    }
}

#[tokio::test]
async fn an_update_that_fails_changes_nothing() {
    let client = Client::with_people().await;
    let long = "x".repeat(256);
    let cases = [
        ("nobody SET metadata = '1'", SqlState::UndefinedTable),
        ("other.public.people SET metadata = '1'", SqlState::UndefinedTable),
        ("people SET colour = 'red'", SqlState::UndefinedColumn),
        ("people SET metadata = nothing", SqlState::UndefinedColumn),
        ("people SET metadata = '1' WHERE nothing", SqlState::UndefinedColumn),
        ("people SET face_id = 'f_1'", SqlState::GeneratedAlways),
        ("people SET created_at = now()", SqlState::GeneratedAlways),
        ("people SET embedding = NULL", SqlState::NotNullViolation),
        ("people SET embedding = DEFAULT", SqlState::NotNullViolation),
        ("people SET embedding = '[1,0]'", SqlState::InvalidParameterValue),
        ("people SET embedding = '[0,0,0]'", SqlState::InvalidParameterValue),
        ("people SET embedding = '[1,x,0]'", SqlState::InvalidTextRepresentation),
        ("people SET image = '\\x00'", SqlState::FeatureNotSupported),
        ("people SET metadata = '1', metadata = '2'", SqlState::SyntaxError),
        ("people SET (metadata, external_face_id) = ('1')", SqlState::FeatureNotSupported),
        ("people SET metadata = 'no json'", SqlState::InvalidTextRepresentation),
        ("people SET external_face_id = ''", SqlState::InvalidParameterValue),
        (&format!("people SET external_face_id = '{long}'"), SqlState::InvalidParameterValue),
        (
            "people SET external_face_id = CASE external_face_id WHEN 'dee' THEN '' ELSE 'x' END",
            SqlState::InvalidParameterValue,
        ),
        ("people SET metadata = '1' WHERE 1 / 0 = 1", SqlState::DivisionByZero),
        ("people SET metadata = '1' RETURNING nothing", SqlState::UndefinedColumn),
        ("people JOIN people p ON true SET metadata = '1'", SqlState::FeatureNotSupported),
    ];
    let before = client.rows("SELECT * FROM people").await;
    for (rest, state) in cases {
        let error = client.error(&format!("UPDATE {rest}")).await;
        assert_eq!(error.state, state, "{rest}: {error}");
        assert_eq!(client.rows("SELECT * FROM people").await, before, "after {rest}");
    }
}

#[tokio::test]
async fn a_face_may_get_another_template() {
    let client = Client::with_people().await;
    let insert = "INSERT INTO people (external_face_id, bounding_box, confidence, quality, \
                  attributes, created_at, embedding) VALUES ('eve', '{0.1,0.1,0.5,0.5}', 0.9, 0.8, \
                  '{}', '2020-01-01 00:00:00+00', '[1,0,0]') RETURNING face_id";
    let id = client.column(insert).await.remove(0);
    let sql = "UPDATE people SET embedding = $1, metadata = '7' WHERE external_face_id = 'eve' \
               RETURNING embedding";
    assert_eq!(client.describe(sql).await.0, [SqlType::Vector]);
    assert_eq!(
        client.rows_with(sql, &[reals(&[0.0, 3.0, 4.0])]).await.concat(),
        ["[0.0, 0.6, 0.8]"]
    );
    let row = client.rows(&format!("SELECT * FROM people WHERE face_id = '{id}'")).await.remove(0);

    assert_eq!(row[3..7], ["", "", "", ""], "what was measured in the image of the old one");
    assert!(row[9].starts_with("2020-01-01"), "{row:?}");
    let nearest = "SEARCH FACES IN people EMBEDDING '[0,3,4]' LIMIT 1";
    assert_eq!(client.rows(nearest).await[0][1], id);
    client
        .run(
            "UPDATE people SET embedding = p.embedding FROM people p \
                WHERE people.external_face_id = 'ann' AND p.external_face_id = 'dee'",
        )
        .await;
    let ann = "SELECT embedding FROM people WHERE external_face_id = 'ann'";
    assert_eq!(client.column(ann).await, ["[0.0, 0.0, 1.0]"]);
}

#[tokio::test]
async fn in_a_block_an_update_waits_for_its_end() {
    let client = Client::with_people().await;
    let other = client.database.session("acme", Role::Write);
    let seen = async || {
        let statement = other.parse(NAMES).unwrap().remove(0);
        let outcome = other.execute(&statement, Vec::new()).await.unwrap();
        let Outcome::Rows { stream, .. } = outcome else { panic!("no rows") };
        super::texts(stream).await.unwrap().concat().join(" ")
    };
    client.run("BEGIN").await;
    client.run("UPDATE people SET external_face_id = 'eve' WHERE external_face_id = 'ann'").await;
    client.run("UPDATE people SET external_face_id = 'eva' WHERE external_face_id = 'eve'").await;
    assert_eq!(names(&client).await, "eva bob cid dee");
    assert_eq!(seen().await, "ann bob cid dee");
    client.run("COMMIT").await;
    assert_eq!(seen().await, "eva bob cid dee");
}

#[tokio::test]
async fn a_face_deleted_meanwhile_does_not_come_back() {
    let client = Client::with_people().await;
    client.run("BEGIN").await;
    assert_eq!(names(&client).await, "ann bob cid dee");
    let other = client.database.session("acme", Role::Write);
    let delete = other.parse("DELETE FROM people WHERE external_face_id = 'ann'").unwrap();
    other.execute(&delete[0], Vec::new()).await.unwrap();
    let update = client.outcome("UPDATE people SET metadata = '1'", &[]).await;
    let ended = match update {
        Ok(_) => client.outcome("COMMIT", &[]).await,
        Err(error) => Err(error),
    };
    assert_eq!(ended.unwrap_err().state, SqlState::SerializationFailure);
    client.outcome("ROLLBACK", &[]).await.unwrap();
    assert_eq!(names(&client).await, "bob cid dee");
}

#[tokio::test]
async fn queries_of_with_may_be_named_anywhere() {
    let client = Client::with_people().await;
    let sql = "WITH named(old, new) AS (VALUES ('ann', 'anna'), ('bob', 'rob')) \
               UPDATE people p SET external_face_id = n.new FROM named n \
               WHERE p.external_face_id = n.old RETURNING (SELECT count(*) FROM named)";
    assert_eq!(client.column(sql).await, ["2", "2"]);
    assert_eq!(names(&client).await, "anna rob cid dee");
    let sql = "WITH gone AS (SELECT $1 AS name) DELETE FROM people USING gone \
               WHERE external_face_id = gone.name";
    assert_eq!(client.run_with(sql, &[ScalarValue::from("rob")]).await, ("DELETE", Some(1)));
    let sql = "WITH none AS (SELECT 'x' AS name WHERE false) DELETE FROM people \
               WHERE external_face_id IN (SELECT name FROM none)";
    assert_eq!(client.run(sql).await, ("DELETE", Some(0)));
    assert_eq!(names(&client).await, "anna cid dee");
}

#[tokio::test]
async fn several_columns_are_set_from_a_row() {
    let client = Client::with_people().await;
    let both = "SELECT external_face_id || ' ' || external_image_id FROM people ORDER BY face_id";
    let before = client.column(both).await;
    let sql = "UPDATE people SET (external_face_id, external_image_id) = \
               (SELECT upper(v.a), people.external_face_id FROM (VALUES ('ann', 1)) v(a, b) \
                WHERE v.a = people.external_face_id ORDER BY b) WHERE external_face_id = 'ann'";
    assert_eq!(client.run(sql).await, ("UPDATE", Some(1)));
    let sql = "UPDATE people SET (external_face_id, external_image_id) = ROW('x', DEFAULT), \
               metadata = '1' WHERE external_face_id = 'dee'";
    assert_eq!(client.run(sql).await, ("UPDATE", Some(1)));
    let after = client.column(both).await;
    assert_eq!(after[0], "ANN ann");
    assert_eq!(after[1..3], before[1..3]);
    assert_eq!(names(&client).await, "ANN bob cid x");
    for sql in [
        "UPDATE people SET (external_face_id, external_image_id) = (SELECT 'x')",
        "UPDATE people SET (external_face_id, external_image_id) = ROW('x')",
    ] {
        assert_eq!(client.error(sql).await.state, SqlState::SyntaxError, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_of_one_face_all_come_to_their_end() {
    const WRITERS: usize = 16;
    const TIMES: usize = 15;
    let client = Client::with_people().await;
    client.run("UPDATE people SET metadata = '{\"n\": 0}' WHERE external_face_id = 'ann'").await;
    let count = "UPDATE people SET metadata = jsonb_build_object('n', (metadata->>'n')::int + 1) \
                 WHERE external_face_id = 'ann'";
    let writers = (0..WRITERS).map(|_| {
        let writer = client.another();
        tokio::spawn(async move {
            for _ in 0..TIMES {
                writer.run(count).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let counted = "SELECT metadata->>'n' FROM people WHERE external_face_id = 'ann'";
    assert_eq!(client.column(counted).await, [(WRITERS * TIMES).to_string()]);
}
