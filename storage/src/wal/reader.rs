//! Replaying the log, and telling a torn tail from damage.

use std::collections::VecDeque;

use super::record::{FRAME_BYTES, NOTE_BYTES, WalRecord};
use super::{FORMAT_VERSION, HEADER_BYTES, MAGIC};
use crate::checksum::Checksum;
use crate::codec::{Cursor, DecodeError};
use crate::id::{LogSeq, Lsn};

/// Where a log file ends, and what a writer needs to go on there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogEnd {
    /// The salt of the file's checksums.
    pub(crate) salt: u64,
    /// Bytes of the file that are header and whole records; none where the header is not whole.
    pub(crate) valid_bytes: usize,
    /// Those of them that the file itself proves to be on disk: a record or note says that a
    /// batch was durable, and so was everything up to the end of its record.
    pub(crate) proven_bytes: usize,
    /// Bytes of an unfinished write behind them, up to the last that is not zero.
    pub(crate) torn_bytes: usize,
    /// The LSN of the last record.
    pub(crate) last: Lsn,
    /// Whether the file itself says that its last record is durable, or has none.
    pub(crate) is_noted: bool,
}

/// The records of one log file, decoded one by one: a log may be large.
#[derive(Debug)]
pub(crate) struct LogReader<'a> {
    /// The file.
    bytes: &'a [u8],
    is_last: bool,
    /// Whether the end of the file, or damage, was found.
    is_over: bool,
    end: LogEnd,
    /// The records whose ends nothing has proven so far: LSN and end of each.
    unproven: VecDeque<(Lsn, usize)>,
    /// Where the last record begins.
    record_at: usize,
}

impl<'a> LogReader<'a> {
    /// Reads the log file `seq`, whose first record must have LSN `first`. In the last file of
    /// the log a torn tail ends the records; anywhere else it is an error.
    pub(crate) fn open(
        bytes: &'a [u8],
        seq: LogSeq,
        first: Lsn,
        is_last: bool,
    ) -> Result<Self, DecodeError> {
        let last = Lsn::new(first.get().saturating_sub(1));
        let checked = LogHeader::decode(bytes).and_then(|header| {
            header.expect(seq, first)?;
            Ok(header.salt)
        });
        let (salt, valid_bytes, torn_bytes) = match checked {
            Ok(salt) => (salt, HEADER_BYTES, 0),
            // A crash while the file was created: no record can have followed.
            Err(_) if is_last && bytes.len() <= HEADER_BYTES && !is_whole_header(bytes) => {
                (0, 0, bytes.len())
            }
            Err(fault) => return Err(fault),
        };
        let end = LogEnd { salt, valid_bytes, proven_bytes: 0, torn_bytes, last, is_noted: true };
        let (is_over, unproven) = (valid_bytes == 0, VecDeque::new());
        Ok(Self { bytes, is_last, is_over, end, unproven, record_at: valid_bytes })
    }

    /// Where the last record that was read begins.
    pub(crate) fn record_offset(&self) -> u64 {
        self.record_at as u64
    }

    /// Goes on behind damage, at the next whole record; false where there is none.
    pub(crate) fn skip_damage(&mut self) -> bool {
        let LogEnd { salt, valid_bytes, last, .. } = self.end;
        let rest = self.bytes.get(valid_bytes..).unwrap_or_default();
        let last_lsn = last.get().saturating_add((rest.len() / NOTE_BYTES) as u64);
        let found = (1..written(rest)).find_map(|at| {
            let behind = rest.get(at..)?;
            is_plausible(behind, salt, 0, last_lsn).then_some(())?;
            let mut cursor = Cursor::new(WalRecord::body(behind, salt).ok()?);
            let (lsn, synced) = (cursor.u64().ok()?, cursor.u64().ok()?);
            let before = if lsn == synced { lsn } else { lsn.checked_sub(1)? };
            (lsn > last.get() || lsn == synced).then_some((at, Lsn::new(before)))
        });
        if let Some((at, before)) = found {
            self.end.valid_bytes += at;
            self.end.last = before;
            self.is_over = false;
        }
        found.is_some()
    }

    /// Where the file ends, once every record was read.
    pub(crate) fn end(&self) -> LogEnd {
        self.end
    }

