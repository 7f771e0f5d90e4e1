//! What PostgreSQL means by syntax that the planner reads differently or not at all.

use super::Client;
use crate::sql::SqlState;

#[tokio::test]
async fn columns_without_a_name_are_called_as_in_postgresql() {
    let client = Client::with_people().await;
    let cases = [
        ("SELECT 1, 'x', NULL, 1 + 1, NOT true", "?column? ?column? ?column? ?column? ?column?"),
        ("SELECT count(*), max(face_id), upper('x') FROM people", "count max upper"),
        ("SELECT pg_catalog.upper('x'), coalesce(1, 2), nullif(1, 2)", "upper coalesce nullif"),
        ("SELECT 1::bigint, '1'::text, true, 1.5::numeric(3, 1)", "int8 text ?column? numeric"),
        (
            "SELECT face_id::text, (confidence), embedding[1] FROM people",
            "face_id confidence embedding",
        ),
        (
            "SELECT CASE WHEN true THEN 1 END, CASE WHEN true THEN 1 ELSE quality END \
 FROM people",
            "case quality",
        ),
        ("SELECT ARRAY[1], (SELECT 1 AS one), (SELECT max(face_id) FROM people)", "array one max"),
        (
            "SELECT date '2020-01-01', interval '1 day', extract(year FROM now())",
            "date interval extract",
        ),
        (
            "SELECT trim(' x '), substring('x' FROM 1), position('x' IN 'x')",
            "btrim substring position",
        ),
        ("SELECT s.count FROM (SELECT count(*) FROM people) s", "count"),
        ("SELECT 1, 1, 2 AS a, 3 AS a", "?column? ?column? a a"),
        ("SELECT a.model, b.model FROM people a, people b", "model model"),
        ("SELECT s.* FROM (SELECT a.model, b.model FROM people a, people b) s", "model model"),
        (
            "SELECT rank, face_id AS rank FROM (SEARCH FACES IN people EMBEDDING '[1,0,0]') s",
            "rank rank",
        ),
    ];
    for (sql, names) in cases {
        let described = client.describe(sql).await.1.unwrap();
        assert_eq!(described.join(" "), names, "{sql}");
        client.rows(sql).await;
    }
    let (_, names) = client.describe("SELECT *, model, p.model FROM people p ORDER BY model").await;
    assert_eq!(names.unwrap()[11..], ["model", "model"]);
}

#[tokio::test]
async fn what_goes_by_a_generated_name_can_be_asked_for_by_it() {
    let client = Client::with_people().await;
    let sql = "SELECT count, external_image_id FROM (SELECT count(*), external_image_id \
               FROM people GROUP BY 2) s ORDER BY count, 2";
    assert_eq!(client.rows(sql).await, [["2", "blue"], ["2", "red"]]);
    let sql = "SELECT upper(external_face_id) FROM people ORDER BY upper LIMIT 1";
    assert_eq!(client.column(sql).await, ["ANN"]);
}

#[tokio::test]
async fn operators_read_as_in_postgresql() {
    let client = Client::new();
    let cases = [
        ("SELECT 'abc' OPERATOR(pg_catalog.~) '^(abc)$' COLLATE pg_catalog.default", "true"),
        ("SELECT 'ABC' OPERATOR(pg_catalog.~*) 'b' AND 'a' COLLATE \"C\" !~ 'b'", "true"),
        ("SELECT 'a%b' LIKE 'a!%b' ESCAPE '!'", "true"),
        ("SELECT 'axb' LIKE 'a!%b' ESCAPE '!'", "false"),
        ("SELECT 'a\\b' LIKE 'a\\b' ESCAPE ''", "true"),
        ("SELECT 'A_' ILIKE 'a!_' ESCAPE '!'", "true"),
        ("SELECT 'a' = ANY('{a,b}')", "true"),
        ("SELECT 2 = ANY('{1,2}'::int[])", "true"),
        ("SELECT 3 <> ALL(ARRAY[1, 2])", "true"),
        ("SELECT 2 = ALL('{2,3}'::int[])", "false"),
    ];
    for (sql, expected) in cases {
        assert_eq!(client.column(sql).await, [expected], "{sql}");
    }
    let refused = [
        ("SELECT 1 OPERATOR(pg_catalog.&&) 2", SqlState::UndefinedFunction),
        ("SELECT 1 OPERATOR(other.+) 2", SqlState::UndefinedFunction),
        ("SELECT 'a' COLLATE \"xx\"", SqlState::UndefinedObject),
        ("SELECT 'a' LIKE 'a' ESCAPE 'xy'", SqlState::InvalidEscapeSequence),
    ];
    for (sql, state) in refused {
        assert_eq!(client.state(sql).await, state, "{sql}");
    }
}

