//! Logs: one line per event on standard error, never a secret, an embedding or an image.

use std::io;

use tracing_subscriber::EnvFilter;

/// Starts logging. `LIKENESS_LOG` takes a filter such as `info` or `likeness=debug`;
/// `LIKENESS_LOG_FORMAT=json` writes one JSON object per line.
///
/// A second call changes nothing.
pub fn init() {
    let filter = EnvFilter::try_from_env("LIKENESS_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,likeness=info,ort=error"));
    let format = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let json = std::env::var("LIKENESS_LOG_FORMAT").is_ok_and(|format| format == "json");
    // An error means that logging has started already, which is what was wanted.
    let _ = if json { format.json().try_init() } else { format.try_init() };
}
