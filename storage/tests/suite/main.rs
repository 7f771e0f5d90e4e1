//! The integration suite of the store: everything through its public door, on a real disk.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod check;
mod compat;
mod concurrency;
mod corruption;
mod model;
mod precision;
mod support;
mod thumbnails;
mod upkeep;