    /// Takes in that a record or note says that everything up to `synced` is durable. The header
    /// was so before anything followed it.
    fn prove(&mut self, synced: Lsn) {
        self.end.proven_bytes = self.end.proven_bytes.max(HEADER_BYTES);
        while let Some((_, end)) = self.unproven.pop_front_if(|(lsn, _)| *lsn <= synced) {
            self.end.proven_bytes = end;
        }
    }

    /// Ends the file where no record stands in front of `rest`, or says what is damaged.
    fn stop(&mut self, rest: &[u8], broken: Broken) -> Option<DecodeError> {
        self.is_over = true;
        match broken {
            Broken::Unfinished(_)
                if self.is_last && !was_durable(rest, self.end.salt, self.end.last.next()) =>
            {
                self.end.torn_bytes = written(rest);
                None
            }
            Broken::Unfinished(fault) | Broken::Unreadable(fault) => {
                let offset = fault.offset + self.end.valid_bytes as u64;
                Some(DecodeError { offset, what: fault.what })
            }
        }
    }
}

impl Iterator for LogReader<'_> {
    type Item = Result<WalRecord, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over {
            let rest = self.bytes.get(self.end.valid_bytes..).filter(|rest| !rest.is_empty())?;
            let (record, length) = match next_record(rest, self.end.salt, self.end.last) {
                Ok(found) => found,
                Err(broken) => return self.stop(rest, broken).map(Err),
            };
            self.record_at = self.end.valid_bytes;
            self.end.valid_bytes += length;
            self.end.is_noted = record.is_note();
            self.end.last = record.lsn;
            self.prove(record.synced);
            if !record.is_note() {
                self.unproven.push_back((record.lsn, self.end.valid_bytes));
                return Some(Ok(record));
            }
        }
        None
    }
}

/// Whether a header was written to its end, whatever it says.
fn is_whole_header(bytes: &[u8]) -> bool {
    let header = bytes.get(..HEADER_BYTES).and_then(<[u8]>::split_last_chunk::<4>);
    header.is_some_and(|(covered, stored)| {
        covered.starts_with(&MAGIC)
            && Checksum::of(covered) == Checksum::from_stored(u32::from_le_bytes(*stored))
    })
}

/// What a log file says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogHeader {
    pub(crate) seq: LogSeq,
    /// The LSN of the first record.
    pub(crate) first: Lsn,
    salt: u64,
}

impl LogHeader {
    /// Reads and checks the header of a log file.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        let header = cursor.bytes(HEADER_BYTES)?;
        let mut cursor = Cursor::new(header);
        if cursor.bytes(MAGIC.len())? != MAGIC {
            return Err(DecodeError { offset: 0, what: "this is no log file".into() });
        }
        let version = cursor.u32()?;
        if version != FORMAT_VERSION {
            return Err(cursor.fault(format!(
                "log format version {version} is unknown, this build knows {FORMAT_VERSION}; \
                 open the store with the release that wrote it"
            )));
        }
        let (seq, first) = (LogSeq::new(cursor.u64()?), Lsn::new(cursor.u64()?));
        let salt = cursor.u64()?;
        let checked = header.get(..HEADER_BYTES - 4).unwrap_or_default();
        if Checksum::of(checked) != Checksum::from_stored(cursor.u32()?) {
            let what = "the checksum of the header differs".into();
            return Err(DecodeError { offset: 0, what });
        }
        Ok(Self { seq, first, salt })
    }

    /// Refuses the header of another file.
    fn expect(&self, seq: LogSeq, first: Lsn) -> Result<(), DecodeError> {
        if (self.seq, self.first) == (seq, first) {
            return Ok(());
        }
        let what = format!(
            "log {} from LSN {} stands where log {seq} from LSN {first} should",
            self.seq, self.first
        );
        Err(DecodeError { offset: 0, what })
    }
}

/// Why there is no record where one was expected.
enum Broken {
    /// Bytes that a write which never finished may leave.
    Unfinished(DecodeError),
    /// A whole record, in its place, with content that this build cannot read.
    Unreadable(DecodeError),
}

