//! What a client can do about a statement that takes too long.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;
use pgwire::messages::startup::SecretKey;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{self, Instant};

use super::error::{Failure, PgError, WireState};
use super::mishap::contained;
use crate::engine::Interrupt;
use crate::sql::{Signals, SqlSession, SqlState};

/// Why a statement is given up.
const USER_REQUEST: &str = "user request";
const STATEMENT_TIMEOUT: &str = "statement timeout";
const SHUTDOWN: &str = "shutdown of the server";
/// Why a statement is given up together with its connection.
const TERMINATED: &str = "termination of the connection";

/// The connections whose statements may be cancelled, by what their clients were told.
#[derive(Default)]
pub(super) struct Cancels {
    connections: Mutex<HashMap<(i32, Bytes), Arc<Canceler>>>,
}

/// What a connection runs, and what it was asked to give up.
#[derive(Debug, Default)]
pub(super) struct Canceler {
    work: Mutex<Work>,
    asked_early: Notify,
    terminated: Notify,
}

#[derive(Debug, Default)]
struct Work {
    running: Option<Arc<Running>>,
    /// Why the next statement is given up: a client that asks for it as soon as it has sent the
    /// statement may be heard before the statement is.
    early: Option<&'static str>,
    /// Whether the connection is to end.
    is_over: bool,
}

/// A connection among the others, until this is dropped.
pub(super) struct Registered<'a> {
    cancels: &'a Cancels,
    key: (i32, Bytes),
    pub(super) canceler: Arc<Canceler>,
}

/// A statement that runs.
#[derive(Debug, Default)]
struct Running {
    /// Why it is given up, once it is.
    why: OnceLock<&'static str>,
    given_up: Notify,
    interrupt: Interrupt,
}

impl Cancels {
    pub(super) fn register(&self, process: i32, secret: &SecretKey) -> Registered<'_> {
        let (key, canceler) = ((process, secret.to_bytes()), Arc::<Canceler>::default());
        self.connections.lock().insert(key.clone(), Arc::clone(&canceler));
        Registered { cancels: self, key, canceler }
    }

    /// Gives up what all connections run.
    pub(super) fn cancel_all(&self) {
        for canceler in self.connections.lock().values() {
            canceler.give_up(SHUTDOWN);
        }
    }

    /// Gives up what a connection runs, if there is such a connection and it runs something.
    pub(super) fn cancel(&self, process: i32, secret: &SecretKey) {
        if let Some(canceler) = self.connections.lock().get(&(process, secret.to_bytes())) {
            canceler.give_up(USER_REQUEST);
        }
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.cancels.connections.lock().remove(&self.key);
    }
}

impl Signals for Canceler {
    fn cancel(&self) {
        self.give_up(USER_REQUEST);
    }

    fn terminate(&self) {
        let mut work = self.work.lock();
        work.is_over = true;
        if let Some(running) = &work.running {
            running.give_up(TERMINATED);
        }
        self.terminated.notify_one();
    }
}

impl Canceler {
    fn give_up(&self, why: &'static str) {
        let mut work = self.work.lock();
        if let Some(running) = &work.running {
            running.give_up(why);
        } else {
            work.early = Some(why);
            self.asked_early.notify_one();
        }
    }

    /// Resolves when a connection that waits for a message was asked to give up, once whatever had
    /// been sent by then could be seen.
    pub(super) async fn asked_early(&self) {
        self.asked_early.notified().await;
        tokio::task::yield_now().await;
    }

    /// Resolves once the connection is to end.
    pub(super) async fn terminated(&self) {
        self.terminated.notified().await;
    }

    /// Forgets a request that came when there was nothing to give up.
    pub(super) fn forget_early(&self) {
        self.work.lock().early = None;
    }

    fn start(&self) -> Arc<Running> {
        let running = Arc::<Running>::default();
        let mut work = self.work.lock();
        if work.is_over {
            running.give_up(TERMINATED);
        }
        if let Some(why) = work.early.take() {
            running.give_up(why);
        }
        work.running = Some(Arc::clone(&running));
        running
    }
}

impl Running {
    fn give_up(&self, why: &'static str) {
        if self.interrupt.raise() && self.why.set(why).is_ok() {
            self.given_up.notify_one();
        }
    }

    fn failure(&self) -> Failure {
        let why = self.why.get().copied().unwrap_or(USER_REQUEST);
        if why == TERMINATED {
            return terminated().into();
        }
        let message = format!("canceling statement due to {why}");
        PgError::error(SqlState::QueryCanceled, message).into()
    }
}

/// Ends a task when dropped.
struct Timer(JoinHandle<()>);

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Takes a statement off its connection when dropped.
struct Started<'a>(&'a Canceler);

impl Drop for Started<'_> {
    fn drop(&mut self) {
        self.0.work.lock().running = None;
    }
}

/// Runs work until it is done, its time is over or the client asks to cancel it. Work that is
/// given up is dropped; searches stop by themselves, on whatever thread they are. What has come to
/// its commit is not given up any more.
///
/// # Errors
/// Those of the work, 57014, and XX000 where it panics.
pub(super) async fn cancelable<T>(
    canceler: Arc<Canceler>,
    deadline: Option<Instant>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let running = canceler.start();
    let _started = Started(&canceler);
    if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
        running.give_up(STATEMENT_TIMEOUT);
    }
    // A task of its own: the thread of this one may be busy with the work.
    let _timer = deadline.map(|deadline| {
        let running = Arc::clone(&running);
        Timer(tokio::spawn(async move {
            time::sleep_until(deadline).await;
            running.give_up(STATEMENT_TIMEOUT);
        }))
    });
    let work = pin!(work);
    let outcome = tokio::select! {
        biased;
        () = running.given_up.notified() => Err(running.failure()),
        outcome = running.interrupt.clone().scope(contained(work)) => outcome,
    };
    match outcome {
        // What a search says that was stopped.
        Err(Failure::Client(_)) if running.why.get().is_some() => Err(running.failure()),
        outcome => outcome,
    }
}

/// What a client is told whose connection somebody has ended.
pub(super) fn terminated() -> PgError {
    let message = "terminating connection due to administrator command";
    PgError::fatal(WireState::AdminShutdown, message)
}

/// When a statement must be done that begins now; none where it may take its time.
pub(super) fn deadline_from_now(session: &SqlSession) -> Option<Instant> {
    session.statement_timeout().and_then(|timeout| Instant::now().checked_add(timeout))
}
