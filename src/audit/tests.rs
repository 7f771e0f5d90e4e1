//! What the audit log keeps, and what of meddling with it is found.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

/// A data directory with an audit log.
struct World(TempDir);

impl World {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A world whose log has `count` records in small files.
    fn with_records(count: u64) -> Self {
        let world = Self::new();
        let log = world.open();
        for number in 1..=count {
            log.append(entry("acme", number)).unwrap();
        }
        world
    }

    fn open(&self) -> AuditLog {
        AuditLog::open_with(self.0.path(), 2_000).unwrap()
    }

    fn verify(&self) -> Verification {
        verify(self.0.path(), None).unwrap()
    }

    fn files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.0.path().join(AUDIT_FOLDER)).unwrap();
        let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
        files.sort();
        files
    }

    fn edit(&self, file: usize, change: impl FnOnce(String) -> String) {
        let path = &self.files()[file];
        fs::write(path, change(fs::read_to_string(path).unwrap())).unwrap();
    }
}

fn entry(tenant: &str, number: u64) -> AuditEntry {
    let mut entry = AuditEntry::new(tenant, "rest", AuditAction::Search);
    entry.collection = Some("users".to_owned());
    entry.threshold = Some(0.65);
    entry.with_faces(number, (0..number).map(|face| format!("f_{face}")))
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| format!("{line}\n")).collect()
}

#[test]
fn records_are_read_back_by_their_tenant_only_also_after_a_restart() {
    let world = World::new();
    let log = world.open();
    log.append(entry("acme", 1)).unwrap();
    log.append(entry("beta", 2)).unwrap();
    drop(log);
    let log = world.open();
    log.append_durably(entry("acme", 3)).unwrap();
    let read = |tenant: &str| -> Vec<u64> {
        log.records(tenant).unwrap().map(|record| record.unwrap().seq).collect()
    };
    assert_eq!((read("acme"), read("beta"), read("nobody")), (vec![1, 3], vec![2], vec![]));
    let records: Vec<_> = log.records("acme").unwrap().map(Result::unwrap).collect();
    assert_eq!(records[0].entry, entry("acme", 1));
    assert!(records[0].at_us() > 1_700_000_000_000_000);
    assert!(records.iter().all(|record| record.id.len() == 16), "{records:?}");
    assert_ne!(records[0].id, records[1].id);
}

#[test]
fn times_tell_the_order_also_over_files_and_restarts() {
    let world = World::with_records(40);
    let log = world.open();
    for number in 1..=40 {
        log.append(entry("acme", number)).unwrap();
    }
    let times: Vec<_> = log.records("acme").unwrap().map(|one| one.unwrap().at_us()).collect();
    assert!(times.len() == 80 && times.is_sorted_by(|a, b| a < b), "{times:?}");
}

#[test]
fn a_record_names_a_hundred_faces_and_tells_how_many_there_were() {
    let entry = entry("acme", 101);
    assert_eq!((entry.faces, entry.face_ids.len()), (Some(101), 100));
}

#[test]
fn a_whole_log_of_several_files_verifies_while_it_is_written_to() {
    let world = World::with_records(40);
    let log = world.open();
    let found = world.verify();
    assert!(world.files().len() > 3);
    assert_eq!((found.records, found.first, found.last.seq), (40, 1, 40));
    assert_eq!(found.problems, Vec::<String>::new());
    assert_eq!(found.last, log.link());
    assert!(verify(world.0.path(), Some(log.link())).unwrap().has_link);
    let other = format!("40:{}", "0".repeat(64)).parse().unwrap();
    assert!(!verify(world.0.path(), Some(other)).unwrap().has_link);
}

#[test]
fn every_flipped_byte_of_a_record_is_found() {
    let world = World::with_records(2);
    let path = &world.files()[0];
    let whole = fs::read(path).unwrap();
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x04;
        fs::write(path, flipped).unwrap();
        assert!(!world.verify().problems.is_empty(), "byte {at}");
    }
}

#[test]
fn a_line_removed_repeated_or_swapped_is_found() {
    type Edit = fn(&mut Vec<String>);
    let edits: [(&str, usize, Edit); 3] = [
        ("removed", 3, |lines| drop(lines.remove(2))),
        ("repeated", 4, |lines| lines.insert(2, lines[2].clone())),
        ("swapped", 3, |lines| lines.swap(2, 3)),
    ];
    for (what, line, change) in edits {
        let world = World::with_records(40);
        world.edit(1, |text| {
            let mut lines = lines(&text);
            change(&mut lines);
            lines.concat()
        });
        let found = world.verify();
        let place = format!("line {line} does not have the hash");
        assert!(found.problems[0].contains(&place), "{what}: {found:?}");
        // The files behind it are still checked, and were not meddled with.
        assert_eq!((found.problems.len(), found.last.seq), (1, 40), "{what}: {found:?}");
    }
}

