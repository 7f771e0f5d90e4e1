//! Segments written, read back, damaged and forged.

use proptest::prelude::*;

use super::format::{BLOCK_BYTES, CHECKSUM_BYTES, SegmentHeader};
use super::*;
use crate::checksum::Checksum;
use crate::error::Corruption;
use crate::gallery::GalleryDescriptor;
use crate::id::{Lsn, RowOrdinal, SegmentId, TemplateId};
use crate::io::memory::MemoryDirectory;
use crate::io::{Directory, FileName, Mapping};
use crate::limits::THUMBNAIL_BYTES_MAX;
use crate::precision::Precision;
use crate::row::tests::{bare_row, descriptor, half_descriptor, row, with_thumbnail};
use crate::row::{Row, RowRef};

const NAME: FileName = FileName::Segment(SegmentId::new(9));

fn rows() -> Vec<Row> {
    vec![
        bare_row(2, vec![1.0, 2.0]),
        row(3, vec![-1.0, 2.0]),
        row(4, vec![0.0, 2.0]),
        row(u128::MAX, vec![1.0, 0.0]),
    ]
}

/// The bytes of a segment.
pub(crate) fn encode(id: SegmentId, gallery: &GalleryDescriptor, rows: &[RowRef<'_>]) -> Vec<u8> {
    let directory = MemoryDirectory::default();
    let mut file = directory.create(NAME).unwrap();
    write_segment(&mut *file, id, gallery, rows).unwrap();
    directory.content(NAME)
}

fn file(rows: &[Row]) -> Vec<u8> {
    let rows: Vec<_> = rows.iter().map(|row| row.as_ref(Lsn::new(6))).collect();
    let dim = rows.first().map_or(2, |row| row.embedding.len());
    encode(SegmentId::new(9), &descriptor(3, "g", dim), &rows)
}

/// The same of a gallery of halves, with its rows as it keeps them.
fn half_file(rows: &[Row]) -> (Vec<u8>, Vec<Row>) {
    let round = |row: &Row| {
        let embedding = row.embedding.clone().rounded(Precision::Half);
        Row { embedding, ..row.clone() }
    };
    let kept: Vec<Row> = rows.iter().map(round).collect();
    let refs: Vec<_> = kept.iter().map(|row| row.as_ref(Lsn::new(6))).collect();
    let dim = rows.first().map_or(2, |row| row.embedding.dim().get());
    (encode(SegmentId::new(9), &half_descriptor(3, "g", dim), &refs), kept)
}

fn open(bytes: &[u8]) -> Result<Segment, Corruption> {
    Segment::open(Mapping::of_bytes(bytes), "s".into())
}

fn faults(segment: &Segment) -> Vec<Corruption> {
    let mut faults = Vec::new();
    segment.verify(|fault| faults.push(fault));
    faults
}

/// The file with right checksums, whatever it says.
/// None where there is no header to say where they go.
pub(crate) fn resealed(bytes: &[u8]) -> Option<Vec<u8>> {
    let header = SegmentHeader::decode(bytes).ok()?;
    let mut bytes = bytes[..header.checksums as usize].to_vec();
    let list: Vec<u8> = bytes
        .chunks(BLOCK_BYTES)
        .flat_map(|block| Checksum::of(block).get().to_le_bytes())
        .collect();
    bytes.extend_from_slice(&list);
    bytes.extend_from_slice(&Checksum::of(&list).get().to_le_bytes());
    Some(bytes)
}

/// The file with a header changed by `edit`, and everything after it as it was.
fn with_header(bytes: &[u8], edit: impl FnOnce(&mut SegmentHeader)) -> Vec<u8> {
    let mut header = SegmentHeader::decode(bytes).unwrap();
    edit(&mut header);
    let head = header.encode();
    [&*head, &bytes[head.len()..]].concat()
}

#[test]
fn rows_are_read_back_with_and_without_optional_fields() {
    let segment = open(&file(&rows())).unwrap();
    assert_eq!(faults(&segment), []);
    assert_eq!((segment.row_count(), segment.id().get(), segment.gallery().get()), (4, 9, 3));
    for (at, row) in rows().iter().enumerate() {
        let read = segment.row(RowOrdinal::new(at as u32)).unwrap();
        assert_eq!((read.to_row(), read.lsn), (Ok(row.clone()), Lsn::new(6)));
    }
    let beyond = segment.row(RowOrdinal::new(4)).unwrap_err();
    assert_eq!(beyond.what, "row 4 is not there");
    let empty = open(&file(&[])).unwrap();
    assert_eq!(faults(&empty), []);
    assert_eq!((empty.row_count(), empty.find(TemplateId::new(1)).unwrap()), (0, None));
}

#[test]
fn a_segment_of_many_blocks_is_read_back() {
    let rows: Vec<Row> = (0..20_000).map(|id| row(id, vec![1.0, id as f32])).collect();
    let bytes = file(&rows);
    assert!(bytes.len() > 2 << 20, "more than the writer buffers");
    let segment = open(&bytes).unwrap();
    assert_eq!(faults(&segment), []);
    for (at, row) in rows.iter().enumerate() {
        let read = segment.row(RowOrdinal::new(at as u32)).unwrap();
        assert_eq!(read.to_row().as_ref(), Ok(row));
    }
    assert_eq!(segment.file_bytes(), bytes.len() as u64);
    assert_eq!(segment.checksum(), Checksum::of(&bytes));
}

#[test]
fn halves_are_read_back_in_half_of_the_bytes_and_merge_unchanged() {
    for dim in [3, 65, 96] {
        let rows: Vec<Row> = (0..40)
            .map(|id| row(id, (0..dim).map(|at| (at as f32 - 1.3 * id as f32).sin()).collect()))
            .collect();
        let (bytes, kept) = half_file(&rows);
        assert!(rows.iter().zip(&kept).all(|(row, kept)| row != kept), "rounding does something");
        let (half, single) = (open(&bytes).unwrap(), open(&file(&rows)).unwrap());
        assert_eq!(faults(&half), []);
        assert_eq!((half.precision(), single.precision()), (Precision::Half, Precision::Single));
        assert_eq!((half.dim(), half.has_codes()), (single.dim(), dim >= 64));
        assert_eq!((half.embedding_bytes(), single.embedding_bytes()), (2 * dim, 4 * dim));
        let section = SegmentHeader::decode(&bytes).unwrap().sections[1];
        assert_eq!((section.offset % 64, section.length), (0, 40 * 2 * dim as u64));
        let read: Vec<_> = (0..40).map(|at| half.row(RowOrdinal::new(at)).unwrap()).collect();
        for ((read, kept), at) in read.iter().zip(&kept).zip(0..) {
            assert_eq!(read.to_row().as_ref(), Ok(kept));
            let first = section.offset as usize + at * 2 * dim;
            let stored = u16::from_le_bytes([bytes[first], bytes[first + 1]]);
            let value = crate::half::widen(stored).to_bits();
            assert_eq!(value, kept.embedding.as_slice()[0].to_bits());
        }
        // A merge reads halves and writes them.
        assert_eq!(encode(SegmentId::new(9), &half_descriptor(3, "g", dim), &read), bytes);
    }
}

/// Rows of which two have a thumbnail.
fn pictured_rows() -> Vec<Row> {
    let [first, second, third, last] = rows().try_into().unwrap();
    vec![with_thumbnail(first, 300), second, with_thumbnail(third, 1), last]
}

#[test]
fn thumbnails_stand_behind_everything_else_and_merge_unchanged() {
    let (bytes, rows) = (file(&pictured_rows()), pictured_rows());
    let header = SegmentHeader::decode(&bytes).unwrap();
    assert_eq!(
        (header.version, header.sections[6].length, header.sections[7].length),
        (3, 32, 301)
    );
    let segment = open(&bytes).unwrap();
    assert_eq!(faults(&segment), []);
    let read: Vec<_> = (0..4).map(|at| segment.row(RowOrdinal::new(at)).unwrap()).collect();
    for (read, row) in read.iter().zip(&rows) {
        assert_eq!(read.to_row().as_ref(), Ok(row));
    }
    let rows = read.as_slice();
    assert_eq!(encode(SegmentId::new(9), &descriptor(3, "g", 2), rows), bytes);
    let bare: Vec<_> = rows.iter().map(|row| RowRef { thumbnail: None, ..*row }).collect();
    let bare = encode(SegmentId::new(9), &descriptor(3, "g", 2), &bare);
    assert_eq!(SegmentHeader::decode(&bare).unwrap().version, 2);
    assert_eq!(bare, file(&self::rows()), "as if there were no thumbnails in the world");
}

#[test]
fn thumbnails_that_cannot_be_are_found_by_a_verification_and_by_whoever_reads_them() {
    let none = |bytes: &[u8], row: u32| {
        let segment = open(&resealed(bytes).unwrap()).unwrap();
        let what = format!("row {row} has a thumbnail that is none");
        assert_eq!(faults(&segment)[0].what, what);
        let read = segment.row(RowOrdinal::new(row)).unwrap();
        assert_eq!(read.thumbnail.unwrap().bytes().unwrap_err().what, what);
        assert_eq!(read.thumbnail.unwrap().length().unwrap_err().what, what);
    };
    let large = with_thumbnail(bare_row(1, vec![1.0, 2.0]), THUMBNAIL_BYTES_MAX);
    let bytes = file(&[large, with_thumbnail(bare_row(2, vec![1.0, 2.0]), 9)]);
    let ends = SegmentHeader::decode(&bytes).unwrap().sections[6].offset as usize;
    // Empty, larger than allowed, beyond the section.
    for end in [0, THUMBNAIL_BYTES_MAX as u64 + 1, u64::MAX] {
        let mut damaged = bytes.clone();
        damaged[ends..ends + 8].copy_from_slice(&end.to_le_bytes());
        none(&damaged, 0);
    }
    let mut damaged = bytes.clone();
    damaged[ends + 8..ends + 16].copy_from_slice(&7u64.to_le_bytes());
    none(&damaged, 1);
    // A row says that it has one, in a segment that has none.
    let mut bytes = file(&rows());
    let fixed = SegmentHeader::decode(&bytes).unwrap().sections[3].offset as usize;
    bytes[fixed + 40] |= 1 << 7;
    none(&bytes, 0);
}

#[test]
fn rows_are_found_by_identity() {
    let segment = open(&file(&rows())).unwrap();
    let find = |id| segment.find(TemplateId::new(id)).unwrap().map(RowOrdinal::get);
    assert_eq!([find(0), find(2), find(5), find(u128::MAX)], [None, Some(0), None, Some(3)]);
    let after = |id| segment.first_after(Some(TemplateId::new(id))).unwrap().get();
    assert_eq!([after(0), after(2), after(5), after(u128::MAX)], [0, 1, 3, 4]);
}

#[test]
fn every_changed_byte_is_found_by_whoever_reads_it() {
    let bytes = file(&rows());
    let checksums = SegmentHeader::decode(&bytes).unwrap().checksums as usize;
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x40;
        let segment = match open(&damaged) {
            Ok(segment) => segment,
            Err(fault) => {
                assert_eq!(fault.file.to_str(), Some("s"), "byte {at}");
                continue;
            }
        };
        let block = (at / BLOCK_BYTES * BLOCK_BYTES) as u64;
        assert!(at < checksums, "byte {at} of the checksums");
        assert_eq!(faults(&segment)[0].offset, block, "byte {at}");
        assert_eq!(segment.row(RowOrdinal::new(0)).unwrap_err().offset, block, "byte {at}");
        assert_eq!(segment.find(TemplateId::new(3)).unwrap_err().offset, block, "byte {at}");
        assert_eq!(segment.embedding(RowOrdinal::new(1)).unwrap_err().offset, block, "byte {at}");
    }
}

