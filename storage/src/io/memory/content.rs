//! The content of one file: what programs see, what is on disk, and the changes in between.
//!
//! The cache writes whole sectors, each at a moment of its own: after a power cut a sector shows
//! the file as it was at some moment since the last sync, and so does the length.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::image::Image;
use super::power_cut::PowerCut;
use super::random::Random;

/// What a disk writes at once.
const SECTOR_BYTES: usize = 512;

/// A change that no sync has made durable yet.
#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Arc<[u8]> },
    Length(usize),
}

impl Change {
    /// The length of a file of `length` bytes after this change.
    fn length_after(&self, length: usize) -> usize {
        match self {
            Self::Write { at, bytes } => length.max(at + bytes.len()),
            Self::Length(new) => *new,
        }
    }

    fn apply(&self, image: &mut Image) {
        match self {
            Self::Write { at, bytes } => image.write(*at, bytes),
            Self::Length(length) => image.set_length(*length),
        }
    }
}

/// The content of one file, whatever its name.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    seen: Image,
    durable: Image,
    /// Bytes appended: what is behind them in `seen` is reserved.
    end: usize,
    unsynced: Vec<Change>,
}

impl Content {
    /// A file all of which is durable.
    pub(super) fn durable(image: Image) -> Self {
        Self { end: image.length(), seen: image.clone(), durable: image, unsynced: Vec::new() }
    }

    pub(super) fn seen(&self) -> &Image {
        &self.seen
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.change(Change::Write { at: self.end, bytes: bytes.into() });
        self.end += bytes.len();
    }

    /// Makes room for `bytes` behind the end.
    pub(super) fn reserve(&mut self, bytes: usize) {
        let length = self.end + bytes;
        if length > self.seen.length() {
            self.change(Change::Length(length));
        }
    }

    /// Cuts off what is behind the end.
    pub(super) fn cut(&mut self) {
        if self.end < self.seen.length() {
            self.change(Change::Length(self.end));
        }
    }

    /// Starts over at byte `end`.
    pub(super) fn cut_at(&mut self, end: usize) {
        self.end = end.min(self.seen.length());
        self.cut();
    }

    /// Moves the end, to write again over what is there.
    pub(super) fn rewind_to(&mut self, end: usize) {
        self.end = end;
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.unsynced.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in std::mem::take(&mut self.unsynced) {
            change.apply(&mut self.durable);
        }
    }

    /// A sync that fails after a part; the rest stays in sight, and no later sync writes it. Only
    /// the length is not in the cache but kept by the file system, which writes it later.
    pub(super) fn fail_to_sync(&mut self, random: Option<&mut Random>) {
        let lengths = self.lengths().map(Change::Length).collect();
        if let Some(random) = random {
            self.durable = self.torn(random);
        }
        self.unsynced = lengths;
    }

    /// The lengths after each change that is not durable.
    fn lengths(&self) -> impl Iterator<Item = usize> {
        self.unsynced.iter().scan(self.durable.length(), |length, change| {
            *length = change.length_after(*length);
            Some(*length)
        })
    }

    pub(super) fn after(&self, cut: PowerCut, random: &mut Random) -> Self {
        let mut left = self.durable.clone();
        match cut {
            PowerCut::Synced | PowerCut::Names => {}
            PowerCut::HalfOfTheBytes => left = self.halves()[0].clone(),
            PowerCut::OtherHalfOfTheBytes => left = self.halves()[1].clone(),
            PowerCut::Zeros => left.set_length(self.seen.length()),
            PowerCut::Seeded(_) => left = self.torn(random),
        }
        Self::durable(left)
    }

    /// What is there when only the first half of the bytes was written, or only the second.
    fn halves(&self) -> [Image; 2] {
        let mut halves = [self.durable.clone(), self.durable.clone()];
        let writes = self.unsynced.iter().filter_map(|change| match change {
            Change::Write { at, bytes } => Some((*at, bytes)),
            Change::Length(_) => None,
        });
        let from = writes.clone().map(|(at, _)| at).min().unwrap_or(0);
        let to = writes.clone().map(|(at, bytes)| at + bytes.len()).max().unwrap_or(0);
        let middle = from.midpoint(to);
        for (at, bytes) in writes {
            let (first, second) = bytes.split_at(middle.saturating_sub(at).min(bytes.len()));
            if !first.is_empty() {
                halves[0].write(at, first);
            }
            if !second.is_empty() {
                halves[1].write(at + first.len(), second);
            }
        }
        halves
    }

