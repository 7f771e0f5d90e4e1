//! Reading the small pictures that galleries keep of their faces. Whoever sees one is recorded.

use std::sync::Arc;

use likeness_storage::{GalleryDescriptor, TemplateId, ThumbnailRef};

use super::{EngineError, Tenant, TenantSnapshot, blocking};
use crate::audit::AuditAction;
use crate::biometric::FaceId;

impl TenantSnapshot {
    /// The thumbnails of faces of `gallery`, in the order of the ids: none of a face that is not
    /// there, or has none. Those that there are leave a record of an export.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`], [`EngineError::Damaged`], [`EngineError::Unrecorded`].
    pub fn thumbnails(
        &self,
        gallery: &str,
        face_ids: &[FaceId],
    ) -> Result<Vec<Option<Vec<u8>>>, EngineError> {
        let gallery = self.descriptor(gallery)?;
        let read = |face_id: &FaceId| match self.thumbnail(gallery, *face_id) {
            Err(EngineError::FaceNotFound(_)) => Ok(None),
            read => read,
        };
        let thumbnails = face_ids.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let seen = face_ids.iter().zip(&thumbnails).filter(|(_, found)| found.is_some());
        let seen: Vec<FaceId> = seen.map(|(face_id, _)| *face_id).collect();
        self.record_thumbnails(&gallery.name, &seen)?;
        Ok(thumbnails)
    }

    fn thumbnail(
        &self,
        gallery: &GalleryDescriptor,
        face_id: FaceId,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        let row = self.storage().get(gallery.id, TemplateId::new(face_id.as_u128()))?;
        let row = row.ok_or(EngineError::FaceNotFound(face_id))?;
        let bytes = row.thumbnail.map(ThumbnailRef::bytes).transpose();
        Ok(bytes.map_err(EngineError::Damaged)?.map(<[u8]>::to_vec))
    }

    fn record_thumbnails(&self, gallery: &str, seen: &[FaceId]) -> Result<(), EngineError> {
        if seen.is_empty() {
            return Ok(());
        }
        let entry = self.witness.entry(AuditAction::Export, Some(gallery));
        self.witness.record(entry.with_faces(seen.len() as u64, seen.iter()))
    }
}

impl Tenant {
    /// The thumbnail of one face, if it has one. Leaves a record of an export.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`], [`EngineError::FaceNotFound`], [`EngineError::Damaged`],
    /// [`EngineError::Unrecorded`].
    pub async fn thumbnail(
        &self,
        gallery: &str,
        face_id: FaceId,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        let snapshot = self.snapshot();
        let gallery = Arc::clone(snapshot.descriptor(gallery)?);
        blocking(move || {
            let thumbnail = snapshot.thumbnail(&gallery, face_id)?;
            if thumbnail.is_some() {
                snapshot.record_thumbnails(&gallery.name, &[face_id])?;
            }
            Ok(thumbnail)
        })
        .await
    }
}
