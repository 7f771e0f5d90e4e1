//! Requests that are repeated with the same `Idempotency-Key`.

use std::sync::atomic::Ordering;
use std::task::Poll;

use axum::http::Method;
use futures::poll;

use super::{Answer, Body, Door, Role, Tier, form, request};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

async fn create(door: &Door, api_key: &str, key: &str, body: &str) -> Answer {
    let asked = request(Method::POST, "/api/v2/collections", api_key);
    let asked = asked.header("content-type", "application/json").header("idempotency-key", key);
    door.send(asked.body(Body::from(body.to_owned())).unwrap()).await
}

fn body(name: &str) -> String {
    format!("{{\"external_id\": \"{name}\"}}")
}

mod kept {
    //! What is kept, asked of the keeper itself: without models no request here creates anything.

    use std::time::Duration;

    use axum::body::to_bytes;
    use axum::extract::FromRequestParts;
    use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
    use axum::response::Response;
    use serde_json::{Value, json};

    use super::super::super::error::{ApiError, ErrorCode};
    use super::super::super::idempotency::{Answers, Fingerprint, IdempotencyKey, Receipt};
    use super::super::super::state::RestState;
    use super::Door;
    use crate::engine::{EnrollmentDraft, TemplateSource, Tenant};

    async fn key(state: &RestState, text: &str) -> IdempotencyKey {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.headers =
            HeaderMap::from_iter([("idempotency-key".parse().unwrap(), text.parse().unwrap())]);
        IdempotencyKey::from_request_parts(&mut parts, state).await.unwrap()
    }

    type Created = Result<(StatusCode, Value), ApiError>;

    fn created(number: u64) -> (StatusCode, Value) {
        (StatusCode::CREATED, json!({ "number": number }))
    }

    async fn text(response: Response) -> (Option<HeaderValue>, String) {
        let replayed = response.headers().get("idempotency-replayed").cloned();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (replayed, String::from_utf8(body.into()).unwrap())
    }

    struct World(Door, Answers);

    impl World {
        fn new() -> Self {
            Self(Door::new(), Answers::default())
        }

        async fn once(
            &self,
            tenant: &str,
            key_text: &str,
            asked: &str,
            at: Duration,
            work: impl Future<Output = Created> + Send + 'static,
        ) -> Result<(Option<HeaderValue>, String), ErrorCode> {
            let key = key(&self.0.state, key_text).await;
            let (tenant, asked) = (self.0.tenant(tenant), Fingerprint::of(&[asked.as_bytes()]));
            let again = |_: &str| panic!("nothing left a receipt");
            match self.1.once(&tenant, key, asked, at, |_| work, again).await {
                Ok(response) => Ok(text(response).await),
                Err(error) => Err(error.code()),
            }
        }

        /// Enrols a face in the collection `users`, which leaves its number with its receipt.
        async fn enroll(
            &self,
            asked: &str,
            number: u64,
        ) -> Result<(Option<HeaderValue>, String), ErrorCode> {
            let (key, tenant) = (key(&self.0.state, "k").await, self.0.tenant("acme"));
            let asked = Fingerprint::of(&[asked.as_bytes()]);
            let work = |receipt| enrolled(tenant.clone(), receipt, number);
            let again = |kept: &str| Ok(json!({ "number": kept.parse::<u64>().unwrap() }));
            match self.1.once(&tenant, key, asked, START, work, again).await {
                Ok(response) => Ok(text(response).await),
                Err(error) => Err(error.code()),
            }
        }

        fn faces(&self) -> u64 {
            self.0.tenant("acme").snapshot().gallery("users").unwrap().face_count
        }
    }

    async fn enrolled(tenant: Tenant, receipt: Option<Receipt>, number: u64) -> Created {
        let draft = EnrollmentDraft {
            source: TemplateSource::Embedding(vec![1.0; 4]),
            external_face_id: None,
            external_image_id: None,
            metadata: None,
        };
        let (mut changes, _) = tenant.enrollment(&tenant.snapshot(), "users", vec![draft]).await?;
        receipt.unwrap().leave(&tenant, &mut changes, &number).await?;
        tenant.write_new("users", changes).await?;
        Ok(created(number))
    }

    const START: Duration = Duration::from_secs(7);

    #[tokio::test]
    async fn after_a_restart_the_answer_is_made_of_the_receipt_and_nothing_is_done_again() {
        let mut world = World::new();
        world.0.create("acme", "users").await;
        assert_eq!(world.enroll("a", 1).await.unwrap(), (None, "{\"number\":1}".to_owned()));
        let replayed = (Some(HeaderValue::from_static("true")), "{\"number\":1}".to_owned());
        // A restart keeps nothing of what is in memory.
        for number in 2..4 {
            world.1 = Answers::default();
            assert_eq!(world.enroll("b", 9).await, Err(ErrorCode::IdempotencyKeyReused));
            assert_eq!(world.enroll("a", number).await.unwrap(), replayed);
            assert_eq!(world.enroll("a", number).await.unwrap(), replayed, "as in one go");
        }
        assert_eq!(world.faces(), 1);
    }

