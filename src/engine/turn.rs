//! The queue of those whose changes met what others had written, and who compute them again.
//!
//! Nobody waits for anybody to write, so many writers of one face meet again and again. Those who
//! lost once go on one after the other: each of them then meets only writers who have not lost yet.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use super::{Tenant, TenantName};

/// One queue for each tenant: none waits for another.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<TenantName, Arc<tokio::sync::Mutex<()>>>>);

/// The turn of one writer, which ends when this is dropped.
#[derive(Debug)]
pub struct Turn {
    _held: OwnedMutexGuard<()>,
}

impl Tenant {
    /// Waits until it is the caller's turn to try again.
    pub async fn turn(&self) -> Turn {
        let queue = Arc::clone(self.engine.turns.0.lock().entry(self.name.clone()).or_default());
        Turn { _held: queue.lock_owned().await }
    }
}
