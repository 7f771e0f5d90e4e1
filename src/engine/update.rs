//! Changing what callers said of enrolled faces, and their templates. Ids and times stay as they
//! are.

use std::sync::Arc;

use likeness_storage::TemplateId;

use super::enroll::{check_external_id, check_metadata, kept_embedding};
use super::{Changes, EngineError, Tenant, TenantSnapshot, blocking};
use crate::biometric::FaceId;

/// A value of a face that its caller may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaceField {
    /// The caller's name for the person or record.
    ExternalFaceId,
    /// The caller's name for the image.
    ExternalImageId,
    /// JSON value kept with the face.
    Metadata,
}

impl FaceField {
    /// The field's name as callers know it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ExternalFaceId => "external_face_id",
            Self::ExternalImageId => "external_image_id",
            Self::Metadata => "metadata",
        }
    }

    fn check(self, value: Option<&str>) -> Result<(), EngineError> {
        match self {
            Self::ExternalFaceId | Self::ExternalImageId => check_external_id(self.name(), value),
            Self::Metadata => value.map_or(Ok(()), check_metadata),
        }
    }
}

/// New values of one face; fields that are not named keep theirs.
#[derive(Debug, Clone, PartialEq)]
pub struct FaceUpdate {
    /// Which face.
    pub face_id: FaceId,
    /// What its fields become.
    pub values: Vec<(FaceField, Option<String>)>,
    /// The numbers of a new template, where there is one. What was measured in the image of the
    /// old one goes with it; with the numbers that it has already, the face stays as it is.
    pub embedding: Option<Vec<f32>>,
}

impl Tenant {
    /// What giving faces new values would change, as of `at`; those that are not there are passed
    /// over.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`]; [`EngineError::InvalidValue`] for a value out of bounds,
    /// [`EngineError::DimensionMismatch`].
    pub async fn update(
        &self,
        at: &TenantSnapshot,
        gallery: &str,
        updates: Vec<FaceUpdate>,
    ) -> Result<Changes, EngineError> {
        let (at, gallery) = (at.clone(), Arc::clone(at.descriptor(gallery)?));
        blocking(move || {
            let mut changes = Changes::new(&at);
            for FaceUpdate { face_id, values, embedding } in updates {
                let id = TemplateId::new(face_id.as_u128());
                let Some(found) = at.storage().get(gallery.id, id)? else { continue };
                let is_new = |numbers: &Vec<f32>| *found.embedding.components() != **numbers;
                let embedding = embedding.filter(is_new);
                let mut row = found.to_row().map_err(EngineError::Damaged)?;
                for (field, value) in values {
                    field.check(value.as_deref())?;
                    let value = value.map(Into::into);
                    match field {
                        FaceField::ExternalFaceId => row.external_face_id = value,
                        FaceField::ExternalImageId => row.external_image_id = value,
                        FaceField::Metadata => row.metadata = value,
                    }
                }
                if let Some(numbers) = embedding {
                    row.embedding = kept_embedding(&gallery, numbers)?;
                    (row.bounding_box, row.confidence, row.quality) = (None, None, None);
                    (row.attributes, row.thumbnail) = (None, None);
                }
                changes.replace(&gallery, row);
            }
            Ok(changes)
        })
        .await
    }
}
