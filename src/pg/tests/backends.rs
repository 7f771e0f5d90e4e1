//! Sessions that see and end each other, within their tenant.

use std::sync::Arc;

use pgwire::messages::startup::SecretKey;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::super::cancel::Cancels;
use super::protocol::Stage;
use super::{Door, code};
use crate::engine::Role;
use crate::sql::Signals;

const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 200000000000) a WHERE a % 7 = 8";

/// The rows of a query, with `|` between their cells.
async fn rows(client: &Client, sql: &str) -> Vec<String> {
    let messages = client.simple_query(sql).await.unwrap();
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            let cells = (0..row.len()).map(|at| row.get(at).unwrap_or("NULL"));
            Some(cells.collect::<Vec<_>>().join("|"))
        }
        _ => None,
    });
    rows.collect()
}

async fn pid(client: &Client) -> String {
    rows(client, "SELECT pg_backend_pid()").await.remove(0)
}

/// Waits until a session runs a statement, as an administrator sees it.
async fn until_active(admin: &Client, pid: &str) {
    let sql = format!("SELECT state FROM pg_stat_activity WHERE pid = {pid}");
    while rows(admin, &sql).await != ["active"] {}
}

async fn kiosk(door: &Door) -> Client {
    let (_, secret) = door.key("acme", "kiosk", Role::Read);
    door.log_in(Some("acme"), "kiosk", &secret).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sees_and_ends_the_sessions_of_the_tenant() {
    let door = Door::open().await;
    let (admin, kiosk) = (door.admin().await, kiosk(&door).await);
    kiosk.batch_execute("SET application_name = 'door 3'").await.unwrap();
    let (own, other) = (pid(&admin).await, pid(&kiosk).await);
    let sql = "SELECT pid, usename, application_name, state, client_addr, query \
               FROM pg_stat_activity ORDER BY pid";
    let seen = [
        format!("{own}|admin||active|127.0.0.1|NULL"),
        format!("{other}|kiosk|door 3|idle|127.0.0.1|NULL"),
    ];
    assert_eq!(rows(&admin, sql).await, seen);

    let running = tokio::spawn(async move { (kiosk.batch_execute(ENDLESS).await, kiosk) });
    until_active(&admin, &other).await;
    assert_eq!(rows(&admin, &format!("SELECT pg_cancel_backend({other})")).await, ["t"]);
    let (canceled, kiosk) = running.await.unwrap();
    assert_eq!(code(&canceled.unwrap_err()), SqlState::QUERY_CANCELED);

    let running = tokio::spawn(async move { kiosk.batch_execute(ENDLESS).await });
    until_active(&admin, &other).await;
    assert_eq!(rows(&admin, &format!("SELECT pg_terminate_backend({other})")).await, ["t"]);
    let terminated = running.await.unwrap().unwrap_err();
    assert_eq!(code(&terminated), SqlState::ADMIN_SHUTDOWN);
    while rows(&admin, sql).await.len() > 1 {}
}

#[tokio::test(flavor = "multi_thread")]
async fn others_see_the_sessions_of_their_own_key_and_no_tenant_those_of_another() {
    let door = Door::open().await;
    let (admin, kiosk) = (door.admin().await, kiosk(&door).await);
    let (_, secret) = door.key("globex", "admin", Role::Admin);
    let stranger = door.log_in(Some("globex"), "admin", &secret).await.unwrap();
    for client in [&kiosk, &stranger] {
        assert_eq!(rows(client, "SELECT pid FROM pg_stat_activity").await, [pid(client).await]);
    }
    let pid = pid(&admin).await;
    for function in ["pg_cancel_backend", "pg_terminate_backend"] {
        let sql = format!("SELECT {function}({pid})");
        let error = kiosk.simple_query(&sql).await.unwrap_err();
        assert_eq!(code(&error), SqlState::INSUFFICIENT_PRIVILEGE);
        // As for a number that nobody has.
        assert_eq!(rows(&stranger, &sql).await, ["f"]);
        assert_eq!(rows(&stranger, &format!("SELECT {function}(999999)")).await, ["f"]);
    }
    assert_eq!(rows(&admin, "SELECT 1").await, ["1"], "it goes on");
}

#[tokio::test]
async fn a_session_that_waits_for_its_client_is_ended_too() {
    let (cancels, secret) = (Cancels::default(), SecretKey::I32(7));
    let registered = cancels.register(1, &secret);
    let mut talk = Stage::new().enter_with(Arc::clone(&registered.canceler)).await;
    registered.canceler.terminate();
    assert_eq!(talk.error(&[]).await, ("57P01".to_owned(), "E".to_owned()));
}

#[tokio::test]
async fn a_session_knows_its_addresses_and_its_transaction() {
    let door = Door::open().await;
    let client = door.admin().await;
    let sql = "SELECT inet_client_addr(), inet_server_addr(), inet_server_port(), \
               inet_client_port() > 0";
    assert_eq!(rows(&client, sql).await, [format!("127.0.0.1|127.0.0.1|{}|t", door.port)]);
    client.batch_execute("CREATE COLLECTION people WITH (dimensions = 1)").await.unwrap();
    client.batch_execute("BEGIN").await.unwrap();
    let number = "SELECT txid_current(), txid_current_if_assigned()";
    let first = rows(&client, number).await;
    assert!(first[0].ends_with("|NULL"), "{first:?}");
    client.batch_execute("INSERT INTO people (embedding) VALUES ('[1]')").await.unwrap();
    let own = first[0].trim_end_matches("|NULL");
    assert_eq!(rows(&client, number).await, [format!("{own}|{own}")]);
    client.batch_execute("COMMIT; BEGIN").await.unwrap();
    assert_ne!(rows(&client, number).await, first);
}
