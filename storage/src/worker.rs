//! The thread that does the long work: writes segments, merges them, removes files.
//!
//! It changes nothing that counts: what it writes is garbage until the committer installs it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::checkpoint::{CheckpointReport, seal};
use crate::compaction::{CompactionReport, Plan, merge};
use crate::error::IoFailure;
use crate::id::LogSeq;
use crate::io::{AppendFile, Directory, DirectoryLock, FileName};
use crate::numbers::SegmentNumbers;
use crate::sealed::Sealed;
use crate::segment::{BuildError, Segment};
use crate::version::Version;

/// What the worker is asked to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Write the frozen rows of a version; the log goes on in the file given.
    Seal { state: Box<Version>, first_log: LogSeq },
    /// Merge segments, at most so many bytes a second.
    Merge { plan: Plan, bytes_per_second: Option<u64> },
    /// Finish the merge under way as fast as it goes.
    Hurry,
    /// Remove files that nothing names any more.
    Remove(Vec<FileName>),
    /// Give up whatever is under way and end.
    Stop,
}

/// What came of a job.
#[derive(Debug)]
pub(crate) enum Done {
    Sealed(Result<(Sealed, CheckpointReport), IoFailure>),
    Merged(Plan, Result<(Option<Arc<Segment>>, CompactionReport), BuildError>),
    /// The files that may still be there, and why.
    Removed {
        left: Vec<FileName>,
        failure: Option<IoFailure>,
    },
}

/// Told that something was done.
pub(crate) type Wake = Box<dyn Fn() + Send + Sync>;

pub(crate) struct Worker {
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) numbers: Arc<SegmentNumbers>,
    pub(crate) jobs: Mutex<Receiver<Job>>,
    /// Taken when the worker ends, so that its end is seen.
    pub(crate) done: Option<Sender<Done>>,
    pub(crate) wake: Wake,
    /// Nobody else may use the directory while the worker may still remove files from it.
    #[expect(dead_code, reason = "held for as long as the worker lives")]
    pub(crate) lock: Arc<DirectoryLock>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.done.take());
        (self.wake)();
    }
}

impl Worker {
    /// Serves until it is told to stop or nobody can ask any more.
    pub(crate) fn run(self) {
        loop {
            let job = self.jobs.lock().recv();
            match job {
                Ok(Job::Merge { plan, bytes_per_second }) => {
                    if self.merge(plan, bytes_per_second).is_err() {
                        return;
                    }
                }
                Ok(job) => {
                    if self.short(job).is_err() {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }

    fn report(&self, done: Done) {
        // Nobody waits any more when the store is being closed.
        if let Some(sender) = &self.done {
            let _ = sender.send(done);
        }
        (self.wake)();
    }

    fn short(&self, job: Job) -> Result<(), Stopped> {
        match job {
            Job::Seal { state, first_log } => {
                let outcome = seal(&*self.directory, &state, first_log, &self.numbers);
                self.report(Done::Sealed(outcome));
            }
            Job::Remove(names) => self.report(self.remove(names)),
            Job::Hurry => {}
            Job::Stop | Job::Merge { .. } => return Err(Stopped),
        }
        Ok(())
    }

    fn merge(&self, plan: Plan, bytes_per_second: Option<u64>) -> Result<(), Stopped> {
        let name = FileName::Segment(plan.output);
        let stopped = Arc::new(Mutex::new(false));
        let outcome = merge(&*self.directory, &plan, || {
            Ok(Box::new(PacedFile {
                file: self.directory.create(name)?,
                path: self.directory.path(name),
                worker: self,
                stopped: Arc::clone(&stopped),
                started: Instant::now(),
                bytes: 0,
                bytes_per_second,
            }))
        });
        if outcome.is_err() {
            // What was written so far is garbage; should it stay, opening the store removes it.
            let _ = self.directory.remove(name);
        }
        if *stopped.lock() {
            return Err(Stopped);
        }
        self.report(Done::Merged(plan, outcome));
        Ok(())
    }

    fn remove(&self, names: Vec<FileName>) -> Done {
        let (mut left, mut failure) = (Vec::new(), None);
        for &name in &names {
            match self.directory.remove(name) {
                Err(refused) if !refused.is_missing() => {
                    left.push(name);
                    failure = Some(refused);
                }
                _ => {}
            }
        }
        // Names that come back after a crash are removed when the store is opened; an erasure
        // promises more.
        if let Err(refused) = self.directory.sync() {
            return Done::Removed { left: names, failure: Some(refused) };
        }
        Done::Removed { left, failure }
    }
}

/// The worker was told to stop.
#[derive(Debug)]
struct Stopped;

/// A file that is written no faster than allowed. While it waits the worker does what is short, so
/// that a checkpoint never waits for a merge.
struct PacedFile<'a> {
    file: Box<dyn AppendFile>,
    path: PathBuf,
    worker: &'a Worker,
    stopped: Arc<Mutex<bool>>,
    started: Instant,
    bytes: u64,
    bytes_per_second: Option<u64>,
}

impl PacedFile<'_> {
    /// How long to wait until what was written is not too much.
    fn debt(&self) -> Duration {
        let Some(rate) = self.bytes_per_second else { return Duration::ZERO };
        let allowed = Duration::from_secs_f64(self.bytes as f64 / rate.max(1) as f64);
        allowed.saturating_sub(self.started.elapsed())
    }

    fn wait(&mut self) -> Result<(), Stopped> {
        loop {
            let debt = self.debt();
            let jobs = self.worker.jobs.lock();
            let next = if debt.is_zero() {
                match jobs.try_recv() {
                    Err(TryRecvError::Empty) => return Ok(()),
                    other => other.map_err(|_| Stopped),
                }
            } else {
                match jobs.recv_timeout(debt) {
                    Err(RecvTimeoutError::Timeout) => continue,
                    other => other.map_err(|_| Stopped),
                }
            };
            drop(jobs);
            match next? {
                Job::Hurry => self.bytes_per_second = None,
                job => self.worker.short(job)?,
            }
        }
    }
}

impl std::fmt::Debug for PacedFile<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.file.fmt(formatter)
    }
}

impl AppendFile for PacedFile<'_> {
    fn append(&mut self, bytes: &[u8]) -> Result<(), IoFailure> {
        if self.wait().is_err() {
            *self.stopped.lock() = true;
            let reason = std::io::ErrorKind::Interrupted.into();
            return Err(IoFailure::new("finish", self.path.clone(), reason));
        }
        self.bytes += bytes.len() as u64;
        self.file.append(bytes)
    }

    fn reserve(&mut self, bytes: u64) -> Result<(), IoFailure> {
        self.file.reserve(bytes)
    }

    fn cut(&mut self) -> Result<(), IoFailure> {
        self.file.cut()
    }

    fn sync(&mut self) -> Result<(), IoFailure> {
        self.file.sync()
    }
}
