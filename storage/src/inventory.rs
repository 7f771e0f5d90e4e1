//! `BACKUP`: what a backup holds, and what it needs from earlier ones.
//!
//! Text, so that an operator can read it. Written last: a directory without it is no backup.
//! Bytes: `docs/format.md`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

use crate::checksum::Checksum;
use crate::codec::DecodeError;
use crate::error::{Corruption, IoFailure};
use crate::id::{Lsn, StoreId};
use crate::io::{Directory, DiskDirectory, FileName};
use crate::segment::Segment;

/// The first line.
pub(crate) const TITLE: &str = "LikenessDB backup 1";

/// What a file holds, as far as one needs to tell it from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) bytes: u64,
    pub(crate) checksum: Checksum,
}

impl Content {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, checksum: Checksum::of(bytes) }
    }

    /// The content of a sound segment, without reading it: its checksums are enough.
    pub(crate) fn of_segment(segment: &Segment) -> Self {
        Self { bytes: segment.file_bytes(), checksum: segment.checksum() }
    }
}

/// What one backup consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inventory {
    pub(crate) store: StoreId,
    /// The LSN after which segments must have become live to be in here; none in a full backup.
    pub(crate) since: Option<Lsn>,
    /// The first LSN it can be restored to.
    pub(crate) first: Lsn,
    /// The last LSN it can be restored to.
    pub(crate) last: Lsn,
    /// Files of the store.
    pub(crate) files: Vec<(FileName, Content)>,
    /// Segments that are in earlier backups.
    pub(crate) needed: Vec<(FileName, Content)>,
    /// Files that lie beside the store and are not its own.
    pub(crate) beside: Vec<(Box<str>, Content)>,
}

impl Inventory {
    /// The file's text.
    pub(crate) fn encode(&self) -> String {
        let mut out = format!("{TITLE}\nstore {:032x}\nsince ", self.store.get());
        // Writing to a string cannot fail.
        let _ = match self.since {
            Some(lsn) => writeln!(out, "{lsn}"),
            None => writeln!(out, "none"),
        };
        let _ = writeln!(out, "first {}\nlast {}", self.first, self.last);
        let mut line = |kind: &str, name: &dyn std::fmt::Display, content: &Content| {
            let Content { bytes, checksum } = content;
            let _ = writeln!(out, "{kind} {name} {bytes} {:08x}", checksum.get());
        };
        for (name, content) in &self.files {
            line("file", name, content);
        }
        for (name, content) in &self.needed {
            line("needed", name, content);
        }
        for (name, content) in &self.beside {
            line("beside", name, content);
        }
        let _ = writeln!(out, "checksum {:08x}", Checksum::of(out.as_bytes()).get());
        out
    }

    /// Reads and checks the file.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let fault = |what: &str| DecodeError { offset: 0, what: what.into() };
        let text = std::str::from_utf8(bytes).map_err(|_| fault("this is no inventory"))?;
        let found = text.split_once('\n').map_or(text, |(title, _)| title);
        if found != TITLE {
            let what = format!("it begins with {found:?}, this build knows {TITLE:?}");
            return Err(DecodeError { offset: 0, what });
        }
        let (covered, stored) = text.rsplit_once("checksum ").ok_or_else(|| fault("no end"))?;
        if stored != format!("{:08x}\n", Checksum::of(covered.as_bytes()).get()) {
            return Err(fault("the checksum differs"));
        }
        let mut inventory = Self::empty();
        let mut offset = TITLE.len() as u64 + 1;
        for line in covered.lines().skip(1) {
            let what = || DecodeError { offset, what: format!("{line:?} says nothing known") };
            inventory.take(line).ok_or_else(what)?;
            offset += line.len() as u64 + 1;
        }
        Ok(inventory)
    }

    fn empty() -> Self {
        Self {
            store: StoreId::new(0),
            since: None,
            first: Lsn::new(0),
            last: Lsn::new(0),
            files: Vec::new(),
            needed: Vec::new(),
            beside: Vec::new(),
        }
    }

    fn take(&mut self, line: &str) -> Option<()> {
        let (kind, rest) = line.split_once(' ')?;
        let lsn = || rest.parse().ok().map(Lsn::new);
        match kind {
            "store" => self.store = StoreId::new(u128::from_str_radix(rest, 16).ok()?),
            "since" => self.since = if rest == "none" { None } else { Some(lsn()?) },
            "first" => self.first = lsn()?,
            "last" => self.last = lsn()?,
            "file" => self.files.push(entry(rest, FileName::parse)?),
            "needed" => self.needed.push(entry(rest, FileName::parse)?),
            "beside" => self.beside.push(entry(rest, beside_name)?),
            _ => return None,
        }
        Some(())
    }

    /// The files that are in earlier backups.
    pub(crate) fn elsewhere(&self) -> BTreeSet<FileName> {
        self.needed.iter().map(|(name, _)| *name).collect()
    }

    /// Whether the files that should be in a backup are there, as they were when it was taken.
    /// Segments are taken at the word of their checksums: whoever calls this has verified them.
    pub(crate) fn compare(
        &self,
        directory: &DiskDirectory,
        damages: &mut Vec<Corruption>,
    ) -> Result<(), IoFailure> {
        for (name, content) in &self.files {
            let found = match name {
                FileName::Segment(_) => match directory.map(*name) {
                    Ok(mapping) => match Segment::open(mapping, directory.path(*name)) {
                        Ok(segment) => Some(Content::of_segment(&segment)),
                        // Whoever verified it has said why.
                        Err(_) => continue,
                    },
                    Err(failure) if failure.is_missing() => None,
                    Err(failure) => return Err(failure),
                },
                _ => directory.read(*name)?.map(|bytes| Content::of(&bytes)),
            };
            damages.extend(difference(directory.path(*name), *content, found));
        }
        for (name, content) in &self.beside {
            let found = directory.read_beside(name)?.map(|bytes| Content::of(&bytes));
            damages.extend(difference(directory.root().join(&**name), *content, found));
        }
        Ok(())
    }
}

