//! The calls beyond the facade: whose key it is, what similarities mean, and SQL.

mod contract;
mod description;
mod traffic;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use likeness_storage::{Store, StoreOptions};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::engine::keyring::{KeyDraft, Keyring, Tier};
use crate::engine::{Engine, Inference, Role};
use crate::pg::{AnswerLimits, answer};
use crate::rest::{Metrics, RestLimits, RestState, SideRoutes, router};
use crate::sql::{SqlSession, SqlTraffic};

/// A door to an engine without models, with a key of each role.
struct Door {
    engine: Arc<Engine>,
    keyring: Arc<Keyring>,
    state: RestState,
    sql: Arc<SqlTraffic>,
    directory: TempDir,
}

/// Status, headers and JSON of an answer.
type Answered = (u16, HeaderMap, Value);

impl Door {
    fn new() -> Self {
        Self::with_limits(RestLimits::default())
    }

    fn with_limits(limits: RestLimits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(directory.path(), StoreOptions::default()).unwrap();
        let engine = Engine::new(Arc::new(store), Inference::unavailable("no pack in this test"));
        let keyring = Arc::new(Keyring::open(directory.path()).unwrap());
        let (shared, keys) = (Arc::clone(&engine), Arc::clone(&keyring));
        let state = RestState::new(shared, keys, limits);
        Self { engine, keyring, state, sql: Arc::default(), directory }
    }

    fn key(&self, tenant: &str, name: &str, role: Role) -> String {
        self.key_of(Tier::High, tenant, name, role)
    }

    fn key_of(&self, tier: Tier, tenant: &str, name: &str, role: Role) -> String {
        let (tenant, name) = (tenant.parse().unwrap(), name.to_owned());
        let draft = KeyDraft { tenant, name, role, tier, expires_at_us: None };
        self.keyring.create(draft).unwrap().1.reveal().to_owned()
    }

    fn router(&self) -> Router {
        let sql = Arc::clone(&self.sql);
        let (keyed, description) = (super::routes(Arc::clone(&sql)), super::description());
        let metrics = Metrics::new(move |out| sql.write_to(out));
        let beside = SideRoutes { keyed, metrics, description, ..SideRoutes::default() };
        router(self.state.clone(), beside)
    }

