//! Settings, transaction blocks and the questions clients ask when they connect.

use super::{Client, Outcome};
use crate::sql::SqlState;

#[tokio::test]
async fn a_session_says_who_and_where_it_is() {
    let client = Client::new();
    let row = client
        .rows(
            "SELECT version(), current_database(), current_schema(), current_schema AS bare, \
             current_user, session_user, current_catalog",
        )
        .await
        .remove(0);
    assert!(row[0].starts_with("PostgreSQL 15.0 (LikenessDB "), "{}", row[0]);
    assert_eq!(row[1..], ["acme", "public", "public", "tester", "tester", "acme"]);
}

#[tokio::test]
async fn settings_are_set_shown_and_reset() {
    let client = Client::new();
    let show = async |name: &str| client.column(&format!("SHOW {name}")).await.remove(0);
    for (sql, name, value) in [
        ("SET application_name = 'psql'", "application_name", "psql"),
        ("SET SESSION application_name TO other", "application_name", "other"),
        ("SET extra_float_digits = 3", "extra_float_digits", "3"),
        ("SET extra_float_digits = -1", "EXTRA_FLOAT_DIGITS", "-1"),
        ("SET client_encoding TO 'utf8'", "client_encoding", "UTF8"),
        ("SET NAMES 'UTF8'", "client_encoding", "UTF8"),
        ("SET datestyle = ISO, MDY", "datestyle", "ISO, MDY"),
        ("SET TIME ZONE 'UTC'", "TIME ZONE", "UTC"),
        ("SET timezone = 'Etc/UTC'", "timezone", "UTC"),
        ("SET standard_conforming_strings = on", "standard_conforming_strings", "on"),
        ("SET search_path TO Public", "search_path", "public"),
        ("SET search_path = a, \"$user\", 'B c'", "search_path", "a, \"$user\", \"B c\""),
        ("SET search_path TO DEFAULT", "search_path", "\"$user\", public"),
        ("SET TIME ZONE LOCAL", "timezone", "UTC"),
        ("SET TIME ZONE DEFAULT", "timezone", "UTC"),
        ("SET statement_timeout = 0", "statement_timeout", "0"),
        ("SET ROLE tester", "role", "tester"),
        ("SET ROLE NONE", "role", "none"),
        ("SET SESSION AUTHORIZATION tester", "SESSION AUTHORIZATION", "tester"),
        ("SET SESSION AUTHORIZATION tester", "session_authorization", "tester"),
        ("SET statement_timeout = 60000", "statement_timeout", "1min"),
        ("SET statement_timeout TO '1.5 s'", "statement_timeout", "1500ms"),
        (
            "SET transaction_isolation = 'read committed'",
            "TRANSACTION ISOLATION LEVEL",
            "read committed",
        ),
    ] {
        assert_eq!(client.run(sql).await, ("SET", None), "{sql}");
        assert_eq!(show(name).await, value, "{sql}");
    }
    assert_eq!(client.run("RESET application_name").await, ("RESET", None));
    assert_eq!(show("application_name").await, "");
    client.run("SET application_name = 'again'").await;
    assert_eq!(client.run("DISCARD ALL").await, ("DISCARD ALL", None));
    assert_eq!(show("application_name").await, "");
    assert_eq!(show("server_version").await, "15.0");
    assert_eq!(client.describe("SHOW datestyle").await.1.unwrap(), ["DateStyle"]);
    assert!(client.rows("SHOW ALL").await.len() > 20);
}