    /// Any part of the changes: each sector and the length as of some moment since the last sync.
    fn torn(&self, random: &mut Random) -> Image {
        let moment = random.below(self.unsynced.len() + 1);
        let lengths: Vec<usize> =
            std::iter::once(self.durable.length()).chain(self.lengths()).collect();
        let mut length = lengths[moment];
        // A growing file may be cut anywhere in its growth.
        if let Some(grown) = lengths.get(moment + 1).and_then(|next| next.checked_sub(length))
            && random.one_in(3)
        {
            length += random.below(grown + 1);
        }
        let written = self.written_sectors(random);
        let mut left = self.durable.clone();
        for (at, (change, written)) in self.unsynced.iter().zip(written).enumerate() {
            match change {
                Change::Write { at, bytes } => {
                    for range in written {
                        left.write(range.start, &bytes[range.start - at..range.end - at]);
                    }
                }
                Change::Length(new) if at < moment && *new < left.length() => left.set_length(*new),
                Change::Length(_) => {}
            }
        }
        left.set_length(length);
        left
    }

    /// Of each change the ranges of bytes that reach the disk. A sector that shows a later change
    /// shows the earlier ones too: they were in the cache when it was written.
    fn written_sectors(&self, random: &mut Random) -> Vec<Vec<Range<usize>>> {
        let torn_more = random.below(4);
        let mut reached = BTreeSet::new();
        let mut written = Vec::with_capacity(self.unsynced.len());
        for change in self.unsynced.iter().rev() {
            let Change::Write { at, bytes } = change else {
                written.push(Vec::new());
                continue;
            };
            let torn = random.below(4) < torn_more;
            let whole = random.one_in(2);
            let kept = sectors(*at..at + bytes.len()).filter(|range| {
                let sector = range.start / SECTOR_BYTES;
                if if torn { random.one_in(2) } else { whole } {
                    reached.insert(sector);
                }
                reached.contains(&sector)
            });
            written.push(kept.collect());
        }
        written.reverse();
        written
    }
}

/// The parts of a range that lie in one sector each.
fn sectors(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let first = range.start / SECTOR_BYTES;
    (first..range.end.div_ceil(SECTOR_BYTES)).map(move |sector| {
        let start = (sector * SECTOR_BYTES).max(range.start);
        start..((sector + 1) * SECTOR_BYTES).min(range.end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a thousand power cuts leave of a file.
    fn outcomes(content: &Content) -> BTreeSet<Vec<u8>> {
        let cut = |seed| content.after(PowerCut::Seeded(seed), &mut Random::new(seed));
        (0..1000).map(|seed| cut(seed).seen().to_vec()).collect()
    }

    #[test]
    fn a_write_within_a_sector_is_there_or_not_and_lengths_are_cut_anywhere() {
        let mut content = Content::durable(Image::of(b"ab".to_vec()));
        content.append(b"cd");
        let expected = ["ab", "ab\0", "ab\0\0", "abc", "abcd"];
        assert_eq!(outcomes(&content), expected.map(|text| text.as_bytes().to_vec()).into());
    }

    #[test]
    fn a_sector_that_shows_a_later_write_shows_the_earlier_one() {
        let mut content = Content::durable(Image::of(vec![0; 4]));
        content.rewind_to(0);
        content.append(b"ab");
        content.append(b"cd");
        let expected = ["\0\0\0\0", "ab\0\0", "abcd"];
        assert_eq!(outcomes(&content), expected.map(|text| text.as_bytes().to_vec()).into());
    }

    #[test]
    fn sectors_reach_the_disk_in_any_order() {
        let mut content = Content::durable(Image::of(vec![0; 3 * SECTOR_BYTES]));
        content.rewind_to(0);
        content.append(&[1; 3 * SECTOR_BYTES]);
        let shown = |bytes: Vec<u8>| [0, 1, 2].map(|sector| bytes[sector * SECTOR_BYTES]);
        let seen: BTreeSet<[u8; 3]> = outcomes(&content).into_iter().map(shown).collect();
        assert_eq!(seen.len(), 8);
    }

    #[test]
    fn what_a_failed_sync_did_not_write_is_seen_and_never_written() {
        let mut content = Content::default();
        content.append(b"lost");
        content.fail_to_sync(None);
        content.append(b"kept");
        content.sync();
        assert_eq!(content.seen().to_vec(), b"lostkept");
        assert_eq!(outcomes(&content), BTreeSet::from([b"\0\0\0\0kept".to_vec()]));
    }

    #[test]
    fn what_was_synced_stays_and_what_was_cut_off_does_not_come_back_behind_a_new_length() {
        let mut content = Content::default();
        content.append(b"abcdef");
        content.sync();
        assert_eq!(outcomes(&content).len(), 1);
        content.cut_at(2);
        content.reserve(3);
        let expected = ["abcdef", "ab", "ab\0", "ab\0\0", "ab\0\0\0"];
        assert_eq!(outcomes(&content), expected.map(|text| text.as_bytes().to_vec()).into());
    }
}
