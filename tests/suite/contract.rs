//! Every code of every call over a socket: which there are, the description of the server says, so
//! that a new call or code is asked for here without further ado.

use std::collections::BTreeSet;
use std::fs;

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bad_images::png;
use crate::bad_requests::{Body, form, json as document};
use crate::described::{Call, calls};
use crate::support::{ServerBuilder, TestServer, likeness, sample_photos};

/// Codes that take another pack or a disk that fails: `refusals.rs` asks each call for them.
const REFUSALS: [&str; 4] =
    ["audit_unavailable", "model_mismatch", "model_unavailable", "read_only"];
/// What takes a restart, or a commit that lasts: `src/rest/tests` has them in process.
const IN_PROCESS: [(&str, &str); 2] =
    [("create_collection", "collection_not_found"), ("create_collection", "request_in_progress")];
/// Requests that are served at once, as the manual says.
const PLACES: usize = 512;

/// A server with a collection `people` of one face, of which there is no thumbnail.
struct World {
    server: TestServer,
    admin: String,
    reader: String,
    standard: String,
    photo: Vec<u8>,
    face: String,
}

struct Answer {
    status: u16,
    /// In lower case.
    head: String,
    body: Value,
}

impl World {
    async fn new() -> Self {
        let server = ServerBuilder::new().with_models().without_log().start().await;
        let admin = server.create_key("acme", "admin", "admin").await;
        let reader = server.create_key("acme", "reader", "read").await;
        let arguments = "keys create --tenant acme --name standard --role admin --tier standard";
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let standard = likeness(&server.data(), &arguments).await.stdout;
        let standard = String::from_utf8(standard).unwrap().trim().to_owned();
        let (rest, photo) = (server.rest(&admin), fs::read(&sample_photos()[0]).unwrap());
        rest.post_json("/collections", &json!({ "external_id": "people" })).await.unwrap();
        let indexed = rest.post_form("/collections/people/faces", &[("image", &photo)], &[]).await;
        let face = indexed.unwrap().1["face_id"].as_str().unwrap().to_owned();
        Self { server, admin, reader, standard, photo, face }
    }

    /// The bytes of a request that is to be refused with a code.
    fn request(&self, call: &Call, code: &str, more: &str) -> Vec<u8> {
        // Before its share is used up, a key must change nothing.
        let is_absent = ["collection_not_found", "rate_limited"].contains(&code);
        let collection = if is_absent { "absent" } else { "people" };
        let stranger = "f_01KC4Q2V8S5R4J9X6T3W7Z1A0B";
        let face = if code == "face_not_found" { stranger } else { &self.face };
        let path = call.path.replace("{external_id}", collection).replace("{face_id}", face);
        let key = match code {
            "missing_api_key" => String::new(),
            "invalid_api_key" => "Authorization: Bearer iksk_live_no\r\n".to_owned(),
            "forbidden" => format!("Authorization: Bearer {}\r\n", self.reader),
            "rate_limited" => format!("Authorization: Bearer {}\r\n", self.standard),
            _ => format!("Authorization: Bearer {}\r\n", self.admin),
        };
        let Body { content_type, mut bytes } = self.body(call, code);
        let media_type = if code == "unsupported_media_type" { "text/plain" } else { content_type };
        let (mut length, mut more) = (bytes.len(), more.to_owned());
        match code {
            "invalid_parameter" => more += "X-Purpose: a\r\nX-Purpose: b\r\n",
            // Who asks first sends nothing before the go-ahead, and here nothing behind it.
            "request_timeout" | "image_too_large" => {
                more += "Expect: 100-continue\r\n";
                bytes.clear();
            }
            _ => {}
        }
        if code == "image_too_large" {
            length = 99_999_999_999;
        }
        let head = format!(
            "{} {path} HTTP/1.1\r\nHost: likeness\r\nConnection: close\r\n{key}\
             Content-Type: {media_type}\r\nContent-Length: {length}\r\n{more}\r\n",
            call.method
        );
        [head.into_bytes(), bytes].concat()
    }

