//! SELECT and its relatives through DataFusion, on collections and without.

use datafusion::scalar::ScalarValue;

use super::{Client, must, text};
use crate::sql::{Outcome, SqlState, SqlType};

#[tokio::test]
async fn a_collection_is_a_table_with_the_documented_columns() {
    let client = Client::with_people().await;
    let (_, columns) = client.describe("SELECT * FROM people").await;
    let names = "face_id external_face_id external_image_id bounding_box confidence quality \
                 attributes metadata model created_at embedding";
    assert_eq!(columns.unwrap(), names.split(' ').collect::<Vec<_>>());
    let statement = client.parse("SELECT * FROM people").unwrap();
    let description = client.session.describe(&statement, &[]).await.unwrap();
    let schema = description.columns.unwrap();
    let types: Vec<_> = schema.fields().iter().map(|field| SqlType::of(field)).collect();
    assert_eq!(
        types[3..],
        [
            SqlType::Float4Array,
            SqlType::Float4,
            SqlType::Float4,
            SqlType::Jsonb,
            SqlType::Jsonb,
            SqlType::Text,
            SqlType::Timestamptz,
            SqlType::Vector,
        ]
    );
    let Outcome::Rows { tag, schema: streamed, .. } =
        client.outcome("SELECT * FROM people", &[]).await.unwrap()
    else {
        panic!("no rows");
    };
    assert_eq!((tag, streamed), ("SELECT", schema));
}

#[tokio::test]
async fn queries_compose() {
    let client = Client::with_people().await;
    let cases = [
        ("SELECT count(*) FROM people", "4"),
        ("SELECT count(*) FROM acme.public.people WHERE quality IS NULL", "4"),
        ("SELECT external_face_id FROM people ORDER BY external_face_id DESC LIMIT 2", "dee cid"),
        ("SELECT external_face_id FROM people ORDER BY face_id OFFSET 3", "dee"),
        (
            "SELECT a.external_face_id || b.external_face_id FROM people a JOIN people b \
             USING (external_image_id) WHERE a.external_face_id < b.external_face_id ORDER BY 1",
            "annbob ciddee",
        ),
        (
            "SELECT external_image_id FROM people GROUP BY external_image_id HAVING count(*) = 2 \
             ORDER BY external_image_id",
            "blue red",
        ),
        (
            "SELECT v.note FROM people p JOIN (VALUES ('ann', 'first'), ('eve', 'none')) \
             AS v(id, note) ON v.id = p.external_face_id",
            "first",
        ),
        ("SELECT sum(n) FROM generate_series(1, 4) n", "10"),
        (
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) \
             SELECT max(n) FROM t",
            "5",
        ),
        ("SELECT count(*) FROM people WHERE created_at > now() - interval '1 hour'", "4"),
        ("SELECT array_length(embedding) FROM people LIMIT 1", "3"),
        ("VALUES (1, 'a'), (2, 'b')", "1 2"),
        ("SELECT 1 WHERE false", ""),
    ];
    for (sql, expected) in cases {
        assert_eq!(client.column(sql).await.join(" "), expected, "{sql}");
    }
}

#[tokio::test]
async fn an_answer_is_remembered_only_where_nothing_can_change_it() {
    let client = Client::with_people().await;
    for sql in ["SELECT 1", "SELECT -1 AS a, 'x', NULL", "VALUES (1), (1 + 1)", "SELECT 1 LIMIT 1"]
    {
        let statement = client.parse(sql).unwrap();
        let answer = statement.fixed_answer().unwrap_or_else(|| panic!("{sql} is not fixed"));
        let first = client.rows(sql).await;
        assert_eq!(answer.get(), None, "{sql}: another statement answered");
        for _ in 0..2 {
            let outcome = client.session.execute(&statement, Vec::new()).await.unwrap();
            let Outcome::Rows { stream, .. } = outcome else { panic!("no rows") };
            assert_eq!(super::texts(stream).await.unwrap(), first, "{sql}");
            assert!(answer.get().is_some(), "{sql}");
        }
    }
    for sql in [
        "SELECT $1",
        "SELECT now()",
        "SELECT current_user",
        "SELECT count(*) FROM people",
        "SELECT (SELECT count(*) FROM people)",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM people)",
        "WITH p AS (SELECT * FROM people) SELECT 1",
        "SELECT 1 FROM generate_series(1, 3)",
    ] {
        assert!(client.parse(sql).unwrap().fixed_answer().is_none(), "{sql} is fixed");
    }
    let divided = client.parse("SELECT 1 / 0").unwrap();
    for _ in 0..2 {
        let error = client.session.execute(&divided, Vec::new()).await.unwrap_err();
        assert_eq!(error.state, SqlState::DivisionByZero);
    }
}

