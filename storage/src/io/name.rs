//! File names of a data directory: the single parser and printer.

use std::fmt;

use crate::id::{LogSeq, Lsn, SegmentId};

/// A file the store owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum FileName {
    /// `LOCK`: held by the one process that has the store open.
    Lock,
    /// `MANIFEST`: which files are live.
    Manifest,
    /// `MANIFEST.new`: a manifest being written, before it replaces the old one.
    NewManifest,
    /// `BACKUP`: makes a directory a backup and says what is in it. No store has such a file.
    Backup,
    /// `BACKUP.new`: that file being written, before it gets its name.
    NewBackup,
    /// `wal-<seq>`: one log file.
    Log(LogSeq),
    /// `segment-<id>.emb`: one sealed segment.
    Segment(SegmentId),
    /// `segment-<id>-<lsn>.tomb`: the rows of a segment that are deleted as of an LSN.
    Tombstones(SegmentId, Lsn),
}

impl FileName {
    /// The file a name stands for; `None` where the store did not give that name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let parsed = match name {
            "LOCK" => Self::Lock,
            "MANIFEST" => Self::Manifest,
            "MANIFEST.new" => Self::NewManifest,
            "BACKUP" => Self::Backup,
            "BACKUP.new" => Self::NewBackup,
            _ => Self::parse_numbered(name)?,
        };
        // Only the canonical spelling counts, so that two names never mean one file.
        (parsed.to_string() == name).then_some(parsed)
    }

    fn parse_numbered(name: &str) -> Option<Self> {
        if let Some(seq) = name.strip_prefix("wal-") {
            return Some(Self::Log(LogSeq::new(seq.parse().ok()?)));
        }
        let rest = name.strip_prefix("segment-")?;
        if let Some(id) = rest.strip_suffix(".emb") {
            return Some(Self::Segment(SegmentId::new(id.parse().ok()?)));
        }
        let (id, lsn) = rest.strip_suffix(".tomb")?.split_once('-')?;
        Some(Self::Tombstones(SegmentId::new(id.parse().ok()?), Lsn::new(lsn.parse().ok()?)))
    }
}

impl fmt::Display for FileName {
    /// Numbers are padded to ten digits so that a listing sorts as the numbers do.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lock => formatter.write_str("LOCK"),
            Self::Manifest => formatter.write_str("MANIFEST"),
            Self::NewManifest => formatter.write_str("MANIFEST.new"),
            Self::Backup => formatter.write_str("BACKUP"),
            Self::NewBackup => formatter.write_str("BACKUP.new"),
            Self::Log(seq) => write!(formatter, "wal-{:010}", seq.get()),
            Self::Segment(id) => write!(formatter, "segment-{:010}.emb", id.get()),
            Self::Tombstones(id, lsn) => {
                write!(formatter, "segment-{:010}-{:010}.tomb", id.get(), lsn.get())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_as_printed() {
        let names = [
            (FileName::Lock, "LOCK"),
            (FileName::Manifest, "MANIFEST"),
            (FileName::NewManifest, "MANIFEST.new"),
            (FileName::Backup, "BACKUP"),
            (FileName::NewBackup, "BACKUP.new"),
            (FileName::Log(LogSeq::new(7)), "wal-0000000007"),
            (FileName::Log(LogSeq::new(u64::MAX)), "wal-18446744073709551615"),
            (FileName::Segment(SegmentId::new(1)), "segment-0000000001.emb"),
            (
                FileName::Tombstones(SegmentId::new(1), Lsn::new(22)),
                "segment-0000000001-0000000022.tomb",
            ),
        ];
        for (name, text) in names {
            assert_eq!(name.to_string(), text);
            assert_eq!(FileName::parse(text), Some(name));
        }
    }

    #[test]
    fn other_spellings_and_strangers_are_no_names() {
        for text in [
            "",
            "lock",
            "wal-7",
            "wal-+000000007",
            "wal-0000000007.bak",
            "segment-0000000001",
            "segment-0000000001.emb.tmp",
            "segment-0000000001-.tomb",
            "keys.json",
        ] {
            assert_eq!(FileName::parse(text), None, "{text}");
        }
    }
}
