//! Hostile files: what was written well, changed at random, with and without right checksums.
//!
//! Every file reader must answer with content or an error, whatever it is given: no panic, no
//! endless loop, no memory beyond a multiple of the input. What it accepts must be what a writer
//! would write. A few thousand inputs in an ordinary run; `LIKENESS_FUZZ_SECONDS=60` fuzzes each
//! reader for so long, and `LIKENESS_FUZZ_SEED=7` starts elsewhere.

use std::time::{Duration, Instant};

use crate::change::Change;
use crate::checksum::Checksum;
use crate::id::{GalleryId, LogSeq, Lsn, RowOrdinal, SegmentId, StoreId, TemplateId};
use crate::io::memory::{MemoryDirectory, Random};
use crate::io::{FileName, Mapping};
use crate::manifest::{Manifest, SegmentEntry};
use crate::row::tests::{bare_row, descriptor, half_descriptor, pictured, row, with_thumbnail};
use crate::segment::tests::{encode, resealed};
use crate::segment::{Segment, Tombstones};
use crate::wal::{LogReader, WalRecord, WalWriter};

/// Inputs per reader where no time is given.
const INPUTS: u64 = 3000;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

/// Hands changed copies of the seeds to `read` for as long as asked.
fn fuzz(name: &str, seeds: &[Vec<u8>], read: impl Fn(&[u8])) {
    let mut random = Random::new(number("LIKENESS_FUZZ_SEED").unwrap_or(1));
    let limit = number("LIKENESS_FUZZ_SECONDS").map(Duration::from_secs);
    let start = Instant::now();
    let mut inputs = 0;
    while limit.map_or(inputs < INPUTS, |limit| start.elapsed() < limit) {
        let mut input = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(4) {
            change(&mut random, &mut input, seeds);
        }
        read(&input);
        inputs += 1;
    }
    println!("{name}: {inputs} inputs");
}

/// One change of the kinds that break readers.
fn change(random: &mut Random, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    const NUMBERS: [u64; 9] =
        [0, 1, 127, 255, 4096, 1 << 31, u32::MAX as u64, i64::MAX as u64, u64::MAX];
    let at = random.below(input.len() + 1);
    let rest = input.len() - at;
    match random.below(7) {
        0 => input.truncate(at),
        1 if rest > 0 => input[at] ^= 1 << random.below(8),
        2 if rest > 0 => input[at] = random.below(256) as u8,
        3 => {
            let number = NUMBERS[random.below(NUMBERS.len())].to_le_bytes();
            let length = rest.min([1, 2, 4, 8][random.below(4)]);
            input[at..at + length].copy_from_slice(&number[..length]);
        }
        4 => {
            let inserted = random.below(40);
            input.splice(at..at, std::iter::repeat_n(random.below(256) as u8, inserted));
        }
        5 => {
            let end = at + random.below(rest + 1);
            input.drain(at..end);
        }
        _ => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len());
            let to = from + random.below(other.len() - from + 1);
            input.splice(at..at, other[from..to].iter().copied());
        }
    }
}

/// The file with its last four bytes set to the checksum of those before.
fn with_checksum_at_end(input: &[u8]) -> Vec<u8> {
    let covered = &input[..input.len().saturating_sub(4)];
    [covered, &Checksum::of(covered).get().to_le_bytes()].concat()
}

#[test]
fn the_manifest() {
    let mut manifest = Manifest::new(StoreId::new(5));
    let seeds = [manifest.encode(), {
        let halves = half_descriptor(2, "", 4096);
        manifest.galleries = vec![descriptor(1, "Zoë", 4), pictured(halves.clone()), halves];
        let entry = |segment, tombstones| SegmentEntry {
            segment: SegmentId::new(segment),
            gallery: GalleryId::new(1),
            born: Lsn::new(3),
            tombstones,
        };
        manifest.segments = vec![entry(1, None), entry(2, Some(Lsn::new(9)))];
        manifest.encode()
    }];
    fuzz("manifest", &seeds, |input| {
        for file in [input.to_vec(), with_checksum_at_end(input)] {
            if let Ok(manifest) = Manifest::decode(&file) {
                assert_eq!(manifest.encode(), file, "what is read is what is written");
            }
        }
    });
}

