//! Validating what is to be committed: from what a caller asks for to what is logged.

use std::sync::Arc;

use crate::attachment::Attachment;
use crate::batch::{Commit, Operation, WriteBatch, WriteError};
use crate::change::Change;
use crate::gallery::GalleryDescriptor;
use crate::id::GalleryId;
use crate::limits;
use crate::row::Row;
use crate::version::{SegmentView, Version};

/// What a caller asks to be committed as a whole.
#[derive(Debug)]
pub(crate) enum Proposal {
    Batch(WriteBatch),
    Attachment(Attachment),
}

/// A validated proposal: the version it leads to, what to log and what to answer.
pub(crate) struct Prepared {
    pub(crate) version: Version,
    pub(crate) commit: Commit,
    pub(crate) changes: Vec<Change>,
}

/// Validates a proposal against `base`.
pub(crate) fn prepare(base: &Version, proposal: Proposal) -> Result<Prepared, WriteError> {
    match proposal {
        Proposal::Batch(batch) => prepare_batch(base, batch),
        Proposal::Attachment(attachment) => prepare_attachment(base, attachment),
    }
}

/// Validates each operation against the effect of those before it.
fn prepare_batch(base: &Version, batch: WriteBatch) -> Result<Prepared, WriteError> {
    bound("the batch", "operations", batch.len(), limits::BATCH_OPERATIONS_MAX)?;
    let mut version = base.clone();
    let lsn = if batch.is_empty() { base.lsn } else { base.lsn.next() };
    let mut commit = Commit { lsn, ..Commit::default() };
    let mut changes = Vec::with_capacity(batch.len());
    let mut bytes = 0;
    for operation in batch.into_operations() {
        let change = validate(&version, operation)?;
        bytes += change.size_hint();
        bound("the batch", "bytes", bytes, limits::RECORD_BYTES_MAX)?;
        let changed = version.apply(lsn, &change)?;
        match &change {
            Change::CreateGallery(descriptor) => commit.created.push(descriptor.id),
            Change::Enroll { .. } => commit.enrolled += 1,
            Change::Remove { .. } => commit.removed += u64::from(changed),
            Change::DropGallery(_) | Change::Attach { .. } => {}
        }
        changes.push(change);
    }
    version.lsn = lsn;
    Ok(Prepared { version, commit, changes })
}

fn prepare_attachment(base: &Version, attachment: Attachment) -> Result<Prepared, WriteError> {
    attachment.check(base)?;
    let (gallery, enrolled) = (attachment.gallery, attachment.row_count());
    let mut version = base.clone();
    let lsn = if enrolled == 0 { base.lsn } else { base.lsn.next() };
    let mut changes = Vec::with_capacity(attachment.segments.len());
    for segment in attachment.segments {
        changes.push(Change::Attach { gallery, segment: segment.id(), rows: segment.row_count() });
        version.attach(gallery, SegmentView::new(segment, lsn));
    }
    version.lsn = lsn;
    Ok(Prepared { version, commit: Commit { lsn, enrolled, ..Commit::default() }, changes })
}

fn validate(version: &Version, operation: Operation) -> Result<Change, WriteError> {
    match operation {
        Operation::CreateGallery(draft) => {
            let texts = [
                ("the tenant's name", Some(&*draft.tenant), limits::TENANT_CHARS_MAX),
                ("the gallery's name", Some(&*draft.name), limits::GALLERY_NAME_CHARS_MAX),
                ("the model's name", Some(&*draft.model), limits::MODEL_CHARS_MAX),
                ("the description", draft.description.as_deref(), limits::DESCRIPTION_CHARS_MAX),
            ];
            check_texts(&texts)?;
            if version.gallery_by_name(&draft.tenant, &draft.name).is_some() {
                return Err(WriteError::GalleryExists { tenant: draft.tenant, name: draft.name });
            }
            let id = GalleryId::new(version.next_gallery.get().max(1));
            Ok(Change::CreateGallery(GalleryDescriptor::from_draft(id, draft)))
        }
        Operation::DropGallery(id) => {
            version.gallery(id).ok_or(WriteError::NoSuchGallery(id))?;
            Ok(Change::DropGallery(id))
        }
        Operation::Remove { gallery, template } => {
            version.gallery(gallery).ok_or(WriteError::NoSuchGallery(gallery))?;
            Ok(Change::Remove { gallery, template })
        }
        Operation::Enroll { gallery, row } => {
            let view = version.gallery(gallery).ok_or(WriteError::NoSuchGallery(gallery))?;
            let row = accept(&view.descriptor, row)?;
            if view.contains(row.id)? {
                return Err(WriteError::DuplicateTemplate(row.id));
            }
            Ok(Change::Enroll { gallery, row: row.into() })
        }
    }
}

/// Checks a row against its gallery and the bounds, not whether it is there already, and gives it
/// the precision of the gallery: what is logged, sealed and searched is the same from here on.
pub(crate) fn accept(gallery: &GalleryDescriptor, row: Row) -> Result<Row, WriteError> {
    let row = Row { embedding: row.embedding.rounded(gallery.precision), ..row };
    check_row(gallery, &row)?;
    Ok(row)
}

fn check_row(gallery: &GalleryDescriptor, row: &Row) -> Result<(), WriteError> {
    let (expected, actual) = (gallery.dim, row.embedding.dim());
    if expected != actual {
        return Err(WriteError::DimensionMismatch { expected, actual });
    }
    if gallery.model != row.model {
        let (expected, actual) = (Arc::clone(&gallery.model), Arc::clone(&row.model));
        return Err(WriteError::ModelMismatch { expected, actual });
    }
    let ids = limits::EXTERNAL_ID_CHARS_MAX;
    check_texts(&[
        ("the external face id", row.external_face_id.as_deref(), ids),
        ("the external image id", row.external_image_id.as_deref(), ids),
    ])?;
    for (what, json) in [("attributes", &row.attributes), ("metadata", &row.metadata)] {
        let bytes = json.as_ref().map_or(0, |text| text.len());
        bound(what, "bytes", bytes, limits::JSON_BYTES_MAX)?;
    }
    let floats = [("the confidence", row.confidence), ("the quality", row.quality)];
    for (what, value) in floats {
        if value.is_some_and(|value| !value.is_finite()) {
            return Err(WriteError::NotFinite { what });
        }
    }
    if row.bounding_box.is_some_and(|edges| edges.iter().any(|edge| !edge.is_finite())) {
        return Err(WriteError::NotFinite { what: "the bounding box" });
    }
    if !row.embedding.is_unit() {
        return Err(WriteError::NotFinite { what: "the embedding" });
    }
    Ok(())
}

fn check_texts(texts: &[(&'static str, Option<&str>, usize)]) -> Result<(), WriteError> {
    for &(what, text, limit) in texts {
        bound(what, "characters", text.map_or(0, |text| text.chars().count()), limit)?;
    }
    Ok(())
}

fn bound(
    what: &'static str,
    unit: &'static str,
    actual: usize,
    limit: usize,
) -> Result<(), WriteError> {
    if actual <= limit {
        return Ok(());
    }
    Err(WriteError::TooLarge { what, unit, actual, limit })
}