#[tokio::test]
async fn a_face_is_looked_up_by_its_id_without_reading_the_collection() {
    let client = Client::with_people().await;
    let bob = client.face_id("bob").await;
    let by_id = "SELECT external_face_id FROM people WHERE face_id = ";
    assert_eq!(client.rows_with(&format!("{by_id}$1"), &[text(&bob)]).await, [["bob"]]);
    for other in ["'nobody'", "'f_00000000000000000000000000'", "NULL"] {
        assert!(client.rows(&format!("{by_id}{other}")).await.is_empty(), "{other}");
    }
    let both = format!("{by_id}'{bob}' AND face_id = 'x'");
    assert!(client.rows(&both).await.is_empty());
    let either = format!("{by_id}'{bob}' OR external_face_id = 'ann' ORDER BY 1");
    assert_eq!(client.column(&either).await, ["ann", "bob"]);
    let filtered = format!("{by_id}'{bob}' AND external_image_id = 'blue'");
    assert!(client.rows(&filtered).await.is_empty());
    let plan = client.column(&format!("EXPLAIN {by_id}'{bob}'")).await.join("\n");
    assert!(plan.contains(&format!("face_id={bob}")) && !plan.contains("Filter"), "{plan}");
}

#[tokio::test]
async fn only_the_columns_asked_for_are_read_and_a_limit_ends_the_scan() {
    let client = Client::with_people().await;
    let plan = client.column("EXPLAIN SELECT model FROM people LIMIT 2").await;
    assert_eq!(plan, ["GalleryScan: collection=people, columns=[model], limit=2"]);
    let plan = client.column("EXPLAIN SELECT face_id FROM people ORDER BY face_id").await;
    assert_eq!(plan, ["GalleryScan: collection=people, columns=[face_id]"]);
}

#[tokio::test]
async fn a_scan_goes_on_batch_after_batch() {
    let client = Client::new();
    client.run("CREATE COLLECTION many WITH (dimensions = 1)").await;
    for _ in 0..2 {
        let rows = vec!["('[1]')"; 9000].join(", ");
        client.run(&format!("INSERT INTO many (embedding) VALUES {rows}")).await;
    }
    let distinct = "SELECT count(DISTINCT face_id) FROM many";
    assert_eq!(client.column(distinct).await, ["18000"]);
    assert_eq!(client.rows("SELECT face_id, embedding FROM many").await.len(), 18_000);
    assert_eq!(client.rows("SELECT face_id FROM many LIMIT 8193").await.len(), 8193);
}

