//! Logs: one line per event on standard error, never a secret, an embedding or an image.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io;
use std::panic::{self, PanicHookInfo};

use tracing_subscriber::EnvFilter;

/// Starts logging. `LIKENESS_LOG` takes a filter such as `info` or `likeness=debug`;
/// `LIKENESS_LOG_FORMAT=json` writes one JSON object per line.
///
/// A second call changes nothing.
pub fn init() {
    panic::set_hook(Box::new(report_panic));
    let filter = EnvFilter::try_from_env("LIKENESS_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,likeness=info,ort=error"));
    let format = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let json = std::env::var("LIKENESS_LOG_FORMAT").is_ok_and(|format| format == "json");
    // An error means that logging has started already, which is what was wanted.
    let _ = if json { format.json().try_init() } else { format.try_init() };
}

/// Tells where a panic happened and, where `RUST_BACKTRACE` asks for it, what called what; never
/// what it says, which may quote a value of a user's.
fn report_panic(panicked: &PanicHookInfo<'_>) {
    let place = panicked.location().map(ToString::to_string);
    let thread = std::thread::current();
    let calls = Backtrace::capture();
    let calls = (calls.status() == BacktraceStatus::Captured).then(|| calls.to_string());
    tracing::error!(place, thread = thread.name(), calls, "a thread panicked");
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_told_by_its_place_and_not_by_what_it_says() {
        let (log, others) = (Log::default(), panic::take_hook());
        let writer = log.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        panic::set_hook(Box::new(report_panic));
        let panics = || panic::catch_unwind(|| panic!("no face of {} there", "Ann")).is_err();
        let panicked = tracing::subscriber::with_default(subscriber, || {
            // A line that others wrote first, who have no log, is written nowhere until this is
            // asked anew.
            let first = panics();
            tracing::callsite::rebuild_interest_cache();
            first && panics()
        });
        panic::set_hook(others);
        assert!(panicked);
        let log = String::from_utf8(log.0.lock().clone()).unwrap();
        assert!(log.contains("a thread panicked") && log.contains("src/telemetry.rs:"), "{log}");
        assert!(!log.contains("Ann"), "{log}");
    }
}
