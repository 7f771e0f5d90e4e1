//! The REST door: HTTP requests to engine use cases and back, as iLive Face Services v2 does it.
//!
//! Thin on purpose: routes, typed extractors, JSON bodies and error codes. What a request means is
//! decided in `engine`. This folder knows no SQL and no store. A request passes `observe` (request
//! id, log line, error envelope), `drain` (left-over uploads), `auth` (key, rate limits) and
//! `admission` (concurrency, time, panics) before its handler. The only call here that blocks is
//! looking up a key: one `stat` of a local file and, after the keys changed, reading it.

mod access;
mod admission;
mod auth;
mod body;
mod collections;
mod connections;
mod cursor;
mod drain;
mod error;
mod extract;
mod faces;
mod form;
mod idempotency;
mod images;
mod json;
mod metrics;
mod observe;
mod openapi;
mod page;
mod parameters;
mod rate;
mod replay;
mod router;
mod search;
mod server;
mod side;
mod state;
mod status;
#[cfg(test)]
mod tests;
mod traffic;

pub(crate) use auth::Caller;
pub(crate) use error::{ApiError, ErrorCode};
pub(crate) use extract::{FacePath, JsonBody};
pub(crate) use observe::ForPeople;
pub(crate) use openapi::refusal::{JSON, KEYED, RefusalTable, declare_more, declare_refusals};
pub(crate) use openapi::schema::integer as integer_schema;
pub use router::router;
pub use server::serve;
pub use side::{Metrics, SideRoutes};
pub use state::{RestLimits, RestState};