#[test]
fn a_missing_or_additional_byte_is_found() {
    let bytes = file(&rows());
    for length in 0..bytes.len() {
        assert!(open(&bytes[..length]).is_err(), "{length} bytes");
    }
    let what = open(&[&*bytes, &[0]].concat()).unwrap_err().what;
    assert!(what.contains("instead of"), "{what}");
}

#[test]
fn damage_far_away_does_not_hinder_a_reader() {
    let rows: Vec<Row> = (0..2000).map(|id| row(id, vec![1.0, id as f32])).collect();
    let mut bytes = file(&rows);
    let embeddings = SegmentHeader::decode(&bytes).unwrap().sections[1];
    let at = (embeddings.offset + embeddings.length / 2) as usize;
    bytes[at] ^= 1;
    let segment = open(&bytes).unwrap();
    assert_eq!(segment.row(RowOrdinal::new(0)).unwrap().to_row().as_ref(), Ok(&rows[0]));
    let fault = segment.row(RowOrdinal::new(1000)).unwrap_err();
    assert_eq!(fault.offset, (at / BLOCK_BYTES * BLOCK_BYTES) as u64);
    assert_eq!(faults(&segment), [fault]);
}

#[test]
fn rows_out_of_order_are_found_by_a_verification() {
    let mut rows = rows();
    rows.swap(0, 1);
    let found = faults(&open(&file(&rows)).unwrap());
    assert_eq!(found[0].what, "row 1 is out of order");
}

