//! Settings of the startup packet, and what the client hears of settings from then on.

use std::future::poll_fn;

use tokio_postgres::{AsyncMessage, Connection};

use super::*;

async fn show(client: &Client, name: &str) -> String {
    let messages = client.simple_query(&format!("SHOW {name}")).await.unwrap();
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    row.unwrap_or_else(|| panic!("no row in {messages:?}"))
}

#[tokio::test]
async fn a_session_begins_with_the_settings_of_its_client_and_comes_back_to_them() {
    let door = Door::open().await;
    let (_, secret) = door.key("acme", "admin", Role::Admin);
    let mut config = door.config(Some("acme"), "admin", &secret);
    config.application_name("from the start").options(
        r"-c statement_timeout=50 --client-min-messages=error -c likeness.exact=deterministic",
    );
    let (client, connection) = config.connect(NoTls).await.unwrap();
    assert_eq!(connection.parameter("application_name"), Some("from the start"));
    tokio::spawn(connection);
    assert_eq!(show(&client, "statement_timeout").await, "50ms");
    assert_eq!(show(&client, "client_min_messages").await, "error");
    assert_eq!(show(&client, "likeness.exact").await, "deterministic");

    let endless = "SELECT count(*) FROM generate_series(1, 100000000000)";
    let error = in_time(client.batch_execute(endless)).await.unwrap_err();
    assert_eq!(code(&error), SqlState::QUERY_CANCELED);

    client
        .batch_execute("SET statement_timeout = 0; SET application_name = 'other'")
        .await
        .unwrap();
    assert_eq!(show(&client, "statement_timeout").await, "0");
    for reset in ["RESET statement_timeout; RESET application_name", "RESET ALL", "DISCARD ALL"] {
        client.batch_execute("SET statement_timeout = 0").await.unwrap();
        client.batch_execute(reset).await.unwrap();
        assert_eq!(show(&client, "statement_timeout").await, "50ms", "{reset}");
        assert_eq!(show(&client, "application_name").await, "from the start", "{reset}");
    }
}

#[tokio::test]
async fn a_setting_that_cannot_be_had_ends_the_log_in() {
    let door = Door::open().await;
    let (_, secret) = door.key("acme", "admin", Role::Admin);
    for (options, state, told) in [
        ("-c nothing=1", SqlState::UNDEFINED_OBJECT, "unrecognized configuration parameter"),
        ("-c server_version=9", SqlState::CANT_CHANGE_RUNTIME_PARAM, "cannot be changed"),
        ("-c statement_timeout=x", SqlState::INVALID_PARAMETER_VALUE, "invalid value"),
        ("-c statement_timeout", SqlState::SYNTAX_ERROR, "requires a value"),
        ("-d 5", SqlState::SYNTAX_ERROR, "invalid command-line argument"),
    ] {
        let mut config = door.config(Some("acme"), "admin", &secret);
        let Err(error) = config.options(options).connect(NoTls).await else {
            panic!("let in with {options}")
        };
        assert_eq!(code(&error), state, "{options}");
        let error = error.as_db_error().unwrap();
        assert!(error.message().contains(told), "{options}: {}", error.message());
        assert_eq!(error.severity(), "FATAL");
    }
    // Nobody learns what settings there are without a key.
    let mut config = door.config(Some("acme"), "admin", "wrong");
    let Err(error) = config.options("-c nothing=1").connect(NoTls).await else { panic!("let in") };
    assert_eq!(code(&error), SqlState::INVALID_PASSWORD);
}

/// What the client is told while it does something.
async fn told_during(
    connection: &mut Connection<tokio_postgres::Socket, tokio_postgres::tls::NoTlsStream>,
    name: &str,
    work: impl Future<Output = Result<(), tokio_postgres::Error>>,
) -> Option<String> {
    tokio::select! {
        biased;
        done = work => done.unwrap(),
        ended = &mut *connection => panic!("the connection ended: {ended:?}"),
    }
    connection.parameter(name).map(str::to_owned)
}

