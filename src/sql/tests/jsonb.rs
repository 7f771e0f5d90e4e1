//! Documents are taken apart, compared and put together as in PostgreSQL.

use super::{Client, text};
use crate::sql::{SqlState, SqlType};

#[tokio::test]
async fn operators_of_documents_say_what_postgresql_says() {
    let client = Client::new();
    let document = r#"'{"a": {"b": [10, 20, "x"]}, "n": null, "t": "text", "z": 1.5}'::jsonb"#;
    let cases = [
        ("@ -> 'a'", r#"{"b": [10, 20, "x"]}"#),
        ("@ -> 'a' -> 'b' -> 1", "20"),
        ("@ -> 'a' -> 'b' -> -1", "\"x\""),
        ("@ -> 'a' -> 'b' ->> 2", "x"),
        ("@ -> 'nothing' IS NULL", "true"),
        ("@ -> 'n'", "null"),
        ("@ ->> 'n' IS NULL", "true"),
        ("@ ->> 't'", "text"),
        ("@ -> 1 IS NULL", "true"),
        ("@ #> '{a,b,0}'", "10"),
        ("@ #>> ARRAY['a', 'b', '2']", "x"),
        ("@ #>> '{a,c}' IS NULL", "true"),
        ("(@ ->> 'z')::float8 + 1", "2.5"),
        (r#"@ @> '{"t": "text"}'"#, "true"),
        (r#"'{"t": "text"}' <@ @"#, "true"),
        (r#"@ @> '{"t": "other"}'::jsonb"#, "false"),
        ("@ ? 'a'", "true"),
        ("@ ? 'b'", "false"),
        ("@ ?| '{x,t}'", "true"),
        ("@ ?& ARRAY['a', 'x']", "false"),
        ("@ - 'a' - 'n'", r#"{"t": "text", "z": 1.5}"#),
        ("@ - '{a,n,t}'::text[]", r#"{"z": 1.5}"#),
        ("'[1, 2, 3]'::jsonb - 1", "[1, 3]"),
        ("@ #- '{a,b,0}' -> 'a'", r#"{"b": [20, "x"]}"#),
        (r#"'{"a": 1}'::jsonb || '{"a": 2, "b": 3}'"#, r#"{"a": 2, "b": 3}"#),
        ("'[1]'::jsonb || '2'::jsonb", "[1, 2]"),
        (r#"'{"a": 1, "b": [2]}'::jsonb = '{"b": [2.0], "a": 1}'"#, "true"),
        ("'[1]'::jsonb <> '[1, 2]'::jsonb", "true"),
        ("NULL::jsonb -> 'a' IS NULL", "true"),
        ("jsonb_typeof(@ -> 'a' -> 'b')", "array"),
        ("jsonb_array_length(@ #> '{a,b}')", "3"),
        ("jsonb_extract_path(@, 'a', 'b', '0')", "10"),
        ("json_extract_path_text(@, 't')", "text"),
        ("jsonb_set(@, '{a,b,0}', '\"new\"') #>> '{a,b,0}'", "new"),
        ("jsonb_strip_nulls(@) ? 'n'", "false"),
        (
            "jsonb_build_object('a', 1, 'b', ARRAY[true, NULL], 'c', @ -> 'z')",
            r#"{"a": 1, "b": [true, null], "c": 1.5}"#,
        ),
        ("jsonb_build_array(1, 'x', NULL, '{}'::jsonb)", r#"[1, "x", null, {}]"#),
        ("to_jsonb('x'::text)", "\"x\""),
        ("to_jsonb(1.5::real)", "1.5"),
        ("to_jsonb(ARRAY['a', NULL])", "[\"a\", null]"),
        ("to_jsonb(NULL::int) IS NULL", "true"),
        ("(SELECT count(*) FROM jsonb_each(@))", "4"),
    ];
    for (expression, expected) in cases {
        let sql = format!("SELECT {expression}").replace('@', "@@").replace("@@>", "@>");
        let sql = sql.replace("<@@", "<@").replace("@@", document);
        assert_eq!(client.column(&sql).await, [expected], "{sql}");
    }
}

#[tokio::test]
async fn sets_of_documents_are_rows() {
    let client = Client::new();
    let rows = |sql: &'static str| client.rows(sql);
    assert_eq!(
        rows("SELECT key, value FROM jsonb_each('{\"bb\": 1, \"a\": {\"c\": null}}')").await,
        [["a", "{\"c\": null}"], ["bb", "1"]]
    );
    assert_eq!(
        rows("SELECT * FROM jsonb_each_text('{\"a\": \"x\", \"b\": null}') AS t(k, v)").await,
        [["a", "x"], ["b", ""]]
    );
    assert_eq!(
        rows("SELECT value ->> 'n' FROM jsonb_array_elements('[{\"n\": 1}, {\"n\": 2}]')").await,
        [["1"], ["2"]]
    );
    assert_eq!(
        rows("SELECT jsonb_array_elements_text('[\"x\", 2, null]')").await,
        [["x"], ["2"], [""]]
    );
    assert_eq!(
        rows("SELECT k FROM jsonb_object_keys('{\"b\": 1, \"a\": 2}') k ORDER BY k").await,
        [["a"], ["b"]]
    );
    assert_eq!(
        rows(
            "SELECT d.id, e.value \
              FROM (VALUES (1, '[1, 2]'::jsonb), (2, '[3]'::jsonb)) d(id, list) \
              CROSS JOIN LATERAL jsonb_array_elements(d.list) e ORDER BY 2"
        )
        .await,
        [["1", "1"], ["1", "2"], ["2", "3"]]
    );
}

#[tokio::test]
async fn faces_are_found_by_what_their_metadata_says() {
    let client = Client::with_people().await;
    let names = |filter: &str| {
        format!("SELECT external_face_id FROM people WHERE {filter} ORDER BY face_id")
    };
    let red = ["ann", "bob"];
    assert_eq!(client.column(&names("metadata ->> 'team' = 'red'")).await, red);
    assert_eq!(client.column(&names("metadata @> '{\"team\": \"red\"}'")).await, red);
    assert_eq!(client.column(&names("metadata = '{\"team\":\"red\"}'")).await, red);
    let near = "SELECT external_face_id FROM (SEARCH FACES IN people EMBEDDING '[1, 0, 0]' \
                WHERE metadata ->> 'team' = 'blue' LIMIT 1) s";
    assert_eq!(client.column(near).await, ["cid"]);
    for (filter, value) in [
        ("metadata ->> $1 = 'red'", "team"),
        ("metadata ->> 'team' = $1", "red"),
        ("metadata ->> 'team' = ($1 ->> 'team')", "{\"team\": \"red\"}"),
        ("metadata @> $1", "{\"team\": \"red\"}"),
        ("metadata -> 'team' = $1", "\"red\""),
    ] {
        let sql = names(filter).replace("($1 ->>", "($1::jsonb ->>");
        let found = client.rows_with(&sql, &[text(value)]).await.concat();
        assert_eq!(found, red, "{sql}");
    }
    let sql = "SELECT metadata -> 'team', metadata ->> 'team' FROM people \
               WHERE metadata @> $1 AND metadata ? $2 AND metadata ?| $3";
    let statement = client.parse(sql).unwrap();
    let description = client.session.describe(&statement, &[]).await.unwrap();
    assert_eq!(description.parameters, [SqlType::Jsonb, SqlType::Text, SqlType::TextArray]);
    let columns = description.columns.unwrap();
    let types: Vec<_> = columns.fields().iter().map(|field| SqlType::of(field)).collect();
    assert_eq!(types, [SqlType::Jsonb, SqlType::Text]);
}

#[tokio::test]
async fn what_no_document_can_do_is_refused() {
    let client = Client::new();
    let cases = [
        ("SELECT '{\"a\"}'::jsonb -> 'a'", SqlState::InvalidTextRepresentation),
        ("SELECT '{}'::jsonb @> '{'", SqlState::InvalidTextRepresentation),
        ("SELECT 'a'::text -> 'b'", SqlState::UndefinedFunction),
        ("SELECT '{}'::jsonb -> 1.5", SqlState::UndefinedFunction),
        ("SELECT jsonb_array_length('{}')", SqlState::InvalidParameterValue),
        ("SELECT '1'::jsonb - 'a'", SqlState::InvalidParameterValue),
        ("SELECT '{}'::jsonb - 1", SqlState::InvalidParameterValue),
        ("SELECT jsonb_array_elements('1')", SqlState::InvalidParameterValue),
        ("SELECT jsonb_object_keys('[]')", SqlState::InvalidParameterValue),
        ("SELECT jsonb_build_object('a')", SqlState::InvalidParameterValue),
        ("SELECT jsonb_build_object(NULL, 1)", SqlState::InvalidParameterValue),
    ];
    for (sql, expected) in cases {
        let error = client.error(sql).await;
        assert_eq!(error.state, expected, "{sql}: {error}");
    }
}
