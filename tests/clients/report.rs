//! What a client printed: its versions and the outcome of each check.

use std::fmt::Write;

/// A client of the matrix; its name is the heading of its section in the document.
pub(crate) struct Client {
    pub(crate) name: &'static str,
}

impl Client {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name }
    }
}

/// The lines of one run, read.
#[derive(Default)]
pub(crate) struct Report {
    /// Versions that the project pins: a run with others is not comparable.
    pub(crate) pinned: Vec<String>,
    /// Versions that are the machine's.
    pub(crate) machine: Vec<String>,
    /// Names of the checks that passed, in their order.
    pub(crate) passed: Vec<String>,
    /// What failed, and why.
    pub(crate) failed: Vec<String>,
    /// Whether the run came to its end.
    finished: bool,
}

impl Report {
    /// Reads the lines `pinned V`, `machine V`, `ok NAME`, `FAIL NAME: WHY` and `done`.
    pub(crate) fn read(printed: &str) -> Self {
        let mut report = Self::default();
        for line in printed.lines() {
            match line.split_once(' ') {
                Some(("pinned", version)) => report.pinned.push(version.to_owned()),
                Some(("machine", version)) => report.machine.push(version.to_owned()),
                Some(("ok", name)) => report.passed.push(name.to_owned()),
                Some(("FAIL", failure)) => report.failed.push(failure.to_owned()),
                _ => report.finished |= line == "done",
            }
        }
        report
    }

    /// Fails on a check that failed and on a run that ended early.
    pub(crate) fn assert_passed(&self, client: &Client, printed: &str) {
        let mut complaint = String::new();
        for failure in &self.failed {
            writeln!(complaint, "{}: FAIL {failure}", client.name).unwrap();
        }
        let whole = self.finished && !self.passed.is_empty();
        assert!(whole, "{} broke off:\n{printed}", client.name);
        assert!(self.failed.is_empty(), "\n{complaint}");
    }
}
