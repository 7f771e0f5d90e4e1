//! Who may scan when: as many threads as the machine has cores, one unit of work at a time.
//!
//! A *lane* is the right to scan, together with the memory it takes; there are as many as the pool
//! has threads. The thread that asked for a search does the work itself, unit by unit, and gives
//! its lane to whoever waits longest between two units: so a search waits for one unit of each
//! other at most, however long they are. Helper threads take units of the searches under way, one
//! search after the other, while there are free lanes.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::{self, Thread};

use parking_lot::{Condvar, Mutex};

use super::scratch::Scratch;
use crate::error::IoFailure;
use crate::kernel::Kernel;

/// Work that is done in units, by any number of threads.
pub(crate) trait Task: Send + Sync {
    /// Does the next unit; false where there was none left to begin.
    fn advance(&self, scratch: &mut Scratch) -> bool;
}

/// The lanes, and the threads that help.
pub(crate) struct ScanPool {
    shared: Arc<Shared>,
    kernel: Kernel,
}

#[derive(Default)]
struct Shared {
    lanes: Mutex<Lanes>,
    jobs: Mutex<Jobs>,
    /// There is a job to help with, or no more to come.
    work: Condvar,
    /// A helper is done with a job.
    left: Condvar,
}

#[derive(Default)]
struct Lanes {
    free: Vec<Scratch>,
    waiting: VecDeque<Arc<Waiter>>,
}

/// A thread that waits for a lane.
struct Waiter {
    thread: Thread,
    lane: Mutex<Option<Scratch>>,
}

#[derive(Default)]
struct Jobs {
    list: VecDeque<Job>,
    next: u64,
    closed: bool,
}

/// A task under way, and how many helpers are at work on it.
struct Job {
    number: u64,
    task: Arc<dyn Task>,
    helpers: usize,
    /// Every unit was begun.
    exhausted: bool,
}

impl fmt::Debug for ScanPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ScanPool").finish_non_exhaustive()
    }
}

impl Drop for ScanPool {
    fn drop(&mut self) {
        self.shared.jobs.lock().closed = true;
        self.shared.work.notify_all();
    }
}

impl ScanPool {
    /// A pool of so many threads, those that ask included.
    pub(crate) fn start(threads: NonZeroUsize, kernel: Kernel) -> Result<Self, IoFailure> {
        let shared = Arc::<Shared>::default();
        shared.lanes.lock().free.resize_with(threads.get(), Scratch::default);
        let kernel = if kernel.is_available() { kernel } else { Kernel::Scalar };
        let pool = Self { shared, kernel };
        for _ in 1..threads.get() {
            let shared = Arc::clone(&pool.shared);
            let helper = thread::Builder::new().name("likeness-scan".into());
            helper
                .spawn(move || shared.help())
                .map_err(|error| IoFailure::new("start", "likeness-scan", error))?;
        }
        Ok(pool)
    }

    /// The kernels that searches use.
    pub(crate) fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Does all of a task's units, with help where `units` says that there is enough to share.
    /// When this returns, nobody is at work on it any more.
    pub(crate) fn run(&self, task: &Arc<dyn Task>, units: usize) {
        let shared = &*self.shared;
        let posted = (units > 1).then(|| shared.post(Arc::clone(task)));
        let _withdrawn = posted.map(|number| Posted { shared, number });
        let mut lane = shared.enter();
        while lane.with(|scratch| task.advance(scratch)) {
            lane.turn();
        }
    }
}

/// Takes a job back when dropped: waits until no helper is at work on it.
struct Posted<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for Posted<'_> {
    fn drop(&mut self) {
        let mut jobs = self.shared.jobs.lock();
        while jobs.find(self.number).is_some_and(|job| job.helpers > 0) {
            self.shared.left.wait(&mut jobs);
        }
        jobs.list.retain(|job| job.number != self.number);
    }
}

impl Jobs {
    fn find(&mut self, number: u64) -> Option<&mut Job> {
        self.list.iter_mut().find(|job| job.number == number)
    }
}

impl Shared {
    fn post(&self, task: Arc<dyn Task>) -> u64 {
        let mut jobs = self.jobs.lock();
        let number = jobs.next;
        jobs.next += 1;
        jobs.list.push_back(Job { number, task, helpers: 0, exhausted: false });
        drop(jobs);
        self.work.notify_one();
        number
    }

    /// Helps until the pool is gone.
    fn help(&self) {
        while let Some(mut helping) = self.next_job() {
            let mut lane = self.enter();
            helping.more = lane.with(|scratch| helping.task.advance(scratch));
        }
    }

    /// The job with work left that was not helped for the longest time.
    fn next_job(&self) -> Option<Helping<'_>> {
        let mut jobs = self.jobs.lock();
        loop {
            if jobs.closed {
                return None;
            }
            let open = jobs.list.iter().position(|job| !job.exhausted);
            if let Some(mut job) = open.and_then(|at| jobs.list.remove(at)) {
                job.helpers += 1;
                let (task, number) = (Arc::clone(&job.task), job.number);
                jobs.list.push_back(job);
                return Some(Helping { shared: self, task, number, more: false });
            }
            self.work.wait(&mut jobs);
        }
    }

    fn enter(&self) -> Lane<'_> {
        let mut lanes = self.lanes.lock();
        // Nobody overtakes those who wait: a free lane and a waiting thread never meet.
        if let Some(scratch) = lanes.free.pop() {
            return Lane { shared: self, scratch: Some(scratch) };
        }
        let waiter = Arc::new(Waiter { thread: thread::current(), lane: Mutex::new(None) });
        lanes.waiting.push_back(Arc::clone(&waiter));
        drop(lanes);
        loop {
            if let Some(scratch) = waiter.lane.lock().take() {
                return Lane { shared: self, scratch: Some(scratch) };
            }
            thread::park();
        }
    }
}

/// A helper at work on a job.
struct Helping<'a> {
    shared: &'a Shared,
    task: Arc<dyn Task>,
    number: u64,
    /// Whether there was a unit to do; not so where it ended in a panic.
    more: bool,
}

impl Drop for Helping<'_> {
    fn drop(&mut self) {
        if let Some(job) = self.shared.jobs.lock().find(self.number) {
            job.helpers -= 1;
            job.exhausted |= !self.more;
        }
        self.shared.left.notify_all();
    }
}

/// The right to scan. Dropping it passes it on.
struct Lane<'a> {
    shared: &'a Shared,
    scratch: Option<Scratch>,
}

impl Lane<'_> {
    fn with<R>(&mut self, work: impl FnOnce(&mut Scratch) -> R) -> R {
        work(self.scratch.get_or_insert_default())
    }

    /// Lets those go first who waited longer.
    fn turn(&mut self) {
        let busy = !self.shared.lanes.lock().waiting.is_empty();
        if busy {
            self.pass_on();
            self.scratch = self.shared.enter().scratch.take();
        }
    }

    fn pass_on(&mut self) {
        let Some(scratch) = self.scratch.take() else { return };
        let mut lanes = self.shared.lanes.lock();
        match lanes.waiting.pop_front() {
            Some(waiter) => {
                *waiter.lane.lock() = Some(scratch);
                waiter.thread.unpark();
            }
            None => lanes.free.push(scratch),
        }
    }
}

impl Drop for Lane<'_> {
    fn drop(&mut self) {
        self.pass_on();
    }
}
