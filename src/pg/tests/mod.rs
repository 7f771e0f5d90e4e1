//! The door as foreign clients see it: tokio-postgres, and raw bytes that no driver would send.

mod backends;
mod cancel;
mod copy;
mod cursor;
mod encryption;
mod endless;
mod faces;
mod fuzz;
mod idle;
mod lateral;
mod lobby;
mod log;
mod mishap;
mod prepared;
mod protocol;
mod sleep;
mod startup;
mod traffic;
mod transaction;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, pin_mut};
use likeness_storage::{Store, StoreOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::{Encryption, PgLimits, PgTraffic, serve_within};
use crate::engine::keyring::{KeyDraft, Keyring, Tier};
use crate::engine::{Engine, Inference, Role};

/// A server on a free port over an empty database.
struct Door {
    port: u16,
    keyring: Arc<Keyring>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
    traffic: Arc<PgTraffic>,
    _directory: tempfile::TempDir,
}

impl Door {
    async fn open() -> Self {
        Self::open_within(PgLimits::default()).await
    }

    async fn open_within(limits: PgLimits) -> Self {
        Self::open_with(limits, Encryption::Off).await
    }

    async fn open_with(limits: PgLimits, encryption: Encryption) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(directory.path(), StoreOptions::default()).unwrap();
        let inference = Inference::unavailable("no model pack in this test");
        let engine = Engine::new(Arc::new(store), inference);
        let keyring = Arc::new(Keyring::open(directory.path()).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let (keys, traffic) = (Arc::clone(&keyring), Arc::<PgTraffic>::default());
        let counts = Arc::clone(&traffic);
        let serving = serve_within(limits, listener, engine, keys, encryption, counts, shutdown);
        let served = tokio::spawn(serving);
        Self { port, keyring, stop, served, traffic, _directory: directory }
    }

    /// Makes a key; its id and its secret.
    fn key(&self, tenant: &str, name: &str, role: Role) -> (String, String) {
        let tenant = tenant.parse().unwrap();
        let (name, tier) = (name.to_owned(), Tier::Standard);
        let draft = KeyDraft { tenant, name, role, tier, expires_at_us: None };
        let (key, secret) = self.keyring.create(draft).unwrap();
        (key.id, secret.reveal().to_owned())
    }

    fn config(&self, database: Option<&str>, user: &str, secret: &str) -> Config {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.port).user(user).password(secret);
        config.connect_timeout(Duration::from_secs(20));
        if let Some(database) = database {
            config.dbname(database);
        }
        config
    }

    async fn log_in(
        &self,
        database: Option<&str>,
        user: &str,
        secret: &str,
    ) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = self.config(database, user, secret).connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// An administrator of a tenant of its own.
    async fn admin(&self) -> Client {
        let (_, secret) = self.key("acme", "admin", Role::Admin);
        self.log_in(Some("acme"), "admin", &secret).await.unwrap()
    }

    /// Sends raw bytes and reads what comes back until the server closes.
    async fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        // The server may close before it has read everything; that is an answer too.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        answer
    }
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work).await.expect("took too long")
}

fn code(error: &tokio_postgres::Error) -> SqlState {
    error.code().cloned().unwrap_or_else(|| panic!("no SQLSTATE in {error:?}"))
}

async fn still_serves(client: &Client) {
    let row = client.query_one("SELECT 1 + 1", &[]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 2);
}

#[tokio::test]
async fn the_right_key_opens_the_door_and_nothing_else_does() {
    let door = Door::open().await;
    let (_, secret) = door.key("acme", "admin", Role::Admin);
    let (_, other) = door.key("other", "admin", Role::Admin);
    let client = door.log_in(Some("acme"), "admin", &secret).await.unwrap();
    still_serves(&client).await;

    let mut refusals = Vec::new();
    for (database, user, secret) in [
        (Some("acme"), "admin", "iksk_live_wrong"),
        (Some("acme"), "admin", other.as_str()),
        (Some("acme"), "nobody", secret.as_str()),
        (Some("nowhere"), "admin", secret.as_str()),
        (Some("ACME"), "admin", secret.as_str()),
        (None, "admin", secret.as_str()),
    ] {
        let error = door.log_in(database, user, secret).await.expect_err("let in");
        assert_eq!(code(&error), SqlState::INVALID_PASSWORD, "{database:?} {user}");
        let message = error.as_db_error().unwrap().message().to_owned();
        refusals.push(message.replace("nobody", "admin"));
    }
    refusals.dedup();
    assert_eq!(refusals, ["password authentication failed for user \"admin\""]);
}

