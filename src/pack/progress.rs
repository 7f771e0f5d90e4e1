//! What a person sees while something is downloaded.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;

/// Told about the steps of an installation, one after the other.
pub trait Progress: Send + Sync {
    /// A step begins, and the one before it is over; `bytes` is its length where that is known.
    fn begin(&self, step: &str, bytes: Option<u64>);
    /// This many bytes of the step are done, counted from its beginning.
    fn advance(&self, bytes: u64);
    /// The last step is over.
    fn finish(&self);
}

/// Tells another how far the whole installation is: `2/4 downloading`.
pub(super) struct NumberedSteps<'a> {
    to: &'a dyn Progress,
    count: usize,
    begun: AtomicUsize,
}

impl<'a> NumberedSteps<'a> {
    /// For an installation of `count` steps.
    pub(super) fn new(to: &'a dyn Progress, count: usize) -> Self {
        Self { to, count, begun: AtomicUsize::new(0) }
    }
}

impl Progress for NumberedSteps<'_> {
    fn begin(&self, step: &str, bytes: Option<u64>) {
        let number = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        self.to.begin(&format!("{number}/{} {step}", self.count), bytes);
    }

    fn advance(&self, bytes: u64) {
        self.to.advance(bytes);
    }

    fn finish(&self) {
        self.to.finish();
    }
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn begin(&self, _step: &str, _bytes: Option<u64>) {}
    fn advance(&self, _bytes: u64) {}
    fn finish(&self) {}
}

/// Moving lines on standard error if it is a terminal, one line per step otherwise.
#[derive(Default)]
pub struct TerminalProgress {
    current: Mutex<Option<ProgressBar>>,
}

impl TerminalProgress {
    /// Nothing is shown until a step begins.
    pub fn new() -> Self {
        Self::default()
    }
}

impl fmt::Debug for TerminalProgress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TerminalProgress").finish_non_exhaustive()
    }
}

impl Progress for TerminalProgress {
    fn begin(&self, step: &str, bytes: Option<u64>) {
        self.finish();
        if !io::stderr().is_terminal() {
            // Nothing is left to do when even standard error is gone.
            let _ = writeln!(io::stderr(), "{step}");
            return;
        }
        let bar = bytes.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let template = if bytes.is_some() {
            "{spinner} {msg} [{bar:30}] {bytes}/{total_bytes} {elapsed}"
        } else {
            "{spinner} {msg} {elapsed}"
        };
        bar.set_style(
            ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        bar.set_message(step.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        *self.current.lock() = Some(bar);
    }

    fn advance(&self, bytes: u64) {
        if let Some(bar) = self.current.lock().as_ref() {
            bar.set_position(bytes);
        }
    }

    fn finish(&self) {
        if let Some(bar) = self.current.lock().take() {
            bar.finish();
        }
    }
}

impl Drop for TerminalProgress {
    fn drop(&mut self) {
        self.finish();
    }
}
