//! Memory that long messages of all connections share, so that many at once cannot use it up.

use std::sync::Arc;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// Longest message that is received without asking the budget.
pub(super) const SHORT_BYTES: usize = 1024 * 1024;
/// What long messages may hold together: 16 of the longest.
const SHARED_KIB: usize = 1024 * 1024;

/// The budget; clones share it.
#[derive(Debug, Clone)]
pub(super) struct MessageBudget {
    /// One permit per KiB.
    free: Arc<Semaphore>,
}

/// The part of the budget that one message holds; dropping it gives it back.
pub(super) type Share = OwnedSemaphorePermit;

impl MessageBudget {
    /// The budget of a server.
    pub(super) fn new() -> Self {
        Self::of_kib(SHARED_KIB)
    }

    pub(super) fn of_kib(kib: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(kib)) }
    }

    /// Waits, first come first served, until a message of `bytes` fits; none for short messages.
    /// Cancel safe, except that the place in the queue is lost.
    ///
    /// # Errors
    /// When the budget is closed, which nobody does.
    pub(super) async fn share(&self, bytes: usize) -> Result<Option<Share>, AcquireError> {
        if bytes <= SHORT_BYTES {
            return Ok(None);
        }
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        Arc::clone(&self.free).acquire_many_owned(kib).await.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn long_messages_wait_for_each_other_and_short_ones_for_nobody() {
        let budget = MessageBudget::of_kib(3 * 1024);
        let first = budget.share(2 * SHORT_BYTES).now_or_never().unwrap().unwrap();
        assert!(first.is_some());
        assert!(budget.share(2 * SHORT_BYTES).now_or_never().is_none());
        assert!(budget.share(SHORT_BYTES).now_or_never().unwrap().unwrap().is_none());
        drop(first);
        assert!(budget.share(2 * SHORT_BYTES).now_or_never().unwrap().unwrap().is_some());
    }
}
