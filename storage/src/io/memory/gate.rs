//! A gate that holds one call to a directory, so that a test decides what happens meanwhile.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::fault::Call;
use crate::io::FileName;

/// A call that has not come by then never will.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where the gate stands.
#[derive(Debug, PartialEq, Eq)]
enum Progress {
    /// This many matching calls are yet to come, the one to hold included.
    Expected(u32),
    /// The call is held.
    Reached,
    /// Nothing is held any more.
    Released,
}

#[derive(Debug)]
struct Shared {
    progress: Mutex<Progress>,
    changed: Condvar,
}

/// The test's side of a gate; dropping it releases the call.
#[derive(Debug)]
pub(crate) struct Gate {
    shared: Arc<Shared>,
}

impl Gate {
    /// Waits until the call is held.
    pub(crate) fn wait_until_reached(&self) {
        let mut progress = self.shared.progress.lock();
        while matches!(*progress, Progress::Expected(_)) {
            let waited = self.shared.changed.wait_for(&mut progress, PATIENCE);
            assert!(!waited.timed_out(), "no call reached the gate: {progress:?}");
        }
    }

    /// Lets the call go on; if it has not come yet, it will not be held.
    pub(crate) fn release(&self) {
        *self.shared.progress.lock() = Progress::Released;
        self.shared.changed.notify_all();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.release();
    }
}

/// The directory's side: which calls count.
#[derive(Clone, Debug)]
pub(super) struct Barrier {
    counts: fn(Call, FileName) -> bool,
    shared: Arc<Shared>,
}

impl Barrier {
    /// Holds the `nth` call of those that count, from one on.
    pub(super) fn new(nth: u32, counts: fn(Call, FileName) -> bool) -> (Self, Gate) {
        let progress = Mutex::new(Progress::Expected(nth));
        let shared = Arc::new(Shared { progress, changed: Condvar::new() });
        (Self { counts, shared: Arc::clone(&shared) }, Gate { shared })
    }

    /// Returns when the call may go on.
    pub(super) fn pass(&self, call: Call, name: FileName) {
        let mut progress = self.shared.progress.lock();
        let Progress::Expected(left) = &mut *progress else { return };
        if !(self.counts)(call, name) {
            return;
        }
        *left -= 1;
        if *left > 0 {
            return;
        }
        *progress = Progress::Reached;
        self.shared.changed.notify_all();
        while *progress == Progress::Reached {
            self.shared.changed.wait(&mut progress);
        }
    }
}
