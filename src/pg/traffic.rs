//! What went through the door since it opened, for the operator: connections, statements by kind,
//! errors by class, and log-ins that were refused.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// Counts of one door. Kinds of statements and classes of errors are few.
#[derive(Debug, Default)]
pub struct PgTraffic {
    connections: AtomicU64,
    connections_open: AtomicU64,
    log_ins_refused: AtomicU64,
    statements: Mutex<BTreeMap<&'static str, u64>>,
    errors: Mutex<BTreeMap<&'static str, u64>>,
}

/// A connection that is counted as open until this is dropped.
#[derive(Debug)]
pub(super) struct OpenConnection<'a>(&'a AtomicU64);

impl PgTraffic {
    pub(super) fn connected(&self) -> OpenConnection<'_> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.connections_open.fetch_add(1, Ordering::Relaxed);
        OpenConnection(&self.connections_open)
    }

    pub(super) fn refused(&self) {
        self.log_ins_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a statement that ended, well or not, or paused.
    pub(super) fn served(&self, kind: &'static str) {
        *self.statements.lock().entry(kind).or_default() += 1;
    }

    /// Counts an error that a client was told. The first two characters of an SQLSTATE are its
    /// class.
    pub(super) fn failed(&self, sqlstate: &'static str) {
        let class = sqlstate.get(..2).unwrap_or(sqlstate);
        *self.errors.lock().entry(class).or_default() += 1;
    }

    /// Writes the counts in the text format of Prometheus.
    pub fn write_to(&self, out: &mut String) {
        let [connections, open, refused] =
            [&self.connections, &self.connections_open, &self.log_ins_refused]
                .map(|count| count.load(Ordering::Relaxed));
        put(out, "connections_total", "counter", "Connections accepted", [("", "", connections)]);
        put(out, "connections", "gauge", "Open connections", [("", "", open)]);
        let help = "Log-ins that did not succeed";
        put(out, "log_ins_refused_total", "counter", help, [("", "", refused)]);
        let statements = self.statements.lock();
        let counts = statements.iter().map(|(kind, count)| ("kind", *kind, *count));
        let help = "Statements served, and the pieces in which rows were asked for";
        put(out, "statements_total", "counter", help, counts);
        let errors = self.errors.lock();
        let counts = errors.iter().map(|(class, count)| ("class", *class, *count));
        put(out, "errors_total", "counter", "Errors by the class of their SQLSTATE", counts);
    }
}

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One metric with its counts, each under a label of its own, or one without.
fn put<'a>(
    out: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    counts: impl IntoIterator<Item = (&'a str, &'a str, u64)>,
) {
    let name = format!("likeness_pg_{name}");
    // Writing to a string cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}.\n# TYPE {name} {kind}");
    for (label, value, count) in counts {
        let labels =
            if label.is_empty() { String::new() } else { format!("{{{label}=\"{value}\"}}") };
        let _ = writeln!(out, "{name}{labels} {count}");
    }
}
