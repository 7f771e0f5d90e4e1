//! The conformance matrix: real clients, at exact versions, against the real server.
//!
//! Each client runs a script that prints a line per check. `docs/clients.md` lists the checks: one
//! that fails, is missing or is not in the document fails the test. `LIKENESS_UPDATE=1` writes the
//! document. A client whose tool the machine lacks is left out with a notice, unless
//! `LIKENESS_CLIENTS=all` says that every one must run.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cache;
mod document;
mod fixture;
mod go;
mod java;
mod node;
mod notice;
mod python;
mod report;
mod rust;
mod script;
#[expect(dead_code, unused_imports, reason = "the suite uses the rest")]
#[path = "../support/mod.rs"]
mod support;
mod with_psql;
mod with_schemathesis;

use report::Client;

#[tokio::test(flavor = "multi_thread")]
async fn psql() {
    with_psql::run(&Client::new("psql")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_descriptions() {
    with_psql::describe(&Client::new("psql, descriptions")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_completion() {
    with_psql::complete(&Client::new("psql, completion")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokio_postgres() {
    rust::run(&Client::new("tokio-postgres"), "tokio-postgres").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlx() {
    rust::run(&Client::new("sqlx"), "sqlx").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn psycopg() {
    python::run(&Client::new("psycopg 3"), "with_psycopg.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn psycopg2() {
    python::run(&Client::new("psycopg 2"), "with_psycopg2.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pg8000() {
    python::run(&Client::new("pg8000"), "with_pg8000.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlalchemy() {
    python::run(&Client::new("SQLAlchemy"), "with_sqlalchemy.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asyncpg() {
    python::run(&Client::new("asyncpg"), "with_asyncpg.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pgvector() {
    python::run(&Client::new("pgvector-python"), "with_pgvector.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pandas() {
    python::run(&Client::new("pandas"), "with_pandas.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn polars() {
    python::run(&Client::new("polars"), "with_polars.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn adbc() {
    python::run(&Client::new("ADBC"), "with_adbc.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn duckdb() {
    python::run(&Client::new("DuckDB"), "with_duckdb.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn django() {
    python::run(&Client::new("Django"), "with_django.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_postgres() {
    node::run(&Client::new("node-postgres"), "with_pg.js").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis() {
    with_schemathesis::run(&Client::new("schemathesis")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pgx() {
    go::run(&Client::new("pgx")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pgjdbc() {
    java::run(&Client::new("pgjdbc"), "WithPgjdbc.java").await;
}