/// Reads the record, or the note, that follows the record with LSN `last`.
fn next_record(rest: &[u8], salt: u64, last: Lsn) -> Result<(WalRecord, usize), Broken> {
    let body = WalRecord::body(rest, salt).map_err(Broken::Unfinished)?;
    let mut cursor = Cursor::new(body);
    let mut lsn = || cursor.u64().map(Lsn::new).map_err(Broken::Unfinished);
    let (found, synced) = (lsn()?, lsn()?);
    let is_note = found == synced;
    let expected = if is_note { last } else { last.next() };
    if found != expected {
        let what = format!("LSN {found} stands where LSN {expected} should");
        return Err(Broken::Unfinished(DecodeError { offset: 0, what }));
    }
    let record = WalRecord::decode(body).map_err(Broken::Unreadable)?;
    if synced > found || is_note != record.is_note() {
        let what = format!("the batch with LSN {found} claims to be older than itself");
        return Err(Broken::Unreadable(DecodeError { offset: 0, what }));
    }
    Ok((record, FRAME_BYTES + body.len()))
}

/// Whether some whole record in `rest`, which starts with none that fits, was written when LSN
/// `lsn` was durable already: then the fault is damage. Otherwise it is an unfinished write.
fn was_durable(rest: &[u8], salt: u64, lsn: Lsn) -> bool {
    // A record takes some bytes, so only so many fit.
    let last = lsn.get().saturating_add((rest.len() / NOTE_BYTES) as u64);
    (0..written(rest)).any(|at| {
        let behind = rest.get(at..).unwrap_or_default();
        is_plausible(behind, salt, lsn.get(), last) && WalRecord::body(behind, salt).is_ok()
    })
}

/// How many bytes were written of what follows the last record; the zeros at the end are reserved.
fn written(rest: &[u8]) -> usize {
    rest.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1)
}

