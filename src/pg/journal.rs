//! The log lines of one connection, or of one request: what its statements were, how long they took
//! and how they ended. Nothing of what they said.

use std::sync::Arc;
use std::time::Instant;

use tracing::{Span, info, info_span};

use crate::sql::{SqlDoor, SqlTraffic};

/// SQLSTATE of what went well.
const SUCCESS: &str = "00000";
/// The kind of what failed before it was known to be a statement.
const NO_KIND: &str = "none";

/// Writes the log lines of one connection, or of one request.
#[derive(Debug)]
pub(super) struct Journal {
    connection: i32,
    door: SqlDoor,
    traffic: Arc<SqlTraffic>,
    /// Counts what the client asked, from one `ReadyForQuery` to the next.
    query: u64,
    span: Span,
    running: Option<Running>,
    ended: Option<Line>,
}

/// A line about a statement that has ended.
///
/// Writing it takes as long as many a statement. Therefore the client has its answer first, where
/// there is nothing else to do for it.
#[derive(Debug)]
struct Line {
    kind: &'static str,
    sqlstate: &'static str,
    rows: Option<u64>,
    latency_ms: Option<f64>,
}

/// A statement that has begun.
#[derive(Debug)]
struct Running {
    kind: &'static str,
    start: Instant,
}

impl Journal {
    /// Counts what it writes in `traffic`.
    pub(super) fn new(connection: i32, traffic: Arc<SqlTraffic>) -> Self {
        let (door, span) = (SqlDoor::Pg, Span::none());
        Self { connection, door, traffic, query: 0, span, running: None, ended: None }
    }

    /// Of the request that is being served here, in whose span the line stands.
    pub(super) fn of_request(traffic: Arc<SqlTraffic>) -> Self {
        let (door, span) = (SqlDoor::Http, Span::current());
        Self { connection: 0, door, traffic, query: 0, span, running: None, ended: None }
    }

    /// What comes from here on is a query of its own.
    pub(super) fn next_query(&mut self) {
        self.write();
        self.query += 1;
        // No child of the query before, inside of which it begins.
        self.span =
            info_span!(parent: None, "pg", connection = self.connection, query = self.query);
        self.running = None;
    }

    /// Goes around the work on the query, so that other lines about it can be told from others.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// A statement of this kind begins to run, or goes on.
    pub(super) fn begin(&mut self, kind: &'static str) {
        self.write();
        self.running = Some(Running { kind, start: Instant::now() });
    }

    /// It ended well, or paused; so many rows were sent or changed.
    pub(super) fn done(&mut self, rows: Option<u64>) {
        self.end(SUCCESS, rows);
    }

    /// It failed, or what should have become a statement did.
    pub(super) fn failed(&mut self, sqlstate: &'static str) {
        self.traffic.failed(self.door, sqlstate);
        self.end(sqlstate, None);
    }

    /// The connection ends, and with it the statement that runs, if there is one.
    pub(super) fn broken_off(&mut self, sqlstate: &'static str) {
        self.traffic.failed(self.door, sqlstate);
        if self.running.is_some() {
            self.end(sqlstate, None);
        }
    }

    fn end(&mut self, sqlstate: &'static str, rows: Option<u64>) {
        self.write();
        let running = self.running.take();
        if let Some(Running { kind, .. }) = running {
            self.traffic.served(self.door, kind);
        }
        let kind = running.as_ref().map_or(NO_KIND, |running| running.kind);
        let latency_ms = running.map(|running| running.start.elapsed().as_secs_f64() * 1000.0);
        self.ended = Some(Line { kind, sqlstate, rows, latency_ms });
    }

    /// Writes the line that waits.
    pub(super) fn write(&mut self) {
        if let Some(Line { kind, sqlstate, rows, latency_ms }) = self.ended.take() {
            info!(parent: &self.span, kind, sqlstate, rows, latency_ms, "statement served");
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.write();
    }
}