#[tokio::test]
async fn settings_that_would_not_be_honoured_are_refused() {
    let client = Client::new();
    let cases = [
        ("SET nonsense = 1", SqlState::UndefinedObject),
        ("SHOW nonsense", SqlState::UndefinedObject),
        ("RESET nonsense", SqlState::UndefinedObject),
        ("SHOW datafusion.execution.batch_size", SqlState::UndefinedObject),
        ("SET datafusion.execution.batch_size = 1", SqlState::UndefinedObject),
        ("SET server_version = '16'", SqlState::CantChangeRuntimeParam),
        ("SET timezone = 'Asia/Tokyo'", SqlState::FeatureNotSupported),
        ("SET standard_conforming_strings = off", SqlState::FeatureNotSupported),
        ("SET statement_timeout = 'soon'", SqlState::InvalidParameterValue),
        ("SET statement_timeout = '5x'", SqlState::InvalidParameterValue),
        ("SET statement_timeout = -1", SqlState::InvalidParameterValue),
        ("SET statement_timeout = '30d'", SqlState::InvalidParameterValue),
        ("SET TIME ZONE INTERVAL '+02:00' HOUR TO MINUTE", SqlState::FeatureNotSupported),
        ("SET lock_timeout = 'x'", SqlState::InvalidParameterValue),
        ("SET CONSTRAINTS people_pkey DEFERRED", SqlState::FeatureNotSupported),
        ("SET CONSTRAINTS ALL LATER", SqlState::SyntaxError),
        ("CREATE EXTENSION vector", SqlState::DuplicateObject),
        ("CREATE EXTENSION IF NOT EXISTS postgis", SqlState::FeatureNotSupported),
        ("SET client_encoding = 'LATIN1'", SqlState::FeatureNotSupported),
        ("SET timezone TO local", SqlState::FeatureNotSupported),
        ("SELECT set_config('search_path', 'a,,b', false)", SqlState::InvalidParameterValue),
        ("SET exit_on_error = on", SqlState::FeatureNotSupported),
        ("SET array_nulls = off", SqlState::FeatureNotSupported),
        ("SET extra_float_digits = 99", SqlState::InvalidParameterValue),
        ("SET LOCAL nonsense = 1", SqlState::UndefinedObject),
        ("SELECT set_config('nonsense', '1', false)", SqlState::UndefinedObject),
        ("SELECT set_config('timezone', 'Asia/Tokyo', true)", SqlState::FeatureNotSupported),
        ("SET client_encoding = 'nothing'", SqlState::InvalidParameterValue),
        ("SET ROLE admin", SqlState::InvalidParameterValue),
        ("SET LOCAL ROLE admin", SqlState::InvalidParameterValue),
        ("SET SESSION AUTHORIZATION admin", SqlState::InvalidParameterValue),
        ("SELECT set_config('role', 'admin', false)", SqlState::InvalidParameterValue),
        ("SET default_transaction_read_only = maybe", SqlState::InvalidParameterValue),
    ];
    for (sql, state) in cases {
        let error = client.error(sql).await;
        assert_eq!(error.state, state, "{sql}: {error}");
    }
}

#[tokio::test]
async fn one_message_may_hold_several_statements() {
    let client = Client::with_people().await;
    let statements = client.session.parse("BEGIN; SELECT 1; ; COMMIT;").unwrap();
    assert_eq!(statements.len(), 3);
    let tags = ["BEGIN", "SELECT", "COMMIT"];
    for (statement, expected) in statements.iter().zip(tags) {
        let tag = match client.session.execute(statement, Vec::new()).await.unwrap() {
            Outcome::TransactionStarted { tag }
            | Outcome::TransactionEnded { tag }
            | Outcome::Rows { tag, .. } => tag,
            other => panic!("{other:?}"),
        };
        assert_eq!(tag, expected);
    }
    let error = client.session.parse("SELECT 1;\nSELEC 2").unwrap_err();
    assert_eq!((error.state, error.position), (SqlState::SyntaxError, Some(11)));
}

#[tokio::test]
async fn settings_are_undone_with_what_set_them() {
    let client = Client::new();
    let name = async || client.column("SHOW application_name").await.remove(0);
    client.run("SET application_name = 'before'").await;
    client.run("BEGIN").await;
    client.run("SET application_name = 'block'").await;
    client.run("SAVEPOINT s").await;
    client.run("SET application_name = 'inner'").await;
    client.run("SET statement_timeout = '1min'").await;
    client.run("ROLLBACK TO s").await;
    assert_eq!(name().await, "block");
    assert_eq!(client.column("SHOW statement_timeout").await, ["0"]);
    client.run("RESET application_name").await;
    client.run("RELEASE s").await;
    assert_eq!(name().await, "");
    client.run("ROLLBACK").await;
    assert_eq!(name().await, "before");
    client.run("ROLLBACK").await;
    assert_eq!(name().await, "before", "there was nothing to undo");

    client.run("BEGIN").await;
    client.run("SET application_name = 'kept'").await;
    client.run("COMMIT").await;
    assert_eq!(name().await, "kept");
    client.run("BEGIN").await;
    client.run("SET application_name = 'lost'").await;
    client.state("SELECT nothing").await;
    assert_eq!(client.run("COMMIT").await, ("ROLLBACK", None));
    assert_eq!(name().await, "kept");
    // One text is one transaction.
    client.session.begin_implicit();
    client.run("SET application_name = 'lost'").await;
    client.state("SELECT nothing").await;
    assert_eq!(name().await, "kept");
}

