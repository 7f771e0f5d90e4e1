//! Bits that flip at rest, in a random file of a store that was closed or crashed: opening and
//! reading says which file is damaged, or shows exactly what was there.

use std::collections::{BTreeSet, HashSet};
use std::mem::discriminant;

use super::oracle::{Oracle, World, read};
use super::simulation::{assert_at_least, for_seeds};
use super::workload::{Workload, open};
use crate::check::examine;
use crate::io::memory::{MemoryDirectory, PowerCut};
use crate::io::{Directory, FileName};

/// Seeds of the ordinary test run, and the flips they must amount to.
const SEEDS: u64 = 100;
const FLIPS_MIN: u64 = 2_000;

/// Stores per seed, and flips in each.
const STORES: usize = 8;
const FLIPS: usize = 4;

/// What a store shows to a reader, and what the full check says of it; errors with all their words.
fn look(directory: &MemoryDirectory) -> (Result<(u64, World), String>, Result<(), String>) {
    match open(directory) {
        Err(error) => (Err(error.to_string()), Ok(())),
        Ok((store, report)) => {
            let seen = read(&store).map(|world| (report.lsn.get(), world));
            (seen, store.verify().map_err(|damage| damage.to_string()))
        }
    }
}

/// Flips a bit in a copy of the store and looks at it. Returns how many bits were flipped: none
/// where there is nothing yet.
fn check(workload: &mut Workload, store: &MemoryDirectory) -> u64 {
    let random = &mut workload.random;
    let files = store.files();
    let full: Vec<FileName> =
        files.iter().copied().filter(|name| !store.content(*name).is_empty()).collect();
    if full.is_empty() {
        return 0;
    }
    let name = full[random.below(full.len())];
    let bit = random.below(store.content(name).len() * 8);
    flip(store, name, bit / 8, 1 << (bit % 8), &workload.oracle);
    1
}

/// Changes one byte in a copy of the store and looks at it.
fn flip(store: &MemoryDirectory, name: FileName, at: usize, mask: u8, oracle: &Oracle) {
    let damaged = store.killed();
    damaged.edit(name, |bytes| bytes[at] ^= mask);
    let (truth, sound) = look(&store.killed());
    let (lsn, world) = truth.unwrap();
    sound.unwrap();
    let report = examine(&damaged, &BTreeSet::new()).unwrap();
    // Without a manifest nobody knows which files are garbage.
    let mut others = report.damages.iter().filter(|damage| damage.file != store.path(name));
    let no_other = name == FileName::Manifest || others.next().is_none();
    let damaged_files = report.damages.iter().map(|damage| &damage.file);
    let mut told = damaged_files.chain(report.notes.iter().map(|note| &note.file));
    let is_told = told.any(|file| *file == store.path(name));
    assert!(is_told && no_other, "byte {at} of {name}: {report:?}");
    let (seen, check) = look(&damaged);
    let path = store.path(name).display().to_string();
    for error in [seen.as_ref().err(), check.as_ref().err()].into_iter().flatten() {
        assert!(error.contains(&path), "byte {at} of {name}: {error}");
    }
    if let Ok((found, shown)) = seen
        && (found, &shown) != (lsn, &world)
    {
        let files = store.files();
        let newest = files.iter().rfind(|name| matches!(name, FileName::Log(_)));
        assert_eq!(Some(&name), newest, "byte {at} changed what is seen");
        let cut = is_without_last_group(oracle, lsn, found, &shown);
        assert!(cut, "byte {at} of {name}: LSN {found} is shown, {lsn} was there");
    }
}

/// The one thing that a flip may take away: the last group of the log, if nothing behind it says
/// that it was durable. It cannot be told from a write that never finished. One caller alone
/// makes groups of one batch.
fn is_without_last_group(oracle: &Oracle, lsn: u64, found: u64, world: &World) -> bool {
    found + 1 == lsn && oracle.at(found) == Some(world)
}

fn run(seed: u64) -> u64 {
    let mut workload = Workload::new(seed);
    workload.open(MemoryDirectory::recording()).unwrap();
    for _ in 0..40 {
        workload.step().unwrap();
    }
    workload.drop_store();
    let mut stores = vec![workload.directory.killed()];
    let history = workload.directory.history();
    for _ in 1..STORES {
        let state = &history[workload.random.below(history.len())];
        stores.push(state.power_cut(PowerCut::Seeded(workload.random.next())));
    }
    let pairs = stores.iter().flat_map(|store| std::iter::repeat_n(store, FLIPS));
    pairs.map(|store| check(&mut workload, store)).sum()
}

#[test]
fn a_flipped_bit_is_named_or_changes_nothing() {
    assert_at_least(for_seeds("bit_flips", SEEDS, run), FLIPS_MIN);
}

/// Nobody reads a segment of a closed store before a reader does: that is where it must be told.
#[test]
fn every_flipped_byte_of_a_closed_store_is_named_or_changes_nothing() {
    let mut workload = Workload::new(1);
    workload.open(MemoryDirectory::default()).unwrap();
    for _ in 0..25 {
        workload.step().unwrap();
    }
    workload.drop_store();
    let (store, _) = open(&workload.directory).unwrap();
    store.checkpoint().unwrap();
    drop(store);
    let closed = workload.directory.killed();
    let mut kinds = HashSet::new();
    for name in closed.files() {
        kinds.insert(discriminant(&name));
        for at in 0..closed.content(name).len() {
            flip(&closed, name, at, 0x5A, &workload.oracle);
        }
    }
    assert!(kinds.len() >= 3, "manifest, log and segments are there");
}
