//! A reader's view: one version, held for as long as the reader likes.

use std::sync::Arc;

use crate::error::Corruption;
use crate::gallery::GalleryDescriptor;
use crate::id::{GalleryId, Lsn, TemplateId};
use crate::row::{RowRef, TextColumn};
use crate::scan::{self, Pair, PairProbe, Probe, ReadError, ScanPool, ScanReport};
use crate::topk::{Hit, Scored};
use crate::version::{GalleryView, Version};

/// How much of a gallery there is and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GallerySize {
    /// Live rows.
    pub rows: u64,
    /// Those of them that no checkpoint has sealed yet.
    pub rows_in_memory: u64,
    /// Memory these take, roughly.
    pub bytes_in_memory: u64,
    /// Segments.
    pub segments: u64,
    /// Bytes of their files.
    pub segment_bytes: u64,
    /// Bytes of the codes in them: what most searches read, and what should fit into memory.
    pub code_bytes: u64,
    /// Deleted rows that are still in segments.
    pub rows_deleted: u64,
}

/// A row that a search found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate<'a> {
    /// The row.
    pub row: RowRef<'a>,
    /// Inner product of its embedding and the probe, as [`Scored::score`].
    pub score: f32,
}

/// The store after one batch, whatever is written later. Cheap to clone; never blocks writers.
#[derive(Clone, Debug)]
pub struct Snapshot {
    version: Arc<Version>,
    pool: Arc<ScanPool>,
}

impl Snapshot {
    pub(crate) fn new(version: Arc<Version>, pool: Arc<ScanPool>) -> Self {
        Self { version, pool }
    }

    pub(crate) fn version(&self) -> &Arc<Version> {
        &self.version
    }

    /// The same threads, another version.
    pub(crate) fn with_version(&self, version: Arc<Version>) -> Self {
        Self { version, pool: Arc::clone(&self.pool) }
    }

    /// Position in commit order of the last batch that is visible.
    pub fn lsn(&self) -> Lsn {
        self.version.lsn
    }

    /// The gallery of this identity.
    pub fn gallery(&self, id: GalleryId) -> Option<&Arc<GalleryDescriptor>> {
        self.version.gallery(id).map(|view| &view.descriptor)
    }

    /// The gallery of this name.
    pub fn gallery_by_name(&self, tenant: &str, name: &str) -> Option<&Arc<GalleryDescriptor>> {
        self.version.gallery_by_name(tenant, name).map(|view| &view.descriptor)
    }

