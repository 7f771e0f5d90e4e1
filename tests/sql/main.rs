//! The statements of `*.slt` in this folder, one topic a file, run as sqllogictest runs them.
//!
//! Each file meets a server of its own. Statements go as simple queries, values come back in
//! PostgreSQL's text form: NULL as `NULL`, the empty text as `(empty)`. An expected error is an
//! SQLSTATE in parentheses, or a regular expression for SQLSTATE and message.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod engine;
#[expect(dead_code, unused_imports, reason = "the suite uses the rest")]
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use engine::Engine;
use sqllogictest::{Record, Runner};
use support::ServerBuilder;

/// What the files hold together at least.
const STATEMENTS_MIN: usize = 300;

/// The files, by name.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|it| it == "slt")).collect();
    files.sort();
    files
}

async fn run(file: &Path) -> Result<(), String> {
    let server = ServerBuilder::new().start().await;
    let mut runner = Runner::new(|| async { Ok(Engine::new(server.admin().await)) });
    let outcome = runner.run_file_async(file).await;
    outcome.map_err(|error| error.display(false).to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_is_answered_as_it_says() {
    let mut failures = Vec::new();
    for file in files() {
        failures.extend(run(&file).await.err());
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}

#[test]
fn the_files_hold_hundreds_of_statements() {
    let statements = |file: PathBuf| {
        let records = sqllogictest::parse_file::<engine::Column>(&file).unwrap();
        let runs = |record: &&Record<engine::Column>| {
            matches!(record, Record::Statement { .. } | Record::Query { .. })
        };
        records.iter().filter(runs).count()
    };
    let total: usize = files().into_iter().map(statements).sum();
    assert!(total >= STATEMENTS_MIN, "{total}");
}
