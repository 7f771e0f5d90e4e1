//! Tests of the whole door: requests in, status, headers and JSON out.

mod audit;
mod auth;
mod codes;
mod collections;
mod contract;
mod described;
mod envelope;
mod faces;
mod forms;
mod idempotency;
mod limits;
mod logs;
mod metrics;
mod readiness;
mod replay;
mod search;
mod tcp;
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request};
use axum::response::Response;
use likeness_storage::{Store, StoreOptions};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use super::SideRoutes;
use super::state::{Clock, RestLimits, RestState};
use crate::biometric::FaceId;
use crate::engine::keyring::{KeyDraft, Keyring, Tier};
use crate::engine::{
    AuditLog, Engine, EnrollmentDraft, GalleryModel, GalleryRequest, Inference, Precision, Role,
    TemplateSource, Tenant,
};

/// A door to an engine without models, in a directory of its own, with a clock that stands still.
struct Door {
    engine: Arc<Engine>,
    keyring: Arc<Keyring>,
    state: RestState,
    now_ms: Arc<AtomicU64>,
    /// A key of tenant `acme` with every right and no rate limit.
    key: String,
    directory: TempDir,
}

impl Door {
    fn new() -> Self {
        Self::with_limits(RestLimits::default())
    }

    fn with_limits(limits: RestLimits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(directory.path(), StoreOptions::default()).unwrap();
        let inference = Inference::unavailable("there is no pack in /secret/models");
        let audit = AuditLog::open(directory.path()).unwrap();
        let engine = Engine::recorded(Arc::new(store), inference, audit);
        let keyring = Arc::new(Keyring::open(directory.path()).unwrap());
        let now_ms = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&now_ms);
        let clock = Clock::new(move || Duration::from_millis(clock.load(Ordering::Relaxed)));
        let state = RestState::with_clock(Arc::clone(&engine), Arc::clone(&keyring), limits, clock);
        let key = new_key(&keyring, "acme", Role::Admin, Tier::Unlimited);
        Self { engine, keyring, state, now_ms, key, directory }
    }

    fn router(&self) -> Router {
        super::router(self.state.clone(), SideRoutes::default())
    }

    /// The secret of a new key.
    fn new_key(&self, tenant: &str, role: Role, tier: Tier) -> String {
        new_key(&self.keyring, tenant, role, tier)
    }

    fn tenant(&self, name: &str) -> Tenant {
        self.engine.tenant(name.parse().unwrap())
    }

    /// Creates a collection of four-dimensional embeddings, which needs no models.
    async fn create(&self, tenant: &str, name: &str) {
        let request = GalleryRequest {
            name: name.to_owned(),
            description: None,
            model: GalleryModel::External(4),
            precision: Precision::default(),
            thumbnails: false,
        };
        self.tenant(tenant).create_gallery(request).await.unwrap();
    }

    /// Enrols an embedding and returns its id.
    async fn enroll(
        &self,
        tenant: &str,
        collection: &str,
        embedding: [f32; 4],
        face: &str,
        image: Option<&str>,
    ) -> FaceId {
        let draft = EnrollmentDraft {
            source: TemplateSource::Embedding(embedding.to_vec()),
            external_face_id: Some(face.to_owned()),
            external_image_id: image.map(str::to_owned),
            metadata: None,
        };
        let enrolled = self.tenant(tenant).enroll(collection, vec![draft]).await.unwrap();
        enrolled[0].faces[0].face_id
    }

    /// Sends a request without a body with the key of `acme`.
    async fn call(&self, method: Method, path: &str) -> Answer {
        self.send(request(method, path, &self.key).body(Body::empty()).unwrap()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path).await
    }

    async fn post_json(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = request(Method::POST, path, &self.key);
        self.send(request.header("content-type", "application/json").body(body.into()).unwrap())
            .await
    }

    /// Sends a request, and holds the answer against the description.
    async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = Answer::of(self.router().oneshot(request).await.unwrap()).await;
        described::hold(&method, &path, &answer);
        answer
    }
}

fn new_key(keyring: &Keyring, tenant: &str, role: Role, tier: Tier) -> String {
    let count = keyring.list().unwrap().len();
    let tenant = tenant.parse().unwrap();
    let name = format!("key {count}");
    let draft = KeyDraft { tenant, name, role, tier, expires_at_us: None };
    let (_, secret) = keyring.create(draft).unwrap();
    secret.reveal().to_owned()
}

fn request(method: Method, path: &str, key: &str) -> axum::http::request::Builder {
    let builder = Request::builder().method(method).uri(path);
    builder.header("authorization", format!("Bearer {key}"))
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Self { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The body, after checking that the request was served.
    #[track_caller]
    fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// The message, after checking status, code and the common envelope.
    #[track_caller]
    fn error(&self, status: u16, code: &str) -> String {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{body}");
        let json = self.json();
        let message = json["detail"]["message"].as_str().unwrap().to_owned();
        assert!(!message.is_empty());
        let request_id = self.header("x-request-id");
        assert!(!request_id.is_empty());
        let mut detail = json!({ "code": code, "message": message });
        if status >= 500 {
            detail["request_id"] = request_id.into();
        }
        assert_eq!(json, json!({ "detail": detail }));
        message
    }
}

/// One part of a multipart form: name, file name, bytes.
type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

const BOUNDARY: &str = "----likeness-test-boundary";

/// A multipart form as its content type and bytes.
fn form(parts: &[Part<'_>]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, file, bytes) in parts {
        let file = file.map_or(String::new(), |file| format!("; filename=\"{file}\""));
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

impl Door {
    async fn post_form(&self, path: &str, parts: &[Part<'_>]) -> Answer {
        let (content_type, body) = form(parts);
        let request = request(Method::POST, path, &self.key);
        self.send(request.header("content-type", content_type).body(body.into()).unwrap()).await
    }
}
