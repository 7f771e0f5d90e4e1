//! The numbers that segments get.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::id::SegmentId;

/// Hands out every number once, to any thread.
#[derive(Debug)]
pub(crate) struct SegmentNumbers(AtomicU64);

impl SegmentNumbers {
    /// Numbers from `first` on.
    pub(crate) fn new(first: SegmentId) -> Self {
        Self(AtomicU64::new(first.get()))
    }

    /// A number that nobody else gets.
    pub(crate) fn next(&self) -> SegmentId {
        SegmentId::new(self.0.fetch_add(1, Ordering::Relaxed))
    }

    /// The number that comes next: larger than all that were handed out.
    pub(crate) fn upcoming(&self) -> SegmentId {
        SegmentId::new(self.0.load(Ordering::Relaxed))
    }
}
