//! The manifest: the one small file that says what is live. Rewritten whole, replaced atomically.
//!
//! Bytes: `docs/format.md`.

use std::collections::BTreeMap;

use crate::change::{put_descriptor, read_descriptor};
use crate::checksum::Checksum;
use crate::codec::{Cursor, DecodeError};
use crate::gallery::GalleryDescriptor;
use crate::id::{GalleryId, LogSeq, Lsn, SegmentId, StoreId};
use crate::io::FileName;

/// First bytes of the manifest.
pub(crate) const MAGIC: [u8; 8] = *b"LKNSMAN\0";
/// Layout version.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// A live segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentEntry {
    pub(crate) segment: SegmentId,
    pub(crate) gallery: GalleryId,
    /// The position in commit order at which the segment became live.
    pub(crate) born: Lsn,
    /// The LSN in the name of its tombstone file, where it has one.
    pub(crate) tombstones: Option<Lsn>,
}

/// Everything that is live as of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// Tells this store from every other, copies of it excepted.
    pub(crate) store: StoreId,
    /// Batches up to this one are in segments; the log holds what came after.
    pub(crate) durable: Lsn,
    /// The first log file that is still needed; its first record has LSN `durable + 1`.
    pub(crate) first_log: LogSeq,
    pub(crate) next_gallery: GalleryId,
    pub(crate) next_segment: SegmentId,
    pub(crate) galleries: Vec<GalleryDescriptor>,
    pub(crate) segments: Vec<SegmentEntry>,
}

impl Manifest {
    /// The manifest of a new store.
    pub(crate) fn new(store: StoreId) -> Self {
        Self {
            store,
            durable: Lsn::new(0),
            first_log: LogSeq::new(1),
            next_gallery: GalleryId::new(1),
            next_segment: SegmentId::new(1),
            galleries: Vec::new(),
            segments: Vec::new(),
        }
    }

    /// The segment and tombstone files that it names.
    pub(crate) fn files(&self) -> impl Iterator<Item = FileName> {
        self.segments.iter().flat_map(|entry| {
            let tombstones = entry.tombstones.map(|lsn| FileName::Tombstones(entry.segment, lsn));
            [Some(FileName::Segment(entry.segment)), tombstones].into_iter().flatten()
        })
    }

    /// What is wrong with a log that ends with the batch `last`, if anything: a segment became
    /// live when every batch up to then was durable.
    pub(crate) fn lost_batches(&self, last: Lsn) -> Option<String> {
        let newest = self.segments.iter().max_by_key(|entry| entry.born)?;
        let SegmentEntry { segment, born, .. } = newest;
        (*born > last).then(|| {
            format!("the log ends with LSN {last}, but segment {segment} is of LSN {born}")
        })
    }

    /// The segments of each gallery, in the order of the file.
    pub(crate) fn segments_by_gallery(&self) -> BTreeMap<GalleryId, Vec<&SegmentEntry>> {
        let mut entries: BTreeMap<GalleryId, Vec<&SegmentEntry>> = BTreeMap::new();
        for entry in &self.segments {
            entries.entry(entry.gallery).or_default().push(entry);
        }
        entries
    }

