//! Reading and removing enrolled faces.

use likeness_storage::{GalleryId, ReadError, RowRef, TemplateId, TextColumn};

use super::{Changes, EngineError, Tenant, TenantSnapshot, blocking};
use crate::biometric::{BoundingBox, FaceId};

/// One enrolled face, without its template.
#[derive(Debug, Clone, PartialEq)]
pub struct EnrolledFace {
    /// Server-assigned id.
    pub face_id: FaceId,
    /// Model that made its template.
    pub model: String,
    /// The caller's name for the person or record.
    pub external_face_id: Option<String>,
    /// The caller's name for the image.
    pub external_image_id: Option<String>,
    /// Where the face was in its image; none for embeddings brought by the caller.
    pub bounding_box: Option<BoundingBox>,
    /// The detector's confidence, 0..=1.
    pub confidence: Option<f32>,
    /// Predicted usefulness of the sample, 0..=1.
    pub quality: Option<f32>,
    /// JSON object of attributes.
    pub attributes: Option<String>,
    /// JSON value given by the caller.
    pub metadata: Option<String>,
    /// Enrolment time in microseconds since the Unix epoch.
    pub created_at_us: i64,
}

impl From<RowRef<'_>> for EnrolledFace {
    fn from(row: RowRef<'_>) -> Self {
        Self {
            face_id: FaceId::from_u128(row.id.get()),
            model: row.model.to_owned(),
            external_face_id: row.external_face_id.map(str::to_owned),
            external_image_id: row.external_image_id.map(str::to_owned),
            bounding_box: row.bounding_box.map(BoundingBox::from_array),
            confidence: row.confidence,
            quality: row.quality,
            attributes: row.attributes.map(str::to_owned),
            metadata: row.metadata.map(str::to_owned),
            created_at_us: row.created_at_us,
        }
    }
}

/// One page of a gallery's faces, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct FacePage {
    /// The faces of this page.
    pub faces: Vec<EnrolledFace>,
    /// Where the next page starts; none on the last page.
    pub next: Option<FaceId>,
}

impl TenantSnapshot {
    /// The face `face_id` of `gallery`.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`], [`EngineError::FaceNotFound`].
    pub fn face(&self, gallery: &str, face_id: FaceId) -> Result<EnrolledFace, EngineError> {
        let gallery = self.descriptor(gallery)?;
        self.snapshot
            .get(gallery.id, TemplateId::new(face_id.as_u128()))?
            .map(EnrolledFace::from)
            .ok_or(EngineError::FaceNotFound(face_id))
    }

    /// Whether `gallery` has the face `face_id`.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`].
    pub fn has_face(&self, gallery: &str, face_id: FaceId) -> Result<bool, EngineError> {
        let gallery = self.descriptor(gallery)?;
        Ok(self.snapshot.get(gallery.id, TemplateId::new(face_id.as_u128()))?.is_some())
    }

    /// Up to `limit` faces behind `after`, oldest first; if `external_image_id` is given, only its.
    ///
    /// Pages chained by [`FacePage::next`] show every face that lives through the whole listing
    /// exactly once, whatever is enrolled or removed meanwhile.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`].
    pub fn faces(
        &self,
        gallery: &str,
        external_image_id: Option<&str>,
        after: Option<FaceId>,
        limit: usize,
    ) -> Result<FacePage, EngineError> {
        let gallery = self.descriptor(gallery)?;
        let after = after.map(|face_id| TemplateId::new(face_id.as_u128()));
        let is_wanted =
            |row: &RowRef<'_>| external_image_id.is_none_or(|id| row.external_image_id == Some(id));
        let mut wanted = self
            .snapshot
            .rows(gallery.id, after)
            .filter(|row| row.as_ref().map_or(true, is_wanted));
        let faces = wanted.by_ref().take(limit).map(|row| Ok(row?.into()));
        let faces: Vec<EnrolledFace> = faces.collect::<Result<_, ReadError>>()?;
        let more = wanted.next().transpose()?.is_some();
        let next = faces.last().filter(|_| more).map(|face| face.face_id);
        Ok(FacePage { faces, next })
    }

    /// The one face of `gallery` that its caller named so. Looks at the names of all of them, on a
    /// thread for such work.
    ///
    /// # Errors
    /// [`EngineError::NoFaceNamed`], [`EngineError::SeveralFacesNamed`].
    pub(super) async fn face_named(
        &self,
        gallery: GalleryId,
        name: String,
    ) -> Result<FaceId, EngineError> {
        let snapshot = self.clone();
        blocking(move || {
            let column = TextColumn::ExternalFaceId;
            let mut named = snapshot.snapshot.rows_holding(gallery, None, column, &name);
            let found = (named.next().transpose()?, named.next().transpose()?);
            match found {
                (Some(_), Some(_)) => Err(EngineError::SeveralFacesNamed(name.clone())),
                (Some(one), None) => Ok(FaceId::from_u128(one.id.get())),
                (None, _) => Err(EngineError::NoFaceNamed(name.clone())),
            }
        })
        .await
    }

    /// What removing faces of `gallery` would change.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`].
    pub fn removal(&self, gallery: &str, face_ids: Vec<FaceId>) -> Result<Changes, EngineError> {
        let gallery = self.descriptor(gallery)?;
        let mut changes = Changes::new(self);
        for face_id in face_ids {
            changes.remove(gallery, face_id);
        }
        Ok(changes)
    }
}

impl TenantSnapshot {
    /// What removing those of the faces would change that `gallery` has.
    fn removal_of_present(
        &self,
        gallery: &str,
        mut face_ids: Vec<FaceId>,
    ) -> Result<Changes, EngineError> {
        face_ids.sort_unstable();
        face_ids.dedup();
        let mut present = Vec::with_capacity(face_ids.len());
        for face_id in face_ids {
            if self.has_face(gallery, face_id)? {
                present.push(face_id);
            }
        }
        self.removal(gallery, present)
    }
}

impl Tenant {
    /// Reads one page of faces off the async threads; see [`TenantSnapshot::faces`].
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`].
    pub async fn face_page(
        &self,
        gallery: String,
        external_image_id: Option<String>,
        after: Option<FaceId>,
        limit: usize,
    ) -> Result<FacePage, EngineError> {
        let snapshot = self.snapshot();
        blocking(move || snapshot.faces(&gallery, external_image_id.as_deref(), after, limit)).await
    }

    /// Removes faces and says how many of them there were; durable when this returns.
    ///
    /// Ids that are not in the gallery are passed over, and are in no record: it would say that
    /// somebody's face was erased.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`].
    pub async fn remove_faces(
        &self,
        gallery: &str,
        face_ids: Vec<FaceId>,
    ) -> Result<u64, EngineError> {
        loop {
            let (snapshot, name, ids) = (self.snapshot(), gallery.to_owned(), face_ids.clone());
            let removal = blocking(move || snapshot.removal_of_present(&name, ids)).await?;
            match self.write(removal).await {
                // Others changed some of these faces first. Those that are left are to go still.
                Err(EngineError::Conflict) => {}
                outcome => return Ok(outcome?.removed),
            }
        }
    }
}
