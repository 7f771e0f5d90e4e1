//! The manifest, the segments it names, and what nothing names.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;

use super::{CheckNote, CheckReport};
use crate::codec::DecodeError;
use crate::error::{Corruption, IoFailure};
use crate::gallery::GalleryDescriptor;
use crate::id::{LogSeq, Lsn, RowOrdinal, SegmentId, StoreId, TemplateId};
use crate::io::{Directory, FileName};
use crate::manifest::{Manifest, SegmentEntry};
use crate::recovery::is_without_records;
use crate::segment::{Segment, Tombstones};
use crate::version::{GalleryView, SegmentView, Version};

/// A check under way.
#[derive(Debug)]
pub(super) struct Examiner<'a> {
    pub(super) directory: &'a dyn Directory,
    /// Files that may be missing.
    elsewhere: &'a BTreeSet<FileName>,
    /// Files that are there and that nothing named so far.
    unnamed: BTreeSet<FileName>,
    /// Where the log file that was read last ends.
    pub(super) log_end: u64,
    pub(super) report: CheckReport,
}

impl<'a> Examiner<'a> {
    pub(super) fn new(
        directory: &'a dyn Directory,
        elsewhere: &'a BTreeSet<FileName>,
    ) -> Result<Self, IoFailure> {
        let unnamed = directory.list()?.into_iter().collect();
        Ok(Self { directory, elsewhere, unnamed, log_end: 0, report: CheckReport::default() })
    }

    /// Looks at everything.
    pub(super) fn run(&mut self) -> Result<(), IoFailure> {
        for name in [FileName::Lock, FileName::Backup, FileName::NewBackup] {
            self.unnamed.remove(&name);
        }
        if self.is_cut_short()? {
            for name in std::mem::take(&mut self.unnamed) {
                self.note(name, 0, "the store was not created to the end; the next start does");
            }
            return Ok(());
        }
        match self.manifest()? {
            Some(manifest) => {
                let mut version = self.load(&manifest)?;
                self.replay(&manifest, &mut version)?;
                self.report.store = Some(manifest.store);
                self.report.galleries = version.galleries().count() as u64;
                self.report.rows = version.galleries().map(|view| view.row_count()).sum();
                self.report.segments =
                    version.galleries().map(|view| view.segments.len() as u64).sum();
            }
            None => self.each_by_itself()?,
        }
        for name in std::mem::take(&mut self.unnamed) {
            self.note(name, 0, "nothing needs this file; the next start removes it");
        }
        Ok(())
    }

    pub(super) fn damage(&mut self, name: FileName, offset: u64, what: impl Into<String>) {
        self.found(Corruption::new(self.directory.path(name), offset, what));
    }

    pub(super) fn found(&mut self, corruption: Corruption) {
        self.report.damages.push(corruption);
    }

    pub(super) fn fault(&mut self, name: FileName, fault: DecodeError) {
        self.damage(name, fault.offset, fault.what);
    }

    pub(super) fn note(&mut self, name: FileName, offset: u64, what: impl Into<String>) {
        let (file, what) = (self.directory.path(name), what.into());
        self.report.notes.push(CheckNote { file, offset, what });
    }

    /// The content of a file that is needed; none where it is not there, which is damage.
    pub(super) fn read(&mut self, name: FileName) -> Result<Option<Vec<u8>>, IoFailure> {
        self.unnamed.remove(&name);
        let bytes = self.directory.read(name)?;
        match &bytes {
            Some(bytes) => self.report.bytes_read += bytes.len() as u64,
            None => self.damage(name, 0, "the file is missing"),
        }
        Ok(bytes)
    }

    /// The log files that nothing named so far, in order.
    pub(super) fn logs(&self) -> impl Iterator<Item = LogSeq> {
        self.unnamed.iter().filter_map(|name| match name {
            FileName::Log(seq) => Some(*seq),
            _ => None,
        })
    }

    /// Whether there is no manifest, and nothing that one could have named: a log without records
    /// is made before the first manifest.
    fn is_cut_short(&self) -> Result<bool, IoFailure> {
        let first = FileName::Log(Manifest::new(StoreId::new(0)).first_log);
        let is_left = |name: &FileName| *name == FileName::NewManifest || *name == first;
        Ok(self.unnamed.iter().all(is_left) && is_without_records(self.directory, first)?)
    }