    fn body(&self, call: &Call, code: &str) -> Body<'static> {
        if code == "request_too_large" {
            return document(vec![b' '; 65 * 1024]);
        }
        match (call.media_type.as_deref(), call.id.as_str()) {
            (None, _) => Body { content_type: "", bytes: Vec::new() },
            (_, "create_collection") => {
                let name = match code {
                    "collection_exists" | "rate_limited" => "people",
                    "idempotency_key_reused" => "different",
                    _ => "another",
                };
                document(json!({ "external_id": name }).to_string())
            }
            (_, "run_statement") => {
                let statement = match code {
                    "statement_failed" => "SELECT * FROM nowhere",
                    "forbidden" => "DROP COLLECTION people",
                    _ => "SELECT 1",
                };
                document(json!({ "statement": statement }).to_string())
            }
            _ => self.form(call, code),
        }
    }

    fn form(&self, call: &Call, code: &str) -> Body<'static> {
        let blank = png(300, 200);
        let image = |name: &str| match (code, name) {
            ("empty_image", _) => &[][..],
            ("invalid_image", _) => b"no image",
            ("no_face_detected" | "request_in_progress", _)
            | ("no_face_in_source", "source_image")
            | ("no_face_in_target", "target_image") => &blank,
            _ => &self.photo,
        };
        let head = |name: &String| format!("name=\"{name}\"; filename=\"a\"");
        let heads: Vec<String> = call.images.iter().map(head).collect();
        let names = call.images.iter();
        let images = heads.iter().zip(names).map(|(head, name)| (head.as_str(), image(name)));
        let mut parts: Vec<(&str, &[u8])> = images.collect();
        match code {
            "invalid_attributes" => parts.push(("name=\"attributes\"", b"some")),
            "idempotency_key_reused" => parts.push(("name=\"external_face_id\"", b"bob")),
            _ => {}
        }
        form(&parts)
    }

    /// A connection on which the bytes are on their way.
    async fn sent(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&self.server.http).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }

    async fn exchange(&self, bytes: &[u8]) -> Answer {
        answer(self.sent(bytes).await).await
    }

    /// Requests in progress, as many as there may be.
    async fn all_places(&self) -> Vec<TcpStream> {
        let head = format!(
            "POST /api/v2/collections HTTP/1.1\r\nHost: likeness\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
            self.admin
        );
        let mut places = Vec::new();
        for _ in 0..PLACES {
            let mut stream = self.sent(head.as_bytes()).await;
            // The go-ahead shows that the body is being waited for.
            let mut told = [0; 25];
            stream.read_exact(&mut told).await.unwrap();
            assert_eq!(told[..], *b"HTTP/1.1 100 Continue\r\n\r\n");
            places.push(stream);
        }
        places
    }

    /// The answer to the request that is to be refused with a code.
    async fn refusal(&self, call: &Call, code: &str) -> Answer {
        let bytes = self.request(call, code, "");
        match code {
            "rate_limited" => loop {
                // Whatever the second in which they are counted, at last those of the minute end.
                let refused = self.exchange(&bytes).await;
                if refused.status == 429 {
                    break refused;
                }
                let list = b"GET /api/v2/collections HTTP/1.1\r\nHost: likeness\r\n";
                let rest =
                    format!("Connection: close\r\nAuthorization: Bearer {}\r\n\r\n", self.standard);
                let list = [&list[..], rest.as_bytes()].concat();
                join_all((0..60).map(|_| self.exchange(&list))).await;
            },
            "idempotency_key_reused" => {
                let header = format!("Idempotency-Key: {}\r\n", call.id);
                let first = self.exchange(&self.request(call, "", &header)).await;
                assert_eq!(first.status, 201, "{}", first.body);
                self.exchange(&self.request(call, code, &header)).await
            }
            "request_in_progress" => self.in_progress(call).await,
            _ => self.exchange(&bytes).await,
        }
    }

    /// The answer to one of two equal requests that lie before the server when it wakes up: looking
    /// at an image takes longer than reading the other request.
    async fn in_progress(&self, call: &Call) -> Answer {
        let bytes = self.request(call, "request_in_progress", "Idempotency-Key: both\r\n");
        self.server.pause().await;
        let (one, other) = (self.sent(&bytes).await, self.sent(&bytes).await);
        self.server.resume().await;
        let (one, other) = tokio::join!(answer(one), answer(other));
        let (done, refused) = if one.status == 409 { (other, one) } else { (one, other) };
        assert_eq!(done.body["detail"]["code"], "no_face_detected", "{}", done.body);
        assert!(refused.head.contains("\r\nretry-after: 1\r\n"), "{}", refused.head);
        refused
    }

    /// Sees to it that all calls are refused with a code, where that is a matter of the server.
    async fn turn_away(&self, code: &str) -> Vec<TcpStream> {
        match code {
            "overloaded" => return self.all_places().await,
            "account_inactive" => self.tenants("suspend").await,
            "internal_error" => fs::write(self.server.data().join("keys.json"), "no keys").unwrap(),
            _ => {}
        }
        Vec::new()
    }

    async fn tenants(&self, command: &str) {
        let done = likeness(&self.server.data(), &["tenants", command, "acme"]).await;
        assert!(done.status.success());
    }
}

/// What comes on a connection until its end, without the go-ahead for a body.
async fn answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let text = text.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&text);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = serde_json::from_str(body).unwrap_or_default();
    Answer { status, head: format!("{}\r\n", head.to_lowercase()), body }
}

/// Holds a refusal against what the description and the manual say of it.
fn hold(call: &Call, code: &str, Answer { status, head, body }: &Answer) {
    let told = (*status, body["detail"]["code"].as_str().unwrap_or_default());
    assert_eq!(told, (call.codes[code], code), "{} {head} {body}", call.id);
    let header = |name: &str| {
        let value = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.unwrap_or_else(|| panic!("{}: no {name} in {head}", call.id))
    };
    let id = header("x-request-id");
    assert_eq!(header("cache-control"), "no-store");
    if *status >= 500 {
        let named = body["detail"]["request_id"].as_str().unwrap_or_default().to_lowercase();
        assert_eq!(named, id, "{body}");
    }
    if call.is_keyed {
        for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
            header(name).parse::<u64>().unwrap();
        }
    }
    if ["rate_limited", "overloaded"].contains(&code) {
        header("retry-after").parse::<u64>().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_refused_with_each_of_its_codes() {
    let world = World::new().await;
    let calls = calls(&world.server.rest(&world.admin)).await;
    let mut codes: BTreeSet<&str> =
        calls.iter().flat_map(|call| call.codes.keys()).map(String::as_str).collect();
    // Nothing works after it.
    let last = codes.take("internal_error");
    let mut count = 0;
    for code in codes.into_iter().chain(last).filter(|code| !REFUSALS.contains(code)) {
        let places = world.turn_away(code).await;
        let asked: Vec<&Call> = calls
            .iter()
            .filter(|call| call.codes.contains_key(code))
            .filter(|call| !IN_PROCESS.contains(&(call.id.as_str(), code)))
            .collect();
        let refusals = join_all(asked.iter().map(|call| world.refusal(call, code))).await;
        for (call, refusal) in asked.iter().zip(&refusals) {
            hold(call, code, refusal);
        }
        count += refusals.len();
        drop(places);
        if code == "account_inactive" {
            world.tenants("resume").await;
        }
    }
    assert!(count > 140, "{count}");
}
