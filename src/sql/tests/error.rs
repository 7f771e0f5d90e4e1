//! The SQLSTATE of what goes wrong, and that everything unknown is refused by name.

use super::Client;
use crate::sql::SqlState;

#[tokio::test]
async fn errors_have_the_class_postgresql_gives_them() {
    let client = Client::with_people().await;
    let cases = [
        ("SELEC 1", SqlState::SyntaxError),
        ("SELECT (1", SqlState::SyntaxError),
        ("SELECT 1 +", SqlState::SyntaxError),
        ("SELECT 'open", SqlState::SyntaxError),
        ("SELECT 1 2 3", SqlState::SyntaxError),
        ("SELECT * FROM nobody", SqlState::UndefinedTable),
        ("SELECT * FROM other.people", SqlState::UndefinedTable),
        ("SELECT nothing FROM people", SqlState::UndefinedColumn),
        ("SELECT p.nothing FROM people p", SqlState::UndefinedColumn),
        ("SELECT face_id FROM people a, people b", SqlState::AmbiguousColumn),
        ("SELECT * FROM people JOIN people USING (face_id)", SqlState::DuplicateAlias),
        ("SELECT no_such_function(1)", SqlState::UndefinedFunction),
        ("SELECT substr(1, 2, 3, 4)", SqlState::UndefinedFunction),
        ("SELECT external_face_id, count(*) FROM people", SqlState::GroupingError),
        ("SELECT 1 + true", SqlState::UndefinedFunction),
        ("SELECT 1 FROM people WHERE 'a'", SqlState::DatatypeMismatch),
        ("SELECT 'a'::int", SqlState::InvalidTextRepresentation),
        ("SELECT 1 / 0", SqlState::DivisionByZero),
        ("SELECT 1 / count(*) FROM people WHERE false", SqlState::DivisionByZero),
        ("SELECT * FROM people LIMIT -1", SqlState::InvalidRowCountInLimitClause),
        ("SELECT $0", SqlState::UndefinedParameter),
        ("SELECT model->>'team' FROM people", SqlState::UndefinedFunction),
    ];
    for (sql, state) in cases {
        let error = client.error(sql).await;
        assert_eq!(error.state, state, "{sql}: {error}");
    }
}

#[tokio::test]
async fn ambiguous_names_are_pointed_at_and_their_columns_shown_as_they_are_called() {
    let client = Client::new();
    let cases = [
        ("SELECT a FROM (SELECT 1 a, 2 a) v", 8),
        ("WITH v AS (SELECT 1 a, 2 a) SELECT 1 FROM v WHERE v.a = 1", 51),
        ("SELECT 1 a, 2 a UNION SELECT 3, 4 ORDER BY a", 44),
        ("SELECT 1 FROM (SELECT 1 a, 2 a) v\nGROUP BY a", 44),
    ];
    for (sql, position) in cases {
        let error = client.error(sql).await;
        assert_eq!((error.state, error.position), (SqlState::AmbiguousColumn, Some(position)));
    }
    let joined = "(VALUES (1)) a(x) JOIN (VALUES (1)) b(x) ON true";
    for sql in [
        "SELECT * FROM (SELECT 1 x, 2 x) v".to_owned(),
        format!("SELECT * FROM {joined}"),
        format!("SELECT * FROM (SELECT * FROM {joined}) v"),
        format!("SELECT * FROM {joined} UNION SELECT 1, 2"),
        "SELECT * FROM (VALUES (1)) t(x), LATERAL (SELECT t.x) v".to_owned(),
    ] {
        let (_, columns) = client.describe(&sql).await;
        assert_eq!(columns.unwrap(), ["x", "x"], "{sql}");
    }
}

#[tokio::test]
async fn syntax_errors_point_at_the_place() {
    let client = Client::new();
    let error = client.error("SELECT 1\nFROM t WHERE\n ) x").await;
    assert_eq!(error.message, "syntax error at or near \")\"");
    assert_eq!(error.position, Some(24));
    let error = client.error("SELECT (1").await;
    assert_eq!(error.message, "syntax error at end of input");
}

