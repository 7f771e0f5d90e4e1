//! API keys: both doors refuse wrong and revoked ones, and each role does what it may, no more.

use tokio_postgres::error::SqlState;

use crate::support::{ErrorBody, ServerBuilder, likeness};

fn refused(status: u16, code: &str) -> ErrorBody {
    ErrorBody { status, code: code.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_refused_on_both_doors() {
    let server = ServerBuilder::new().start().await;
    let key = server.first_key();
    let mut wrong = key.clone();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);

    assert!(server.rest(&key).get("/collections").await.is_ok());
    let answer = server.rest(&wrong).get("/collections").await;
    assert_eq!(answer.unwrap_err(), refused(401, "invalid_api_key"));

    assert!(server.try_pg("default", "admin", &key).await.is_ok());
    for (tenant, user, password) in [
        ("default", "admin", wrong.as_str()),
        ("default", "nobody", key.as_str()),
        ("elsewhere", "admin", key.as_str()),
    ] {
        let error = server.try_pg(tenant, user, password).await.err().unwrap();
        assert_eq!(error.code(), Some(&SqlState::INVALID_PASSWORD), "{tenant} {user}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_stops_working_at_once_on_both_doors() {
    let server = ServerBuilder::new().start().await;
    let key = server.create_key("acme", "ci", "admin").await;
    let rest = server.rest(&key);
    let client = server.try_pg("acme", "ci", &key).await.unwrap();
    assert!(rest.get("/collections").await.is_ok());
    assert!(client.simple_query("SELECT 1").await.is_ok());

    let listed = likeness(&server.data(), &["keys", "list", "--json"]).await;
    let listed = String::from_utf8(listed.stdout).unwrap();
    let line = listed.lines().find(|line| line.contains("\"acme\"")).unwrap();
    let listed: serde_json::Value = serde_json::from_str(line).unwrap();
    assert!(!line.contains(&key), "a listing must not show secrets");
    let id = listed["id"].as_str().unwrap();
    let shown = likeness(&server.data(), &["keys", "list"]).await;
    let shown = String::from_utf8(shown.stdout).unwrap();
    let line = shown.lines().find(|line| line.starts_with(id)).unwrap();
    assert!(line.contains(" created 20") && line.ends_with("Z expires never"), "{line}");
    let unknown = likeness(&server.data(), &["tenants", "suspend", "acmee"]).await;
    let told = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(!unknown.status.success() && told.contains("acmee"), "{told}");
    let revoked = likeness(&server.data(), &["keys", "revoke", id]).await;
    assert!(revoked.status.success());

    let answer = rest.get("/collections").await;
    assert_eq!(answer.unwrap_err(), refused(401, "invalid_api_key"));
    assert!(client.simple_query("SELECT 1").await.is_err(), "an open session must end too");
    assert!(server.try_pg("acme", "ci", &key).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_tenant_is_told_so_at_once_on_both_doors_and_others_are_served() {
    let server = ServerBuilder::new().start().await;
    let key = server.create_key("acme", "ci", "admin").await;
    let rest = server.rest(&key);
    let client = server.try_pg("acme", "ci", &key).await.unwrap();
    client.simple_query("SELECT 1").await.unwrap();
    let suspended = likeness(&server.data(), &["tenants", "suspend", "acme"]).await;
    assert!(suspended.status.success());

    let refusal = refused(403, "account_inactive");
    assert_eq!(rest.get("/collections").await.unwrap_err(), refusal);
    assert_eq!(rest.at("/api/likeness/v1").get("/key").await.unwrap_err(), refusal);
    let open = client.simple_query("SELECT 1").await.unwrap_err();
    let new = server.try_pg("acme", "ci", &key).await.err().unwrap();
    for error in [open, new] {
        let told = error.as_db_error().unwrap();
        assert_eq!(told.code(), &SqlState::INVALID_AUTHORIZATION_SPECIFICATION);
        assert!(told.message().contains("suspended"), "{told}");
    }
    assert!(server.rest(&server.first_key()).get("/collections").await.is_ok());
    assert!(server.admin().await.simple_query("SELECT 1").await.is_ok());

    assert!(likeness(&server.data(), &["tenants", "resume", "acme"]).await.status.success());
    assert!(rest.get("/collections").await.is_ok());
    assert!(server.try_pg("acme", "ci", &key).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_does_what_it_may_and_no_more() {
    let server = ServerBuilder::new().start().await;
    let setup = server.admin().await;
    setup.batch_execute("CREATE COLLECTION c WITH (dimensions = 2)").await.unwrap();
    let insert = "INSERT INTO c (embedding) VALUES ('[1,0]')";
    let allowed = [("read", [true, false, false]), ("write", [true, true, false])];
    for (role, expected) in allowed {
        let key = server.create_key("default", role, role).await;
        let client = server.try_pg("default", role, &key).await.unwrap();
        let statements = ["SELECT count(*) FROM c", insert, "DROP COLLECTION c"];
        for (statement, may) in statements.into_iter().zip(expected) {
            let outcome = client.simple_query(statement).await;
            assert_eq!(outcome.is_ok(), may, "{role}: {statement}");
            if let Err(error) = outcome {
                assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}");
            }
        }
        let answer = server.rest(&key).delete("/collections/c").await;
        assert_eq!(answer.unwrap_err(), refused(403, "forbidden"), "{role}");
    }
}
