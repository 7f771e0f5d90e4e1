//! Several hundred faulty statements: the SQLSTATE and the position of each are PostgreSQL's, which
//! was asked, and no message shows a word of the planner's.

use super::{Client, text};
use crate::sql::SqlState;

/// SQLSTATE, position or `-`, statement.
const FAULTS: &str = include_str!("faults.txt");

/// What only whoever wrote the planner understands.
const INNER_WORDS: [&str; 24] = [
    "Arrow",
    "BinaryExpr",
    "Boolean",
    "Cast error",
    "Compute error",
    "DataFusion",
    "Date32",
    "Decimal",
    "Did you mean",
    "Error during planning",
    "Execution error",
    "Expr(",
    "Float",
    "Int16",
    "Int32",
    "Int64",
    "Internal error",
    "Invalid function",
    "List(",
    "LogicalPlan",
    "Schema error",
    "Timestamp(",
    "Utf8",
    "physical",
];

#[tokio::test]
async fn faults_have_postgresqls_code_and_place_and_no_word_of_the_planner() {
    let client = Client::with_people().await;
    let mut wrong = Vec::new();
    for line in FAULTS.lines() {
        let mut parts = line.splitn(3, ' ');
        let mut part = || parts.next().unwrap();
        let (state, position, sql) = (part(), part(), part());
        let error = client.error(sql).await;
        if error.state.code() != state || error.position != position.parse().ok() {
            wrong.push(format!("{line}\n  {} {:?} {error}", error.state, error.position));
        }
        let told = [Some(&error.message), error.detail.as_ref(), error.hint.as_ref()];
        for text in told.into_iter().flatten() {
            let shown = INNER_WORDS.iter().any(|word| text.contains(word));
            if shown || text.contains(char::is_control) {
                wrong.push(format!("{sql}\n  shows {text:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(client.count("people").await, "4", "none of them has changed anything");
}

#[tokio::test]
async fn calls_and_operators_that_there_are_not_are_told_with_their_types() {
    let client = Client::with_people().await;
    let cases = [
        (
            "SELECT nosuch(1, 'a', metadata) FROM people",
            "function nosuch(integer, unknown, jsonb) does not exist",
        ),
        ("SELECT nosuch(nosuch2())", "function nosuch2() does not exist"),
        ("SELECT upper('a'), upper(1)", "function upper(integer) does not exist"),
        ("SELECT model + 1 FROM people", "operator does not exist: text + integer"),
        (
            "SELECT metadata + created_at FROM people",
            "operator does not exist: jsonb + timestamp with time zone",
        ),
        ("SELECT 1 FROM people WHERE model IN (1)", "operator does not exist: text = integer"),
        ("SELECT 1 FROM people WHERE 1 LIKE 'a'", "operator does not exist: integer ~~ unknown"),
        ("SELECT 1 UNION SELECT true", "UNION types integer and boolean cannot be matched"),
        ("SELECT now()::int", "cannot cast type timestamp with time zone to integer"),
        (
            "SELECT 1 FROM people WHERE 1 AND true",
            "argument of AND must be type boolean, not type integer",
        ),
        (
            "INSERT INTO people (embedding, nothing) VALUES ('[1,0,0]', 1)",
            "column \"nothing\" of relation \"people\" does not exist",
        ),
        (
            "UPDATE people SET nothing = 1",
            "column \"nothing\" of relation \"people\" does not exist",
        ),
    ];
    for (sql, message) in cases {
        assert_eq!(client.error(sql).await.message, message, "{sql}");
    }
    let hint = client.error("SELECT nosuch(1)").await.hint.unwrap();
    assert!(hint.starts_with("No function matches the given name and argument types."), "{hint}");
}

#[tokio::test]
async fn a_statement_that_ends_too_early_says_where() {
    let client = Client::new();
    let place = |sql: &str| {
        let error = client.session.parse(sql).unwrap_err();
        (error.message, error.position)
    };
    let end = "syntax error at end of input".to_owned();
    assert_eq!(place("SELECT 1 WHERE"), (end.clone(), Some(15)));
    assert_eq!(place("SELECT 'ä' WHERE \n"), (end, Some(19)));
    let semicolon = "syntax error at or near \";\"".to_owned();
    assert_eq!(place("SELECT 1 WHERE ; SELECT 1"), (semicolon, Some(16)));
}

#[tokio::test]
async fn documents_that_postgresql_has_not_are_not_stored_and_others_are_shown_as_it_writes_them() {
    let client = Client::with_people().await;
    let cases = [
        ("not json", SqlState::InvalidTextRepresentation),
        ("{\"a\": \"\\u0000\"}", SqlState::UntranslatableCharacter),
        ("{\"a\": 1e400000}", SqlState::NumericValueOutOfRange),
    ];
    for (document, state) in cases {
        for sql in [
            "INSERT INTO people (embedding, metadata) VALUES ('[1,0,0]', $1)",
            "UPDATE people SET metadata = $1",
            "SELECT $1::jsonb",
        ] {
            let error = client.error_with(sql, &[text(document)]).await;
            assert_eq!(error.state, state, "{sql}: {document}");
        }
    }
    assert_eq!(client.state("UPDATE people SET metadata = 1").await, SqlState::DatatypeMismatch);
    client
        .run("UPDATE people SET metadata = '{\"b\":1,\"a\":[1,2]}' WHERE external_face_id = 'ann'")
        .await;
    let shown = client
        .rows("SELECT metadata, metadata::text FROM people WHERE external_face_id = 'ann'")
        .await;
    let joined = "SELECT metadata::text || 'x' FROM people WHERE external_face_id = 'bob'";
    assert_eq!(client.column(joined).await, ["{\"team\": \"red\"}x"]);
    assert_eq!(shown, [["{\"a\": [1, 2], \"b\": 1}", "{\"a\": [1, 2], \"b\": 1}"]]);
}

#[tokio::test]
async fn functions_have_results_of_a_bounded_length() {
    let client = Client::new();
    let row = client.rows("SELECT repeat('ab', 2), lpad('a', 3, 'xy'), rpad('abc', 2)").await;
    assert_eq!(row, [["abab", "xya", "ab"]]);
    for call in ["repeat('x', 2000000000)", "lpad('x', 2000000000)", "rpad('x', 2000000000, 'ä')"]
    {
        let sql = format!("SELECT {call}");
        assert_eq!(client.state(&sql).await, SqlState::ProgramLimitExceeded, "{call}");
    }
    let of_rows = "SELECT repeat('x', 10000000) FROM generate_series(1, 3)";
    assert_eq!(client.state(of_rows).await, SqlState::ProgramLimitExceeded);
}
