//! What went through the door since it opened, for the operator: connections, and log-ins that were
//! refused. Statements are counted with those of the other door.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sql::SqlTraffic;

/// Counts of one door.
#[derive(Debug, Default)]
pub struct PgTraffic {
    connections: AtomicU64,
    connections_open: AtomicU64,
    log_ins_refused: AtomicU64,
    sql: Arc<SqlTraffic>,
}

/// A connection that is counted as open until this is dropped.
#[derive(Debug)]
pub(super) struct OpenConnection<'a>(&'a AtomicU64);

impl PgTraffic {
    /// Of a door whose statements are counted in `sql`.
    pub fn new(sql: Arc<SqlTraffic>) -> Self {
        Self { sql, ..Self::default() }
    }

    pub(super) fn sql(&self) -> &Arc<SqlTraffic> {
        &self.sql
    }

    pub(super) fn connected(&self) -> OpenConnection<'_> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.connections_open.fetch_add(1, Ordering::Relaxed);
        OpenConnection(&self.connections_open)
    }

    pub(super) fn refused(&self) {
        self.log_ins_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes the counts in the text format of Prometheus, without those of statements.
    pub fn write_to(&self, out: &mut String) {
        let counts = [
            ("connections_total", "counter", "Connections accepted", &self.connections),
            ("connections", "gauge", "Open connections", &self.connections_open),
            (
                "log_ins_refused_total",
                "counter",
                "Log-ins that did not succeed",
                &self.log_ins_refused,
            ),
        ];
        for (name, kind, help, count) in counts {
            let (name, count) = (format!("likeness_pg_{name}"), count.load(Ordering::Relaxed));
            // Writing to a string cannot fail.
            let _ = writeln!(out, "# HELP {name} {help}.\n# TYPE {name} {kind}\n{name} {count}");
        }
    }
}

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
