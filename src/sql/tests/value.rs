//! Values that functions and operators make, as PostgreSQL makes them.

use super::Client;
use crate::sql::SqlState;

#[tokio::test]
async fn functions_of_texts_make_what_they_make_in_postgresql() {
    let client = Client::new();
    let cases = [
        ("concat('a', NULL, 1, true)", "a1t"),
        ("concat(1.50, 2.0::float8)", "1.502"),
        ("concat_ws('-', 1, true, NULL, 2.5)", "1-t-2.5"),
        ("concat_ws(NULL, 'a')", ""),
        ("'a'::char(3) || 'x'", "ax"),
        ("'a'::char(3) = 'a'", "true"),
        ("length('\\x0102'::bytea)", "2"),
        ("length('\\xff'::bytea)", "1"),
        ("octet_length('ä')", "2"),
        ("octet_length('\\xff00'::bytea)", "2"),
        ("to_hex(-1)", "ffffffff"),
        ("to_hex(255::bigint)", "ff"),
        ("substring('foobar' from 'o.b')", "oob"),
        ("substring('foobar' from 'o(.)b')", "o"),
        ("substring('hello' from 2 for 3)", "ell"),
    ];
    for (call, expected) in cases {
        assert_eq!(client.column(&format!("SELECT {call}")).await, [expected], "{call}");
    }
}

#[tokio::test]
async fn patterns_and_replacements_are_read_as_in_postgresql() {
    let client = Client::new();
    let cases = [
        ("'abc' SIMILAR TO 'a%'", "true"),
        ("'abc' SIMILAR TO '(a|b)%'", "true"),
        ("'abc' SIMILAR TO 'b'", "false"),
        ("'abc' NOT SIMILAR TO 'a_c'", "false"),
        ("'a%' SIMILAR TO 'a!%' ESCAPE '!'", "true"),
        ("'ab' SIMILAR TO 'a!%' ESCAPE '!'", "false"),
        ("regexp_replace('abc', 'b', '$1&')", "a$1&c"),
        ("regexp_replace('abc', '(b)', '[\\1]')", "a[b]c"),
        ("regexp_replace('Hello', 'l+', '<\\&>')", "He<ll>o"),
        ("regexp_replace('abc', 'b', '\\\\')", "a\\c"),
        ("regexp_replace('abc', 'b', '\\\\1')", "a\\1c"),
        ("regexp_replace('aaa', 'a', 'b', 'g')", "bbb"),
    ];
    for (call, expected) in cases {
        assert_eq!(client.column(&format!("SELECT {call}")).await, [expected], "{call}");
    }
    let escape = "SELECT 'a' SIMILAR TO 'b' ESCAPE 'cd'";
    assert_eq!(client.state(escape).await, SqlState::InvalidEscapeSequence);
}

#[tokio::test]
async fn numbers_are_calculated_with_as_in_postgresql() {
    let client = Client::new();
    let cases = [
        ("-2 ^ 2", "4.0"),
        ("2 ^ 3 ^ 2", "64.0"),
        ("-(2 ^ 2)", "-4.0"),
        ("1::real / 3", "0.3333333333333333"),
        ("pg_typeof(0.5::real * 2)", "double precision"),
        ("pg_typeof(0.5::real * 2::real)", "real"),
        ("log(100)", "2.0"),
        ("power(2, 10)", "1024.0"),
    ];
    for (call, expected) in cases {
        assert_eq!(client.column(&format!("SELECT {call}")).await, [expected], "{call}");
    }
    let refused = [
        ("sqrt(-1)", "2201F"),
        ("ln(0)", "2201E"),
        ("power(-8, 0.5)", "2201F"),
        ("1e308::float8 * 10::float8", "22003"),
        ("1e-308::float8 * 1e-308::float8", "22003"),
        ("1e300::float8::real", "22003"),
        ("'1e400'::float8", "22003"),
        ("chr(0)", "54000"),
        ("substring('a', 1, -1)", "22011"),
        ("1 % 0.0", "22012"),
    ];
    for (call, state) in refused {
        let error = client.error(&format!("SELECT {call}")).await;
        assert_eq!(error.state.code(), state, "{call}: {error}");
    }
    let row_by_row = "SELECT x * 1e10 FROM (VALUES (1e300::float8), ('Infinity')) v(x) \
                      WHERE x > 1e307";
    assert_eq!(client.rows(row_by_row).await, [["inf"]]);
}

#[tokio::test]
async fn items_of_arrays_are_found_wherever_they_are_and_null_too() {
    let client = Client::new();
    let cases = [
        ("array_remove(ARRAY[1,2,1], 1)", "[2]"),
        ("array_remove(ARRAY[1,NULL,2,NULL], NULL)", "[1, 2]"),
        ("array_remove(ARRAY['a','b'], 'a')", "[b]"),
        ("array_remove(NULL::int[], 1)", ""),
        ("array_replace(ARRAY[1,2,1], 1, 9)", "[9, 2, 9]"),
        ("array_replace(ARRAY[1,NULL], NULL, 0)", "[1, 0]"),
        ("array_replace(ARRAY[1,2], 2, NULL)", "[1, ]"),
        ("'{{1,2},{3,4}}'::int[]", "[[1, 2], [3, 4]]"),
    ];
    for (call, expected) in cases {
        assert_eq!(client.column(&format!("SELECT {call}")).await, [expected], "{call}");
    }
    let rows = "SELECT array_remove(x, 1) FROM (VALUES (ARRAY[1,2]), (NULL), (ARRAY[1])) v(x)";
    assert_eq!(client.column(rows).await, ["[2]", "", "[]"]);
}

#[tokio::test]
async fn a_path_leads_into_documents_only() {
    let client = Client::new();
    assert_eq!(client.column("SELECT jsonb_set('[1,2]', '{0}', '9')").await, ["[9, 2]"]);
    let scalar = "SELECT jsonb_set('1', '{a}', '2')";
    assert_eq!(client.state(scalar).await, SqlState::InvalidParameterValue);
    let array = "SELECT jsonb_set('[1]', '{a}', '2')";
    assert_eq!(client.state(array).await, SqlState::InvalidTextRepresentation);
}