#[tokio::test]
async fn functions_in_from_are_named_and_numbered_as_in_postgresql() {
    let client = Client::new();
    let cases = [
        ("SELECT generate_series FROM generate_series(1, 3)", "1 2 3"),
        ("SELECT i FROM pg_catalog.generate_series(1, 7, 3) i", "1 4 7"),
        ("SELECT g.n FROM generate_series(2, 1, -1) AS g(n)", "2 1"),
        ("SELECT unnest FROM unnest(ARRAY['a', 'b'])", "a b"),
        (
            "SELECT t.x FROM unnest('{a,NULL,b}'::text[]) WITH ORDINALITY AS t(x, n) WHERE n > 1",
            " b",
        ),
        ("SELECT b FROM unnest(ARRAY[1, 2], ARRAY['x', 'y']) AS t(a, b) WHERE a = 2", "y"),
        ("SELECT s FROM generate_subscripts(ARRAY['a', 'b'], 1) s", "1 2"),
        ("SELECT generate_series(1, 2) + 10", "11 12"),
        ("SELECT count(*) FROM generate_series(1, 0)", "0"),
    ];
    for (sql, expected) in cases {
        assert_eq!(client.column(sql).await.join(" "), expected, "{sql}");
    }
    let sql = "SELECT generate_series(1, 2000000)";
    assert_eq!(client.state(sql).await, SqlState::ProgramLimitExceeded);
    assert_eq!(
        client.state("SELECT generate_series(1, 2, 0)").await,
        SqlState::InvalidParameterValue
    );
}

