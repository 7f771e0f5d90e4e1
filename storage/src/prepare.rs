//! Validating what is to be committed: from what a caller asks for to what is logged.

use std::collections::HashMap;
use std::sync::Arc;

use imbl::Vector;

use crate::attachment::Attachment;
use crate::batch::{Commit, Operation, WriteBatch, WriteError};
use crate::change::Change;
use crate::gallery::GalleryDescriptor;
use crate::id::{GalleryId, TemplateId};
use crate::limits;
use crate::row::Row;
use crate::version::{SegmentView, Version};

/// What a caller asks to be committed as a whole.
#[derive(Debug)]
pub(crate) enum Proposal {
    /// Operations. Those computed from a version must not meet what others changed since.
    Batch { batch: WriteBatch, since: Option<Arc<Version>> },
    /// What a transaction did to the version it began with, and what others must not have changed.
    Changes {
        changes: Vector<Change>,
        watched: Box<[(GalleryId, TemplateId)]>,
        since: Arc<Version>,
    },
    /// Segments of a bulk load.
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
        Proposal::Batch { batch, since } => prepare_batch(base, batch, since.as_deref()),
        Proposal::Changes { changes, watched, since } => {
            let others = Others { before: &since, now: base };
            watched.iter().try_for_each(|(gallery, row)| others.check_row(*gallery, *row))?;
            prepare_changes(base, changes, &others)
        }
        Proposal::Attachment(attachment) => prepare_attachment(base, attachment),
    }
}

fn prepare_batch(
    base: &Version,
    batch: WriteBatch,
    since: Option<&Version>,
) -> Result<Prepared, WriteError> {
    let others = since.map(|before| Others { before, now: base });
    let mut draft = Draft::new("the batch", base);
    draft.check_room(batch.len())?;
    let mut changes = Vec::with_capacity(batch.len());
    for operation in batch.into_operations() {
        let change = draft.validate(operation)?;
        match &others {
            None => draft.apply(&change)?,
            Some(others) => others.apply(&mut draft, &change)?,
        };
        changes.push(change);
    }
    Ok(draft.finish(base, changes))
}

fn prepare_changes(
    base: &Version,
    changes: Vector<Change>,
    others: &Others<'_>,
) -> Result<Prepared, WriteError> {
    let mut draft = Draft::new("the transaction", base);
    let mut logged = Vec::with_capacity(changes.len());
    let mut numbers = HashMap::new();
    for change in changes {
        let change = draft.renumbered(change, &mut numbers);
        others.apply(&mut draft, &change)?;
        logged.push(change);
    }
    Ok(draft.finish(base, logged))
}

/// A version under construction: every change is validated against the effect of those before it.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) version: Version,
    pub(crate) commit: Commit,
    /// What is being made, for errors.
    what: &'static str,
    operations: usize,
    bytes: usize,
}

impl Draft {
    /// Nothing yet, on top of `base`.
    pub(crate) fn new(what: &'static str, base: &Version) -> Self {
        let commit = Commit { lsn: base.lsn.next(), ..Commit::default() };
        Self { version: base.clone(), commit, what, operations: 0, bytes: 0 }
    }

    /// The bytes that the changes take in the log, at most.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether so many more operations fit.
    pub(crate) fn check_room(&self, operations: usize) -> Result<(), WriteError> {
        let operations = self.operations + operations;
        bound(self.what, "operations", operations, limits::BATCH_OPERATIONS_MAX)
    }

    /// The change that an operation means, if its values are within their bounds.
    pub(crate) fn validate(&self, operation: Operation) -> Result<Change, WriteError> {
        validate(&self.version, operation)
    }

    /// Applies a change if it is applicable; says whether it removed or added anything.
    pub(crate) fn apply(&mut self, change: &Change) -> Result<bool, WriteError> {
        admit(&self.version, change)?;
        self.check_room(1)?;
        let bytes = self.bytes + change.size_hint();
        bound(self.what, "bytes", bytes, limits::RECORD_BYTES_MAX)?;
        let changed = self.version.apply(self.commit.lsn, change)?;
        match change {
            Change::CreateGallery(descriptor) => self.commit.created.push(descriptor.id),
            Change::Enroll { .. } => self.commit.enrolled += 1,
            Change::Remove { .. } => self.commit.removed += u64::from(changed),
            Change::AlterGallery { .. } | Change::DropGallery(_) | Change::Attach { .. } => {}
        }
        self.operations += 1;
        self.bytes = bytes;
        Ok(changed)
    }

    /// The same change with the identities that galleries get here: those that a transaction gave
    /// to galleries of its own may belong to others by now.
    fn renumbered(&self, change: Change, numbers: &mut HashMap<GalleryId, GalleryId>) -> Change {
        let number = |id| numbers.get(&id).copied().unwrap_or(id);
        match change {
            Change::CreateGallery(descriptor) => {
                let id = next_gallery(&self.version);
                numbers.insert(descriptor.id, id);
                Change::CreateGallery(GalleryDescriptor { id, ..descriptor })
            }
            Change::AlterGallery { gallery, name, description } => {
                Change::AlterGallery { gallery: number(gallery), name, description }
            }
            Change::DropGallery(id) => Change::DropGallery(number(id)),
            Change::Enroll { gallery, row } => Change::Enroll { gallery: number(gallery), row },
            Change::Remove { gallery, template } => {
                Change::Remove { gallery: number(gallery), template }
            }
            Change::Attach { gallery, segment, rows } => {
                Change::Attach { gallery: number(gallery), segment, rows }
            }
        }
    }