/// The log shows the same error.
#[tokio::test]
async fn a_key_given_as_the_user_name_is_not_repeated() {
    let door = Door::open().await;
    let (_, secret) = door.key("acme", "admin", Role::Admin);
    let error = door.log_in(Some("acme"), &secret, &secret).await.expect_err("let in");
    assert_eq!(code(&error), SqlState::INVALID_PASSWORD);
    let told = format!("{:?}", error.as_db_error().unwrap());
    assert!(told.contains("looks like an API key") && !told.contains("iksk_"), "{told}");
}

#[tokio::test]
async fn a_client_that_names_no_database_means_the_default_tenant() {
    let door = Door::open().await;
    let (_, secret) = door.key("default", "ann", Role::Read);
    assert!(door.log_in(None, "ann", &secret).await.is_ok());
    assert!(door.log_in(Some("ann"), "ann", &secret).await.is_ok());
    assert!(door.log_in(Some("bob"), "ann", &secret).await.is_err());
    // A tenant called like the user comes first.
    let (_, own) = door.key("ann", "ann", Role::Read);
    assert!(door.log_in(Some("ann"), "ann", &own).await.is_ok());
    assert!(door.log_in(Some("ann"), "ann", &secret).await.is_err());
}

#[tokio::test]
async fn a_revoked_key_ends_its_open_connections_at_their_next_statement() {
    let door = Door::open().await;
    let (id, secret) = door.key("acme", "admin", Role::Admin);
    let client = door.log_in(Some("acme"), "admin", &secret).await.unwrap();
    let statement = client.prepare("SELECT 1").await.unwrap();
    door.keyring.revoke(&id).unwrap();
    let error = client.query(&statement, &[]).await.unwrap_err();
    assert_eq!(code(&error), SqlState::INVALID_AUTHORIZATION_SPECIFICATION);
    assert!(in_time(client.simple_query("SELECT 1")).await.is_err());
    assert!(door.log_in(Some("acme"), "admin", &secret).await.is_err());
}

#[tokio::test]
async fn a_suspended_tenant_is_told_so_in_open_connections_and_at_the_log_in() {
    let door = Door::open().await;
    let (_, secret) = door.key("acme", "admin", Role::Admin);
    let client = door.log_in(Some("acme"), "admin", &secret).await.unwrap();
    let acme = "acme".parse().unwrap();
    door.keyring.suspend(&acme).unwrap();
    let error = client.simple_query("SELECT 1").await.unwrap_err();
    assert_eq!(code(&error), SqlState::INVALID_AUTHORIZATION_SPECIFICATION);
    let error = door.log_in(Some("acme"), "admin", &secret).await.err().unwrap();
    assert_eq!(code(&error), SqlState::INVALID_AUTHORIZATION_SPECIFICATION);
    assert!(error.as_db_error().unwrap().message().contains("suspended"), "{error:?}");
    // Only the holder of the key is told.
    let error = door.log_in(Some("acme"), "admin", "wrong").await.err().unwrap();
    assert_eq!(code(&error), SqlState::INVALID_PASSWORD);
    door.keyring.resume(&acme).unwrap();
    assert!(door.log_in(Some("acme"), "admin", &secret).await.is_ok());
}

#[tokio::test]
async fn an_address_whose_log_ins_keep_failing_has_to_wait() {
    let door = Door::open().await;
    let (_, secret) = door.key("acme", "admin", Role::Admin);
    for attempt in 0..30 {
        let user = format!("guess {attempt}");
        let error = door.log_in(Some("acme"), &user, "wrong").await.err().unwrap();
        assert_eq!(code(&error), SqlState::INVALID_PASSWORD, "{attempt}");
    }
    let error = door.log_in(Some("acme"), "admin", &secret).await.err().unwrap();
    assert_eq!(code(&error), SqlState::INVALID_AUTHORIZATION_SPECIFICATION);
    assert!(error.as_db_error().unwrap().message().starts_with("too many failed"), "{error:?}");
}

#[tokio::test]
async fn an_administrator_makes_a_key_that_logs_in() {
    let door = Door::open().await;
    let (_, secret) = door.key("acme", "admin", Role::Admin);
    let client = door.log_in(Some("acme"), "admin", &secret).await.unwrap();
    let row = client.query_one("CREATE KEY ci ROLE read", &[]).await.unwrap();
    let made: &str = row.get("secret");
    assert!(door.log_in(Some("acme"), "ci", made).await.is_ok());
    client.simple_query("DROP KEY ci").await.unwrap();
    assert!(door.log_in(Some("acme"), "ci", made).await.is_err());
}