#[tokio::test]
async fn what_is_set_locally_lasts_as_long_as_the_transaction() {
    let client = Client::new();
    let name = async || client.column("SHOW application_name").await.remove(0);
    client.run("SET application_name = 'before'").await;
    for end in ["COMMIT", "ROLLBACK"] {
        client.run("BEGIN").await;
        client.run("SET LOCAL application_name = 'local'").await;
        client.run("SAVEPOINT s").await;
        client.run("SET LOCAL application_name TO DEFAULT").await;
        client.run("SET LOCAL TIME ZONE 'GMT'").await;
        assert_eq!(name().await, "");
        client.run("ROLLBACK TO s").await;
        assert_eq!(name().await, "local");
        client.run(end).await;
        assert_eq!(name().await, "before", "{end}");
    }
    client.run("BEGIN").await;
    client.run("SET LOCAL application_name = 'local'").await;
    client.run("SET application_name = 'session'").await;
    assert_eq!(name().await, "session");
    client.run("SET LOCAL application_name = 'local'").await;
    client.run("COMMIT").await;
    assert_eq!(name().await, "session");

    assert_eq!(client.run("SET LOCAL application_name = 'x'").await, ("SET", None));
    let notices = client.session.take_notices();
    assert_eq!(notices[0].message, "SET LOCAL can only be used in transaction blocks");
    assert_eq!(notices[0].state, SqlState::NoActiveSqlTransaction);
    assert_eq!(name().await, "session");
}

#[tokio::test]
async fn set_config_sets() {
    let client = Client::new();
    let name = async || client.column("SELECT current_setting('application_name')").await.remove(0);
    let sql = "SELECT set_config('application_name', 'a' || 'b', false)";
    // A description is no execution.
    client.describe(sql).await;
    client.rows(&format!("EXPLAIN {sql}")).await;
    assert_eq!(name().await, "");
    assert_eq!(client.column(sql).await, ["ab"]);
    assert_eq!(name().await, "ab");
    client.run("BEGIN").await;
    let local = "SELECT pg_catalog.set_config('application_name', 'local', true)";
    assert_eq!(client.column(local).await, ["local"]);
    assert_eq!(name().await, "local");
    client.run("COMMIT").await;
    assert_eq!(name().await, "ab");
    assert_eq!(client.column(local).await, ["local"]);
    assert_eq!(name().await, "ab", "a statement outside a block is a transaction");
    let sql = "SELECT set_config('statement_timeout', '90 s', false)";
    assert_eq!(client.column(sql).await, ["90s"]);
    assert_eq!(client.session.statement_timeout(), Some(std::time::Duration::from_secs(90)));
}

#[tokio::test]
async fn time_stands_still_in_a_transaction() {
    let client = Client::new();
    let sql = "SELECT now(), transaction_timestamp(), current_timestamp, \
               statement_timestamp() >= now(), clock_timestamp() > now()";
    let times = async || client.rows(sql).await.remove(0);
    client.run("BEGIN").await;
    let (one, other) = (times().await, times().await);
    assert_eq!((&one[0], &one[0]), (&one[1], &one[2]));
    assert_eq!(one[..3], other[..3]);
    assert_eq!((&one[3..], &other[3..]), (&["true".to_owned(), "true".to_owned()][..], &one[3..]));
    client.run("COMMIT").await;
    assert_ne!(times().await[0], one[0]);
    assert_ne!(times().await[0], times().await[0]);
}

#[tokio::test]
async fn a_session_knows_itself() {
    let client = Client::new();
    let sql = "SELECT current_schemas(true), current_schemas(false), pg_typeof(1.5::real), \
               pg_typeof('x'::text), pg_typeof(now()), pg_advisory_unlock_all(), \
               pg_advisory_unlock(1), pg_postmaster_start_time() <= clock_timestamp(), \
               pg_conf_load_time() IS NOT NULL, pg_is_in_recovery()";
    assert_eq!(
        client.rows(sql).await,
        [[
            "[pg_catalog, public]",
            "[public]",
            "real",
            "text",
            "timestamp with time zone",
            "",
            "false",
            "true",
            "true",
            "false"
        ]]
    );
    let sql = "SELECT pid = pg_backend_pid(), usename, datname, state FROM pg_stat_activity";
    assert_eq!(client.rows(sql).await, [["true", "tester", "acme", "active"]]);
    for sql in ["SELECT pg_advisory_lock(1)", "SELECT pg_try_advisory_xact_lock(1, 2)"] {
        assert_eq!(client.state(sql).await, SqlState::FeatureNotSupported, "{sql}");
    }
}

#[tokio::test]
async fn whether_a_transaction_may_write_is_shown() {
    let client = Client::new();
    let shown = async || {
        let sql = "SELECT current_setting('transaction_read_only'), setting FROM pg_settings \
                   WHERE name = 'transaction_read_only'";
        let row = client.rows(sql).await.remove(0);
        [client.column("SHOW transaction_read_only").await, row].concat()
    };
    assert_eq!(shown().await, ["off"; 3]);
    client.run("BEGIN READ ONLY").await;
    assert_eq!(shown().await, ["on"; 3]);
    client.run("COMMIT").await;
    client.run("SET default_transaction_read_only = on").await;
    assert_eq!(shown().await, ["on"; 3]);
    client.run("BEGIN READ WRITE").await;
    assert_eq!(shown().await, ["off"; 3]);
}