/// Whether the frame and the numbers of a record up to `last` that knew `lsn` durable, or of such
/// a note, may stand here.
fn is_plausible(bytes: &[u8], salt: u64, lsn: u64, last: u64) -> bool {
    let in_order = |(found, synced): (u64, u64)| lsn <= synced && synced <= found && found <= last;
    let length = Cursor::new(bytes).u32().unwrap_or(u32::MAX);
    // Most places fall here. Only heads that were written under this file's salt are left to the
    // checksum of a whole body: a client cannot make the search long.
    length as usize <= bytes.len() && WalRecord::head(bytes, salt).is_some_and(in_order)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::change::Change;
    use crate::id::GalleryId;
    use crate::row::tests::bare_row;

    const SEQ: LogSeq = LogSeq::new(3);
    const FIRST: Lsn = Lsn::new(11);
    const SALT: u64 = 0x5a17;

    fn header() -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&SEQ.get().to_le_bytes());
        bytes.extend_from_slice(&FIRST.get().to_le_bytes());
        bytes.extend_from_slice(&SALT.to_le_bytes());
        let checksum = Checksum::of(&bytes);
        bytes.extend_from_slice(&checksum.get().to_le_bytes());
        bytes
    }

    fn record_of(change: Change, lsn: u64, synced: u64, salt: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        WalRecord { lsn: Lsn::new(lsn), synced: Lsn::new(synced), changes: vec![change] }
            .encode_into(salt, &mut bytes);
        bytes
    }

    fn record(lsn: u64, synced: u64) -> Vec<u8> {
        record_of(Change::DropGallery(GalleryId::new(lsn)), lsn, synced, SALT)
    }

    /// The LSNs in a log file, and where it ends.
    fn read_file(
        bytes: &[u8],
        first: Lsn,
        is_last: bool,
    ) -> Result<(Vec<u64>, LogEnd), DecodeError> {
        let mut log = LogReader::open(bytes, SEQ, first, is_last)?;
        let lsns = log.by_ref().map(|record| Ok(record?.lsn.get())).collect::<Result<_, _>>()?;
        Ok((lsns, log.end()))
    }

    /// The LSNs of a last log file with this behind its header, and the bytes cut off.
    fn read(tail: &[u8]) -> Result<(Vec<u64>, usize), DecodeError> {
        let bytes = [&*header(), tail].concat();
        let (lsns, end) = read_file(&bytes, FIRST, true)?;
        assert_eq!(end.salt, SALT);
        Ok((lsns, bytes.len() - end.valid_bytes))
    }

    #[test]
    fn records_are_read_in_order_up_to_a_torn_tail() {
        let whole = [record(11, 10), record(12, 11), record(13, 12)].concat();
        assert_eq!(read(&whole), Ok((vec![11, 12, 13], 0)));
        let one = record(13, 12).len();
        assert_eq!(read(&whole[..whole.len() - 1]), Ok((vec![11, 12], one - 1)));
        assert_eq!(read(&[&*whole, [0; 500].as_slice()].concat()), Ok((vec![11, 12, 13], 500)));
    }

    #[test]
    fn zeros_behind_the_last_record_are_reserved_and_not_torn() {
        let group = [record(11, 10), record(12, 10)].concat();
        let torn = |tail: &[u8]| {
            let bytes = [&*header(), tail, &[0; 500]].concat();
            let (lsns, end) = read_file(&bytes, FIRST, true).unwrap();
            (lsns, end.torn_bytes)
        };
        assert_eq!(torn(&[]), (vec![], 0));
        assert_eq!(torn(&group), (vec![11, 12], 0));
        assert_eq!(torn(&[&*group, &[0, 7]].concat()), (vec![11, 12], 2));
        // A write of which only a later part reached the disk leaves zeros in front.
        let mut late = group.clone();
        let written = [&[0; 30], b"written".as_slice()].concat();
        late.splice(record(11, 10).len().., written);
        assert_eq!(torn(&late), (vec![11], 37));
    }

    #[test]
    fn a_log_that_is_not_the_last_has_no_torn_tail() {
        let bytes = [header(), record(11, 10), vec![0; 3]].concat();
        let fault = read_file(&bytes, FIRST, false).unwrap_err();
        assert_eq!(fault.offset, (HEADER_BYTES + record(11, 10).len()) as u64);
        assert!(read_file(&header()[..20], FIRST, false).is_err());
    }

    #[test]
    fn a_group_of_which_the_end_reached_the_disk_first_is_unfinished() {
        let mut group = [record(11, 10), record(12, 10), record(13, 10)].concat();
        group[9] ^= 1;
        assert_eq!(read(&group), Ok((vec![], group.len())));
    }

    #[test]
    fn a_fault_before_a_record_that_knew_it_durable_is_damage() {
        let mut two_groups = [record(11, 10), record(12, 10), record(13, 12)].concat();
        two_groups[9] ^= 1;
        assert_eq!(read(&two_groups).unwrap_err().offset, HEADER_BYTES as u64);
    }

    fn note(lsn: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        WalRecord::note(Lsn::new(lsn)).encode_into(SALT, &mut bytes);
        bytes
    }

    #[test]
    fn notes_are_no_records_and_each_names_the_record_before_it() {
        let noted = [note(10), record(11, 10), note(11), note(11), record(12, 11)].concat();
        assert_eq!(read(&noted), Ok((vec![11, 12], 0)));
        let bytes = [&*header(), &*noted, &*note(12)].concat();
        let is_noted = |bytes: &[u8]| read_file(bytes, FIRST, true).unwrap().1.is_noted;
        assert!(is_noted(&bytes));
        assert!(!is_noted(&bytes[..bytes.len() - note(12).len()]));
        // A note of a record that should stand before it, and does not.
        assert!(read(&note(11)).is_err());
        assert!(read(&[record(11, 10), note(12)].concat()).is_err());
        // An older note in this place is what no crash leaves, but it proves nothing.
        let stale = [record(11, 10), note(10)].concat();
        assert_eq!(read(&stale), Ok((vec![11], note(10).len())));
    }

    #[test]
    fn a_note_tells_damage_to_the_last_group_from_an_unfinished_write() {
        let group = [record(11, 10), record(12, 10)].concat();
        let noted = [&*group, &*note(12)].concat();
        for at in 0..noted.len() {
            let mut damaged = noted.clone();
            damaged[at] ^= 1;
            let read = read(&damaged);
            if at < group.len() {
                assert!(read.is_err(), "byte {at}: {read:?}");
            } else {
                assert_eq!(read, Ok((vec![11, 12], note(12).len())), "byte {at} of the note");
            }
        }
    }

    #[test]
    fn what_is_proven_to_be_on_disk_ends_with_the_last_record_said_to_be_durable() {
        let proven = |parts: &[Vec<u8>]| {
            let bytes = [&*header(), &*parts.concat()].concat();
            read_file(&bytes, FIRST, true).unwrap().1.proven_bytes
        };
        let one = record(11, 10).len();
        assert_eq!(proven(&[]), 0, "a crash may have come before the sync of the header");
        assert_eq!(proven(&[vec![7; 90]]), 0);
        assert_eq!(proven(&[record(11, 10), record(12, 10)]), HEADER_BYTES);
        let second_group = [record(11, 10), record(12, 10), record(13, 11), record(14, 11)];
        assert_eq!(proven(&second_group), HEADER_BYTES + one);
        // The note itself was not synced.
        assert_eq!(proven(&[record(11, 10), record(12, 10), note(12)]), HEADER_BYTES + 2 * one);
        let noted = [record(11, 10), note(11), record(12, 11), record(13, 12)];
        assert_eq!(proven(&noted), HEADER_BYTES + 2 * one + note(11).len());
    }

    #[test]
    fn a_note_of_the_group_before_proves_nothing_about_a_torn_group() {
        let mut torn = [record(11, 10), note(11), record(12, 11), record(13, 11)].concat();
        let whole = record(11, 10).len();
        torn[whole] ^= 1;
        assert_eq!(read(&torn), Ok((vec![11], torn.len() - whole)));
    }

    #[test]
    fn a_record_that_was_durable_before_it_was_written_is_damage() {
        assert!(read(&record(11, 11)).is_err());
        assert!(read(&record(11, 12)).is_err());
    }

    #[test]
    fn a_whole_record_that_cannot_be_read_is_damage_not_a_torn_tail() {
        let mut last = record(11, 10);
        last[FRAME_BYTES + 20] = 99;
        let checksum = Checksum::of_salted(SALT, &last[FRAME_BYTES..]);
        last[4..8].copy_from_slice(&checksum.get().to_le_bytes());
        let fault = read(&last).unwrap_err();
        assert_eq!(fault.what, "99 is no kind of operation");
        assert_eq!(fault.offset, (HEADER_BYTES + FRAME_BYTES + 20) as u64);
    }

    #[test]
    fn a_header_that_was_cut_short_is_an_empty_log_and_a_whole_one_is_believed() {
        for length in 0..HEADER_BYTES {
            let (lsns, end) = read_file(&header()[..length], FIRST, true).unwrap();
            assert_eq!((lsns.len(), end.valid_bytes), (0, 0));
        }
        assert_eq!(read_file(&[0; HEADER_BYTES], FIRST, true).unwrap().1.valid_bytes, 0);
        // The log before it lost its end: the header still tells.
        let fault = read_file(&header(), Lsn::new(9), true).unwrap_err();
        assert_eq!(fault.what, "log 3 from LSN 11 stands where log 3 from LSN 9 should");
    }

    #[test]
    fn an_unknown_version_is_refused_with_advice() {
        let mut bytes = header();
        bytes[8] = 2;
        bytes.push(0);
        let what = read_file(&bytes, FIRST, true).unwrap_err().what;
        assert!(what.contains("version 2 is unknown") && what.contains("release"), "{what}");
    }

    /// A record that fits into a text, as a client could send it.
    fn record_as_text(lsn: u64, synced: u64, salt: u64) -> String {
        // Both checksums must happen to be text: the count decides one, the gallery the other.
        let tries = (1..1000).flat_map(|count| (0..40).map(move |gallery| (count, gallery)));
        let encode = |(count, gallery)| {
            let changes = vec![Change::DropGallery(GalleryId::new(gallery)); count];
            let record = WalRecord { lsn: Lsn::new(lsn), synced: Lsn::new(synced), changes };
            let mut bytes = Vec::new();
            record.encode_into(salt, &mut bytes);
            bytes
        };
        tries.map(encode).find_map(|bytes| String::from_utf8(bytes).ok()).unwrap()
    }

    #[test]
    fn a_text_that_looks_like_a_record_does_not_make_a_torn_tail_damage() {
        let torn = |salt| {
            let mut row = bare_row(1, vec![1.0]);
            row.metadata = Some(record_as_text(12, 11, salt).into());
            let gallery = GalleryId::new(1);
            let mut torn = record_of(Change::Enroll { gallery, row: row.into() }, 11, 10, SALT);
            torn[FRAME_BYTES] ^= 1;
            torn
        };
        let foreign = torn(SALT + 1);
        assert_eq!(read(&foreign), Ok((vec![], foreign.len())));
        assert!(read(&torn(SALT)).is_err(), "with the salt known the text is taken for a record");
    }

    #[test]
    fn a_long_tail_full_of_possible_lengths_is_searched_once() {
        // Without a bound on the LSN every byte of this starts a checksum over 64 KiB.
        let tail: Vec<u8> = [1, 0].into_iter().cycle().take(2 << 20).collect();
        assert_eq!(read(&tail), Ok((vec![], tail.len())));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_file(&bytes, FIRST, true);
            let _ = read(&bytes);
            let _ = WalRecord::decode(&bytes);
        }
    }
}
