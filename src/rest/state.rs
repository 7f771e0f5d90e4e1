//! What all handlers share: the engine, the keys, the limits and the counters that enforce them.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::idempotency::Answers;
use super::rate::RateLimiter;
use super::traffic::Traffic;
use crate::engine::keyring::{Keyring, LoginThrottle};
use crate::engine::{DEFAULT_THRESHOLD, Engine};

/// Bounds of the REST door. The default suits a server with a few cores.
#[derive(Debug, Clone, PartialEq)]
pub struct RestLimits {
    /// Similarity from which search and compare count faces as the same person, unless the caller
    /// names another. 0..=1, default 0.65.
    pub default_threshold: f32,
    /// Requests served at once; one more is answered 503 `overloaded`. Default 512.
    pub requests_max: usize,
    /// Of these, requests that carry images; bounds the memory that uploads take (8 MiB each, a
    /// comparison twice that). One more is answered 503 `overloaded`. Default 32.
    pub uploads_max: usize,
    /// Open connections. For one more, the one that has waited for a request longest is closed;
    /// where all are at work, the new one. Default 2048.
    pub connections_max: usize,
    /// Of these, connections from one address, or one IPv6 network; for one more, one of the same
    /// is closed. Default 1024.
    pub connections_per_address_max: usize,
    /// Time for a whole request; beyond it the answer is 503 `overloaded`. Default 60 s.
    pub request_timeout: Duration,
    /// Time for a request body to arrive; beyond it the answer is 408. Default 30 s.
    pub body_timeout: Duration,
    /// Time for a TLS handshake, then for a request's head to arrive, and for which an idle
    /// connection is kept. Default 10 s.
    pub header_timeout: Duration,
    /// Time that requests in progress are given after shutdown was asked for. Default 25 s.
    pub drain_timeout: Duration,
}

impl Default for RestLimits {
    fn default() -> Self {
        Self {
            default_threshold: DEFAULT_THRESHOLD,
            requests_max: 512,
            uploads_max: 32,
            connections_max: 2048,
            connections_per_address_max: 1024,
            request_timeout: Duration::from_mins(1),
            body_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(25),
        }
    }
}

/// The shared state of the REST door. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RestState(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    engine: Arc<Engine>,
    keyring: Arc<Keyring>,
    limits: RestLimits,
    clock: Clock,
    rates: RateLimiter,
    logins: LoginThrottle,
    answers: Answers,
    traffic: Traffic,
    requests: Semaphore,
    uploads: Semaphore,
}

impl RestState {
    /// State for serving `engine` to the holders of the keys in `keyring`.
    pub fn new(engine: Arc<Engine>, keyring: Arc<Keyring>, limits: RestLimits) -> Self {
        Self::with_clock(engine, keyring, limits, Clock::monotonic())
    }

    pub(super) fn with_clock(
        engine: Arc<Engine>,
        keyring: Arc<Keyring>,
        limits: RestLimits,
        clock: Clock,
    ) -> Self {
        let requests = Semaphore::new(limits.requests_max);
        let uploads = Semaphore::new(limits.uploads_max);
        let (rates, logins) = (RateLimiter::default(), LoginThrottle::default());
        let (answers, traffic) = (Answers::default(), Traffic::default());
        Self(Arc::new(Shared {
            engine,
            keyring,
            limits,
            clock,
            rates,
            logins,
            answers,
            traffic,
            requests,
            uploads,
        }))
    }

    /// The bounds it was made with.
    pub fn limits(&self) -> &RestLimits {
        &self.0.limits
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.0.engine
    }

    pub(crate) fn keyring(&self) -> &Arc<Keyring> {
        &self.0.keyring
    }

    pub(super) fn rates(&self) -> &RateLimiter {
        &self.0.rates
    }

    /// Counts failed log-ins.
    pub(super) fn logins(&self) -> &LoginThrottle {
        &self.0.logins
    }

    /// The answers kept for requests that are repeated.
    pub(super) fn answers(&self) -> &Answers {
        &self.0.answers
    }

    /// Counts of what went through the door.
    pub(super) fn traffic(&self) -> &Traffic {
        &self.0.traffic
    }

    /// Places for requests.
    pub(super) fn requests(&self) -> &Semaphore {
        &self.0.requests
    }

    /// Places for requests that carry images.
    pub(super) fn uploads(&self) -> &Semaphore {
        &self.0.uploads
    }

    /// Time by which rate limits are counted.
    pub(super) fn now(&self) -> Duration {
        (self.0.clock.0)()
    }
}

/// A source of time since some fixed moment; replaced in tests.
#[derive(Clone)]
pub(super) struct Clock(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Clock {
    /// A clock that reads whatever `now` says.
    pub(super) fn new(now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    fn monotonic() -> Self {
        let start = Instant::now();
        Self::new(move || start.elapsed())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