#[tokio::test]
async fn statements_that_do_not_exist_here_are_refused_by_name() {
    let client = Client::with_people().await;
    let cases = [
        ("grant all on people to x", "GRANT"),
        ("LISTEN people", "LISTEN"),
        ("CREATE TABLE t (a int)", "CREATE TABLE"),
        ("CREATE TABLE t AS SELECT 1", "CREATE TABLE"),
        ("CREATE VIEW v AS SELECT 1", "CREATE VIEW"),
        ("CREATE INDEX ON people (model)", "CREATE INDEX"),
        ("CREATE FUNCTION f() RETURNS int AS 'x' LANGUAGE sql", "CREATE FUNCTION"),
        ("ALTER TABLE people ADD COLUMN a int", "ALTER TABLE"),
        ("DROP TABLE people", "DROP TABLE"),
        ("GRANT ALL ON people TO x", "GRANT"),
        ("MERGE INTO people USING people p ON true WHEN MATCHED THEN DELETE", "MERGE"),
        ("LISTEN x", "LISTEN"),
        ("NOTIFY x", "NOTIFY"),
        ("LOCK TABLE people", "LOCK"),
        ("ANALYZE", "ANALYZE"),
        ("CALL f()", "CALL"),
        ("SHOW TABLES", "SHOW TABLES"),
        ("EXPLAIN DELETE FROM people", "EXPLAIN"),
        ("EXPLAIN (FORMAT XML) SELECT 1", "EXPLAIN"),
        ("DESCRIBE people", "DESCRIBE"),
        ("SELECT 1 INTO t", "SELECT INTO"),
        ("SELECT DISTINCT model FROM people FOR UPDATE", "FOR UPDATE"),
        ("SELECT model FROM people GROUP BY model FOR SHARE", "FOR SHARE"),
        ("SELECT count(*) FROM people HAVING true FOR UPDATE", "FOR UPDATE"),
        ("VALUES (1) FOR UPDATE", "FOR UPDATE"),
        ("SELECT 1 FROM people UNION SELECT 2 FROM people FOR UPDATE", "FOR UPDATE"),
        ("SELECT * FROM (SELECT 1) x FOR UPDATE", "FOR UPDATE"),
        ("DECLARE c SCROLL CURSOR FOR SELECT * FROM people FOR UPDATE", "FOR UPDATE"),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT * FROM people FOR SHARE", "FOR SHARE"),
        ("COPY (SELECT * FROM people FOR UPDATE) TO STDOUT", "FOR UPDATE"),
        ("WITH d AS (DELETE FROM people RETURNING *) SELECT * FROM d", "DELETE"),
        ("SELECT * FROM (WITH d AS (DELETE FROM people) SELECT 1) x", "DELETE"),
        ("WITH d AS (DELETE FROM people RETURNING *) UPDATE people SET metadata = '1'", "DELETE"),
        ("CREATE UNIQUE INDEX CONCURRENTLY i ON people (model)", "CREATE INDEX"),
        ("CREATE OR REPLACE FUNCTION f() RETURNS int AS 'x' LANGUAGE sql", "CREATE FUNCTION"),
        ("CREATE TEMPORARY TABLE t (a int)", "CREATE TABLE"),
        ("CREATE PUBLICATION p FOR ALL TABLES", "CREATE PUBLICATION"),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1", "CREATE MATERIALIZED VIEW"),
        ("CREATE USER u PASSWORD 'x'", "CREATE USER"),
        ("DROP RULE r ON people", "DROP RULE"),
        ("ALTER DATABASE acme SET x = 1", "ALTER DATABASE"),
        ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO x", "ALTER DEFAULT PRIVILEGES"),
        ("COMMENT ON COLUMN people.metadata IS 'x'", "COMMENT ON COLUMN"),
        ("GRANT a TO b", "GRANT"),
        ("COMMIT PREPARED 'x'", "COMMIT PREPARED"),
        ("SET CONSTRAINTS people_pkey DEFERRED", "SET CONSTRAINTS"),
        ("UPDATE people SET (external_face_id, metadata) = 1", "ROW()"),
    ];
    for (sql, name) in cases {
        let error = client.error(sql).await;
        assert_eq!(error.state, SqlState::FeatureNotSupported, "{sql}: {error}");
        assert!(error.message.contains(name), "{sql}: {error}");
    }
    assert_eq!(client.count("people").await, "4");
}

#[tokio::test]
async fn what_explain_cannot_read_is_reported_where_it_stands() {
    let client = Client::with_people().await;
    for (sql, position) in [
        ("EXPLAIN SELEC", 9),
        ("EXPLAIN (COSTS off) SELEC 1", 21),
        ("EXPLAIN ANALYZE SELECT * FROM people WHERE", 43),
        ("EXPLAIN SELECT 1 FROM people ORDER people", 30),
    ] {
        let error = client.error(sql).await;
        assert_eq!(error.state, SqlState::SyntaxError, "{sql}: {error}");
        assert_eq!(error.position.unwrap_or_default(), position, "{sql}: {error}");
    }
    assert!(!client.rows("EXPLAIN (FORMAT TEXT, BUFFERS off) SELECT 1").await.is_empty());
}

#[tokio::test]
async fn nobody_writes_to_the_catalogs_of_the_system() {
    let client = Client::with_people().await;
    for sql in [
        "DELETE FROM pg_class",
        "DELETE FROM pg_catalog.pg_class",
        "UPDATE pg_class SET metadata = NULL",
        "INSERT INTO information_schema.tables (embedding) VALUES ('[1, 0, 0]')",
        "TRUNCATE pg_type",
        "COPY pg_class FROM STDIN",
    ] {
        let error = client.error(sql).await;
        assert_eq!(error.state, SqlState::InsufficientPrivilege, "{sql}: {error}");
    }
}
