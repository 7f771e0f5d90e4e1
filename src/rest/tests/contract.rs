//! Every code of every call: a request that is refused with it, or where else there is one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Method, Request};
use futures::stream;

use super::described::{Call, calls};
use super::{Door, Part, form, request};
use crate::engine::Role;
use crate::engine::keyring::{KEY_FILE, Tier};
use crate::rest::RestLimits;

/// Codes that take a model pack, a disk that fails or a request that is still at work, and the
/// tests which provoke them.
const ELSEWHERE: [(&str, &str); 10] = [
    ("audit_unavailable", "tests/suite/refusals.rs"),
    ("collection_exists", "tests/suite/bad_requests.rs"),
    ("idempotency_key_reused", "src/rest/tests/idempotency.rs"),
    ("invalid_image", "tests/suite/refusals.rs"),
    ("model_mismatch", "tests/suite/refusals.rs"),
    ("no_face_detected", "tests/suite/bad_requests.rs"),
    ("no_face_in_source", "tests/suite/bad_requests.rs"),
    ("no_face_in_target", "tests/suite/bad_requests.rs"),
    ("read_only", "tests/suite/refusals.rs"),
    ("request_in_progress", "src/rest/tests/idempotency.rs"),
];

/// A door with a collection `people` of one face.
struct World {
    door: Door,
    face: String,
}

/// How a request differs from one that is well formed.
#[derive(Default)]
struct Twist<'a> {
    collection: Option<&'a str>,
    face: Option<&'a str>,
    media_type: Option<&'a str>,
    image: Option<&'a [u8]>,
    texts: &'a [Part<'a>],
    headers: &'a [(&'a str, &'a str)],
    body: Option<Body>,
}

impl World {
    async fn new(limits: RestLimits) -> Self {
        let door = Door::with_limits(limits);
        door.create("acme", "people").await;
        let face = door.enroll("acme", "people", [1.0, 0.0, 0.0, 0.0], "ann", None).await;
        Self { door, face: face.to_string() }
    }

    fn request(&self, call: &Call, key: &str, twist: Twist<'_>) -> Request<Body> {
        let path = call.path.replace("{external_id}", twist.collection.unwrap_or("people"));
        let path = path.replace("{face_id}", twist.face.unwrap_or(&self.face));
        let mut request = match key {
            "" => Request::builder().method(call.method.clone()).uri(path),
            key => request(call.method.clone(), &path, key),
        };
        for (name, value) in twist.headers {
            request = request.header(*name, *value);
        }
        let image = twist.image.unwrap_or(b"no image");
        let images = call.images().into_iter().map(|name| (name, Some("a.jpg"), image));
        let parts: Vec<_> = images.chain(twist.texts.iter().copied()).collect();
        let (media_type, body) = match call.media_type() {
            Some("multipart/form-data") => form(&parts),
            Some(json) => (json.to_owned(), br#"{"external_id": "new"}"#.to_vec()),
            None => return request.body(Body::empty()).unwrap(),
        };
        let media_type = twist.media_type.unwrap_or(&media_type);
        let body = twist.body.unwrap_or_else(|| body.into());
        request.header("content-type", media_type).body(body).unwrap()
    }
}

/// A body that does not arrive.
fn never_ending() -> Body {
    Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>())
}

fn limits(code: &str) -> RestLimits {
    let limits = RestLimits::default();
    match code {
        "overloaded" => RestLimits { requests_max: 0, ..limits },
        "request_timeout" => RestLimits { body_timeout: Duration::from_millis(20), ..limits },
        _ => limits,
    }
}

/// Sees to it that every call is refused with a code, where that is a matter of the server or the
/// key, and says with which key it is.
async fn prepare(door: &Door, code: &str) -> String {
    match code {
        "missing_api_key" => return String::new(),
        "invalid_api_key" => return "iksk_live_no".to_owned(),
        "forbidden" => return door.new_key("acme", Role::Read, Tier::Unlimited),
        "rate_limited" => {
            let key = door.new_key("acme", Role::Admin, Tier::Standard);
            for _ in 0..50 {
                let list = request(Method::GET, "/api/v2/collections", &key);
                door.send(list.body(Body::empty()).unwrap()).await.ok(200);
            }
            return key;
        }
        "account_inactive" => {
            door.keyring.suspend(&"acme".parse().unwrap()).unwrap();
        }
        "internal_error" => {
            fs::write(door.directory.path().join(KEY_FILE), "no keys").unwrap();
        }
        _ => {}
    }
    door.key.clone()
}

/// What makes a request one that is refused with a code, beside its key.
fn twist(code: &str) -> Twist<'static> {
    let plain = Twist::default();
    match code {
        "invalid_parameter" => {
            Twist { headers: &[("x-purpose", "a"), ("x-purpose", "b")], ..plain }
        }
        "unsupported_media_type" => Twist { media_type: Some("text/plain"), ..plain },
        "request_timeout" => {
            // A client that asks first has sent nothing that would have to be read.
            let headers = &[("expect", "100-continue")];
            Twist { body: Some(never_ending()), headers, ..plain }
        }
        "image_too_large" => Twist { headers: &[("content-length", "99999999999")], ..plain },
        "request_too_large" => Twist { body: Some(vec![b' '; 65 * 1024].into()), ..plain },
        "empty_image" => Twist { image: Some(b""), ..plain },
        "invalid_attributes" => Twist { texts: &[("attributes", None, b"some")], ..plain },
        "collection_not_found" => Twist { collection: Some("absent"), ..plain },
        "face_not_found" => Twist { face: Some("f_01KC4Q2V8S5R4J9X6T3W7Z1A0B"), ..plain },
        _ => plain,
    }
}

fn is_elsewhere(call: &Call, code: &str) -> bool {
    let known = match call.id {
        // A collection that needs a model cannot be made without one: tests/suite/refusals.rs.
        "search_by_face" => code == "model_unavailable",
        // What a repeated request created is gone: src/rest/tests/replay.rs.
        "create_collection" => code == "collection_not_found",
        _ => false,
    };
    known || ELSEWHERE.iter().any(|(other, _)| *other == code)
}

#[tokio::test]
async fn every_call_is_refused_with_each_of_its_codes() {
    let calls: Vec<_> = calls().into_iter().filter(Call::is_keyed).collect();
    let codes: BTreeSet<_> = calls.iter().flat_map(Call::codes).collect();
    let mut count = 0;
    for code in codes {
        let world = World::new(limits(code)).await;
        let key = prepare(&world.door, code).await;
        for call in calls.iter().filter(|call| call.codes().contains(&code)) {
            if !is_elsewhere(call, code) {
                let request = world.request(call, &key, twist(code));
                let answer = world.door.send(request).await;
                let body = String::from_utf8_lossy(&answer.body).into_owned();
                assert!(body.contains(&format!("\"{code}\"")), "{} {code}: {body}", call.id);
                count += 1;
            }
        }
    }
    assert!(count > 100, "{count}");
}

#[test]
fn codes_that_are_provoked_elsewhere_are_named_there() {
    for (code, file) in ELSEWHERE {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let words: Vec<String> = code.split('_').map(capitalized).collect();
        let named = text.contains(code) || text.contains(&words.concat());
        assert!(named, "{file} says nothing of {code}");
    }
}

fn capitalized(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}
