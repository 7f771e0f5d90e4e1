//! Segments that a bulk load wrote, and whether their gallery can take them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::sync::Arc;

use crate::batch::WriteError;
use crate::error::Corruption;
use crate::id::{GalleryId, RowOrdinal, SegmentId, TemplateId};
use crate::segment::Segment;
use crate::version::{GalleryView, Version};

/// Segments to be attached to a gallery, with rows that are neither in each other nor, as of some
/// version, in the gallery.
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    pub(crate) gallery: GalleryId,
    pub(crate) segments: Vec<Arc<Segment>>,
    /// The version whose live rows were compared with these.
    checked: Arc<Version>,
}

impl Attachment {
    /// Compares all rows with each other and with the live rows of `version`.
    pub(crate) fn new(
        gallery: GalleryId,
        segments: Vec<Arc<Segment>>,
        version: Arc<Version>,
    ) -> Result<Self, WriteError> {
        let view = version.gallery(gallery).ok_or(WriteError::NoSuchGallery(gallery))?;
        refuse_duplicates(&segments, view)?;
        Ok(Self { gallery, segments, checked: version })
    }

    /// The number of rows.
    pub(crate) fn row_count(&self) -> u64 {
        self.segments.iter().map(|segment| u64::from(segment.row_count())).sum()
    }

    /// Compares the rows with those that became live since the version they were compared with.
    pub(crate) fn check(&self, version: &Version) -> Result<(), WriteError> {
        let gallery = self.gallery;
        let view = version.gallery(gallery).ok_or(WriteError::NoSuchGallery(gallery))?;
        let since = self.checked.lsn;
        if version.lsn == since {
            return Ok(());
        }
        for table in view.tables() {
            let mut load = Finders::new(&self.segments);
            for row in table.rows(None).filter(|row| row.lsn > since) {
                load.refuse(row.id)?;
            }
        }
        // Checkpoints, merges and other loads make segments; only the rows count that are new.
        let before = self.checked.gallery(gallery).into_iter().flat_map(|view| &view.segments);
        let before: HashSet<SegmentId> = before.map(|view| view.segment.id()).collect();
        for view in view.segments.iter().filter(|view| !before.contains(&view.segment.id())) {
            let mut load = Finders::new(&self.segments);
            for row in view.live(RowOrdinal::new(0)) {
                if view.lsn_at(row)? > since {
                    load.refuse(view.segment.id_at(row)?)?;
                }
            }
        }
        Ok(())
    }

    /// The same after a comparison with what became live up to `version`: the next has less to do.
    pub(crate) fn advance(mut self, version: Arc<Version>) -> Result<Self, WriteError> {
        self.check(&version)?;
        self.checked = version;
        Ok(self)
    }
}

/// Goes through the load once, in order, and alongside it through the segments of the gallery.
fn refuse_duplicates(load: &[Arc<Segment>], view: &GalleryView) -> Result<(), WriteError> {
    let sealed: Vec<Arc<Segment>> =
        view.segments.iter().map(|view| Arc::clone(&view.segment)).collect();
    let mut sealed = Finders::new(&sealed);
    let mut before = None;
    for id in Ids::new(load)? {
        let id = id?;
        let is_here_twice = before.replace(id) == Some(id);
        if is_here_twice || view.tables().into_iter().any(|table| table.get(id).is_some()) {
            return Err(WriteError::DuplicateTemplate(id));
        }
        for (finder, view) in sealed.0.iter_mut().zip(&view.segments) {
            if finder.find(id)?.is_some_and(|row| !view.tombstones.contains(row)) {
                return Err(WriteError::DuplicateTemplate(id));
            }
        }
    }
    Ok(())
}

/// The identities of several segments in one order.
struct Ids<'a> {
    segments: &'a [Arc<Segment>],
    /// The next row of each segment that has one, by identity.
    heads: BinaryHeap<Reverse<(TemplateId, usize, RowOrdinal)>>,
}

impl<'a> Ids<'a> {
    fn new(segments: &'a [Arc<Segment>]) -> Result<Self, Corruption> {
        let mut ids = Self { segments, heads: BinaryHeap::with_capacity(segments.len()) };
        for at in 0..segments.len() {
            ids.add(at, RowOrdinal::new(0))?;
        }
        Ok(ids)
    }

    fn add(&mut self, at: usize, row: RowOrdinal) -> Result<(), Corruption> {
        if let Some(segment) = self.segments.get(at)
            && row.get() < segment.row_count()
        {
            self.heads.push(Reverse((segment.id_at(row)?, at, row)));
        }
        Ok(())
    }
}

impl Iterator for Ids<'_> {
    type Item = Result<TemplateId, Corruption>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((id, at, row)) = self.heads.pop()?;
        Some(self.add(at, RowOrdinal::new(row.get() + 1)).map(|()| id))
    }
}

/// Looks ascending identities up in a segment: from where the last one was, or would have been.
/// That is one look where the segment lies behind them all, and next to none where it lies before.
struct Finder<'a> {
    segment: &'a Segment,
    at: RowOrdinal,
}

impl Finder<'_> {
    fn find(&mut self, id: TemplateId) -> Result<Option<RowOrdinal>, Corruption> {
        self.at = self.segment.seek(self.at, id)?;
        let found = self.at.get() < self.segment.row_count() && self.segment.id_at(self.at)? == id;
        Ok(found.then_some(self.at))
    }
}

/// One for each of several segments.
struct Finders<'a>(Vec<Finder<'a>>);

impl<'a> Finders<'a> {
    fn new(segments: &'a [Arc<Segment>]) -> Self {
        let at = RowOrdinal::new(0);
        Self(segments.iter().map(|segment| Finder { segment, at }).collect())
    }

    /// An error where one of the segments has the row.
    fn refuse(&mut self, id: TemplateId) -> Result<(), WriteError> {
        for finder in &mut self.0 {
            if finder.find(id)?.is_some() {
                return Err(WriteError::DuplicateTemplate(id));
            }
        }
        Ok(())
    }
}