    fn finish(mut self, base: &Version, changes: Vec<Change>) -> Prepared {
        if changes.is_empty() {
            self.commit.lsn = base.lsn;
        }
        self.version.lsn = self.commit.lsn;
        Prepared { version: self.version, commit: self.commit, changes }
    }
}

/// What others did between the version that changes were computed from and the present one.
struct Others<'a> {
    before: &'a Version,
    now: &'a Version,
}

impl Others<'_> {
    /// That a row that was there is there as it was.
    fn check_row(&self, gallery: GalleryId, row: TemplateId) -> Result<(), WriteError> {
        let Some(before) = self.before.gallery(gallery) else { return Ok(()) };
        let now = self.now.gallery(gallery);
        if now.is_some_and(|now| Arc::ptr_eq(before, now)) {
            return Ok(());
        }
        let Some(lsn) = before.lsn_of(row)? else { return Ok(()) };
        match now.map(|now| now.lsn_of(row)).transpose()?.flatten() {
            Some(same) if same == lsn => Ok(()),
            _ => Err(WriteError::Conflict),
        }
    }

    /// Applies a change to a draft of the present version, unless it meets what others did.
    fn apply(&self, draft: &mut Draft, change: &Change) -> Result<bool, WriteError> {
        if let Change::Remove { gallery, template } = change
            && self.now.gallery(*gallery).is_some()
        {
            self.check_row(*gallery, *template)?;
        }
        if let Change::AlterGallery { gallery, .. } = change
            && let (Some(before), Some(now)) =
                (self.before.gallery(*gallery), self.now.gallery(*gallery))
            && before.descriptor != now.descriptor
        {
            return Err(WriteError::Conflict);
        }
        match (draft.apply(change), change) {
            // It was there when the change was computed.
            (Err(WriteError::NoSuchGallery(_)), _) => Err(WriteError::Conflict),
            (Err(WriteError::DuplicateTemplate(id)), Change::Enroll { gallery, .. }) => {
                let before = self.before.gallery(*gallery);
                let known = before.map(|view| view.contains(id)).transpose()?.unwrap_or(false);
                Err(if known { WriteError::DuplicateTemplate(id) } else { WriteError::Conflict })
            }
            (outcome, _) => outcome,
        }
    }
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

/// The change that an operation means, if its values are within their bounds.
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
            let id = next_gallery(version);
            Ok(Change::CreateGallery(GalleryDescriptor::from_draft(id, draft)))
        }
        Operation::AlterGallery { gallery, name, description } => {
            check_texts(&[
                ("the gallery's name", Some(&*name), limits::GALLERY_NAME_CHARS_MAX),
                ("the description", description.as_deref(), limits::DESCRIPTION_CHARS_MAX),
            ])?;
            Ok(Change::AlterGallery { gallery, name, description })
        }
        Operation::DropGallery(id) => Ok(Change::DropGallery(id)),
        Operation::Remove { gallery, template } => Ok(Change::Remove { gallery, template }),
        Operation::Enroll { gallery, row } => {
            let view = version.gallery(gallery).ok_or(WriteError::NoSuchGallery(gallery))?;
            let row = accept(&view.descriptor, row)?;
            Ok(Change::Enroll { gallery, row: row.into() })
        }
    }
}

fn next_gallery(version: &Version) -> GalleryId {
    GalleryId::new(version.next_gallery.get().max(1))
}

/// Whether a change whose values are within their bounds is applicable to this version.
fn admit(version: &Version, change: &Change) -> Result<(), WriteError> {
    let gallery = |id| version.gallery(id).ok_or(WriteError::NoSuchGallery(id));
    match change {
        Change::CreateGallery(new) => match version.gallery_by_name(&new.tenant, &new.name) {
            Some(_) => {
                let (tenant, name) = (new.tenant.clone(), new.name.clone());
                Err(WriteError::GalleryExists { tenant, name })
            }
            None => Ok(()),
        },
        Change::AlterGallery { gallery: id, name, .. } => {
            let tenant = &gallery(*id)?.descriptor.tenant;
            match version.gallery_by_name(tenant, name) {
                Some(other) if other.descriptor.id != *id => {
                    let (tenant, name) = (tenant.clone(), name.clone());
                    Err(WriteError::GalleryExists { tenant, name })
                }
                _ => Ok(()),
            }
        }
        Change::DropGallery(id)
        | Change::Remove { gallery: id, .. }
        | Change::Attach { gallery: id, .. } => gallery(*id).map(drop),
        Change::Enroll { gallery: id, row } => {
            if gallery(*id)?.contains(row.id)? {
                return Err(WriteError::DuplicateTemplate(row.id));
            }
            Ok(())
        }
    }
}

/// Checks a row against its gallery and the bounds, not whether it is there already, and leaves of
/// it what the gallery keeps: the precision of its embedding, and a thumbnail or none. What is
/// logged, sealed and searched is the same from here on.
pub(crate) fn accept(gallery: &GalleryDescriptor, row: Row) -> Result<Row, WriteError> {
    let thumbnail = row.thumbnail.filter(|_| gallery.thumbnails);
    let row = Row { embedding: row.embedding.rounded(gallery.precision), thumbnail, ..row };
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
