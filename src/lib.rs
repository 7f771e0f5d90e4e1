//! LikenessDB: a face database engine with SQL over the PostgreSQL wire and a REST facade.
//!
//! The crate behind the `likeness` command. Floors, from the bottom: [`biometric`] and [`onnx`]
//! hold words and the inference runtime, [`tls`] encrypts, [`pack`] installs models, [`vision`]
//! turns images into templates, [`engine`] joins vision and storage into use cases, [`sql`] runs
//! statements, [`pg`] and [`rest`] are the doors, `native` and `web` what the HTTP door serves
//! beside the facade, and [`server`], [`demo`] and [`cli`] assemble the process. See
//! `docs/architecture.md`.
#![forbid(unsafe_code)]

pub mod audit;
pub mod bench;
pub mod biometric;
mod causes;
pub mod cli;
pub mod config;
pub mod demo;
pub mod engine;
#[cfg(test)]
mod fuzz;
mod native;
pub mod onnx;
pub mod pack;
pub mod pg;
pub mod rest;
pub mod safekeeping;
pub mod server;
pub mod sql;
pub mod telemetry;
pub mod tls;
pub mod vision;
mod web;
