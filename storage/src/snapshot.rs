//! A reader's view: one version, held for as long as the reader likes.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::embedding::{Dim, Embedding};
use crate::gallery::GalleryDescriptor;
use crate::id::{GalleryId, Lsn, RowOrdinal, TemplateId};
use crate::kernel;
use crate::limits::SCAN_BLOCK_ROWS;
use crate::row::RowRef;
use crate::topk::{Scored, TopK};
use crate::version::{GalleryView, SegmentView, Version};

/// A pre-filter this many times smaller than the gallery is answered by looking its rows up.
const LOOK_UP_RATIO: u64 = 16;

/// What to look for, and within what bounds.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'a> {
    /// The embedding searched with.
    pub embedding: &'a Embedding,
    /// Most candidates to return.
    pub limit: usize,
    /// Lowest score of a candidate, inclusive; negative infinity for none.
    pub min_score: f32,
    /// A template that is no candidate.
    pub exclude: Option<TemplateId>,
    /// The templates that may be candidates; `None` for all.
    pub only: Option<&'a HashSet<TemplateId>>,
    /// Set by another thread to give up.
    pub cancelled: Option<&'a AtomicBool>,
}

/// Why a snapshot could not answer.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The gallery does not exist in this snapshot.
    #[error("there is no gallery {0}")]
    NoSuchGallery(GalleryId),
    /// The probe does not have the gallery's dimension.
    #[error("the gallery holds embeddings of {expected} components, not {actual}")]
    DimensionMismatch {
        /// The gallery's dimension.
        expected: Dim,
        /// The probe's dimension.
        actual: Dim,
    },
    /// The caller gave up.
    #[error("the search was cancelled")]
    Cancelled,
}

/// The store after one batch, whatever is written later. Cheap to clone; never blocks writers.
#[derive(Clone, Debug)]
pub struct Snapshot {
    version: Arc<Version>,
}

impl Snapshot {
    pub(crate) fn new(version: Arc<Version>) -> Self {
        Self { version }
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

    /// The live row of this identity.
    pub fn get(&self, id: GalleryId, template: TemplateId) -> Option<RowRef<'_>> {
        self.version.gallery(id)?.get(template)
    }

    /// The live rows behind `after` in the order of their identities.
    pub fn rows(
        &self,
        id: GalleryId,
        after: Option<TemplateId>,
    ) -> impl Iterator<Item = RowRef<'_>> + use<'_> {
        let sources = self.version.gallery(id).map(|view| sources(view, after));
        Merge { heads: sources.into_iter().flatten().map(Iterator::peekable).collect() }
    }

    /// The rows most like the probe, best first; equal scores in the order of identities. Exact:
    /// every live row is compared. Blocks for the scan, on the calling thread alone.
    ///
    /// # Errors
    /// [`ReadError`]; a gallery without rows is not an error.
    pub fn identify(&self, id: GalleryId, probe: &Probe<'_>) -> Result<Vec<Scored>, ReadError> {
        let view = self.version.gallery(id).ok_or(ReadError::NoSuchGallery(id))?;
        let (expected, actual) = (view.descriptor.dim, probe.embedding.dim());
        if expected != actual {
            return Err(ReadError::DimensionMismatch { expected, actual });
        }
        let mut best = TopK::new(probe.limit, probe.min_score);
        match probe.only {
            Some(only) if only.len() as u64 * LOOK_UP_RATIO < view.row_count() => {
                look_up(view, only, probe, &mut best)?;
            }
            _ => {
                scan_memtable(view, probe, &mut best)?;
                for segment in &view.segments {
                    scan_segment(segment, probe, &mut best)?;
                }
            }
        }
        Ok(best.into_sorted())
    }
}

impl Probe<'_> {
    fn permits(&self, id: TemplateId) -> bool {
        self.exclude != Some(id) && self.only.is_none_or(|only| only.contains(&id))
    }

    fn check_cancelled(&self) -> Result<(), ReadError> {
        match self.cancelled {
            Some(flag) if flag.load(Ordering::Relaxed) => Err(ReadError::Cancelled),
            _ => Ok(()),
        }
    }

    fn score(&self, embedding: &[f32]) -> f32 {
        kernel::dot(self.embedding.as_slice(), embedding)
    }
}

fn look_up(
    view: &GalleryView,
    only: &HashSet<TemplateId>,
    probe: &Probe<'_>,
    best: &mut TopK,
) -> Result<(), ReadError> {
    for (at, &id) in only.iter().enumerate() {
        if at % SCAN_BLOCK_ROWS == 0 {
            probe.check_cancelled()?;
        }
        if probe.permits(id)
            && let Some(row) = view.get(id)
        {
            best.offer(Scored { id, score: probe.score(row.embedding) });
        }
    }
    Ok(())
}

fn scan_memtable(view: &GalleryView, probe: &Probe<'_>, best: &mut TopK) -> Result<(), ReadError> {
    for (at, row) in view.memtable.rows(None).enumerate() {
        if at % SCAN_BLOCK_ROWS == 0 {
            probe.check_cancelled()?;
        }
        let score = probe.score(row.embedding);
        if best.admits(score) && probe.permits(row.id) {
            best.offer(Scored { id: row.id, score });
        }
    }
    Ok(())
}

fn scan_segment(view: &SegmentView, probe: &Probe<'_>, best: &mut TopK) -> Result<(), ReadError> {
    let dim = view.segment.dim().get();
    for (block, embeddings) in view.segment.embeddings().chunks(dim * SCAN_BLOCK_ROWS).enumerate() {
        probe.check_cancelled()?;
        for (at, embedding) in embeddings.chunks_exact(dim).enumerate() {
            let score = probe.score(embedding);
            if !best.admits(score) {
                continue;
            }
            let row = RowOrdinal::new((block * SCAN_BLOCK_ROWS + at) as u32);
            if view.tombstones.contains(row) {
                continue;
            }
            if let Some(id) = view.segment.id_at(row).filter(|id| probe.permits(*id)) {
                best.offer(Scored { id, score });
            }
        }
    }
    Ok(())
}

type Rows<'a> = Box<dyn Iterator<Item = RowRef<'a>> + Send + 'a>;

fn sources(view: &GalleryView, after: Option<TemplateId>) -> Vec<Rows<'_>> {
    let mut sources: Vec<Rows<'_>> = vec![Box::new(view.memtable.rows(after))];
    for segment in &view.segments {
        sources.push(Box::new(segment.live_rows(segment.segment.first_after(after))));
    }
    sources
}

/// Ordered rows of several ordered sources; a live row is in one source only.
struct Merge<'a> {
    heads: Vec<std::iter::Peekable<Rows<'a>>>,
}

impl<'a> Iterator for Merge<'a> {
    type Item = RowRef<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let heads = self.heads.iter_mut();
        let next = heads
            .filter_map(|head| head.peek().map(|row| row.id).map(|id| (id, head)))
            .min_by_key(|(id, _)| *id);
        next?.1.next()
    }
}