#[test]
fn a_log_cut_off_behind_a_whole_line_is_told_from_one_that_ends_there() {
    let world = World::with_records(5);
    world.edit(0, |text| lines(&text)[..4].concat());
    let problem = "records 4 to 5 are missing at the end";
    assert_eq!(world.verify().problems, [problem]);
    // A server that starts on it does not use the numbers again, nor hide what happened.
    let log = world.open();
    assert!(log.is_damaged());
    log.append(entry("acme", 1)).unwrap();
    assert_eq!(log.link().seq, 6);
    drop(log);
    let problems = world.verify().problems;
    assert!(problems[0].ends_with("begins at 6 and does not follow record 3"), "{problems:?}");
}

#[test]
fn a_file_that_is_gone_is_missed_wherever_it_was() {
    for (file, problem) in [(0, "are missing, and no record of a prune"), (1, "does not follow")] {
        let world = World::with_records(40);
        fs::remove_file(&world.files()[file]).unwrap();
        let problems = world.verify().problems;
        assert!(problems.len() == 1 && problems[0].contains(problem), "{problems:?}");
    }
    let world = World::with_records(40);
    for file in world.files() {
        fs::remove_file(file).unwrap();
    }
    assert_eq!(world.verify().problems, ["records 1 to 40 are missing at the end"]);
}

#[test]
fn a_record_that_a_crash_left_unfinished_is_cut_off() {
    let world = World::with_records(3);
    world.edit(0, |text| text + "0123");
    assert_eq!(world.verify().problems, Vec::<String>::new());
    let log = world.open();
    assert!(!log.is_damaged());
    log.append(entry("acme", 4)).unwrap();
    drop(log);
    let found = world.verify();
    assert_eq!((found.records, found.problems.len()), (4, 0), "{found:?}");
}

#[test]
fn damage_does_not_stop_the_log_from_going_on() {
    let world = World::with_records(3);
    world.edit(0, |text| text.replacen("users", "USERS", 1));
    let log = world.open();
    assert!(log.is_damaged());
    log.append(entry("acme", 4)).unwrap();
    drop(log);
    let found = world.verify();
    assert_eq!((found.records, found.last.seq, found.problems.len()), (1, 4, 1), "{found:?}");
    assert!(!world.open().is_damaged(), "the newest file is whole");
}

#[test]
fn a_heading_that_is_damaged_is_put_aside() {
    let world = World::new();
    drop(world.open());
    world.edit(0, |text| text.replace("likeness", "unlikely"));
    let log = world.open();
    assert!(log.is_damaged());
    log.append(entry("acme", 1)).unwrap();
    assert!(world.0.path().join(AUDIT_FOLDER).join("00000000000000000001.damaged").exists());
}

#[test]
fn pruning_keeps_the_chain_and_says_what_it_took() {
    let world = World::with_records(40);
    let files = world.files().len();
    let log = world.open();
    assert_eq!(prune(&log, 0).unwrap(), None);
    let pruned = prune(&log, i64::MAX).unwrap().unwrap();
    assert_eq!(pruned.files, files - 1);
    drop(log);
    let found = world.verify();
    assert_eq!(found.problems, Vec::<String>::new());
    assert_eq!((found.first, found.last.seq), (pruned.up_to.seq + 1, 41));
    // Taking one more file away without a record of it shows.
    let log = world.open();
    for number in 1..40 {
        log.append(entry("acme", number)).unwrap();
    }
    drop(log);
    fs::remove_file(&world.files()[0]).unwrap();
    assert!(world.verify().problems[0].contains("no record of a prune"));
}

#[test]
fn a_prune_that_a_crash_stopped_is_explained_by_its_record() {
    let world = World::with_records(40);
    let first = world.files()[1].clone();
    let kept = fs::read(&first).unwrap();
    prune(&world.open(), i64::MAX).unwrap().unwrap();
    fs::write(&first, kept).unwrap();
    let problems = world.verify().problems;
    assert!(problems.iter().all(|problem| !problem.contains("no record")), "{problems:?}");
}

#[test]
fn one_process_at_a_time_writes_and_a_log_that_is_not_there_cannot_be_verified() {
    let world = World::new();
    assert!(matches!(verify(world.0.path(), None), Err(AuditError::Missing(_))));
    let log = world.open();
    assert!(matches!(AuditLog::open(world.0.path()), Err(AuditError::InUse(_))));
    drop(log);
    assert!(AuditLog::open(world.0.path()).is_ok());
}
