//! Crashes and failing calls under a random workload: every recovery yields a prefix of the
//! commits that contains every acknowledged one.
//!
//! One seed is one story: a store works in several lives, each ended by a crash or a failing call.
//! Then the power is cut, and the process killed, after every call of that life to the directory,
//! those of its recovery included; what is left must recover, take another batch, and keep it
//! through one more power cut.
//!
//! `LIKENESS_SIM_SEEDS=1000` runs more seeds than usual, `LIKENESS_SIM_SEED=7` only that one.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use super::crash::check;
use super::workload::Workload;
use crate::batch::WriteError;
use crate::io::memory::{Breakdown, Call, MemoryDirectory, PowerCut, Random};
use crate::recovery::OpenError;

/// Seeds of the ordinary test run, and the crashes they must amount to.
const SEEDS: u64 = 18;
const CRASH_POINTS_MIN: u64 = 10_000;

/// Where a check stands, for its message.
#[derive(Clone, Copy)]
struct Place {
    life: usize,
    call: usize,
    crash: Crash,
}

/// How a life ends.
#[derive(Clone, Copy, Debug)]
enum Crash {
    Killed,
    Power(PowerCut),
}

impl Crash {
    fn seeded(random: &mut Random) -> Self {
        Self::Power(PowerCut::Seeded(random.next()))
    }

    fn of(self, directory: &MemoryDirectory) -> MemoryDirectory {
        match self {
            Self::Killed => directory.killed(),
            Self::Power(cut) => directory.power_cut(cut),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { life, call, crash } = self;
        write!(formatter, "life {life}, {crash:?} after change {call} of the directory")
    }
}

/// One story. Returns how many crashes were recovered from.
fn run(seed: u64) -> u64 {
    let mut workload = Workload::new(seed);
    let mut next = MemoryDirectory::default();
    let mut crash_points = 0;
    for life in 0..3 {
        let fails = workload.random.one_in(2);
        live(&mut workload, &next.with_history(), fails);
        let directory = workload.directory.clone();
        for (call, state) in directory.history().iter().enumerate() {
            let killed = workload.random.one_in(3).then_some(Crash::Killed);
            for crash in killed.into_iter().chain([Crash::seeded(&mut workload.random)]) {
                let place = Place { life, call, crash };
                let acknowledged = state.acknowledged();
                let then = PowerCut::Seeded(workload.random.next());
                check(&place, &crash.of(state), acknowledged, &workload.oracle, &[then]);
                crash_points += 1;
            }
        }
        // The next life begins with what this one left, in one way or another.
        next = match workload.random.below(3) {
            0 => directory,
            1 => directory.killed(),
            _ => Crash::seeded(&mut workload.random).of(&directory),
        };
    }
    crash_points
}

/// Opens the store and lets it work for a while, or until a call fails.
fn live(workload: &mut Workload, directory: &MemoryDirectory, fails: bool) {
    if fails {
        let call = directory.calls() + 1 + workload.random.below(120) as u64;
        let (seed, lasts) = (workload.random.next(), workload.random.one_in(2));
        directory.break_down(Some(Breakdown { call, seed, lasts }));
    }
    match workload.open(directory.clone()) {
        Ok(()) => work(workload),
        Err(OpenError::Io(failure)) => {
            assert!(directory.take_failed().is_some(), "opening failed for no reason: {failure}");
            directory.break_down(None);
            workload.open(directory.clone()).unwrap_or_else(|error| panic!("reopening: {error}"));
            work(workload);
        }
        Err(error) => panic!("opening: {error}"),
    }
    workload.drop_store();
    directory.break_down(None);
}

fn work(workload: &mut Workload) {
    for _ in 0..10 + workload.random.below(40) {
        let outcome = workload.step();
        let failed = workload.directory.take_failed();
        match (outcome, failed) {
            (Ok(()), None) => {}
            // Files that could not be removed are tried again; nothing is wrong with the rest.
            (Ok(()) | Err(WriteError::NotErased { .. }), Some(failed)) => {
                let removal = matches!(failed.call, Call::Remove | Call::SyncDirectory);
                let told = workload.last_error().is_some();
                assert!(removal && told, "a call failed and nobody was told: {failed:?}");
            }
            (Err(_), Some(_)) => return workload.check_read_only(),
            (Err(error), None) => panic!("no call failed, and yet: {error}"),
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not {text:?}")))
}

/// What a panic says.
fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

/// Runs `story` for many seeds on all cores, and says how a seed that fails is run again.
pub(super) fn for_seeds(test: &str, seeds: u64, story: fn(u64) -> u64) -> u64 {
    let seeds = match number("LIKENESS_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("LIKENESS_SIM_SEEDS").unwrap_or(seeds),
    };
    let (next, sum) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return Ok(());
            }
            match catch_unwind(AssertUnwindSafe(|| story(seed))) {
                Ok(count) => drop(sum.fetch_add(count, Ordering::Relaxed)),
                Err(panic) => {
                    next.store(seeds.end, Ordering::Relaxed);
                    return Err((seed, message(&*panic)));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            if let Err((seed, message)) = worker.join().unwrap() {
                panic!(
                    "seed {seed}: {message}\nto reproduce: LIKENESS_SIM_SEED={seed} \
                     cargo test -p likeness-storage --lib {test}"
                );
            }
        }
    });
    sum.into_inner()
}

/// Holds the ordinary run to what it should cover.
pub(super) fn assert_at_least(count: u64, least: u64) {
    let usual = number("LIKENESS_SIM_SEED").is_none() && number("LIKENESS_SIM_SEEDS").is_none();
    assert!(count >= if usual { least } else { 1 }, "only {count} checks");
}

#[test]
fn every_crash_of_a_random_workload_leaves_a_prefix_with_every_acknowledged_commit() {
    let crash_points = for_seeds("simulation", SEEDS, run);
    assert_at_least(crash_points, CRASH_POINTS_MIN);
}

#[test]
fn a_seed_tells_the_same_story_again() {
    for seed in 0..3 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}

/// A checkpoint that begins, and may end, while a merge goes on.
fn overlap(seed: u64) -> u64 {
    let mut workload = Workload::new(seed);
    workload.open(MemoryDirectory::recording()).unwrap();
    let mut crash_points = 0;
    for call in 0..8 {
        (0..12).for_each(|_| workload.step().unwrap());
        let before = workload.directory.history().len();
        workload.merge_meets_checkpoint().unwrap();
        for state in workload.directory.history().drain(before..) {
            let crash = Crash::seeded(&mut workload.random);
            let then = PowerCut::Seeded(workload.random.next());
            let (left, place) = (crash.of(&state), Place { life: 0, call, crash });
            check(&place, &left, state.acknowledged(), &workload.oracle, &[then]);
            crash_points += 1;
        }
    }
    crash_points
}

#[test]
fn every_crash_of_a_merge_that_meets_a_checkpoint_leaves_what_was_there() {
    assert_at_least(for_seeds("simulation", SEEDS, overlap), 1000);
}