    /// The file's bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&self.store.get().to_le_bytes());
        out.extend_from_slice(&self.durable.get().to_le_bytes());
        out.extend_from_slice(&self.first_log.get().to_le_bytes());
        out.extend_from_slice(&self.next_gallery.get().to_le_bytes());
        out.extend_from_slice(&self.next_segment.get().to_le_bytes());
        out.extend_from_slice(&(self.galleries.len() as u64).to_le_bytes());
        for gallery in &self.galleries {
            put_descriptor(&mut out, gallery);
        }
        out.extend_from_slice(&(self.segments.len() as u64).to_le_bytes());
        for entry in &self.segments {
            out.extend_from_slice(&entry.segment.get().to_le_bytes());
            out.extend_from_slice(&entry.gallery.get().to_le_bytes());
            out.extend_from_slice(&entry.born.get().to_le_bytes());
            out.push(u8::from(entry.tombstones.is_some()));
            out.extend_from_slice(&entry.tombstones.unwrap_or_default().get().to_le_bytes());
        }
        out.extend_from_slice(&Checksum::of(&out).get().to_le_bytes());
        out
    }

    /// Reads and checks the file.
    pub(crate) fn decode(file: &[u8]) -> Result<Self, DecodeError> {
        let fault = |what: &str| DecodeError { offset: 0, what: what.into() };
        if !file.starts_with(&MAGIC) {
            return Err(fault("this is no manifest"));
        }
        let mut cursor = Cursor::new(file);
        cursor.bytes(MAGIC.len())?;
        let version = cursor.u32()?;
        if version != FORMAT_VERSION {
            return Err(cursor.fault(format!(
                "manifest format version {version} is unknown, this build knows {FORMAT_VERSION}; \
                 open the store with the release that wrote it"
            )));
        }
        let (covered, stored) =
            file.split_last_chunk::<4>().ok_or_else(|| fault("the file is too short"))?;
        if Checksum::of(covered) != Checksum::from_stored(u32::from_le_bytes(*stored)) {
            return Err(fault("the checksum differs"));
        }
        let mut cursor = Cursor::new(covered);
        cursor.bytes(MAGIC.len() + 4)?;
        let manifest = Self::decode_fields(&mut cursor)?;
        cursor.end()?;
        Ok(manifest)
    }

    fn decode_fields(cursor: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        let mut manifest = Self {
            store: StoreId::new(cursor.u128()?),
            durable: Lsn::new(cursor.u64()?),
            first_log: LogSeq::new(cursor.u64()?),
            next_gallery: GalleryId::new(cursor.u64()?),
            next_segment: SegmentId::new(cursor.u64()?),
            galleries: Vec::new(),
            segments: Vec::new(),
        };
        // Counts are not trusted with memory: the vectors grow as entries are really there.
        for _ in 0..cursor.u64()? {
            manifest.galleries.push(read_descriptor(cursor)?);
        }
        for _ in 0..cursor.u64()? {
            let (segment, gallery) = (SegmentId::new(cursor.u64()?), GalleryId::new(cursor.u64()?));
            let born = Lsn::new(cursor.u64()?);
            let has_tombstones = cursor.flag()?;
            let lsn = Lsn::new(cursor.u64()?);
            if !has_tombstones && lsn != Lsn::default() {
                return Err(cursor.fault("a segment without tombstones names their LSN"));
            }
            let tombstones = has_tombstones.then_some(lsn);
            manifest.segments.push(SegmentEntry { segment, gallery, born, tombstones });
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::{descriptor, half_descriptor, pictured};

    fn manifest() -> Manifest {
        let mut unnamed = half_descriptor(2, "", 4096);
        unnamed.description = None;
        let entry = |segment, tombstones| SegmentEntry {
            segment: SegmentId::new(segment),
            gallery: GalleryId::new(1),
            born: Lsn::new(segment - 1),
            tombstones,
        };
        Manifest {
            store: StoreId::new(u128::MAX / 3),
            durable: Lsn::new(7),
            first_log: LogSeq::new(3),
            next_gallery: GalleryId::new(5),
            next_segment: SegmentId::new(9),
            galleries: vec![descriptor(1, "Zoë", 1), unnamed, pictured(descriptor(3, "p", 4096))],
            segments: vec![entry(4, None), entry(8, Some(Lsn::new(6)))],
        }
    }

    /// The file with a right checksum, whatever it says.
    fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.truncate(bytes.len() - 4);
        let checksum = Checksum::of(&bytes);
        bytes.extend_from_slice(&checksum.get().to_le_bytes());
        bytes
    }

    #[test]
    fn a_manifest_is_read_back() {
        for manifest in [manifest(), Manifest::new(StoreId::new(5))] {
            assert_eq!(Manifest::decode(&manifest.encode()), Ok(manifest));
        }
    }

    #[test]
    fn every_changed_or_missing_byte_is_found() {
        let bytes = manifest().encode();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(Manifest::decode(&damaged).is_err(), "byte {at}");
            assert!(Manifest::decode(&bytes[..at]).is_err(), "{at} bytes");
        }
    }

    #[test]
    fn an_unknown_version_is_refused_with_advice() {
        let mut bytes = manifest().encode();
        bytes[8] = 2;
        let what = Manifest::decode(&resealed(bytes)).unwrap_err().what;
        assert!(what.contains("version 2 is unknown") && what.contains("release"), "{what}");
    }

    #[test]
    fn hostile_counts_run_into_the_end_and_allocate_nothing() {
        let mut bytes = Manifest::new(StoreId::new(5)).encode();
        let count = bytes.len() - 4 - 8;
        bytes[count..count + 8].fill(255);
        assert!(Manifest::decode(&resealed(bytes)).is_err());
        let mut bytes = Manifest::new(StoreId::new(5)).encode();
        bytes[count - 8..count].fill(255);
        assert!(Manifest::decode(&resealed(bytes)).is_err());
    }
}
