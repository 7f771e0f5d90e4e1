//! Who may scan when: as many threads as the machine has cores, one unit of work at a time.
//!
//! A *lane* is the right to scan, together with the memory it takes; there are as many as the pool
//! has threads. The thread that asked for a search does the work itself, unit by unit. Once it had
//! its lane for a while it gives it to whoever waits longest, between two units: so a search waits
//! that while and one unit for each other at most, however long they are, and short ones are done
//! without changes of threads. Helper threads take units of the searches under way, one search
//! after the other, while there are lanes that nobody waits for.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::scratch::Scratch;
use crate::error::IoFailure;
use crate::kernel::Kernel;

/// How long a search has a lane before it gives way to others.
const TURN: Duration = Duration::from_millis(1);

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
    state: Mutex<State>,
    /// A helper may be wanted, or none any more.
    work: Condvar,
    /// A helper is done with a job.
    left: Condvar,
}

#[derive(Default)]
struct State {
    /// Lanes that nobody waits for.
    free: Vec<Scratch>,
    waiting: VecDeque<Arc<Waiter>>,
    jobs: VecDeque<Job>,
    next_job: u64,
    closed: bool,
}

/// A thread that waits for a lane.
struct Waiter {
    thread: Thread,
    lane: Mutex<Option<Scratch>>,
}

/// A task under way.
struct Job {
    number: u64,
    task: Arc<dyn Task>,
    /// Helpers at work on it.
    helpers: usize,
    /// Helpers that find something to do.
    most_helpers: usize,
}

impl fmt::Debug for ScanPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ScanPool").finish_non_exhaustive()
    }
}

impl Drop for ScanPool {
    fn drop(&mut self) {
        self.shared.state.lock().closed = true;
        self.shared.work.notify_all();
    }
}

impl ScanPool {
    /// A pool of so many threads, those that ask included.
    pub(crate) fn start(threads: NonZeroUsize, kernel: Kernel) -> Result<Self, IoFailure> {
        let shared = Arc::<Shared>::default();
        shared.state.lock().free.resize_with(threads.get(), Scratch::default);
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
        let mut lane = shared.enter();
        let posted = (units > 1).then(|| shared.post(Arc::clone(task), units - 1));
        let _withdrawn = posted.map(|number| Posted { shared, number });
        while lane.with(|scratch| task.advance(scratch)) {
            lane.turn();
        }
        // Others need not wait until the last helper is done.
        drop(lane);
    }
}

/// Takes a job back when dropped: waits until no helper is at work on it.
struct Posted<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for Posted<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        if let Some(job) = state.find(self.number) {
            job.most_helpers = 0;
        }
        while state.find(self.number).is_some_and(|job| job.helpers > 0) {
            self.shared.left.wait(&mut state);
        }
        state.jobs.retain(|job| job.number != self.number);
    }
}

impl Job {
    fn wants_help(&self) -> bool {
        self.helpers < self.most_helpers
    }
}

impl State {
    fn find(&mut self, number: u64) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.number == number)
    }

    fn wants_help(&self) -> bool {
        !self.free.is_empty() && self.jobs.iter().any(Job::wants_help)
    }

    /// The job that was not helped for the longest time, and a lane to help it in.
    fn take_job(&mut self) -> Option<(Arc<dyn Task>, u64, Scratch)> {
        let at = self.jobs.iter().position(Job::wants_help)?;
        let scratch = self.free.pop()?;
        let mut job = self.jobs.remove(at)?;
        job.helpers += 1;
        let taken = (Arc::clone(&job.task), job.number, scratch);
        self.jobs.push_back(job);
        Some(taken)
    }

    /// Gives a lane to who waits longest.
    fn release(&mut self, scratch: Scratch) {
        match self.waiting.pop_front() {
            Some(waiter) => {
                *waiter.lane.lock() = Some(scratch);
                waiter.thread.unpark();
            }
            None => self.free.push(scratch),
        }
    }
}

impl Shared {
    fn post(&self, task: Arc<dyn Task>, most_helpers: usize) -> u64 {
        let mut state = self.state.lock();
        let number = state.next_job;
        state.next_job += 1;
        state.jobs.push_back(Job { number, task, helpers: 0, most_helpers });
        self.call_help(&state);
        number
    }

    /// Wakes one helper where one is wanted; it wakes the next.
    fn call_help(&self, state: &State) {
        if state.wants_help() {
            self.work.notify_one();
        }
    }

    /// Helps until the pool is gone.
    fn help(&self) {
        while let Some((mut helping, mut lane)) = self.next_job() {
            helping.more = lane.with(|scratch| helping.task.advance(scratch));
        }
    }