    /// The galleries of a tenant behind the name `after`, in name order.
    pub fn galleries<'a>(
        &'a self,
        tenant: &str,
        after: Option<&str>,
    ) -> impl Iterator<Item = &'a Arc<GalleryDescriptor>> + use<'a> {
        self.version.galleries_of(tenant, after).map(|view| &view.descriptor)
    }

    /// The number of live rows; zero where the gallery does not exist.
    pub fn row_count(&self, id: GalleryId) -> u64 {
        self.version.gallery(id).map_or(0, |view| view.row_count())
    }

    /// How much of a gallery there is and where; none where the gallery does not exist.
    pub fn size(&self, id: GalleryId) -> Option<GallerySize> {
        self.version.gallery(id).map(|view| size_of(view))
    }

    /// All galleries, of whatever tenant, and their sizes.
    pub fn sizes(&self) -> impl Iterator<Item = (&Arc<GalleryDescriptor>, GallerySize)> {
        self.version.galleries().map(|view| (&view.descriptor, size_of(view)))
    }

    /// The live row of this identity; none where the gallery does not exist.
    ///
    /// # Errors
    /// [`ReadError::Corruption`].
    pub fn get(
        &self,
        id: GalleryId,
        template: TemplateId,
    ) -> Result<Option<RowRef<'_>>, ReadError> {
        Ok(self.version.gallery(id).map(|view| view.get(template)).transpose()?.flatten())
    }

    /// The live rows behind `after` in the order of their identities. A [`ReadError::Corruption`]
    /// ends them.
    pub fn rows(
        &self,
        id: GalleryId,
        after: Option<TemplateId>,
    ) -> impl Iterator<Item = Result<RowRef<'_>, ReadError>> + use<'_> {
        merged(self.version.gallery(id).map(|view| Merge::new(view, after)))
    }

    /// Those of [`Snapshot::rows`] whose text in this column is `text`. The others are passed over
    /// without being read, at about 20 million a second where they are in memory.
    pub fn rows_holding<'a>(
        &'a self,
        id: GalleryId,
        after: Option<TemplateId>,
        column: TextColumn,
        text: &'a str,
    ) -> impl Iterator<Item = Result<RowRef<'a>, ReadError>> + use<'a> {
        let gallery = self.version.gallery(id);
        merged(gallery.map(|view| Merge::holding(view, after, column, text)))
    }

    /// The rows most like the probe, best first; equal scores in the order of identities. Every
    /// live row is searched; what may be missed says [`Probe::exactness`]. Blocks for the scan, in
    /// which idle threads of the store take part.
    ///
    /// # Errors
    /// [`ReadError`]; a gallery without rows is not an error.
    pub fn identify(&self, id: GalleryId, probe: &Probe) -> Result<Vec<Scored>, ReadError> {
        Ok(self.explain(id, probe)?.0)
    }

    /// As [`Snapshot::identify`], and what the search did.
    ///
    /// # Errors
    /// As [`Snapshot::identify`].
    pub fn explain(
        &self,
        id: GalleryId,
        probe: &Probe,
    ) -> Result<(Vec<Scored>, ScanReport), ReadError> {
        let (found, report) = self.search(id, vec![probe.clone()])?;
        Ok((found.into_iter().flatten().map(|hit| hit.scored).collect(), report))
    }

    /// As [`Snapshot::explain`], with the rows themselves: quicker than to look each of them up.
    ///
    /// # Errors
    /// As [`Snapshot::identify`].
    pub fn candidates(
        &self,
        id: GalleryId,
        probe: &Probe,
    ) -> Result<(Vec<Candidate<'_>>, ScanReport), ReadError> {
        let (found, report) = self.candidates_many(id, vec![probe.clone()])?;
        Ok((found.into_iter().flatten().collect(), report))
    }

    /// As [`Snapshot::candidates`] for many probes, which share each pass over the gallery. The
    /// lists come in the order of the probes.
    ///
    /// # Errors
    /// As [`Snapshot::identify`]; [`ReadError::Cancelled`] where any of the probes is.
    pub fn candidates_many(
        &self,
        id: GalleryId,
        probes: Vec<Probe>,
    ) -> Result<(Vec<Vec<Candidate<'_>>>, ScanReport), ReadError> {
        let (found, report) = self.search(id, probes)?;
        let view = self.version.gallery(id).ok_or(ReadError::NoSuchGallery(id))?;
        let candidate = |hit: &Hit| {
            let (row, score) = (view.row_of(hit)?, hit.scored.score);
            debug_assert!(row.is_some(), "{hit:?} is in the version that was searched");
            Ok(row.map(|row| Candidate { row, score }))
        };
        let list =
            |hits: &Vec<Hit>| hits.iter().map(candidate).filter_map(Result::transpose).collect();
        Ok((found.iter().map(list).collect::<Result<_, ReadError>>()?, report))
    }

    /// As [`Snapshot::identify`] for many probes, which share each pass over the gallery. The
    /// lists come in the order of the probes.
    ///
    /// # Errors
    /// As [`Snapshot::identify`]; [`ReadError::Cancelled`] where any of the probes is.
    pub fn identify_many(
        &self,
        id: GalleryId,
        probes: &[Probe],
    ) -> Result<Vec<Vec<Scored>>, ReadError> {
        let (found, _) = self.search(id, probes.to_vec())?;
        let scored = |hits: Vec<Hit>| hits.into_iter().map(|hit| hit.scored).collect();
        Ok(found.into_iter().map(scored).collect())
    }

    /// The first `most` pairs of some probes with the rows of a gallery, in one pass: in the order
    /// of the probes, those of one probe in the order of templates. Fewer than `most` are all.
    pub(crate) fn pairs(
        &self,
        id: GalleryId,
        probes: Vec<PairProbe>,
        most: usize,
    ) -> Result<Vec<Pair>, ReadError> {
        let view = self.version.gallery(id).ok_or(ReadError::NoSuchGallery(id))?;
        scan::pairs(&self.pool, view, probes, most)
    }

    fn search(
        &self,
        id: GalleryId,
        probes: Vec<Probe>,
    ) -> Result<(Vec<Vec<Hit>>, ScanReport), ReadError> {
        let view = self.version.gallery(id).ok_or(ReadError::NoSuchGallery(id))?;
        scan::search(&self.pool, view, probes)
    }
}

