//! A reader's view: one version, held for as long as the reader likes.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::embedding::{Dim, Embedding};
use crate::error::Corruption;
use crate::gallery::GalleryDescriptor;
use crate::id::{GalleryId, Lsn, RowOrdinal, TemplateId};
use crate::kernel;
use crate::limits::SCAN_BLOCK_ROWS;
use crate::memtable::Memtable;
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
    /// What would have to be read is damaged.
    #[error(transparent)]
    Corruption(#[from] Corruption),
}

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
    /// Deleted rows that are still in segments.
    pub rows_deleted: u64,
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

    /// How much of a gallery there is and where; none where the gallery does not exist.
    pub fn size(&self, id: GalleryId) -> Option<GallerySize> {
        let view = self.version.gallery(id)?;
        let tables = view.tables();
        let segments = view.segments.iter();
        Some(GallerySize {
            rows: view.row_count(),
            rows_in_memory: tables.iter().map(|table| table.len() as u64).sum(),
            bytes_in_memory: tables.iter().map(|table| table.bytes()).sum(),
            segments: view.segments.len() as u64,
            segment_bytes: segments.clone().map(|view| view.segment.file_bytes()).sum(),
            rows_deleted: segments.map(|view| view.tombstones.len()).sum(),
        })
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
        let merge = match self.version.gallery(id).map(|view| Merge::new(view, after)).transpose() {
            Ok(merge) => merge.unwrap_or_default(),
            Err(corruption) => Merge { failed: Some(corruption), ..Merge::default() },
        };
        merge.map(|row| row.map_err(ReadError::Corruption))
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
            _ => scan(view, probe, &mut best)?,
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
            && let Some(row) = view.get(id)?
        {
            best.offer(Scored { id, score: probe.score(row.embedding) });
        }
    }
    Ok(())
}

fn scan(view: &GalleryView, probe: &Probe<'_>, best: &mut TopK) -> Result<(), ReadError> {
    for table in view.tables() {
        scan_memtable(table, probe, best)?;
    }
    for segment in &view.segments {
        scan_segment(segment, probe, best)?;
    }
    Ok(())
}

fn scan_memtable(table: &Memtable, probe: &Probe<'_>, best: &mut TopK) -> Result<(), ReadError> {
    for (at, row) in table.rows(None).enumerate() {
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
    let (dim, rows) = (view.segment.dim().get(), view.segment.row_count());
    for start in (0..rows).step_by(SCAN_BLOCK_ROWS) {
        probe.check_cancelled()?;
        let end = rows.min(start.saturating_add(SCAN_BLOCK_ROWS as u32));
        let embeddings = view.segment.embeddings(start..end)?;
        for (row, embedding) in (start..end).zip(embeddings.chunks_exact(dim)) {
            let score = probe.score(embedding);
            if !best.admits(score) {
                continue;
            }
            let row = RowOrdinal::new(row);
            if view.tombstones.contains(row) {
                continue;
            }
            let id = view.segment.id_at(row)?;
            if probe.permits(id) {
                best.offer(Scored { id, score });
            }
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::WriteBatch;
    use crate::io::memory::MemoryDirectory;
    use crate::options::StoreOptions;
    use crate::row::tests::{bare_row, draft};
    use crate::store::Store;

    /// A gallery with rows in memory, in two segments, and deleted ones, as `places` says.
    fn gallery(places: &[u8]) -> (Snapshot, GalleryId) {
        let options = StoreOptions::default().with_checkpoint_on_close(false);
        let directory = Arc::new(MemoryDirectory::default());
        let store = Store::open_in(directory, options).unwrap().0;
        let mut batch = WriteBatch::new();
        batch.create_gallery(draft("g", 3));
        let gallery = store.write(batch).unwrap().created[0];
        for stage in 0..3 {
            let (mut batch, mut removal) = (WriteBatch::new(), WriteBatch::new());
            for (id, place) in places.iter().enumerate().filter(|(_, place)| *place % 3 == stage) {
                let components = vec![f32::from(place % 5) - 2.0, 1.0, f32::from(place % 7)];
                batch.enroll(gallery, bare_row(id as u128, components));
                if *place >= 200 {
                    removal.remove(gallery, TemplateId::new(id as u128));
                }
            }
            store.write(batch).unwrap();
            if stage < 2 {
                store.checkpoint().unwrap();
            }
            store.write(removal).unwrap();
        }
        (store.snapshot(), gallery)
    }

    fn brute_force(snapshot: &Snapshot, gallery: GalleryId, probe: &Probe<'_>) -> Vec<Scored> {
        let mut all: Vec<Scored> = snapshot
            .rows(gallery, None)
            .map(Result::unwrap)
            .filter(|row| probe.exclude != Some(row.id))
            .filter(|row| probe.only.is_none_or(|only| only.contains(&row.id)))
            .map(|row| Scored { id: row.id, score: probe.embedding.dot(&row.to_row().embedding) })
            .filter(|scored| scored.score >= probe.min_score)
            .collect();
        all.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
        all.truncate(probe.limit);
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn looking_up_equals_scanning_equals_brute_force(
            places in prop::collection::vec(any::<u8>(), 0..120),
            only in prop::collection::hash_set(0u128..140, 0..20),
            limit in prop_oneof![0usize..9, Just(usize::MAX)],
            min_score in prop_oneof![Just(f32::NEG_INFINITY), Just(f32::NAN), -1.0f32..1.0],
            exclude in prop::option::of(0u128..120),
        ) {
            let (snapshot, id) = gallery(&places);
            let only: HashSet<TemplateId> = only.into_iter().map(TemplateId::new).collect();
            let embedding = Embedding::normalize(vec![0.5, 0.2, 0.9]).unwrap();
            let open = Probe {
                embedding: &embedding,
                limit,
                min_score,
                exclude: exclude.map(TemplateId::new),
                only: None,
                cancelled: None,
            };
            let found = snapshot.identify(id, &open).unwrap();
            prop_assert_eq!(found, brute_force(&snapshot, id, &open));
            let probe = Probe { only: Some(&only), ..open };
            let expected = brute_force(&snapshot, id, &probe);
            let view = snapshot.version.gallery(id).unwrap();
            let (mut looked_up, mut scanned) =
                (TopK::new(limit, min_score), TopK::new(limit, min_score));
            look_up(view, &only, &probe, &mut looked_up).unwrap();
            scan(view, &probe, &mut scanned).unwrap();
            prop_assert_eq!(&looked_up.into_sorted(), &expected);
            prop_assert_eq!(&scanned.into_sorted(), &expected);
            prop_assert_eq!(snapshot.identify(id, &probe).unwrap(), expected);
        }
    }

    #[test]
    fn a_search_that_was_cancelled_gives_up_on_every_path() {
        for places in [[0; 40], [2; 40]] {
            let (snapshot, id) = gallery(&places);
            let embedding = Embedding::normalize(vec![1.0, 0.0, 0.0]).unwrap();
            let (cancelled, few) = (AtomicBool::new(true), HashSet::from([TemplateId::new(1)]));
            for only in [None, Some(&few)] {
                let probe = Probe {
                    embedding: &embedding,
                    limit: 1,
                    min_score: -1.0,
                    exclude: None,
                    only,
                    cancelled: Some(&cancelled),
                };
                let refused = snapshot.identify(id, &probe);
                assert!(matches!(refused, Err(ReadError::Cancelled)), "{refused:?}");
                cancelled.store(false, Ordering::Relaxed);
                assert_eq!(snapshot.identify(id, &probe).unwrap().len(), 1);
                cancelled.store(true, Ordering::Relaxed);
            }
        }
    }
}
