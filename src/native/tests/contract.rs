//! Every code of every call beyond the facade: a request that is refused with it, or where else
//! there is one. What calls and codes there are, the description says, which has all routes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use axum::body::Bytes;
use futures::stream;

use super::description::{calls, codes, served};
use super::*;
use crate::engine::keyring::KEY_FILE;

/// Codes that take a disk which fails, and the tests that provoke them.
const ELSEWHERE: [(&str, &str); 2] =
    [("audit_unavailable", "tests/suite/refusals.rs"), ("read_only", "tests/suite/refusals.rs")];
/// Requests after which a key of tier standard has had its share of a minute, however slow they
/// are.
const STANDARD_SHARE: usize = 601;

/// A door with a collection `people` of one face, which came as an embedding.
struct World {
    door: Door,
    key: String,
    face: String,
}

/// A call as the description tells of it.
struct Call {
    method: String,
    path: String,
    takes_json: bool,
    codes: BTreeSet<String>,
}

/// The calls beyond the facade.
async fn own_calls(door: &Door) -> Vec<Call> {
    let description = served(door).await;
    let all = calls(&description).into_iter();
    let own = all.filter(|(_, path, _)| path.starts_with("/api/likeness/"));
    let own = own.map(|(method, path, operation)| Call {
        method,
        path: path.to_owned(),
        takes_json: operation["requestBody"]["content"]["application/json"].is_object(),
        codes: codes(operation).into_values().flatten().collect(),
    });
    own.collect()
}

impl World {
    /// A world whose server and key are as `code` wants them.
    async fn for_code(code: &str) -> Self {
        let limits = RestLimits::default();
        let limits = match code {
            "overloaded" => RestLimits { requests_max: 0, ..limits },
            "request_timeout" => RestLimits { body_timeout: Duration::from_millis(20), ..limits },
            _ => limits,
        };
        let door = Door::with_limits(limits);
        let session = SqlSession::new(door.engine.tenant("acme".parse().unwrap()), Role::Admin, "");
        let limits = AnswerLimits { rows: 1, bytes: 999, time: Duration::from_mins(1) };
        answer_of(&session, "CREATE COLLECTION people WITH (dimensions = 2)", limits)
            .await
            .unwrap();
        let insert = "INSERT INTO people (embedding) VALUES ('[1, 0]') RETURNING face_id";
        let inserted = answer_of(&session, insert, limits).await.unwrap();
        let face = inserted.rows[0][0].clone().unwrap();
        let key = match code {
            "missing_api_key" => String::new(),
            "invalid_api_key" => "iksk_live_no".to_owned(),
            "forbidden" => door.key("acme", "desk", Role::Read),
            "rate_limited" => door.key_of(Tier::Standard, "acme", "desk", Role::Admin),
            _ => door.key("acme", "desk", Role::Admin),
        };
        match code {
            "account_inactive" => {
                door.keyring.suspend(&"acme".parse().unwrap()).unwrap();
            }
            "internal_error" => {
                fs::write(door.directory.path().join(KEY_FILE), "no keys").unwrap();
            }
            _ => {}
        }
        Self { door, key, face }
    }

    fn request(&self, call: &Call, code: &str) -> Request<Body> {
        let collection = if code == "collection_not_found" { "absent" } else { "people" };
        let face =
            if code == "face_not_found" { "f_01KC4Q2V8S5R4J9X6T3W7Z1A0B" } else { &self.face };
        let path = call.path.replace("{external_id}", collection).replace("{face_id}", face);
        let mut request = Request::builder().method(call.method.as_str()).uri(path);
        if !self.key.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.key));
        }
        if code == "invalid_parameter" {
            request = request.header("x-purpose", "a").header("x-purpose", "b");
        }
        if !call.takes_json {
            return request.body(Body::empty()).unwrap();
        }
        let media_type =
            if code == "unsupported_media_type" { "text/plain" } else { "application/json" };
        // A client that asks first has sent nothing that would have to be read.
        request = request.header("content-type", media_type).header("expect", "100-continue");
        request.body(document(code)).unwrap()
    }

    /// The code that a call is refused with.
    async fn refusal(&self, call: &Call, code: &str) -> String {
        let (status, headers, body) = self.door.send(self.request(call, code)).await;
        assert!(headers.contains_key("x-ratelimit-limit"), "{status} {}", call.path);
        body["detail"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// The statement that is refused with a code, or another document that is.
fn document(code: &str) -> Body {
    let statement = match code {
        "statement_failed" => "SELECT * FROM nowhere",
        "forbidden" => "DROP COLLECTION people",
        "model_unavailable" => "CREATE COLLECTION other",
        "request_too_large" => return vec![b' '; 65 * 1024].into(),
        "request_timeout" => {
            return Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        }
        _ => "SELECT 1",
    };
    json!({ "statement": statement }).to_string().into()
}

#[tokio::test]
async fn every_call_is_refused_with_each_of_its_codes() {
    let calls = own_calls(&Door::new()).await;
    let all: BTreeSet<&String> = calls.iter().flat_map(|call| &call.codes).collect();
    let mut count = 0;
    for code in all {
        if ELSEWHERE.iter().any(|(other, _)| other == code) {
            continue;
        }
        let world = World::for_code(code).await;
        for call in calls.iter().filter(|call| call.codes.contains(code)) {
            let mut refusal = world.refusal(call, code).await;
            for _ in 0..STANDARD_SHARE {
                if code == "rate_limited" && refusal != *code {
                    refusal = world.refusal(call, code).await;
                }
            }
            assert_eq!(refusal, *code, "{} {}", call.method, call.path);
            count += 1;
        }
    }
    assert!(count >= 30, "{count}");
}

#[test]
fn codes_that_are_provoked_elsewhere_are_named_there() {
    for (code, file) in ELSEWHERE {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        assert!(text.contains(&format!("\"{code}\"")), "{file} says nothing of {code}");
    }
}