/// The rows of a gallery, none where there is no gallery.
fn merged(
    merge: Option<Result<Merge<'_>, Corruption>>,
) -> impl Iterator<Item = Result<RowRef<'_>, ReadError>> {
    let merge = merge.unwrap_or_else(|| Ok(Merge::default()));
    let merge = merge.unwrap_or_else(|failed| Merge { failed: Some(failed), ..Merge::default() });
    merge.map(|row| row.map_err(ReadError::Corruption))
}

type Rows<'a> = Box<dyn Iterator<Item = Result<RowRef<'a>, Corruption>> + Send + 'a>;

/// Ordered rows of several ordered sources; a live row is in one source only.
#[derive(Default)]
struct Merge<'a> {
    heads: Vec<(RowRef<'a>, Rows<'a>)>,
    /// What the next call returns, as the last.
    failed: Option<Corruption>,
}

impl<'a> Merge<'a> {
    fn new(view: &'a GalleryView, after: Option<TemplateId>) -> Result<Self, Corruption> {
        let mut merge = Self::default();
        for table in view.tables() {
            merge.add(Box::new(table.rows(after).map(Ok)))?;
        }
        for segment in &view.segments {
            let start = segment.segment.first_after(after)?;
            merge.add(Box::new(segment.live(start).map(|row| segment.row(row))))?;
        }
        Ok(merge)
    }

    /// Of the rows whose text in this column is `text`.
    fn holding(
        view: &'a GalleryView,
        after: Option<TemplateId>,
        column: TextColumn,
        text: &'a str,
    ) -> Result<Self, Corruption> {
        let mut merge = Self::default();
        let holds = move |row: &RowRef<'_>| row.text(column) == Some(text);
        for table in view.tables() {
            merge.add(Box::new(table.rows(after).filter(holds).map(Ok)))?;
        }
        for live in &view.segments {
            let segment = &live.segment;
            let read = move |row| match segment.may_hold(row, column, text) {
                Ok(may_hold) => may_hold.then(|| segment.row(row)),
                Err(corruption) => Some(Err(corruption)),
            };
            let rows = live.live(segment.first_after(after)?).filter_map(read);
            merge.add(Box::new(rows.filter(move |row| row.as_ref().map_or(true, holds))))?;
        }
        Ok(merge)
    }

    fn add(&mut self, mut rows: Rows<'a>) -> Result<(), Corruption> {
        if let Some(first) = rows.next() {
            self.heads.push((first?, rows));
        }
        Ok(())
    }
}

impl<'a> Iterator for Merge<'a> {
    type Item = Result<RowRef<'a>, Corruption>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(corruption) = self.failed.take() {
            self.heads.clear();
            return Some(Err(corruption));
        }
        let heads = self.heads.iter_mut().enumerate();
        let (at, (head, rows)) = heads.min_by_key(|(_, (head, _))| head.id)?;
        let row = *head;
        match rows.next() {
            Some(Ok(next)) => *head = next,
            Some(Err(corruption)) => self.failed = Some(corruption),
            None => drop(self.heads.swap_remove(at)),
        }
        Some(Ok(row))
    }
}

fn size_of(view: &GalleryView) -> GallerySize {
    let tables = view.tables();
    let segments = view.segments.iter();
    GallerySize {
        rows: view.row_count(),
        rows_in_memory: tables.iter().map(|table| table.len() as u64).sum(),
        bytes_in_memory: tables.iter().map(|table| table.bytes()).sum(),
        segments: view.segments.len() as u64,
        segment_bytes: segments.clone().map(|view| view.segment.file_bytes()).sum(),
        code_bytes: segments.clone().map(|view| view.segment.code_bytes()).sum(),
        rows_deleted: segments.map(|view| view.tombstones.len()).sum(),
    }
}