    fn next_job(&self) -> Option<(Helping<'_>, Lane<'_>)> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some((task, number, scratch)) = state.take_job() {
                self.call_help(&state);
                let helping = Helping { shared: self, task, number, more: false };
                return Some((helping, Lane::new(self, scratch)));
            }
            self.work.wait(&mut state);
        }
    }

    fn enter(&self) -> Lane<'_> {
        let mut state = self.state.lock();
        // Nobody overtakes those who wait: a free lane and a waiting thread never meet.
        if let Some(scratch) = state.free.pop() {
            return Lane::new(self, scratch);
        }
        let waiter = Arc::new(Waiter { thread: thread::current(), lane: Mutex::new(None) });
        state.waiting.push_back(Arc::clone(&waiter));
        drop(state);
        loop {
            if let Some(scratch) = waiter.lane.lock().take() {
                return Lane::new(self, scratch);
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
        if let Some(job) = self.shared.state.lock().find(self.number) {
            job.helpers -= 1;
            if !self.more {
                job.most_helpers = 0;
            }
        }
        self.shared.left.notify_all();
    }
}

/// The right to scan. Dropping it passes it on.
struct Lane<'a> {
    shared: &'a Shared,
    scratch: Option<Scratch>,
    since: Instant,
}

impl<'a> Lane<'a> {
    fn new(shared: &'a Shared, scratch: Scratch) -> Self {
        Self { shared, scratch: Some(scratch), since: Instant::now() }
    }

    fn with<R>(&mut self, work: impl FnOnce(&mut Scratch) -> R) -> R {
        work(self.scratch.get_or_insert_default())
    }

    /// Lets those go first who waited longer.
    fn turn(&mut self) {
        if self.since.elapsed() < TURN || self.shared.state.lock().waiting.is_empty() {
            return;
        }
        self.pass_on();
        *self = self.shared.enter();
    }

    fn pass_on(&mut self) {
        if let Some(scratch) = self.scratch.take() {
            let mut state = self.shared.state.lock();
            state.release(scratch);
            self.shared.call_help(&state);
        }
    }
}

impl Drop for Lane<'_> {
    fn drop(&mut self) {
        self.pass_on();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A task each unit of which ends once as many threads as there are units are at work on it.
    struct Together {
        units: usize,
        begun: AtomicUsize,
        inside: Mutex<usize>,
        entered: Condvar,
    }

    impl Task for Together {
        fn advance(&self, _: &mut Scratch) -> bool {
            if self.begun.fetch_add(1, Ordering::Relaxed) >= self.units {
                return false;
            }
            let mut inside = self.inside.lock();
            *inside += 1;
            self.entered.notify_all();
            while *inside < self.units {
                let waited = self.entered.wait_for(&mut inside, Duration::from_secs(20));
                assert!(!waited.timed_out(), "{} of {} threads", *inside, self.units);
            }
            true
        }
    }

    #[test]
    fn as_many_threads_as_there_are_units_share_a_task() {
        let pool = ScanPool::start(NonZeroUsize::new(4).unwrap(), Kernel::Scalar).unwrap();
        for units in [4, 2, 3, 4] {
            let (begun, inside) = (AtomicUsize::new(0), Mutex::new(0));
            let task = Together { units, begun, inside, entered: Condvar::new() };
            let task = Arc::new(task);
            pool.run(&(Arc::clone(&task) as _), units);
            assert_eq!(*task.inside.lock(), units);
        }
    }

    #[test]
    fn helpers_take_only_lanes_that_nobody_waits_for() {
        let shared = Shared::default();
        shared.state.lock().free.push(Scratch::default());
        let lane = shared.enter();
        let (begun, inside) = (AtomicUsize::new(0), Mutex::new(0));
        let task = Together { units: 1, begun, inside, entered: Condvar::new() };
        shared.post(Arc::new(task), 1);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let _lane = shared.enter();
                assert!(shared.state.lock().take_job().is_none(), "the lane is in use");
            });
            while shared.state.lock().waiting.is_empty() {
                thread::yield_now();
            }
            assert!(shared.state.lock().take_job().is_none(), "nobody overtakes");
            drop(lane);
            waiting.join().unwrap();
        });
        let mut state = shared.state.lock();
        assert!(state.take_job().is_some());
        state.free.push(Scratch::default());
        assert!(state.take_job().is_none(), "one helper is enough for what there is to do");
    }

    #[test]
    fn a_search_gives_way_once_it_had_its_turn() {
        let shared = Shared::default();
        shared.state.lock().free.push(Scratch::default());
        let mut lane = shared.enter();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| drop(shared.enter()));
            while shared.state.lock().waiting.is_empty() {
                thread::yield_now();
            }
            lane.since = Instant::now() + Duration::from_hours(1);
            lane.turn();
            assert_eq!(shared.state.lock().waiting.len(), 1, "it goes on");
            lane.since = Instant::now().checked_sub(TURN).unwrap();
            lane.turn();
            waiting.join().unwrap();
        });
        assert!(lane.scratch.is_some(), "and comes back");
    }
}
