//! Requests beyond the facade that no client should send: each is refused with a documented error,
//! and nothing comes of it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Rest, ServerBuilder};

/// Documents that hold no statement, or not in the way they should.
const DOCUMENTS: [&[u8]; 15] = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\"SELECT 1\"",
    b"{}",
    b"{\"statement\": null}",
    b"{\"statement\": 7}",
    b"{\"statement\": \"SELECT 1\", \"statement\": \"SELECT 2\"}",
    b"{\"statement\": \"SELECT \\ud800\"}",
    b"{\"statement\": \"SELECT '\xff'\"}",
    b"{\"statement\": \"SELECT 1\", \"parameters\": {}}",
    b"{\"statement\": \"SELECT $1\", \"parameters\": [1]}",
    b"{\"statement\": \"SELECT 1\", \"max_rows\": -1}",
    b"{\"statement\": \"SELECT 1\", \"max_rows\": 1e9}",
];

/// Statements that make no sense, or that nobody may run here.
const STATEMENTS: [&str; 21] = [
    "\u{0}",
    "SELECT '\u{0}'",
    "\u{1f642}",
    "SELECT 1; DROP COLLECTION c",
    "'",
    "/* no end",
    "SELECT * FROM c; -- \n SELECT 1",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY c FROM '/etc/passwd'",
    "COPY c TO PROGRAM 'cat'",
    "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
    "INSERT INTO c (embedding) VALUES ('[NaN, 1]')",
    "INSERT INTO c (embedding) VALUES ('[1e39, 1]')",
    "INSERT INTO c (embedding) VALUES ('[0, 0]')",
    "SEARCH FACES IN c LIKE 'f_' LIMIT -1",
    "SEARCH FACES IN c EMBEDDING '[1, 0]' THRESHOLD 'NaN'",
    "SELECT 1 / 0",
    "DELETE FROM \"../c\"",
    "DROP COLLECTION \"..\"",
    "CREATE COLLECTION \"..\" WITH (dimensions = 2)",
    "CREATE COLLECTION d WITH (dimensions = 99999999999999999999)",
];

/// A server with a collection `c` of one face, which came as an embedding.
struct World {
    rest: Rest,
    face: String,
    sent: usize,
}

impl World {
    async fn new(rest: Rest) -> Self {
        let rest = rest.at("/api/likeness/v1");
        run(&rest, "CREATE COLLECTION c WITH (dimensions = 2)").await;
        let insert = "INSERT INTO c (embedding) VALUES ('[1, 0]') RETURNING face_id";
        let inserted = run(&rest, insert).await;
        let face = inserted["rows"][0][0].as_str().unwrap().to_owned();
        Self { rest, face, sent: 0 }
    }

    async fn refused(&mut self, method: Method, path: &str, media_type: &str, body: &[u8]) {
        self.sent += 1;
        let answer = self.rest.send_raw(method, path, media_type, body.to_vec()).await;
        let what = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let error = answer.expect_err(&format!("{path} {what}"));
        let manual = include_str!("../../docs/rest.md");
        let row = format!("| `{}` | {} |", error.code, error.status);
        assert!(error.status < 500 && manual.contains(&row), "{path} {what}: {error:?}");
    }

    async fn statement_refused(&mut self, statement: &str, parameters: Value) {
        let body = json!({ "statement": statement, "parameters": parameters }).to_string();
        self.refused(Method::POST, "/sql", "application/json", body.as_bytes()).await;
    }

    async fn documents(&mut self) {
        let deep = format!("{{\"statement\": {}", "[".repeat(30_000));
        for document in DOCUMENTS.into_iter().chain([deep.as_bytes()]) {
            self.refused(Method::POST, "/sql", "application/json", document).await;
        }
        for wrong in ["", "text/plain", "multipart/form-data; boundary=x", "application/sql"] {
            self.refused(Method::POST, "/sql", wrong, b"{\"statement\": \"SELECT 1\"}").await;
        }
    }

    async fn statements(&mut self) {
        let (long, nested) = ("x".repeat(70_000), format!("SELECT {}1", "(".repeat(20_000)));
        for statement in STATEMENTS.into_iter().chain([&*long, &nested]) {
            self.statement_refused(statement, json!([])).await;
        }
        for parameter in
            ["", "NaN", "'; DROP COLLECTION c; --", "99999999999999999999", "\u{0}", "½"]
        {
            self.statement_refused("SELECT $1::int", json!([parameter])).await;
        }
        self.statement_refused("SELECT 1", json!(["more", "than", "asked", "for"])).await;
    }

    async fn paths(&mut self) {
        let face = self.face.clone();
        for (collection, face) in [
            ("absent", face.as_str()),
            ("%2e%2e%2fc", &face),
            ("%00", &face),
            ("%ff", &face),
            ("c", "f_"),
            ("c", "-1"),
            ("c", "..%2f..%2fetc%2fpasswd"),
            ("c", "%00"),
            ("c", &face[..27]),
            // There is the face, and no picture of it.
            ("c", &face),
        ] {
            let path = format!("/collections/{collection}/faces/{face}/thumbnail");
            self.refused(Method::GET, &path, "", b"").await;
        }
        for path in ["", "/", "/nothing", "/sql/", "/key/..%2fsql", "/collections"] {
            self.refused(Method::GET, path, "", b"").await;
        }
        for (method, path) in
            [(Method::GET, "/sql"), (Method::POST, "/key"), (Method::PUT, "/operating-points")]
        {
            self.refused(method, path, "application/json", b"{}").await;
        }
    }
}

/// The answer to a statement that must succeed.
async fn run(rest: &Rest, statement: &str) -> Value {
    rest.post_json("/sql", &json!({ "statement": statement })).await.unwrap().1
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_nonsense_beyond_the_facade_are_refused() {
    let server = ServerBuilder::new().without_log().start().await;
    let key = server.create_key("acme", "test", "admin").await;
    let mut world = World::new(server.rest(&key)).await;
    let before = server.peak_memory();
    world.documents().await;
    world.statements().await;
    world.paths().await;
    assert!(world.sent >= 65, "{}", world.sent);
    assert_eq!(run(&world.rest, "SELECT count(*) FROM c").await["rows"], json!([["1"]]));
    assert_eq!(run(&world.rest, "SHOW COLLECTIONS").await["rows"].as_array().unwrap().len(), 1);
    if let (Some(before), Some(after)) = (before, server.peak_memory()) {
        let grown = after.saturating_sub(before) >> 20;
        assert!(grown < 100, "peak memory grew by {grown} MiB");
    }
}