#[tokio::test]
async fn the_server_introduces_itself_as_a_postgresql_of_its_own() {
    let door = Door::open().await;
    let (_, secret) = door.key("acme", "admin", Role::Admin);
    let config = door.config(Some("acme"), "admin", &secret);
    let (_client, connection) = config.connect(NoTls).await.unwrap();
    let version = connection.parameter("server_version").unwrap();
    assert!(version.starts_with("15.0 (LikenessDB "), "{version}");
    for (name, value) in [
        ("server_encoding", "UTF8"),
        ("client_encoding", "UTF8"),
        ("TimeZone", "UTC"),
        ("integer_datetimes", "on"),
        ("standard_conforming_strings", "on"),
        ("session_authorization", "admin"),
    ] {
        assert_eq!(connection.parameter(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn values_travel_in_binary_and_in_text() {
    let door = Door::open().await;
    let client = door.admin().await;
    let row = client
        .query_one(
            "SELECT $1::text || '!', $2::bigint + 1, $3::double precision, NULL",
            &[&"hej", &41_i64, &0.5_f64],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "hej!");
    assert_eq!(row.get::<_, i64>(1), 42);
    assert_eq!(row.get::<_, f64>(2).to_bits(), 0.5_f64.to_bits());
    assert_eq!(row.get::<_, Option<&str>>(3), None);

    let messages = client.simple_query("SELECT 1 AS one, true AS yes, NULL AS none").await.unwrap();
    let Some(SimpleQueryMessage::Row(row)) =
        messages.iter().find(|message| matches!(message, SimpleQueryMessage::Row(_)))
    else {
        panic!("no row in {messages:?}")
    };
    assert_eq!((row.get("one"), row.get("yes"), row.get("none")), (Some("1"), Some("t"), None));
}

#[tokio::test]
async fn a_missing_or_wrong_parameter_is_an_error_that_leaves_the_connection_usable() {
    let door = Door::open().await;
    let client = door.admin().await;
    let statement = client.prepare_typed("SELECT $1", &[Type::TEXT]).await.unwrap();
    assert_eq!(statement.params(), &[Type::TEXT]);
    let error = client.prepare_typed("SELECT $1", &[Type::POINT]).await.unwrap_err();
    assert_eq!(code(&error), SqlState::FEATURE_NOT_SUPPORTED);
    let error = client.query("SELECT nonsense FROM nowhere", &[]).await.unwrap_err();
    assert!(error.as_db_error().is_some());
    still_serves(&client).await;
}

#[tokio::test]
async fn an_error_keeps_the_answers_before_it_and_drops_the_statements_after_it() {
    let door = Door::open().await;
    let client = door.admin().await;
    let stream =
        client.simple_query_raw("SELECT 'first'; SELECT nonsense; SELECT 'third'").await.unwrap();
    pin_mut!(stream);
    let mut rows = Vec::new();
    let error = loop {
        match stream.next().await {
            Some(Ok(SimpleQueryMessage::Row(row))) => rows.push(row.get(0).unwrap().to_owned()),
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("no error"),
        }
    };
    assert_eq!(rows, ["first"]);
    assert_eq!(code(&error), SqlState::UNDEFINED_COLUMN);
    still_serves(&client).await;
}

#[tokio::test]
async fn empty_statements_are_answered_as_empty() {
    let door = Door::open().await;
    let client = door.admin().await;
    for text in ["", ";", " -- only a comment\n"] {
        client.batch_execute(text).await.unwrap();
        assert!(client.query(text, &[]).await.unwrap().is_empty(), "{text:?}");
    }
}

#[tokio::test]
async fn a_portal_gives_its_rows_page_by_page() {
    let door = Door::open().await;
    let mut client = door.admin().await;
    let transaction = client.transaction().await.unwrap();
    let portal = transaction.bind("SELECT * FROM (VALUES (1), (2), (3), (4), (5)) t", &[]);
    let portal = portal.await.unwrap();
    let mut pages = Vec::new();
    for _ in 0..4 {
        pages.push(transaction.query_portal(&portal, 2).await.unwrap().len());
    }
    assert_eq!(pages, [2, 2, 1, 0]);
    transaction.commit().await.unwrap();
    still_serves(&client).await;
}

#[tokio::test]
async fn a_failed_transaction_block_takes_only_its_end() {
    let door = Door::open().await;
    let client = door.admin().await;
    client.batch_execute("BEGIN").await.unwrap();
    assert!(client.simple_query("SELECT nonsense").await.is_err());
    let error = client.simple_query("SELECT 1").await.unwrap_err();
    assert_eq!(code(&error), SqlState::IN_FAILED_SQL_TRANSACTION);
    client.batch_execute("ROLLBACK").await.unwrap();
    still_serves(&client).await;
}

#[tokio::test]
async fn a_long_result_streams_and_can_be_canceled() {
    let door = Door::open().await;
    let client = door.admin().await;
    let rows = client
        .query_raw("SELECT * FROM generate_series(1, 200000000)", &[] as &[&str])
        .await
        .unwrap();
    pin_mut!(rows);
    let first = rows.try_next().await.unwrap().unwrap();
    assert_eq!(first.get::<_, i32>(0), 1);
    in_time(client.cancel_token().cancel_query(NoTls)).await.unwrap();
    let error = in_time(async {
        loop {
            match rows.try_next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the statement ran to its end"),
                Err(error) => break error,
            }
        }
    })
    .await;
    assert_eq!(code(&error), SqlState::QUERY_CANCELED);
    still_serves(&client).await;
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_given_up() {
    let door = Door::open().await;
    let client = door.admin().await;
    client.batch_execute("SET statement_timeout = '1s'").await.unwrap();
    // One that has rows to send all the time, and one that computes without a word.
    for endless in [
        "SELECT * FROM generate_series(1, 200000000000)",
        "SELECT sum(a * b) FROM generate_series(1, 1000) a,
         generate_series(1, 200000000000) b",
    ] {
        let rows = in_time(client.query_raw(endless, &[] as &[&str])).await.unwrap();
        pin_mut!(rows);
        let error = in_time(async {
            while rows.try_next().await?.is_some() {}
            Ok(())
        })
        .await;
        let error: tokio_postgres::Error = error.unwrap_err();
        assert_eq!(code(&error), SqlState::QUERY_CANCELED);
        let told = error.as_db_error().map(tokio_postgres::error::DbError::message);
        assert_eq!(told, Some("canceling statement due to statement timeout"));
        still_serves(&client).await;
    }
}

#[tokio::test]
async fn clients_above_the_limit_are_told_so_and_let_in_later() {
    let limits = PgLimits { connections: 1, ..PgLimits::default() };
    let door = Door::open_within(limits).await;
    let (_, secret) = door.key("acme", "admin", Role::Admin);
    let first = door.log_in(Some("acme"), "admin", &secret).await.unwrap();
    let error = door.log_in(Some("acme"), "admin", &secret).await.expect_err("let in");
    assert_eq!(code(&error), SqlState::TOO_MANY_CONNECTIONS);
    still_serves(&first).await;
    drop(first);
    in_time(async {
        while door.log_in(Some("acme"), "admin", &secret).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_does_not_log_in_is_sent_away() {
    let limits = PgLimits { log_in: Duration::from_millis(50), ..PgLimits::default() };
    let door = Door::open_within(limits).await;
    let answer = in_time(door.raw(&[0, 0])).await;
    assert_eq!(answer.first(), Some(&b'E'));
    assert!(String::from_utf8_lossy(&answer).contains("log-in took too long"));
}

#[tokio::test]
async fn bytes_that_are_no_conversation_leave_the_server_serving() {
    let door = Door::open().await;
    let client = door.admin().await;
    let startup = b"\0\0\0\x16\0\x03\0\0user\0someone\0\0".as_slice();
    let huge = [startup, b"p\x7f\xff\xff\xff".as_slice()].concat();
    let negative = [startup, b"p\xff\xff\xff\xff".as_slice()].concat();
    let short = [startup, b"p\0\0\0\x04".as_slice()].concat();
    let early = [startup, b"Q\0\0\0\x0dSELECT 1\0".as_slice()].concat();
    let mechanism = [startup, b"p\0\0\0\x0cPLAIN\0\0\0".as_slice()].concat();
    let conversations: [&[u8]; 12] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x7f\xff\xff\xff\0\x03\0\0",
        b"\xff\xff\xff\xff\0\x03\0\0",
        b"\0\0\0\x08\0\x02\0\0",
        b"\0\0\0\x09\0\x03\0\0\0",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        &[0xff; 4096],
        &huge,
        &negative,
        &short,
        &early,
        &mechanism,
    ];
    for bytes in conversations {
        let answer = in_time(door.raw(bytes)).await;
        assert!(!answer.is_empty(), "no word about {bytes:?}");
        still_serves(&client).await;
    }
    // Half a packet, then gone.
    drop(TcpStream::connect(("127.0.0.1", door.port)).await.unwrap());
    still_serves(&client).await;
}

#[tokio::test]
async fn encryption_is_refused_politely() {
    let door = Door::open().await;
    let mut stream = TcpStream::connect(("127.0.0.1", door.port)).await.unwrap();
    for code in [80_877_103_i32, 80_877_104] {
        stream.write_all(&[&8_i32.to_be_bytes()[..], &code.to_be_bytes()].concat()).await.unwrap();
        assert_eq!(in_time(stream.read_u8()).await.unwrap(), b'N');
    }
}

#[tokio::test]
async fn stopping_tells_idle_clients_and_returns() {
    let door = Door::open().await;
    let (_, secret) = door.key("acme", "admin", Role::Admin);
    let config = door.config(Some("acme"), "admin", &secret);
    let (_client, connection) = config.connect(NoTls).await.unwrap();
    door.stop.send(()).unwrap();
    in_time(door.served).await.unwrap().unwrap();
    let error = in_time(connection).await.unwrap_err();
    assert_eq!(code(&error), SqlState::ADMIN_SHUTDOWN);
}
