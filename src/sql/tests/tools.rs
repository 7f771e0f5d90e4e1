//! Statements that graphical and reporting tools send, replayed.

use super::Client;
use crate::sql::SqlState;

static TRACE: &str = include_str!("tools.sql");

#[tokio::test]
async fn statements_of_tools_are_answered() {
    let client = Client::with_people().await;
    let statements = TRACE.lines().filter(|line| !line.is_empty() && !line.starts_with("--"));
    let mut run = 0;
    for text in statements {
        for statement in
            client.session.parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
        {
            let outcome = client.session.execute(&statement, Vec::new()).await;
            let rows = match outcome {
                Ok(outcome) => super::drained(outcome).await,
                Err(error) => Err(error),
            };
            assert!(rows.is_ok(), "{text}: {}", rows.unwrap_err());
            run += 1;
        }
    }
    assert!(run > 40, "{run} statements");
}

#[tokio::test]
async fn answers_to_tools_say_what_is_there() {
    let client = Client::with_people().await;
    for (sql, answer) in [
        ("SELECT count(*) FROM pg_get_keywords() WHERE catcode = 'R'", "77"),
        ("SELECT count(*) FROM pg_show_all_settings() WHERE name = 'TimeZone'", "1"),
        ("SELECT row_to_json(t) FROM (SELECT 1 AS a, 'x' AS b) t", "{\"a\": 1, \"b\": \"x\"}"),
        ("SELECT json_agg(t) FROM (SELECT 1 AS a) t", "[{\"a\": 1}]"),
        ("SELECT to_jsonb(p)->>'external_face_id' FROM people p ORDER BY face_id LIMIT 1", "ann"),
        ("SELECT (t).b FROM (SELECT 1 AS a, 'x' AS b) t", "x"),
        ("SELECT count(q) FROM people p LEFT JOIN people q ON q.face_id = 'none'", "0"),
        ("SELECT count(*) FROM people p LEFT JOIN people q ON false WHERE q IS NULL", "4"),
        ("WITH n AS (SELECT 7 AS n) SELECT n FROM n", "7"),
        ("WITH n AS (SELECT * FROM (SELECT 7 AS n) m) SELECT n + 1 FROM n", "8"),
        ("SELECT sum(i) FROM generate_series(1, 3) i", "6"),
        ("SELECT pg_get_function_result('version'::regproc)", "text"),
        ("SELECT pg_get_function_arguments('l2_distance'::regproc)", "vector, vector"),
        ("SELECT count(*) FROM pg_proc WHERE prokind = 'a' AND proname = 'sum'", "8"),
        ("SELECT (parse_ident('public.\"Staff\"'))[2]", "Staff"),
        ("SELECT t.a[2] FROM (SELECT ARRAY[5, 6] AS a) t", "6"),
        ("SELECT p.metadata['team'] FROM people p ORDER BY p.face_id LIMIT 1", "\"red\""),
        ("SELECT count(*) FROM people p WHERE p.bounding_box[1] IS NULL", "4"),
        (
            "SELECT c.attname FROM pg_attribute c, pg_attribute k, pg_index i \
             WHERE i.indrelid = 'people'::regclass AND c.attrelid = i.indrelid \
             AND k.attrelid = i.indexrelid AND c.attnum = i.indkey[k.attnum - 1]",
            "face_id",
        ),
        ("SELECT array_lower(ARRAY[5, 6], 1)", "1"),
        ("SELECT array_lower('{}'::int[], 1) IS NULL", "true"),
    ] {
        assert_eq!(client.column(sql).await, [answer], "{sql}");
    }
    let definition = "SELECT pg_get_functiondef('version'::regproc)";
    assert_eq!(
        client.column(definition).await.concat(),
        "CREATE OR REPLACE FUNCTION pg_catalog.version()\n RETURNS text\n LANGUAGE internal\n \
         STABLE PARALLEL SAFE STRICT\nAS $function$pgsql_version$function$\n",
    );
    for (sql, state) in [
        ("SELECT pg_get_functiondef('count'::regproc)", SqlState::WrongObjectType),
        ("SELECT first_value() OVER () FROM people", SqlState::UndefinedFunction),
        ("SELECT row_to_json(q) FROM people p", SqlState::UndefinedColumn),
    ] {
        let error = client.error(sql).await;
        assert_eq!(error.state, state, "{sql}: {error}");
    }
}
