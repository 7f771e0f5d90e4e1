//! Bulk loading: rows straight into segments, made live by one small record of the log.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::attachment::Attachment;
use crate::batch::{Commit, WriteError};
use crate::checkpoint::build;
use crate::committer::{Request, Requests};
use crate::error::IoFailure;
use crate::gallery::GalleryDescriptor;
use crate::id::{GalleryId, TemplateId};
use crate::io::{Directory, FileName};
use crate::limits::LOAD_SEGMENT_BYTES;
use crate::numbers::SegmentNumbers;
use crate::prepare::{Proposal, accept};
use crate::row::{Row, RowRef};
use crate::segment::{BuildError, Segment};
use crate::version::{Current, SegmentView, Version};

/// Loads many rows into one gallery: all of them become visible and durable together or not at
/// all, however many there are.
///
/// Rows go to segment files as they come, past the log and the memory for recent rows, so loading
/// writes each row once; ascending identities load fastest. A loader that is dropped removes what
/// it wrote. Other writers go on meanwhile, also to the same gallery.
pub struct Loader<'a> {
    directory: &'a dyn Directory,
    numbers: &'a SegmentNumbers,
    current: &'a Current,
    requests: &'a Requests,
    gallery: Arc<GalleryDescriptor>,
    /// The rows of the next segment.
    rows: BTreeMap<TemplateId, Row>,
    /// Memory they take, roughly.
    bytes: u64,
    /// Written and synced; nothing names them yet.
    segments: Vec<Arc<Segment>>,
}

impl<'a> Loader<'a> {
    pub(crate) fn new(
        directory: &'a dyn Directory,
        numbers: &'a SegmentNumbers,
        current: &'a Current,
        requests: &'a Requests,
        gallery: GalleryId,
    ) -> Result<Self, WriteError> {
        let version = Arc::clone(&current.read());
        let view = version.gallery(gallery).ok_or(WriteError::NoSuchGallery(gallery))?;
        Ok(Self {
            directory,
            numbers,
            current,
            requests,
            gallery: Arc::clone(&view.descriptor),
            rows: BTreeMap::new(),
            bytes: 0,
            segments: Vec::new(),
        })
    }

    /// Adds a row. Writes a segment when enough rows are there, on the calling thread.
    ///
    /// # Errors
    /// [`WriteError`]; the row is not part of the load then, and the loader can be used further.
    /// A second row of one identity is refused here or by [`Loader::commit`].
    pub fn push(&mut self, row: Row) -> Result<(), WriteError> {
        let row = accept(&self.gallery, row)?;
        if self.rows.contains_key(&row.id) {
            return Err(WriteError::DuplicateTemplate(row.id));
        }
        let bytes = row.memory_bytes();
        if self.bytes + bytes > LOAD_SEGMENT_BYTES {
            self.write_segment()?;
        }
        self.bytes += bytes;
        self.rows.insert(row.id, row);
        Ok(())
    }

    /// Makes the rows visible and durable. Looks for rows that are there twice first, which takes
    /// a moment for each segment of the gallery among whose identities those of the load lie.
    ///
    /// # Errors
    /// [`WriteError`]; nothing of the load has happened unless the error says otherwise.
    pub fn commit(mut self) -> Result<Commit, WriteError> {
        self.write_segment()?;
        // The record must not name a file that a crash may take away.
        self.directory.sync().map_err(not_written)?;
        let (gallery, segments) = (self.gallery.id, self.segments.clone());
        let attachment = Attachment::new(gallery, segments, self.version())?;
        // That took long; this does not, and leaves the committer, which others wait for, little.
        let attachment = attachment.advance(self.version())?;
        let proposal = Proposal::Attachment(attachment);
        let outcome = self.requests.ask(|reply| Request::Write { proposal, reply });
        match outcome {
            // The record may be on disk. If it is not, opening the store removes the files.
            Ok(_) | Err(WriteError::Io(_) | WriteError::Unknown) => self.segments.clear(),
            Err(_) => {}
        }
        outcome
    }

    fn version(&self) -> Arc<Version> {
        Arc::clone(&self.current.read())
    }

    fn write_segment(&mut self) -> Result<(), WriteError> {
        // No LSN: the rows have that of the batch which makes the segment live.
        let rows: Vec<RowRef<'_>> =
            self.rows.values().map(|row| row.as_ref(SegmentView::UNBORN)).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let id = self.numbers.next();
        let name = FileName::Segment(id);
        let mut file = self.directory.create(name).map_err(not_written)?;
        let built = build(self.directory, &mut *file, id, &self.gallery, rows.as_slice());
        let segment = built.map_err(|error| {
            // Should it stay, opening the store removes it.
            let _ = self.directory.remove(name);
            match error {
                BuildError::Io(failure) => not_written(failure),
                BuildError::Corruption(corruption) => WriteError::Corruption(corruption),
            }
        })?;
        self.segments.push(Arc::new(segment));
        self.rows.clear();
        self.bytes = 0;
        Ok(())
    }
}

fn not_written(failure: IoFailure) -> WriteError {
    WriteError::NotLoaded(Arc::new(failure))
}

impl Drop for Loader<'_> {
    fn drop(&mut self) {
        // Not mapped any more, so that every system lets them be removed.
        let segments = std::mem::take(&mut self.segments);
        let files: Vec<FileName> =
            segments.iter().map(|segment| FileName::Segment(segment.id())).collect();
        drop(segments);
        let removed = |name: &FileName| self.directory.remove(*name).is_ok();
        let files: Vec<FileName> = files.into_iter().filter(|name| !removed(name)).collect();
        if !files.is_empty() {
            // An erasure will say so if they stay.
            self.requests.tell(Request::Discard { files });
        }
    }
}

impl fmt::Debug for Loader<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Loader")
            .field("gallery", &self.gallery.id)
            .field("segments", &self.segments.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
