//! Sealed, immutable, memory-mapped files of the rows of one gallery and one model.
//!
//! Bytes: `docs/format.md`.

mod builder;
mod format;
mod reader;
mod tombstones;

#[cfg(test)]
pub(crate) use format::MAGIC as SEGMENT_MAGIC;
#[cfg(test)]
pub(crate) use tombstones::MAGIC as TOMBSTONE_MAGIC;

/// Numbers of the layout in the order of the format document.
#[cfg(test)]
pub(crate) const LAYOUT: [usize; 8] = [
    format::FORMAT_VERSION as usize,
    format::HEADER_BYTES_MAX,
    format::SECTION_ALIGNMENT,
    format::SECTION_ENTRY_BYTES,
    format::ID_BYTES,
    format::FIXED_BYTES,
    format::ENDS_BYTES,
    tombstones::FORMAT_VERSION as usize,
];

pub(crate) use builder::encode_segment;
pub(crate) use reader::Segment;
pub(crate) use tombstones::Tombstones;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::format::{SECTION_ALIGNMENT, SegmentHeader};
    use super::*;
    use crate::checksum::Checksum;
    use crate::id::{Lsn, RowOrdinal, SegmentId, TemplateId};
    use crate::io::Mapping;
    use crate::row::Row;
    use crate::row::tests::{bare_row, descriptor, row};

    fn rows() -> Vec<Row> {
        vec![
            bare_row(2, vec![1.0, 2.0]),
            row(3, vec![-1.0, 2.0]),
            row(4, vec![0.0, 2.0]),
            row(u128::MAX, vec![1.0, 0.0]),
        ]
    }

    fn file(rows: &[Row]) -> Vec<u8> {
        let rows: Vec<_> = rows.iter().map(|row| row.as_ref(Lsn::new(6))).collect();
        encode_segment(SegmentId::new(9), &descriptor(3, "g", 2), rows.into_iter())
    }

    fn open(bytes: &[u8]) -> Result<Segment, crate::codec::DecodeError> {
        Segment::open(Mapping::of_bytes(bytes).unwrap())
    }

    /// The file with a header changed by `edit` and sealed again.
    fn with_header(bytes: &[u8], edit: impl FnOnce(&mut SegmentHeader)) -> Vec<u8> {
        let mut header = SegmentHeader::decode(bytes).unwrap();
        edit(&mut header);
        let head = header.encode();
        [&*head, &bytes[head.len()..]].concat()
    }

    #[test]
    fn rows_are_read_back_with_and_without_optional_fields() {
        let segment = open(&file(&rows())).unwrap();
        segment.verify().unwrap();
        assert_eq!((segment.row_count(), segment.id().get(), segment.gallery().get()), (4, 9, 3));
        for (at, row) in rows().iter().enumerate() {
            let read = segment.row(RowOrdinal::new(at as u32)).unwrap();
            assert_eq!((read.to_row(), read.lsn), (row.clone(), Lsn::new(6)));
        }
        assert!(segment.row(RowOrdinal::new(4)).is_none());
        let empty = open(&file(&[])).unwrap();
        empty.verify().unwrap();
        assert_eq!((empty.row_count(), empty.find(TemplateId::new(1))), (0, None));
    }

    #[test]
    fn rows_are_found_by_identity() {
        let segment = open(&file(&rows())).unwrap();
        let find = |id| segment.find(TemplateId::new(id)).map(RowOrdinal::get);
        assert_eq!([find(0), find(2), find(5), find(u128::MAX)], [None, Some(0), None, Some(3)]);
        let after = |id| segment.first_after(Some(TemplateId::new(id))).get();
        assert_eq!([after(0), after(2), after(5), after(u128::MAX)], [0, 1, 3, 4]);
    }

    #[test]
    fn a_verification_finds_damage_in_each_section() {
        let bytes = file(&rows());
        let header = SegmentHeader::decode(&bytes).unwrap();
        for (at, section) in header.sections.iter().enumerate() {
            assert!(section.length > 0, "section {at} has something to damage");
            for byte in section.offset..section.offset + section.length {
                let mut damaged = bytes.clone();
                damaged[byte as usize] ^= 0x40;
                let segment = open(&damaged).unwrap();
                assert_eq!(segment.verify().unwrap_err().offset, section.offset, "byte {byte}");
                // Reading may show damage, but must not fail on it.
                for row in 0..5 {
                    let _ = segment.row(RowOrdinal::new(row)).map(|row| row.to_row());
                }
            }
        }
    }

    #[test]
    fn rows_out_of_order_are_found_by_a_verification() {
        let mut rows = rows();
        rows.swap(0, 1);
        let fault = open(&file(&rows)).unwrap().verify().unwrap_err();
        assert_eq!(fault.what, "the rows are not in order");
    }

    #[test]
    fn text_ends_that_decrease_or_leave_the_section_give_no_row() {
        let bytes = file(&rows());
        let ends = SegmentHeader::decode(&bytes).unwrap().sections[3].offset as usize;
        for hostile in [0u64, 1 << 40, u64::MAX] {
            let mut damaged = bytes.clone();
            damaged[ends + 32 + 24..ends + 64].copy_from_slice(&hostile.to_le_bytes());
            let segment = open(&damaged).unwrap();
            assert!(segment.row(RowOrdinal::new(1)).is_none(), "an end of {hostile}");
        }
    }

    #[test]
    fn a_header_that_does_not_fit_its_file_is_refused() {
        let bytes = file(&rows());
        let refused = |edit: fn(&mut SegmentHeader)| {
            open(&with_header(&bytes, edit)).map(drop).unwrap_err().what
        };
        let beyond = refused(|header| header.sections[4].offset = !63);
        assert!(beyond.contains("beyond the end"), "{beyond}");
        let aligned = refused(|header| header.sections[0].offset += 4);
        assert!(aligned.contains("not aligned"), "{aligned}");
        let rows = refused(|header| header.rows = u32::MAX);
        assert!(rows.contains("more than allowed"), "{rows}");
        let rows = refused(|header| header.rows += 1);
        assert!(rows.contains("does not hold 5 rows"), "{rows}");
        assert_eq!(SECTION_ALIGNMENT, 64);
    }

    #[test]
    fn every_changed_byte_of_the_header_is_found() {
        let bytes = file(&rows());
        let length = SegmentHeader::decode(&bytes).unwrap().length();
        for at in 0..length {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(open(&damaged).is_err(), "byte {at}");
        }
        let mut newer = bytes[..length - 4].to_vec();
        newer[8] = 2;
        let checksum = Checksum::of(&newer);
        newer.extend_from_slice(&checksum.get().to_le_bytes());
        let what = open(&newer).map(drop).unwrap_err().what;
        assert!(what.contains("version 2 is unknown") && what.contains("release"), "{what}");
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
    }
}