#[tokio::test]
async fn changes_of_reported_settings_are_told_with_the_end_of_the_statement() {
    let door = Door::open().await;
    let (_, secret) = door.key("acme", "admin", Role::Admin);
    let config = door.config(Some("acme"), "admin", &secret);
    let (client, mut connection) = config.connect(NoTls).await.unwrap();
    assert_eq!(connection.parameter("search_path"), Some("\"$user\", public"));
    for (statement, name, value) in [
        ("SET application_name = 'a'", "application_name", "a"),
        ("SET default_transaction_read_only = on", "default_transaction_read_only", "on"),
        ("RESET default_transaction_read_only", "default_transaction_read_only", "off"),
        ("SET application_name = 'b'; RESET ALL", "application_name", ""),
        ("SET statement_timeout = 7; SET application_name = 'c'", "application_name", "c"),
        ("DISCARD ALL", "application_name", ""),
        ("SET search_path TO public", "search_path", "public"),
        ("RESET search_path", "search_path", "\"$user\", public"),
    ] {
        let told = told_during(&mut connection, name, client.batch_execute(statement)).await;
        assert_eq!(told.as_deref(), Some(value), "{statement}");
    }
}

#[tokio::test]
async fn a_zone_that_a_driver_names_unasked_is_answered_with_the_one_there_is() {
    let door = Door::open().await;
    let (_, secret) = door.key("acme", "admin", Role::Admin);
    let mut config = door.config(Some("acme"), "admin", &secret);
    // The encoding as asyncpg writes it.
    config.options("-c TimeZone=Asia/Tokyo -c client_encoding='utf-8'");
    let (_client, mut connection) = config.connect(NoTls).await.unwrap();
    assert_eq!(connection.parameter("TimeZone"), Some("UTC"));
    assert_eq!(connection.parameter("client_encoding"), Some("UTF8"));
    let message = in_time(poll_fn(|context| connection.poll_message(context))).await;
    let Some(Ok(AsyncMessage::Notice(notice))) = message else { panic!("no notice") };
    assert_eq!(notice.message(), "time zone \"Asia/Tokyo\" is not supported: times are in UTC");
    assert_eq!(notice.severity(), "WARNING");
}

#[tokio::test]
async fn what_is_there_or_not_there_already_is_told_and_passed_over() {
    let door = Door::open().await;
    let (_, secret) = door.key("acme", "admin", Role::Admin);
    let config = door.config(Some("acme"), "admin", &secret);
    let (client, mut connection) = config.connect(NoTls).await.unwrap();
    let create = "CREATE COLLECTION IF NOT EXISTS c WITH (dimensions = 2)";
    let work = client.batch_execute(create);
    told_during(&mut connection, "TimeZone", work).await;
    for (statement, state, message) in [
        (create, "42P07", "collection \"c\" already exists, skipping"),
        ("DROP COLLECTION IF EXISTS d", "00000", "collection \"d\" does not exist, skipping"),
    ] {
        let mut work = std::pin::pin!(client.batch_execute(statement));
        let notice = in_time(poll_fn(|context| {
            let _ = work.as_mut().poll(context);
            connection.poll_message(context)
        }));
        let Some(Ok(AsyncMessage::Notice(notice))) = notice.await else { panic!("no notice") };
        assert_eq!((notice.severity(), notice.code().code()), ("NOTICE", state));
        assert_eq!(notice.message(), message);
        told_during(&mut connection, "TimeZone", client.batch_execute("")).await;
    }
}

#[tokio::test]
async fn a_client_of_a_newer_protocol_is_told_which_one_is_spoken() {
    let door = Door::open().await;
    for (version, parameters, answer) in [
        ([0, 3, 0, 2], b"user\0admin\0\0".as_slice(), b"v\0\0\0\x0c\0\x03\0\0\0\0\0\0".as_slice()),
        (
            [0, 3, 0, 0],
            b"user\0admin\0_pq_.new\0on\0\0",
            b"v\0\0\0\x15\0\x03\0\0\0\0\0\x01_pq_.new\0",
        ),
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", door.port)).await.unwrap();
        let length = u32::try_from(parameters.len() + 8).unwrap().to_be_bytes();
        stream.write_all(&[&length[..], &version, parameters].concat()).await.unwrap();
        let mut told = vec![0; answer.len()];
        in_time(stream.read_exact(&mut told)).await.unwrap();
        assert_eq!(told, answer);
        // Then the log-in goes on as ever.
        assert_eq!(in_time(stream.read_u8()).await.unwrap(), b'R');
    }
}
