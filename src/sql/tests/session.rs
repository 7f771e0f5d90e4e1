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
        ("SET search_path TO public", "search_path", "\"$user\", public"),
        ("SET statement_timeout = 0", "statement_timeout", "0"),
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
        ("SET lock_timeout = 1000", SqlState::FeatureNotSupported),
        ("SET client_encoding = 'LATIN1'", SqlState::FeatureNotSupported),
        ("SET search_path = other", SqlState::FeatureNotSupported),
        ("SET extra_float_digits = 99", SqlState::InvalidParameterValue),
        ("SET LOCAL application_name = 'x'", SqlState::FeatureNotSupported),
        ("SET ROLE admin", SqlState::FeatureNotSupported),
        ("SET SESSION AUTHORIZATION admin", SqlState::FeatureNotSupported),
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