    #[tokio::test]
    async fn the_same_request_is_answered_the_same_and_done_once() {
        let world = World::new();
        let first = world.once("acme", "k", "a", START, async { Ok(created(1)) }).await.unwrap();
        assert_eq!(first, (None, "{\"number\":1}".to_owned()));
        let later = START + Duration::from_hours(23);
        let again = world.once("acme", "k", "a", later, async { Ok(created(2)) }).await.unwrap();
        assert_eq!(again, (Some(HeaderValue::from_static("true")), first.1));
        let next_day = START + Duration::from_hours(24);
        let anew = world.once("acme", "k", "a", next_day, async { Ok(created(3)) }).await.unwrap();
        assert_eq!(anew, (None, "{\"number\":3}".to_owned()));
    }

    #[tokio::test]
    async fn another_request_under_the_key_is_refused_and_other_tenants_have_their_own_keys() {
        let world = World::new();
        world.once("acme", "k", "a", START, async { Ok(created(1)) }).await.unwrap();
        let other = world.once("acme", "k", "b", START, async { Ok(created(2)) }).await;
        assert_eq!(other, Err(ErrorCode::IdempotencyKeyReused));
        let stranger = world.once("beta", "k", "b", START, async { Ok(created(3)) }).await.unwrap();
        assert_eq!(stranger, (None, "{\"number\":3}".to_owned()));
    }

    #[tokio::test]
    async fn what_failed_or_created_nothing_may_be_tried_again() {
        let world = World::new();
        let failed = async { Err(ApiError::overloaded("busy")) };
        let failed = world.once("acme", "k", "a", START, failed).await;
        assert_eq!(failed, Err(ErrorCode::Overloaded));
        let nothing = async { Ok((StatusCode::OK, json!({}))) };
        world.once("acme", "k", "a", START, nothing).await.unwrap();
        let done = world.once("acme", "k", "b", START, async { Ok(created(1)) }).await.unwrap();
        assert_eq!(done.0, None);
    }

    #[tokio::test]
    async fn a_request_goes_on_when_its_caller_leaves_and_a_repetition_finds_its_answer() {
        let world = World::new();
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let slow = async move {
            let _ = wait.await;
            Ok(created(1))
        };
        let mut first = Box::pin(world.once("acme", "k", "a", START, slow));
        assert!(futures::poll!(&mut first).is_pending());
        drop(first);
        let meanwhile = world.once("acme", "k", "a", START, async { Ok(created(2)) }).await;
        assert_eq!(meanwhile, Err(ErrorCode::RequestInProgress));
        go.send(()).unwrap();
        let found = loop {
            match world.once("acme", "k", "a", START, async { Ok(created(3)) }).await {
                Ok(found) => break found,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        assert_eq!(found, (Some(HeaderValue::from_static("true")), "{\"number\":1}".to_owned()));
    }

    #[tokio::test]
    async fn the_oldest_answers_of_a_tenant_make_room() {
        let world = World::new();
        for number in 0..1001 {
            let name = format!("k{number}");
            world
                .once("acme", &name, "a", START, async move { Ok(created(number)) })
                .await
                .unwrap();
        }
        let newest =
            world.once("acme", "k1000", "a", START, async { Ok(created(0)) }).await.unwrap();
        assert!(newest.0.is_some());
        let oldest = world.once("acme", "k0", "a", START, async { Ok(created(0)) }).await.unwrap();
        assert_eq!(oldest.0, None);
    }
}

#[tokio::test]
async fn a_key_that_is_no_short_text_is_refused() {
    let door = Door::new();
    let long = "x".repeat(256);
    for bad in ["", "a\tb", &long] {
        let message =
            create(&door, &door.key, bad, &body("a")).await.error(400, "invalid_parameter");
        assert!(message.starts_with("Idempotency-Key "), "{message}");
    }
}

#[tokio::test]
async fn a_request_that_failed_is_tried_again() {
    let door = Door::new();
    for _ in 0..2 {
        create(&door, &door.key, "k", &body("a")).await.error(503, "model_unavailable");
    }
    door.now_ms.store(DAY_MS, Ordering::Relaxed);
    let other = door.new_key("other", Role::Admin, Tier::Unlimited);
    create(&door, &other, "k", &body("b")).await.error(503, "model_unavailable");
}

/// Adds the faces of an image under the key `k`.
async fn index(door: &Door) -> Answer {
    let (content_type, body) = form(&[("image", Some("a.jpg"), b"no image")]);
    let asked = request(Method::POST, "/api/v2/collections/users/faces", &door.key);
    let asked = asked.header("content-type", content_type).header("idempotency-key", "k");
    door.send(asked.body(body.into()).unwrap()).await
}

/// Sends a request twice. It is carried out by a task of its own, and with one thread none of that
/// begins before the test waits for something: until then the first request is in progress.
async fn sent_twice(send: impl AsyncFn() -> Answer) -> (Answer, Answer) {
    let mut first = Box::pin(send());
    assert!(poll!(&mut first).is_pending());
    let Poll::Ready(second) = poll!(Box::pin(send())) else {
        panic!("the second request waits for the first");
    };
    (first.await, second)
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_asked_for_again_while_it_is_carried_out_is_in_progress() {
    let door = Door::new();
    door.create("acme", "users").await;
    let new = async || create(&door, &door.key, "k", &body("a")).await;
    let (first, second) = sent_twice(new).await;
    first.error(503, "model_unavailable");
    let message = second.error(409, "request_in_progress");
    assert!(message.contains("Idempotency-Key"), "{message}");
    assert_eq!(second.header("retry-after"), "1");
    new().await.error(503, "model_unavailable");

    let (first, second) = sent_twice(async || index(&door).await).await;
    assert_ne!(first.status, 409);
    second.error(409, "request_in_progress");
    assert_ne!(index(&door).await.status, 409);
}
