//! CREATE KEY, DROP KEY, SHOW KEYS.

use std::sync::Arc;

use super::Client;
use crate::engine::Role;
use crate::engine::keyring::{Keyring, Login};
use crate::sql::{Outcome, SqlState};

/// A client whose session manages the keys of its tenant.
fn managing() -> (Client, Arc<Keyring>) {
    let mut client = Client::new();
    let keyring = Arc::new(Keyring::open(client.database.directory.path()).unwrap());
    let session = client.database.session("acme", Role::Admin);
    client.session = session.with_keyring(Arc::clone(&keyring));
    (client, keyring)
}

/// Id, name and secret.
async fn create(client: &Client, sql: &str) -> [String; 3] {
    let Outcome::Rows { tag: "CREATE KEY", stream, .. } = client.outcome(sql, &[]).await.unwrap()
    else {
        panic!("{sql} gave no row")
    };
    let mut rows = super::texts(stream).await.unwrap();
    assert_eq!(rows.len(), 1);
    rows.remove(0).try_into().unwrap()
}

#[tokio::test]
async fn a_created_key_works_and_its_secret_is_shown_once() {
    let (client, keyring) = managing();
    let sql = "CREATE KEY ci ROLE read TIER high EXPIRES '2999-01-31'";
    let [id, name, secret] = create(&client, sql).await;
    let Login::Admitted(key) = keyring.authenticate(&secret).unwrap() else { panic!("refused") };
    assert_eq!((&*key.id, &*key.name, &*key.tenant), (&*id, &*name, "acme"));
    assert_eq!(key.role, Role::Read);
    let shown = client.rows("SHOW KEYS").await;
    let hint = format!("iksk_live_…{}", &secret[secret.len() - 4..]);
    assert_eq!(shown[0][..6], [&*id, "ci", "read", "high", &hint, "active"]);
    assert!(shown[0][7].starts_with("2999-01-31"), "{shown:?}");
    assert!(!format!("{shown:?}").contains(&secret[10..50]));
}

#[tokio::test]
async fn a_dropped_key_is_gone_at_once_and_its_name_is_free() {
    let (client, keyring) = managing();
    let [.., secret] = create(&client, "CREATE KEY \"Night shift\"").await;
    let taken = client.error("CREATE KEY \"Night shift\"").await;
    assert_eq!(taken.state, SqlState::DuplicateObject);
    client.run("DROP KEY \"Night shift\"").await;
    assert!(matches!(keyring.authenticate(&secret).unwrap(), Login::Refused));
    let gone = client.error("DROP KEY \"Night shift\"").await;
    assert_eq!(gone.state, SqlState::UndefinedObject);
    assert_eq!(gone.to_string(), "key \"Night shift\" does not exist");
    client.run("DROP KEY IF EXISTS \"Night shift\"").await;
    create(&client, "CREATE KEY \"Night shift\"").await;
    let rows = client.rows("SHOW KEYS").await;
    let states: Vec<_> = rows.iter().map(|row| &*row[5]).collect();
    assert_eq!(states, ["revoked", "active"]);
}

#[tokio::test]
async fn nobody_sees_or_drops_the_keys_of_another_tenant() {
    let (mut client, keyring) = managing();
    create(&client, "CREATE KEY ci").await;
    let stranger = client.database.session("beta", Role::Admin);
    client.session = stranger.with_keyring(Arc::clone(&keyring));
    assert_eq!(client.rows("SHOW KEYS").await, Vec::<Vec<String>>::new());
    assert_eq!(client.state("DROP KEY ci").await, SqlState::UndefinedObject);
    assert!(keyring.list().unwrap()[0].is_active());
}

#[tokio::test]
async fn only_administrators_manage_keys_and_never_as_part_of_a_transaction() {
    let (mut client, keyring) = managing();
    client.run("BEGIN").await;
    assert_eq!(client.state("CREATE KEY ci").await, SqlState::ActiveSqlTransaction);
    client.run("ROLLBACK").await;
    client.run("SET default_transaction_read_only = on").await;
    assert_eq!(client.state("DROP KEY ci").await, SqlState::ReadOnlySqlTransaction);
    for role in [Role::Read, Role::Write] {
        let session = client.database.session("acme", role);
        client.session = session.with_keyring(Arc::clone(&keyring));
        for sql in ["CREATE KEY ci", "DROP KEY ci", "SHOW KEYS"] {
            assert_eq!(client.state(sql).await, SqlState::InsufficientPrivilege, "{sql}");
        }
        let error = client.error("SHOW KEYS").await;
        assert_eq!(
            error.to_string(),
            format!("permission denied: a {role} key may not run SHOW KEYS")
        );
    }
    assert!(keyring.list().unwrap().is_empty());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let (client, _keyring) = managing();
    for sql in [
        "CREATE KEY",
        "CREATE KEY ci ROLE owner",
        "CREATE KEY ci TIER",
        "CREATE KEY ci ROLE read ROLE read",
        "CREATE KEY ci EXPIRES tomorrow",
        "DROP KEY",
    ] {
        assert_eq!(client.parse(sql).unwrap_err().state, SqlState::SyntaxError, "{sql}");
    }
    let error = client.error("CREATE KEY ci EXPIRES 'garbage'").await;
    assert_eq!(error.state, SqlState::InvalidDatetimeFormat);
    let told = "invalid input syntax for type timestamp with time zone: \"garbage\"";
    assert_eq!(error.message, told);
    let past = client.state("CREATE KEY ci EXPIRES '2001-01-31 12:00:00+01'").await;
    assert_eq!(past, SqlState::InvalidParameterValue);
    let long = format!("CREATE KEY {}", "x".repeat(64));
    assert_eq!(client.state(&long).await, SqlState::InvalidName);
}