    async fn send(&self, request: Request<Body>) -> Answered {
        let response = self.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status.as_u16(), parts.headers, serde_json::from_slice(&body).unwrap())
    }

    async fn get(&self, path: &str, key: &str) -> Answered {
        let request = Request::get(path).header("authorization", format!("Bearer {key}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn sql(&self, key: &str, body: &Value) -> (u16, Value) {
        let request = Request::post("/api/likeness/v1/sql")
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json");
        let (status, _, body) = self.send(request.body(body.to_string().into()).unwrap()).await;
        (status, body)
    }

    /// The answer to a statement that must succeed.
    async fn run(&self, key: &str, statement: &str) -> Value {
        let (status, body) = self.sql(key, &json!({ "statement": statement })).await;
        assert_eq!(status, 200, "{statement}: {body}");
        body
    }

    /// Status, code and SQLSTATE of the refusal of a statement.
    async fn refused(&self, key: &str, statement: &str) -> (u16, String, String) {
        let (status, body) = self.sql(key, &json!({ "statement": statement })).await;
        let text = |name: &str| body["detail"][name].as_str().unwrap_or_default().to_owned();
        (status, text("code"), text("sqlstate"))
    }
}

#[tokio::test]
async fn a_key_says_whose_it_is_and_what_it_may_do() {
    let door = Door::new();
    let key = door.key("acme", "desk", Role::Write);
    let (status, headers, body) = door.get("/api/likeness/v1/key", &key).await;
    assert_eq!(status, 200);
    let expected = json!({ "name": "desk", "tenant": "acme", "role": "write", "tier": "high",
                           "reads_images": false, "default_threshold": 0.65 });
    assert_eq!(body, expected);
    assert_eq!(headers["x-ratelimit-limit"], "200", "it counts like any other call");
    let (status, _, body) = door.get("/api/likeness/v1/key", "iksk_live_wrong").await;
    assert_eq!((status, &body["detail"]["code"]), (401, &json!("invalid_api_key")));
}

#[tokio::test]
async fn without_a_pack_nobody_knows_what_similarities_mean() {
    let door = Door::new();
    let key = door.key("acme", "desk", Role::Read);
    let (status, _, body) = door.get("/api/likeness/v1/operating-points", &key).await;
    assert_eq!((status, body), (200, json!({ "points": [] })));
}

#[tokio::test]
async fn rows_come_as_the_texts_that_psql_shows_with_names_and_types() {
    let door = Door::new();
    let key = door.key("acme", "desk", Role::Admin);
    let created = door.run(&key, "CREATE COLLECTION c WITH (dimensions = 2)").await;
    assert_eq!(
        (&created["command"], &created["columns"]),
        (&json!("CREATE COLLECTION"), &json!([]))
    );
    let insert = "INSERT INTO c (external_face_id, embedding) \
                  VALUES ('ann', '[1, 0]'), (NULL, '[0, 1]')";
    assert_eq!(door.run(&key, insert).await["rows_changed"], 2);
    let select = "SELECT external_face_id AS name, 9007199254740993 AS big, true AS yes, \
                  ARRAY[0.5::real] AS list FROM c ORDER BY 1";
    let answer = door.run(&key, select).await;
    assert_eq!(answer["command"], "SELECT");
    let column = |name: &str, of: &str| json!({ "name": name, "type": of });
    let columns = [("name", "text"), ("big", "int8"), ("yes", "bool"), ("list", "float4[]")];
    let columns = columns.map(|(name, of)| column(name, of));
    assert_eq!(answer["columns"], json!(columns));
    let rows = json!([
        ["ann", "9007199254740993", "t", "{0.5}"],
        [null, "9007199254740993", "t", "{0.5}"]
    ]);
    assert_eq!((&answer["rows"], &answer["truncated"]), (&rows, &json!(false)));
}

#[tokio::test]
async fn parameters_are_values_and_never_sql() {
    let door = Door::new();
    let key = door.key("acme", "desk", Role::Read);
    let tricky = "'; DROP COLLECTION c; --";
    let statement = json!({ "statement": "SELECT $1::text AS t, $2::bigint + 1 AS n, $3::text AS z",
                            "parameters": [tricky, "41", null] });
    let (status, answer) = door.sql(&key, &statement).await;
    assert_eq!((status, &answer["rows"]), (200, &json!([[tricky, "42", null]])), "{answer}");
    let wrong = json!({ "statement": "SELECT $1::bigint", "parameters": ["x"] });
    let (status, body) = door.sql(&key, &wrong).await;
    assert_eq!((status, &body["detail"]["sqlstate"]), (400, &json!("22P02")), "{body}");
    let missing = json!({ "statement": "SELECT $1::bigint" });
    assert_eq!(door.sql(&key, &missing).await.1["detail"]["sqlstate"], "08P01");
}

#[tokio::test]
async fn a_statement_may_do_what_its_key_may_and_sees_what_its_tenant_has() {
    let door = Door::new();
    let admin = door.key("acme", "boss", Role::Admin);
    let reader = door.key("acme", "desk", Role::Read);
    let stranger = door.key("other", "boss", Role::Admin);
    let create = "CREATE COLLECTION c WITH (dimensions = 2)";
    let forbidden = (403, "forbidden".to_owned(), "42501".to_owned());
    assert_eq!(door.refused(&reader, create).await, forbidden);
    door.run(&admin, create).await;
    assert_eq!(door.run(&reader, "SELECT count(*) FROM c").await["rows"], json!([["0"]]));
    let absent = (400, "statement_failed".to_owned(), "42P01".to_owned());
    assert_eq!(door.refused(&stranger, "SELECT count(*) FROM c").await, absent);
    assert_eq!(door.run(&stranger, "SHOW COLLECTIONS").await["rows"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_run_is_told_with_its_place_and_the_way_out() {
    let door = Door::new();
    let key = door.key("acme", "desk", Role::Admin);
    let (status, body) = door.sql(&key, &json!({ "statement": "SELECT 1 FRM x" })).await;
    let detail = &body["detail"];
    assert_eq!((status, &detail["code"]), (400, &json!("statement_failed")));
    assert_eq!((&detail["sqlstate"], &detail["position"]), (&json!("42601"), &json!(14)), "{body}");
    for (statement, state) in [
        ("SELEC 1", "42601"),
        ("SELECT 1; SELECT 2", "42601"),
        ("BEGIN", "0A000"),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", "0A000"),
        ("PREPARE one AS SELECT 1", "0A000"),
        ("COPY c TO STDOUT", "42P01"),
    ] {
        let expected = (400, "statement_failed".to_owned(), state.to_owned());
        assert_eq!(door.refused(&key, statement).await, expected, "{statement}");
    }
    assert_eq!(door.run(&key, " -- nothing").await["command"], "");
    for bad in [json!({}), json!({ "statement": 1 }), json!({ "statement": "x", "max_rows": 0 })] {
        let (status, body) = door.sql(&key, &bad).await;
        assert_eq!((status, &body["detail"]["code"]), (400, &json!("invalid_parameter")), "{bad}");
    }
}

#[tokio::test]
async fn answers_are_bounded_in_rows_bytes_and_time() {
    let door = Door::new();
    let key = door.key("acme", "desk", Role::Read);
    let many = "SELECT n FROM generate_series(1, 5000) AS g(n)";
    let (_, answer) = door.sql(&key, &json!({ "statement": many, "max_rows": 3 })).await;
    assert_eq!(
        (&answer["rows"], &answer["truncated"]),
        (&json!([["1"], ["2"], ["3"]]), &json!(true))
    );
    assert_eq!(door.run(&key, many).await["rows"].as_array().unwrap().len(), 1000);

    let session = SqlSession::new(door.engine.tenant("acme".parse().unwrap()), Role::Read, "desk");
    let limits = AnswerLimits { rows: 9, bytes: 10, time: Duration::from_mins(1) };
    let long = "SELECT 'xxxx' FROM generate_series(1, 5)";
    let cut = answer_of(&session, long, limits).await.unwrap();
    assert_eq!((cut.rows.len(), cut.truncated), (2, true));
    let limits = AnswerLimits { time: Duration::ZERO, ..limits };
    assert_eq!(answer_of(&session, long, limits).await.unwrap_err().code, "57014");
}

async fn answer_of(
    session: &SqlSession,
    statement: &str,
    limits: AnswerLimits,
) -> Result<crate::pg::Answer, crate::pg::AnswerError> {
    answer(session, statement, &[], limits, Arc::default()).await
}