/// What is wrong with a file of which the backup says that it has this content.
pub(crate) fn difference(
    path: PathBuf,
    expected: Content,
    found: Option<Content>,
) -> Option<Corruption> {
    let what = match found {
        None => "the file is missing from the backup".to_owned(),
        Some(found) if found == expected => return None,
        Some(found) if found.bytes != expected.bytes => {
            format!("it has {} bytes, the backup says {}", found.bytes, expected.bytes)
        }
        Some(_) => "its checksum is not the one in BACKUP".to_owned(),
    };
    Some(Corruption::new(path, 0, what))
}

/// A file with its content, as a line of the inventory has them.
fn entry<N>(rest: &str, name: impl Fn(&str) -> Option<N>) -> Option<(N, Content)> {
    let mut words = rest.split(' ');
    let (found, bytes, checksum) = (words.next()?, words.next()?, words.next()?);
    let checksum = Checksum::from_stored(u32::from_str_radix(checksum, 16).ok()?);
    let content = Content { bytes: bytes.parse().ok()?, checksum };
    words.next().is_none().then_some((name(found)?, content))
}

/// A name that cannot lead out of the directory, nor to a file of the store.
pub(crate) fn beside_name(name: &str) -> Option<Box<str>> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_free = FileName::parse(name).is_none() && !name.starts_with('.') && !name.is_empty();
    (is_free && name.chars().all(is_plain)).then(|| name.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{LogSeq, SegmentId};

    fn inventory() -> Inventory {
        let content = |bytes: u64| Content { bytes, checksum: Checksum::of(&bytes.to_le_bytes()) };
        Inventory {
            store: StoreId::new(u128::MAX / 5),
            since: Some(Lsn::new(7)),
            first: Lsn::new(9),
            last: Lsn::new(12),
            files: vec![
                (FileName::Manifest, content(300)),
                (FileName::Tombstones(SegmentId::new(3), Lsn::new(8)), content(60)),
                (FileName::Log(LogSeq::new(4)), content(40)),
            ],
            needed: vec![(FileName::Segment(SegmentId::new(3)), content(5000))],
            beside: vec![("keys.json".into(), content(0))],
        }
    }

    #[test]
    fn an_inventory_is_read_back() {
        let full = Inventory { since: None, needed: Vec::new(), ..inventory() };
        for inventory in [inventory(), full, Inventory::empty()] {
            assert_eq!(Inventory::decode(inventory.encode().as_bytes()), Ok(inventory));
        }
    }

    #[test]
    fn every_changed_or_missing_byte_is_found() {
        let bytes = inventory().encode().into_bytes();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(Inventory::decode(&damaged).is_err(), "byte {at}");
            assert!(Inventory::decode(&bytes[..at]).is_err(), "{at} bytes");
        }
    }

    #[test]
    fn a_name_does_not_lead_out_of_the_directory() {
        for name in ["", ".", "..", "../x", "a/b", "a b", "LOCK", "MANIFEST", "wal-0000000001"] {
            assert_eq!(beside_name(name), None, "{name}");
        }
        assert_eq!(beside_name("keys.json").as_deref(), Some("keys.json"));
    }
}