    fn manifest(&mut self) -> Result<Option<Manifest>, IoFailure> {
        let Some(bytes) = self.read(FileName::Manifest)? else { return Ok(None) };
        let manifest = match Manifest::decode(&bytes) {
            Ok(manifest) => manifest,
            Err(fault) => {
                self.fault(FileName::Manifest, fault);
                return Ok(None);
            }
        };
        for what in contradictions(&manifest) {
            self.damage(FileName::Manifest, 0, what);
        }
        Ok(Some(manifest))
    }

    /// The state that the manifest describes, as far as it can be read.
    fn load(&mut self, manifest: &Manifest) -> Result<Version, IoFailure> {
        let mut entries = manifest.segments_by_gallery();
        let mut version = Version::empty(manifest.durable, manifest.next_gallery);
        for descriptor in &manifest.galleries {
            let mut view = GalleryView::new(descriptor.clone());
            for entry in entries.remove(&descriptor.id).unwrap_or_default() {
                view.segments.extend(self.segment(entry, manifest.durable, descriptor)?);
            }
            self.check_identities(&view);
            version.put_gallery(view);
        }
        // The manifest was told to be at fault already.
        for entry in entries.into_values().flatten() {
            self.unnamed.remove(&FileName::Segment(entry.segment));
            self.open(FileName::Segment(entry.segment))?;
        }
        Ok(version)
    }

    fn segment(
        &mut self,
        entry: &SegmentEntry,
        durable: Lsn,
        gallery: &GalleryDescriptor,
    ) -> Result<Option<SegmentView>, IoFailure> {
        let segment = self.segment_of(entry.segment, gallery)?;
        let rows = segment.as_ref().map_or(u32::MAX, Segment::row_count);
        let tombstones = match entry.tombstones {
            None => Some(Tombstones::default()),
            Some(lsn) => self.tombstones(FileName::Tombstones(entry.segment, lsn), rows)?,
        };
        let Some(segment) = segment else { return Ok(None) };
        // Rows of which nobody knows whether they live are not taken for doubles of others.
        let tombstones = tombstones.unwrap_or_else(|| Tombstones::all(segment.row_count()));
        let view = SegmentView {
            segment: Arc::new(segment),
            tombstones: Arc::new(tombstones),
            born: entry.born,
            stored: entry.tombstones,
        };
        self.check_ages(&view, durable);
        Ok(Some(view))
    }

    /// Opens and reads the segment of a number that belongs to a gallery.
    pub(super) fn segment_of(
        &mut self,
        id: SegmentId,
        gallery: &GalleryDescriptor,
    ) -> Result<Option<Segment>, IoFailure> {
        let name = FileName::Segment(id);
        let Some(segment) = self.open(name)? else { return Ok(None) };
        let found = (segment.id(), segment.gallery(), segment.dim(), segment.precision());
        let expected = (id, gallery.id, gallery.dim, gallery.precision);
        if found == expected && *segment.model() == *gallery.model {
            return Ok(Some(segment));
        }
        let what = format!("this is not segment {id} of gallery {} and its model", gallery.id);
        self.damage(name, 0, what);
        Ok(None)
    }

    /// Opens and reads a segment, every byte of it.
    pub(super) fn open(&mut self, name: FileName) -> Result<Option<Segment>, IoFailure> {
        self.unnamed.remove(&name);
        let mapping = match self.directory.map(name) {
            Ok(mapping) => mapping,
            Err(failure) if failure.is_missing() && self.elsewhere.contains(&name) => {
                self.note(name, 0, "the file is in an earlier backup");
                return Ok(None);
            }
            Err(failure) if failure.is_missing() => {
                self.damage(name, 0, "the file is missing");
                return Ok(None);
            }
            Err(failure) => return Err(failure),
        };
        self.report.bytes_read += mapping.bytes().len() as u64;
        match Segment::open(mapping, self.directory.path(name)) {
            Ok(segment) => {
                segment.verify(|corruption| self.found(corruption));
                Ok(Some(segment))
            }
            Err(corruption) => {
                self.found(corruption);
                Ok(None)
            }
        }
    }