#[tokio::test]
async fn a_prepared_statement_sees_what_was_written_since() {
    let client = Client::with_people().await;
    let counting = client.parse("SELECT count(*) FROM people WHERE external_face_id = $1").unwrap();
    let count = async || {
        let outcome = client.session.execute(&counting, vec![text("eve")]).await;
        match must("count", outcome) {
            Outcome::Rows { stream, .. } => super::texts(stream).await.unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(count().await, [["0"]]);
    client.run("INSERT INTO people (external_face_id, embedding) VALUES ('eve', '[1,1,1]')").await;
    assert_eq!(count().await, [["1"]]);
    client.run("DROP COLLECTION people").await;
    let gone = client.session.execute(&counting, vec![text("eve")]).await.unwrap_err();
    assert_eq!(gone.state, SqlState::UndefinedTable);
    client.run("CREATE COLLECTION people WITH (dimensions = 8)").await;
    assert_eq!(count().await, [["0"]]);
}

#[tokio::test]
async fn a_result_keeps_its_snapshot_while_it_is_read() {
    let client = Client::with_people().await;
    let Outcome::Rows { stream, .. } =
        client.outcome("SELECT face_id FROM people", &[]).await.unwrap()
    else {
        panic!("no rows");
    };
    client.run("DELETE FROM people").await;
    assert_eq!(super::texts(stream).await.unwrap().len(), 4);
    assert_eq!(client.count("people").await, "0");
}

#[tokio::test]
async fn parameter_types_are_inferred_the_way_clients_expect() {
    let client = Client::with_people().await;
    let cases: [(&str, &[SqlType]); 13] = [
        ("SELECT $1", &[SqlType::Text]),
        ("SELECT $2", &[SqlType::Text, SqlType::Text]),
        ("SELECT $1 + 1", &[SqlType::Int4]),
        ("SELECT $1::int", &[SqlType::Int4]),
        (
            "SELECT CAST($1 AS bytea), $2::real[], $3::timestamptz",
            &[SqlType::Bytea, SqlType::Float4Array, SqlType::Timestamptz],
        ),
        ("SELECT 1 FROM people LIMIT $1 OFFSET $2", &[SqlType::Int8, SqlType::Int8]),
        ("SELECT 1 FROM people WHERE face_id = $1", &[SqlType::Text]),
        ("SELECT 1 FROM people WHERE face_id IN ($1, $2)", &[SqlType::Text, SqlType::Text]),
        (
            "SELECT 1 FROM people WHERE created_at BETWEEN $1 AND $2",
            &[SqlType::Timestamptz, SqlType::Timestamptz],
        ),
        ("SELECT 1 FROM people WHERE quality > $1", &[SqlType::Float4]),
        ("SELECT 1 FROM people WHERE metadata = $1", &[SqlType::Jsonb]),
        ("EXPLAIN SELECT 1 FROM people WHERE confidence > $1", &[SqlType::Float4]),
        ("DELETE FROM people WHERE external_face_id LIKE $1", &[SqlType::Text]),
    ];
    for (sql, expected) in cases {
        assert_eq!(client.describe(sql).await.0, expected, "{sql}");
    }
    let statement = client.parse("SELECT $1").unwrap();
    let declared = client.session.describe(&statement, &[Some(SqlType::Int8)]).await.unwrap();
    assert_eq!(declared.parameters, [SqlType::Int8]);
    assert_eq!(SqlType::of(declared.columns.unwrap().field(0)), SqlType::Int8);
}

#[tokio::test]
async fn parameters_are_values_and_never_text_of_the_statement() {
    let client = Client::with_people().await;
    let sql = "SELECT count(*) FROM people WHERE external_face_id = $1";
    let hostile = [text("x' OR '1'='1"), text("ann'; DROP COLLECTION people; --")];
    for value in hostile {
        assert_eq!(client.rows_with(sql, &[value]).await, [["0"]]);
    }
    let two = [ScalarValue::from(2_i64), ScalarValue::from(1_i64)];
    let sql = "SELECT external_face_id FROM people ORDER BY face_id LIMIT $1 OFFSET $2";
    assert_eq!(client.rows_with(sql, &two).await, [["bob"], ["cid"]]);
}

#[tokio::test]
async fn literals_of_bytea_and_arrays_read_as_in_postgresql() {
    let client = Client::new();
    let cases = [
        ("SELECT '\\x00ff'::bytea", "00ff"),
        ("SELECT encode(CAST('\\x00ff' AS bytea), 'hex')", "00ff"),
        ("SELECT '{1,-2.5}'::real[]", "[1.0, -2.5]"),
        ("SELECT array_length('[1,2,3]'::vector)", "3"),
    ];
    for (sql, expected) in cases {
        assert_eq!(client.column(sql).await, [expected], "{sql}");
    }
    let bytes = "SELECT '\\x0'::bytea";
    assert_eq!(client.state(bytes).await, SqlState::InvalidParameterValue);
    let array = "SELECT '1'::real[]";
    assert_eq!(client.state(array).await, SqlState::InvalidTextRepresentation);
}

#[tokio::test]
async fn faces_are_found_by_what_their_callers_call_them() {
    let client = Client::with_people().await;
    client
        .run(
            "INSERT INTO people (external_face_id, external_image_id, embedding) \
             SELECT 'p' || g % 7, 'i' || g % 5, ARRAY[1, g, 0]::real[] \
             FROM generate_series(1, 40) g",
        )
        .await;
    let plan =
        client.column("EXPLAIN SELECT model FROM people WHERE external_face_id = 'p1'").await;
    assert!(plan.concat().contains("of external_face_id"), "{plan:?}");
    let same = [
        ("external_face_id = $1", 6, "p1"),
        ("$1 = external_image_id", 8, "i2"),
        ("external_face_id = $1 AND external_image_id = 'i2'", 1, "p1"),
        ("external_face_id = $1 AND external_face_id = 'p2'", 0, "p1"),
        ("external_face_id = $1 AND face_id IS NOT NULL", 6, "p1"),
        ("external_face_id = $1", 0, ""),
        ("external_face_id = $1", 0, "p"),
        ("external_face_id = $1", 1, "ann"),
    ];
    for (condition, count, value) in same {
        let sql = format!("SELECT * FROM people WHERE {condition} ORDER BY face_id");
        let found = client.rows_with(&sql, &[text(value)]).await;
        // What is computed is compared with each row.
        let computed = sql.replace("= $1", "|| '' = $1").replace("$1 =", "$1 = '' ||");
        assert_eq!(found, client.rows_with(&computed, &[text(value)]).await, "{condition}");
        assert_eq!(found.len(), count, "{condition} {value:?}");
    }
    client.run("BEGIN").await;
    client.run("UPDATE people SET external_image_id = 'new' WHERE external_face_id = 'p1'").await;
    client.run("DELETE FROM people WHERE external_image_id = 'i2'").await;
    let counts = "SELECT count(*) FILTER (WHERE external_image_id = 'new'), count(*) FROM people";
    let found = client.rows(counts).await;
    let new = client.column("SELECT count(*) FROM people WHERE external_image_id = 'new'").await;
    assert_eq!((found[0][0].as_str(), new), ("6", vec!["6".to_owned()]));
    client.run("COMMIT").await;
    assert_eq!(client.rows(counts).await, found);
}
