//! What stops a search that the thread of its caller does itself.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::EngineError;

tokio::task_local! {
    static CURRENT: Interrupt;
}

/// Tells searches to stop, from any thread.
///
/// A search usually runs on a thread of its own and stops when nobody waits for it any more. That
/// takes two changes of threads, which is much of the time of a short search. Whoever has another
/// way to stop one says so by [`Interrupt::scope`].
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    raised: Arc<AtomicBool>,
    /// Whether work in its scope is being committed.
    committing: Arc<Mutex<bool>>,
}

impl Interrupt {
    /// Stops the searches in its scope; those that begin later stop at once. False when it is too
    /// late, because the work is being committed: giving that up would hide what came of it.
    pub fn raise(&self) -> bool {
        let committing = self.committing.lock();
        if !*committing {
            self.raised.store(true, Ordering::Relaxed);
        }
        !*committing
    }

    /// Runs a commit, which cannot be interrupted unless it fails.
    pub(super) async fn shut_out<T>(
        commit: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let Ok(current) = CURRENT.try_with(Clone::clone) else { return commit.await };
        {
            let mut committing = current.committing.lock();
            if current.raised.load(Ordering::Relaxed) {
                return Err(EngineError::Cancelled);
            }
            *committing = true;
        }
        let outcome = commit.await;
        if outcome.is_err() {
            *current.committing.lock() = false;
        }
        outcome
    }

    /// Runs work whose searches may keep the thread that polls it, because this stops them.
    pub async fn scope<T>(self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self, work).await
    }

    /// Whether the work that asks is given up.
    pub fn is_raised() -> bool {
        CURRENT.try_with(|current| current.raised.load(Ordering::Relaxed)).unwrap_or(false)
    }

    /// That the work that asks is not given up.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub fn check() -> Result<(), EngineError> {
        if Self::is_raised() { Err(EngineError::Cancelled) } else { Ok(()) }
    }

    /// The one in whose scope this is called.
    #[cfg(test)]
    pub(crate) fn here() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// The one in whose scope this is called, where the runtime has other threads for other work.
    pub(super) fn current() -> Option<Self> {
        let current = CURRENT.try_with(Clone::clone).ok()?;
        runtime_of_threads().is_some().then_some(current)
    }

    /// What searches look at.
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.raised)
    }
}

/// The runtime that runs this, if work that keeps its thread leaves it others.
pub fn runtime_of_threads() -> Option<Handle> {
    let runtime = Handle::try_current().ok()?;
    (runtime.runtime_flavor() == RuntimeFlavor::MultiThread).then_some(runtime)
}
