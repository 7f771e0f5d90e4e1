//! The checks of `tests/clients` that are driven by Rust drivers: `likeness-clients DRIVER` prints
//! the lines that the matrix reads.
#![expect(clippy::unwrap_used, reason = "a check fails by panicking")]
#![expect(clippy::print_stdout, reason = "the matrix reads what is printed")]

mod checks;
mod with_sqlx;
mod with_tokio_postgres;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("tokio-postgres") => with_tokio_postgres::run().await,
        Some("sqlx") => with_sqlx::run().await,
        _ => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}