#[test]
fn tombstones() {
    let id = SegmentId::new(5);
    let mut tombstones = Tombstones::default();
    let mut seeds = vec![tombstones.encode(id)];
    for at in (0..9000).step_by(7).chain(70_000..80_000) {
        tombstones.insert(RowOrdinal::new(at));
    }
    seeds.push(tombstones.encode(id));
    fuzz("tombstones", &seeds, |input| {
        for file in [input.to_vec(), with_checksum_at_end(input)] {
            if let Ok(tombstones) = Tombstones::decode(&file, id, 90_000) {
                let again = Tombstones::decode(&tombstones.encode(id), id, 90_000);
                assert_eq!(again, Ok(tombstones));
            }
        }
    });
}

/// A log file with these records, each a group of its own.
fn log_file(seq: LogSeq, first: Lsn, records: &[WalRecord]) -> Vec<u8> {
    let directory = MemoryDirectory::default();
    let mut writer = WalWriter::create(&directory, seq, first).unwrap();
    for record in records {
        writer.commit(std::slice::from_ref(record)).unwrap();
    }
    writer.note().unwrap();
    directory.content(FileName::Log(seq))
}

#[test]
fn the_log() {
    let gallery = GalleryId::new(4);
    let changes = [
        vec![Change::CreateGallery(descriptor(4, "g", 2))],
        vec![
            Change::Enroll { gallery, row: row(1, vec![1.0, 2.0]).into() },
            Change::Enroll { gallery, row: bare_row(2, vec![1.0, -2.0]).into() },
            Change::Enroll { gallery, row: with_thumbnail(bare_row(3, vec![1.0, 2.0]), 40).into() },
        ],
        vec![Change::Remove { gallery, template: TemplateId::new(1) }],
        vec![
            Change::AlterGallery { gallery, name: "h".into(), description: Some("d".into()) },
            Change::AlterGallery { gallery, name: "i".into(), description: None },
        ],
        vec![Change::DropGallery(gallery)],
    ];
    let records = (11..).zip(changes).map(|(lsn, changes)| WalRecord {
        lsn: Lsn::new(lsn),
        synced: Lsn::new(lsn - 1),
        changes,
    });
    let (seq, first) = (LogSeq::new(3), Lsn::new(11));
    let records: Vec<WalRecord> = records.collect();
    let seeds = [log_file(seq, first, &records), log_file(seq, first, &[])];
    let whole = seeds[0].clone();
    fuzz("log", &seeds, |input| {
        for is_last in [false, true] {
            let Ok(mut log) = LogReader::open(input, seq, first, is_last) else { continue };
            let read: Vec<_> = log.by_ref().map_while(Result::ok).collect();
            assert!(log.end().valid_bytes <= input.len());
            if input.starts_with(&whole[..crate::wal::HEADER_BYTES]) {
                // No change gets past the checksums: what is read was written, in order.
                assert!(records.starts_with(&read), "{read:?}");
            }
        }
        let _ = WalRecord::decode(input);
    });
}

#[test]
fn segments() {
    let rows = [bare_row(2, vec![1.0, 2.0]), row(3, vec![-1.0, 2.0]), row(9, vec![0.0, 2.0])];
    let rows: Vec<_> = rows.iter().map(|row| row.as_ref(Lsn::new(6))).collect();
    let (gallery, id) = (descriptor(3, "g", 2), SegmentId::new(9));
    let halves = encode(id, &half_descriptor(3, "g", 2), &rows);
    let pictured = rows.iter().map(|row| with_thumbnail(row.to_row().unwrap(), 40));
    let pictured: Vec<_> = pictured.collect();
    let pictured: Vec<_> = pictured.iter().map(|row| row.as_ref(Lsn::new(6))).collect();
    let pictured = encode(id, &gallery, &pictured);
    let seeds = [encode(id, &gallery, &rows), encode(id, &gallery, &[]), halves, pictured];
    fuzz("segment", &seeds, |input| {
        for file in [Some(input.to_vec()), resealed(input)].into_iter().flatten() {
            let mapping = Mapping::of_bytes(&file);
            let Ok(segment) = Segment::open(mapping, "s".into()) else { continue };
            let mut faults = 0;
            segment.verify(|_| faults += 1);
            let read: Vec<_> = (0..segment.row_count().min(9))
                .map(|at| segment.row(RowOrdinal::new(at)).and_then(|row| row.to_row()))
                .collect();
            assert!(faults > 0 || read.iter().all(Result::is_ok), "what is verified is readable");
            let _ = segment.find(TemplateId::new(3));
        }
    });
}