#[test]
fn text_ends_that_decrease_or_leave_the_section_give_no_row() {
    let bytes = file(&rows());
    let ends = SegmentHeader::decode(&bytes).unwrap().sections[4].offset as usize;
    for hostile in [0u64, 1 << 40, u64::MAX] {
        let mut damaged = bytes.clone();
        damaged[ends + 32 + 24..ends + 64].copy_from_slice(&hostile.to_le_bytes());
        let segment = open(&resealed(&damaged).unwrap()).unwrap();
        let what = segment.row(RowOrdinal::new(1)).unwrap_err().what;
        assert_eq!(what, "row 1 has a text that is none", "an end of {hostile}");
    }
}

#[test]
fn an_embedding_that_is_none_is_found_by_a_verification() {
    let mut bytes = file(&rows());
    let embeddings = SegmentHeader::decode(&bytes).unwrap().sections[1].offset as usize;
    bytes[embeddings..embeddings + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    let found = faults(&open(&resealed(&bytes).unwrap()).unwrap());
    assert_eq!(found[0].what, "row 0 has an embedding that is not of length 1");
    for hostile in [0x7E00u16, 0x7C00, 0xFC00, 0x3C00] {
        let (mut bytes, _) = half_file(&rows());
        let embeddings = SegmentHeader::decode(&bytes).unwrap().sections[1].offset as usize;
        bytes[embeddings..embeddings + 2].copy_from_slice(&hostile.to_le_bytes());
        let found = faults(&open(&resealed(&bytes).unwrap()).unwrap());
        assert_eq!(found[0].what, "row 0 has an embedding that is not of length 1", "{hostile:x}");
    }
}

#[test]
fn codes_that_are_not_those_of_the_rows_are_found_by_a_verification() {
    let rows: Vec<Row> = (0..40).map(|id| row(id, wide(id))).collect();
    let bytes = file(&rows);
    let segment = open(&bytes).unwrap();
    assert!(segment.has_codes() && !segment.is_outdated());
    assert_eq!(segment.code_bytes(), 3 * (3 * 64 + 3 * 64 + 16 * 20));
    assert_eq!(faults(&segment), []);
    let codes = SegmentHeader::decode(&bytes).unwrap().sections[0];
    for at in [0, codes.length / 2, codes.length - 1] {
        let mut damaged = bytes.clone();
        damaged[(codes.offset + at) as usize] ^= 1;
        let segment = open(&resealed(&damaged).unwrap()).unwrap();
        segment.verify_written(|fault| panic!("codes are taken as they are: {fault}"));
        let found = faults(&segment);
        assert_eq!(found.len(), 1, "byte {at}");
        assert_eq!(found[0].what, "the codes of the rows from 0 on are not theirs");
    }
}

#[test]
fn codes_are_where_the_document_says() {
    let rows: Vec<Row> = (0..40).map(|id| row(id, wide(id))).collect();
    let segment = open(&file(&rows)).unwrap();
    let planes: Vec<&[u8]> =
        (0..2).map(|plane| segment.codes(0, plane, 0, &[0, 1, 2]).unwrap()).collect();
    let refinements = segment.refinements(0).unwrap();
    let all = planes.iter().map(|plane| plane.len()).sum::<usize>() + refinements.len();
    assert_eq!(all as u64, segment.code_bytes());
    let part = segment.codes(0, 1, 1, &[0]).unwrap();
    assert_eq!(part, &planes[1][part.len()..2 * part.len()]);
    // The padding of the last group has neither bits nor factors.
    let (columns, factors) = segment.codes(0, 1, 2, &[0]).unwrap().split_at(8 * 16);
    for (of_rows, parts) in [(8, columns.chunks_exact(16)), (32, factors.chunks_exact(64))] {
        for part in parts {
            assert!(part[..of_rows].iter().any(|byte| *byte != 0));
            assert!(part[of_rows..].iter().all(|byte| *byte == 0));
        }
    }
    for (row, refinement) in refinements.chunks(refinements.len() / 48).enumerate() {
        assert_eq!(refinement.iter().any(|byte| *byte != 0), row < 40);
    }
    for (extent, plane, groups) in [(1, 0, [0]), (0, 2, [0]), (0, 0, [3])] {
        assert!(segment.codes(extent, plane, 0, &groups).is_err());
    }
    assert!(segment.refinements(1).is_err());
}

/// An embedding that is long enough to be coded.
fn wide(id: u128) -> Vec<f32> {
    (0..64).map(|at| ((at * 7 + id as u64 * 13) % 31) as f32 - 15.0).collect()
}

#[test]
fn a_header_that_does_not_fit_its_file_is_refused() {
    let bytes = file(&rows());
    let refused = |edit: fn(&mut SegmentHeader)| open(&with_header(&bytes, edit)).unwrap_err().what;
    let beyond = refused(|header| header.sections[5].length = u64::MAX);
    assert!(beyond.contains("beyond the end"), "{beyond}");
    let moved = refused(|header| header.sections[0].offset += 64);
    assert!(moved.contains("does not follow"), "{moved}");
    let rows = refused(|header| header.rows = u32::MAX);
    assert!(rows.contains("more than allowed"), "{rows}");
    let rows = refused(|header| header.rows += 1);
    assert!(rows.contains("does not hold 5 rows"), "{rows}");
    let halves = refused(|header| header.precision = Precision::Half);
    assert!(halves.contains("Embeddings does not hold 4 rows"), "{halves}");
    let checksums = refused(|header| header.checksums += 64);
    assert!(checksums.contains("do not follow"), "{checksums}");
    assert_eq!(CHECKSUM_BYTES, size_of::<Checksum>());
}

#[test]
fn an_unknown_version_is_refused_with_advice() {
    let bytes = file(&rows());
    let length = SegmentHeader::decode(&bytes).unwrap().length();
    let mut newer = bytes[..length - 4].to_vec();
    newer[8] = 4;
    let checksum = Checksum::of(&newer);
    newer.extend_from_slice(&checksum.get().to_le_bytes());
    let what = open(&newer).unwrap_err().what;
    assert!(what.contains("version 4 is unknown") && what.contains("release"), "{what}");
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(open(&bytes).is_err());
        prop_assert!(Tombstones::decode(&bytes, SegmentId::new(1), 9).is_err());
        let mut headed = SEGMENT_MAGIC.to_vec();
        headed.extend_from_slice(&bytes);
        prop_assert!(open(&headed).is_err());
    }

    /// Right checksums over wrong content: what a writer with a fault would leave.
    #[test]
    fn forged_content_never_panics(
        kind in 0..3,
        edits in prop::collection::vec((160usize..1200, any::<u8>()), 1..20),
    ) {
        let mut bytes = match kind {
            0 => half_file(&rows()).0,
            1 => file(&pictured_rows()),
            _ => file(&rows()),
        };
        for (at, value) in edits {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        if let Some(bytes) = resealed(&bytes) {
            let segment = open(&bytes).unwrap();
            faults(&segment);
            for row in 0..5 {
                let _ = segment.row(RowOrdinal::new(row)).and_then(|row| row.to_row());
            }
        }
    }
}

#[test]
fn seeking_forward_finds_what_looking_everywhere_finds() {
    let ids: Vec<u128> = (0..50).map(|n| n * n).collect();
    let rows: Vec<Row> = ids.iter().map(|&id| bare_row(id, vec![1.0, 2.0])).collect();
    let segment = open(&file(&rows)).unwrap();
    for id in 0..2500 {
        let expected = ids.partition_point(|&found| found < id) as u32;
        for from in [0, expected / 2, expected.saturating_sub(1), expected] {
            let found = segment.seek(RowOrdinal::new(from), TemplateId::new(id)).unwrap();
            assert_eq!(found.get(), expected, "{id} from row {from}");
        }
    }
    assert_eq!(segment.lsn_at(RowOrdinal::new(7)), Ok(Lsn::new(6)));
    assert!(segment.lsn_at(RowOrdinal::new(50)).is_err());
}
