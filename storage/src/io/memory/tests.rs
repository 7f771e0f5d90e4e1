//! The directory in memory fails and waits as it is told.

use super::*;
use crate::id::{LogSeq, SegmentId};

const LOG: FileName = FileName::Log(LogSeq::new(1));

#[test]
fn the_call_of_the_number_fails_once_or_from_then_on() {
    for lasts in [false, true] {
        let directory = MemoryDirectory::default();
        let mut file = directory.create(LOG).unwrap();
        directory.break_down(Some(Breakdown { call: 3, seed: 7, lasts }));
        file.append(b"whole").unwrap();
        assert_eq!(directory.take_failed(), None);
        assert!(file.append(b"a part of this").is_err());
        assert_eq!(directory.take_failed(), Some(Failed { call: Call::Append, name: Some(LOG) }));
        assert!(b"wholea part of this".starts_with(&directory.content(LOG)));
        assert_eq!(file.sync().is_err(), lasts);
        assert_eq!(directory.calls(), 4);
    }
}

#[test]
fn a_replacement_that_fails_leaves_the_old_content_or_the_new() {
    let mut left = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let directory = MemoryDirectory::default();
        directory.replace(FileName::Manifest, FileName::NewManifest, b"old").unwrap();
        directory.break_down(Some(Breakdown { call: 2, seed, lasts: false }));
        let failed = directory.replace(FileName::Manifest, FileName::NewManifest, b"new");
        assert!(failed.is_err());
        for directory in [directory.killed(), directory.power_cut(PowerCut::Seeded(seed))] {
            left.insert(directory.content(FileName::Manifest));
        }
    }
    assert_eq!(left, [b"old".to_vec(), b"new".to_vec()].into());
}

#[test]
fn a_state_of_the_history_does_not_change_any_more() {
    let directory = MemoryDirectory::recording();
    let mut file = directory.create(LOG).unwrap();
    file.append(b"one").unwrap();
    file.sync().unwrap();
    directory.remove(LOG).unwrap();
    let history = directory.history();
    let lists: Vec<usize> = history.iter().map(|state| state.list().unwrap().len()).collect();
    assert_eq!(lists, [1, 1, 1, 0]);
    assert_eq!(history[0].content(LOG), b"");
    assert_eq!(history[1].content(LOG), b"one");
    assert_eq!(history[1].killed().power_cut(PowerCut::Synced).list().unwrap(), []);
    // The name was never made durable, so its removal finds nothing.
    assert_eq!(history[3].power_cut(PowerCut::Names).list().unwrap(), []);
}

#[test]
fn a_gate_holds_the_call_it_was_told_to_and_lets_others_pass() {
    let directory = MemoryDirectory::default();
    let segments = |call, name| call == Call::Create && matches!(name, FileName::Segment(_));
    let gate = directory.gate(2, segments);
    std::thread::scope(|scope| {
        let held = scope.spawn(|| {
            for id in 1..=2 {
                directory.create(FileName::Segment(SegmentId::new(id))).unwrap();
            }
        });
        gate.wait_until_reached();
        let mut file = directory.create(LOG).unwrap();
        file.append(b"meanwhile").unwrap();
        let first = FileName::Segment(SegmentId::new(1));
        assert_eq!(directory.list().unwrap(), [LOG, first], "the second segment waits");
        assert!(!held.is_finished());
        gate.release();
        held.join().unwrap();
    });
    assert_eq!(directory.list().unwrap().len(), 3);
    directory.create(FileName::Segment(SegmentId::new(3))).unwrap();
}

#[test]
fn a_gate_that_is_dropped_holds_nothing() {
    let directory = MemoryDirectory::default();
    drop(directory.gate(1, |_, _| true));
    directory.create(LOG).unwrap();
}
