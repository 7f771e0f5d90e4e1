//! What stops a search that the thread of its caller does itself.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::{Handle, RuntimeFlavor};

tokio::task_local! {
    static CURRENT: Interrupt;
}

/// Tells searches to stop, from any thread.
///
/// A search usually runs on a thread of its own and stops when nobody waits for it any more. That
/// takes two changes of threads, which is much of the time of a short search. Whoever has another
/// way to stop one says so by [`Interrupt::scope`].
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Stops the searches in its scope; those that begin later stop at once.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Runs work whose searches may keep the thread that polls it, because this stops them.
    pub async fn scope<T>(self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self, work).await
    }

    /// The one in whose scope this is called, where the runtime has other threads for other work.
    pub(super) fn current() -> Option<Self> {
        let others = Handle::try_current().map(|handle| handle.runtime_flavor());
        let current = CURRENT.try_with(Clone::clone).ok()?;
        matches!(others, Ok(RuntimeFlavor::MultiThread)).then_some(current)
    }

    /// What searches look at.
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}
