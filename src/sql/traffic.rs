//! What SQL was run since the server started, for the operator: statements by kind and errors by
//! class, of each door.

use std::collections::BTreeMap;
use std::fmt::Write;

use parking_lot::Mutex;

/// Where a statement came from, in the words of the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SqlDoor {
    /// A connection to the PostgreSQL door.
    Pg,
    /// A request of the HTTP door.
    Http,
}

/// Counts of all doors together. Kinds of statements and classes of errors are few.
#[derive(Debug, Default)]
pub struct SqlTraffic {
    statements: Mutex<Counts>,
    errors: Mutex<Counts>,
}

/// So many of each kind, or of each class.
type Counts = BTreeMap<(SqlDoor, &'static str), u64>;

impl SqlTraffic {
    /// Counts a statement that ended, well or not, or paused.
    pub fn served(&self, door: SqlDoor, kind: &'static str) {
        *self.statements.lock().entry((door, kind)).or_default() += 1;
    }

    /// Counts an error that a client was told. The first two characters of an SQLSTATE are its
    /// class.
    pub fn failed(&self, door: SqlDoor, sqlstate: &'static str) {
        let class = sqlstate.get(..2).unwrap_or(sqlstate);
        *self.errors.lock().entry((door, class)).or_default() += 1;
    }

    /// Writes the counts in the text format of Prometheus.
    pub fn write_to(&self, out: &mut String) {
        let help = "Statements served, and the pieces in which rows were asked for";
        put(out, "likeness_sql_statements_total", help, "kind", &self.statements.lock());
        let help = "Errors by the class of their SQLSTATE";
        put(out, "likeness_sql_errors_total", help, "class", &self.errors.lock());
    }
}

impl SqlDoor {
    const fn name(self) -> &'static str {
        match self {
            Self::Pg => "pg",
            Self::Http => "http",
        }
    }
}

fn put(out: &mut String, name: &str, help: &str, label: &str, counts: &Counts) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}.\n# TYPE {name} counter");
    for ((door, value), count) in counts {
        let door = door.name();
        let _ = writeln!(out, "{name}{{door=\"{door}\",{label}=\"{value}\"}} {count}");
    }
}
