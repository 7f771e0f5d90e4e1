//! Numbers have PostgreSQL's types, and what does not fit is an error.

use super::Client;
use crate::sql::{SqlState, SqlType};

async fn types(client: &Client, sql: &str) -> Vec<SqlType> {
    let statement = client.parse(sql).unwrap();
    let columns = client.session.describe(&statement, &[]).await.unwrap().columns.unwrap();
    columns.fields().iter().map(|field| SqlType::of(field)).collect()
}

#[tokio::test]
async fn whole_numbers_are_as_wide_as_they_have_to_be() {
    let client = Client::with_people().await;
    let cases = [
        ("SELECT 1, -1, 1 + 1", vec![SqlType::Int4; 3]),
        ("SELECT 2147483648, 1 + 2147483648, count(*)", vec![SqlType::Int8; 3]),
        ("SELECT 9223372036854775808", vec![SqlType::Numeric]),
        ("SELECT 1 + 1.5, 1::bigint, 2::smallint", {
            vec![SqlType::Numeric, SqlType::Int8, SqlType::Int2]
        }),
        ("SELECT n FROM (VALUES (1), (2)) t(n)", vec![SqlType::Int4]),
        ("SELECT sum(n), max(n), avg(n) FROM (VALUES (1), (2)) t(n)", {
            vec![SqlType::Int8, SqlType::Int4, SqlType::Numeric]
        }),
        ("SELECT CASE WHEN true THEN 1 ELSE 0 END, coalesce(NULL, 1)", vec![SqlType::Int4; 2]),
        ("SELECT $1::int + 1, $1 * 2", vec![SqlType::Int4; 2]),
        ("SELECT 1 UNION ALL SELECT 2147483648", vec![SqlType::Int8]),
        ("SELECT CASE WHEN true THEN 1 ELSE count(*) END", vec![SqlType::Int8]),
        ("SELECT count(*) + 1 FROM people", vec![SqlType::Int8]),
    ];
    for (sql, expected) in cases {
        assert_eq!(types(&client, sql).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn numbers_that_are_no_values_stay_what_they_are() {
    let client = Client::with_people().await;
    let cases = [
        ("SELECT external_face_id FROM people ORDER BY 1 LIMIT 1 OFFSET 1", "bob"),
        ("SELECT external_image_id, count(*) FROM people GROUP BY 1 ORDER BY 1 LIMIT 1", "blue"),
        (
            "SELECT count(*), external_image_id FROM people GROUP BY ROLLUP (2) \
             ORDER BY 1 DESC FETCH FIRST 1 ROW ONLY",
            "4",
        ),
        (
            "SELECT sum(n) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) \
             FROM generate_series(1, 2) n ORDER BY n DESC LIMIT 1",
            "3",
        ),
        ("SELECT lag(n, 1, 7) OVER (ORDER BY n) FROM (VALUES (1)) t(n)", "7"),
        ("SELECT ntile(2) OVER () FROM (VALUES (1)) t(n)", "1"),
        ("SELECT (ARRAY[3, 4])[2]", "4"),
        ("SELECT substring('abc' FROM 2 FOR 1)", "b"),
        ("SELECT rank FROM (SEARCH FACES IN people EMBEDDING '[1, 0, 0]' LIMIT 1) s", "1"),
        ("SELECT count(*) FROM similar_faces('people', threshold => 0)", "6"),
        ("SELECT 12345678901234567890", "12345678901234567890"),
    ];
    for (sql, expected) in cases {
        assert_eq!(client.column(sql).await, [expected], "{sql}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_an_error() {
    let client = Client::new();
    let cases = [
        ("SELECT 2147483647 + 1", "22003 integer out of range"),
        ("SELECT -2147483647 - 2", "22003 integer out of range"),
        ("SELECT 1000000 * 1000000", "22003 integer out of range"),
        ("SELECT n * n FROM (VALUES (1), (65536)) t(n)", "22003 integer out of range"),
        ("SELECT 9223372036854775807 + 1", "22003 bigint out of range"),
        ("SELECT 32767::smallint + 1::smallint", "22003 smallint out of range"),
        ("SELECT 1 / 0", "22012 division by zero"),
        ("SELECT 1 % 0", "22012 division by zero"),
        ("SELECT 1.0 / 0", "22012 division by zero"),
        ("SELECT n / 0.0 FROM (VALUES (1.5)) t(n)", "22012 division by zero"),
        ("SELECT 1 WHERE 1 / 0 = 1", "22012 division by zero"),
        (
            "SELECT '99999999999'::int",
            "22003 value \"99999999999\" is out of range for type integer",
        ),
        ("SELECT 3000000000::int", "22003 integer out of range"),
        ("SELECT CAST(1e10 AS int)", "22003 integer out of range"),
        ("SELECT 'x'::int", "22P02 invalid input syntax for type integer: \"x\""),
        ("SELECT 1 + 'x'", "22P02 invalid input syntax for type integer: \"x\""),
        ("SELECT 1 = 'x'", "22P02 invalid input syntax for type integer: \"x\""),
        ("SELECT true = 'x'", "22P02 invalid input syntax for type boolean: \"x\""),
    ];
    for (sql, expected) in cases {
        let error = client.error(sql).await;
        assert_eq!(format!("{} {}", error.state, error.message), expected, "{sql}");
    }
    let fine = [
        ("SELECT 2147483647 + 1::bigint", "2147483648"),
        ("SELECT NULL / 0 IS NULL", "true"),
        ("SELECT CASE WHEN n <> 0 THEN 1 / n END IS NULL FROM (VALUES (0)) t(n)", "true"),
        ("SELECT 7 / 2", "3"),
        ("SELECT -7 / 2", "-3"),
        ("SELECT -7 % 3", "-1"),
        ("SELECT 1 + '2'", "3"),
        ("SELECT 1.5 / 0.5", "3.0000000000000000"),
        ("SELECT ' 42 '::int", "42"),
        ("SELECT mod(10, 3)", "1"),
        ("SELECT sign(-2.5)", "-1"),
        ("SELECT md5('x')", "9dd4e461268c8034f5c8564e155c67a6"),
        ("SELECT variance(n) FROM (VALUES (1.0), (3.0)) t(n)", "2.0"),
    ];
    for (sql, expected) in fine {
        assert_eq!(client.column(sql).await, [expected], "{sql}");
    }
}

#[tokio::test]
async fn fractions_are_rounded_when_they_become_whole() {
    let client = Client::new();
    let numeric = "SELECT CAST(2.5 AS int), CAST(3.5 AS int), 2.4::bigint, (-2.6)::int";
    assert_eq!(client.rows(numeric).await, [["3", "4", "2", "-3"]]);
    let double = "SELECT n::int FROM (VALUES (2.5::float8), (3.5), (-0.5), (2.6)) t(n)";
    assert_eq!(client.column(double).await, ["2", "4", "0", "3"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_query_is_said_as_in_postgresql() {
    let client = Client::with_people().await;
    let cases = [
        ("SELECT 1 FROM people WHERE count(*) > 1", SqlState::GroupingError),
        ("SELECT sum(sum(quality)) FROM people", SqlState::GroupingError),
        ("SELECT 1, 2 UNION SELECT 3", SqlState::SyntaxError),
        ("VALUES (1), (1, 2)", SqlState::SyntaxError),
        ("SELECT model FROM people ORDER BY 2", SqlState::InvalidColumnReference),
        ("SELECT model FROM people GROUP BY 2", SqlState::InvalidColumnReference),
        ("WITH t AS (SELECT 1), t AS (SELECT 2) SELECT 1", SqlState::DuplicateAlias),
        ("SELECT 1 FROM people, people", SqlState::DuplicateAlias),
        ("SELECT 1 FROM people p JOIN people p ON true", SqlState::DuplicateAlias),
        ("SELECT q.model FROM people p", SqlState::UndefinedTable),
        ("SELECT (SELECT model FROM people)", SqlState::CardinalityViolation),
        ("SELECT 1::nothing", SqlState::UndefinedObject),
        ("SELECT CAST(1 AS nothing)", SqlState::UndefinedObject),
        ("SELECT NOT 1", SqlState::DatatypeMismatch),
        ("SELECT '2024-13-02'::date", SqlState::DatetimeFieldOverflow),
        ("SELECT 'x'::timestamp", SqlState::InvalidDatetimeFormat),
        ("SELECT 1 FROM people WHERE created_at > 'x'", SqlState::InvalidDatetimeFormat),
        ("SELECT 'abc' ~ '('", SqlState::InvalidRegularExpression),
        ("SELECT 1 FROM people WHERE model ~ '['", SqlState::InvalidRegularExpression),
        ("SELECT regexp_replace('a', '(', 'b')", SqlState::InvalidRegularExpression),
    ];
    for (sql, expected) in cases {
        let error = client.error(sql).await;
        assert_eq!(error.state, expected, "{sql}: {error}");
    }
    let found = [
        ("SELECT EXISTS (SELECT 1 WHERE false)", "false"),
        (
            "SELECT (SELECT count(*) FROM generate_series(1, 5) AS s(m) WHERE m < n) \
             FROM generate_series(2, 2) AS t(n)",
            "1",
        ),
    ];
    for (sql, expected) in found {
        assert_eq!(client.column(sql).await, [expected], "{sql}");
    }
}

#[tokio::test]
async fn an_unknown_name_is_said_where_it_stands() {
    let client = Client::with_people().await;
    let cases = [
        ("SELECT nothing FROM people", 8),
        ("SELECT p.face_id, p.nothing FROM people p", 19),
        ("SELECT 1\nFROM people WHERE nothing = 1", 28),
        ("SELECT * FROM nowhere", 15),
        ("DELETE FROM people WHERE nothing = 1", 26),
    ];
    for (sql, position) in cases {
        let error = client.error(sql).await;
        assert_eq!(error.position, Some(position), "{sql}: {error}");
    }
}