#[tokio::test]
async fn casts_read_text_as_in_postgresql() {
    let client = Client::new();
    let cases = [
        ("SELECT '{\"b\": 1,\"a\":[2 ]}'::jsonb", "{\"a\": [2], \"b\": 1}"),
        ("SELECT jsonb '[]'", "[]"),
        ("SELECT 'A0EEBC999C0B4EF8BB6D6BB9BD380A11'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("SELECT 'abc'::varchar(2)", "ab"),
        ("SELECT 'abc'::char(2) || '|'", "ab|"),
        ("SELECT 'a'::char(3) || '|'", "a|"),
        ("SELECT '42'::pg_catalog.int4 + 1", "43"),
        ("SELECT 1.50::numeric", "1.50"),
        ("SELECT '{1,NULL,3}'::int[]", "[1, , 3]"),
        ("SELECT '{{a,\"b c\"}}'::text[]", "[[a, b c]]"),
        ("SELECT 1 FETCH FIRST ROW ONLY", "1"),
    ];
    for (sql, expected) in cases {
        assert_eq!(client.column(sql).await, [expected], "{sql}");
    }
    for sql in ["SELECT '{a'::text[]", "SELECT 'x'::uuid", "SELECT '{'::jsonb"] {
        assert_eq!(client.state(sql).await, SqlState::InvalidTextRepresentation, "{sql}");
    }
}

#[tokio::test]
async fn subqueries_of_any_shape_depend_on_the_row_they_stand_beside() {
    let client = Client::with_people().await;
    let inner = "FROM people q WHERE q.external_image_id = p.external_image_id";
    let other = format!("{inner} AND q.face_id > p.face_id");
    let name = "q.external_face_id";
    let selected = [
        (format!("(SELECT count(*) {inner})"), "2 2 2 2"),
        (format!("(SELECT {name} FROM people q WHERE q.face_id = p.face_id)"), "ann bob cid dee"),
        (format!("(SELECT {name} {inner} ORDER BY 1 DESC LIMIT 1)"), "bob bob dee dee"),
        (format!("EXISTS (SELECT 1 {other})"), "true false true false"),
        (format!("NOT EXISTS (SELECT 1 {other})"), "false true false true"),
        ("external_face_id IN (SELECT 'ann')".to_owned(), "true false false false"),
        ("external_face_id NOT IN (SELECT 'ann')".to_owned(), "false true true true"),
        ("external_face_id NOT IN (SELECT NULL)".to_owned(), "   "),
        (format!("ARRAY(SELECT {name} {other})"), "[bob] [] [dee] []"),
        ("(SELECT (SELECT p.external_face_id || 'x'))".to_owned(), "annx bobx cidx deex"),
    ];
    for (expression, expected) in selected {
        let sql = format!("SELECT {expression} FROM people p ORDER BY p.face_id");
        assert_eq!(client.column(&sql).await.join(" "), expected, "{sql}");
    }
    let several = format!("SELECT (SELECT q.face_id {inner}) FROM people p");
    assert_eq!(client.state(&several).await, SqlState::CardinalityViolation);
}

#[tokio::test]
async fn a_branch_of_case_runs_its_subquery_for_the_rows_that_take_it() {
    let client = Client::with_people().await;
    let named = "(SELECT q.external_face_id FROM people q WHERE q.face_id = p.face_id LIMIT 1)";
    // Beside any row that asks, it fails.
    let failing = "(SELECT q.external_face_id FROM people q WHERE q.face_id <> p.face_id)";
    let name = "p.external_face_id";
    let cases = [
        (format!("CASE WHEN {name} = 'bob' THEN {named} ELSE '-' END"), "- bob - -"),
        (format!("CASE {name} WHEN 'bob' THEN {named} WHEN 'dee' THEN 'd' END"), " bob  d"),
        (format!("CASE WHEN {name} < 'z' THEN {named} ELSE {failing} END"), "ann bob cid dee"),
        (format!("CASE WHEN NULL THEN {failing} WHEN {name} > 'z' THEN {failing} END"), "   "),
        (
            format!(
                "CASE WHEN {name} > 'b' THEN CASE WHEN {named} = 'cid' THEN 'c' \
                 WHEN {name} < 'b' THEN {failing} ELSE {named} END ELSE 'a' END"
            ),
            "a bob c dee",
        ),
        (
            format!(
                "(SELECT CASE WHEN {name} = 'cid' THEN {named} ELSE 'x' END || r.external_face_id \
                 FROM people r WHERE r.face_id = p.face_id OFFSET 0)"
            ),
            "xann xbob cidcid xdee",
        ),
    ];
    for (expression, expected) in cases {
        let sql = format!("SELECT {expression} FROM people p ORDER BY p.face_id");
        assert_eq!(client.column(&sql).await.join(" "), expected, "{sql}");
    }
    let asked = format!("SELECT CASE WHEN {name} > 'a' THEN {failing} END FROM people p");
    assert_eq!(client.state(&asked).await, SqlState::CardinalityViolation);
}

#[tokio::test]
async fn lateral_subqueries_and_functions_are_run_for_each_row() {
    let client = Client::with_people().await;
    let sql = "SELECT e FROM people p, unnest(p.embedding) e WHERE external_face_id = 'bob'";
    assert_eq!(client.column(sql).await, ["0.8", "0.6", "0.0"]);
    let sql = "SELECT s.n FROM people p LEFT JOIN LATERAL (SELECT q.external_face_id AS n \
               FROM people q WHERE q.external_image_id = p.external_image_id ORDER BY 1 LIMIT 1) s \
               ON p.external_face_id <> 'dee' ORDER BY p.face_id";
    assert_eq!(client.column(sql).await, ["ann", "ann", "cid", ""]);
}