    fn tombstones(&mut self, name: FileName, rows: u32) -> Result<Option<Tombstones>, IoFailure> {
        let (FileName::Tombstones(segment, _), Some(bytes)) = (name, self.read(name)?) else {
            return Ok(None);
        };
        let decoded = Tombstones::decode(&bytes, segment, rows);
        Ok(decoded.map_err(|fault| self.fault(name, fault)).ok())
    }

    /// Whether the rows of a segment are as old as it is, or older.
    fn check_ages(&mut self, view: &SegmentView, durable: Lsn) {
        let name = FileName::Segment(view.segment.id());
        for at in (0..view.segment.row_count()).map(RowOrdinal::new) {
            // A row that cannot be read was reported when the segment was verified.
            let Ok(row) = view.segment.row(at) else { continue };
            let newest = view.born.min(durable);
            if row.lsn > newest {
                let what = format!("row {at} is of LSN {}, behind LSN {newest}", row.lsn);
                self.damage(name, view.segment.place_of(at), what);
            }
        }
    }

    /// Whether no template is live in two segments.
    pub(super) fn check_identities(&mut self, view: &GalleryView) {
        let mut rows: Vec<_> =
            view.segments.iter().map(|segment| segment.live(RowOrdinal::new(0))).collect();
        let mut heads = BinaryHeap::new();
        let mut advance = |heads: &mut BinaryHeap<_>, at: usize| {
            let (segment, rows) = view.segments.get(at).zip(rows.get_mut(at))?;
            let row = rows.next()?;
            // What cannot be read was reported before; the rest of that segment is left out.
            heads.push(Reverse((segment.segment.id_at(row).ok()?, at, row)));
            Some(())
        };
        for at in 0..view.segments.len() {
            advance(&mut heads, at);
        }
        let mut before = None;
        while let Some(Reverse((id, at, row))) = heads.pop() {
            if let Some(segment) = view.segments.get(at)
                && before.replace(id) == Some(id)
            {
                self.is_twice(segment, row, id);
            }
            advance(&mut heads, at);
        }
    }

    pub(super) fn is_twice(&mut self, view: &SegmentView, row: RowOrdinal, id: TemplateId) {
        let name = FileName::Segment(view.segment.id());
        let what = format!("row {row}, template {id}, is live elsewhere as well");
        self.damage(name, view.segment.place_of(row), what);
    }

    /// Without a manifest nobody knows what belongs together: each file by itself.
    fn each_by_itself(&mut self) -> Result<(), IoFailure> {
        let known = self.report.damages.len();
        for name in std::mem::take(&mut self.unnamed) {
            match name {
                FileName::Segment(_) => drop(self.open(name)?),
                FileName::Tombstones(..) => drop(self.tombstones(name, u32::MAX)?),
                FileName::Log(seq) => self.log_by_itself(seq)?,
                _ => self.note(name, 0, "the file cannot be told from one that nothing needs"),
            }
        }
        for damage in self.report.damages.iter_mut().skip(known) {
            damage.what.push_str("; or nothing needs this file");
        }
        Ok(())
    }
}

/// What a manifest says that cannot all be true.
fn contradictions(manifest: &Manifest) -> Vec<String> {
    let mut found = Vec::new();
    let (mut ids, mut names, mut segments) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for gallery in &manifest.galleries {
        if !ids.insert(gallery.id) || gallery.id >= manifest.next_gallery {
            found.push(format!("gallery {} is there twice, or not given out yet", gallery.id));
        }
        if !names.insert((&gallery.tenant, &gallery.name)) {
            found.push(format!("the name of gallery {} is taken", gallery.id));
        }
    }
    for entry in &manifest.segments {
        let SegmentEntry { segment, gallery, born, tombstones } = *entry;
        if !segments.insert(segment) || segment >= manifest.next_segment {
            found.push(format!("segment {segment} is there twice, or not given out yet"));
        }
        if !ids.contains(&gallery) {
            found.push(format!("segment {segment} belongs to gallery {gallery}, which is missing"));
        }
        if born == SegmentView::UNBORN {
            found.push(format!("segment {segment} has never become live"));
        }
        if tombstones.is_some_and(|lsn| lsn > manifest.durable) {
            found.push(format!("the tombstones of segment {segment} are newer than the manifest"));
        }
    }
    found
}
