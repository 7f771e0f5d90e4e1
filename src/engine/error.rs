//! Why a use case failed, in the words of the use case. Doors translate to status codes.

use std::error::Error;

use likeness_storage::{Corruption, EmbeddingError, ReadError, WriteError};

use crate::audit::AuditError;
use crate::biometric::FaceId;
use crate::vision::{ImageError, VisionError};

/// A use case that did not happen; nothing was changed by it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The tenant has no gallery of this name.
    #[error("collection {0:?} does not exist")]
    GalleryNotFound(String),
    /// The tenant already has a gallery of this name.
    #[error("collection {0:?} already exists")]
    GalleryExists(String),
    /// The gallery holds a face with this id already.
    #[error("face {0} already exists in this collection")]
    FaceExists(FaceId),
    /// The gallery holds no such face.
    #[error("face {0} does not exist in this collection")]
    FaceNotFound(FaceId),
    /// The gallery holds no face that its caller named so.
    #[error("no face in this collection has external_face_id {0:?}")]
    NoFaceNamed(String),
    /// One face was meant, and several are named so.
    #[error("more than one face in this collection has external_face_id {0:?}")]
    SeveralFacesNamed(String),
    /// A value breaks a stated bound.
    #[error("{what} {why}")]
    InvalidValue {
        /// The value's name as callers know it.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The embedding has another number of dimensions than the gallery.
    #[error("embedding has {actual} dimensions, collection {gallery:?} has {expected}")]
    DimensionMismatch {
        /// The gallery's name.
        gallery: String,
        /// Dimensions of its templates.
        expected: usize,
        /// Dimensions of the embedding given.
        actual: usize,
    },
    /// The gallery's templates come from another model than the one loaded.
    #[error(
        "collection {gallery:?} holds templates of model {expected:?}, \
         images are read by {actual:?}"
    )]
    ModelMismatch {
        /// The gallery's name.
        gallery: String,
        /// Model of its templates.
        expected: String,
        /// Model that would read the image.
        actual: String,
    },
    /// The image cannot be used.
    #[error("image cannot be used")]
    Image(#[source] ImageError),
    /// The image shows no face.
    #[error("no face was found in the image")]
    NoFace,
    /// The first image of a comparison shows no face.
    #[error("no face was found in the source image")]
    NoFaceInSource,
    /// The second image of a comparison shows no face.
    #[error("no face was found in the target image")]
    NoFaceInTarget,
    /// No model pack is loaded, so images cannot be read.
    #[error("no model pack is installed: {0}")]
    ModelUnavailable(String),
    /// The store accepts no writes until it is reopened: this one failed, or one before it.
    #[error("the store is read-only after a failed write; restart the server")]
    ReadOnly(#[source] WriteError),
    /// What is stored is damaged. Nothing was answered from it; the log names the file.
    #[error("stored data is damaged: the server's log names the file")]
    Damaged(#[source] Corruption),
    /// Others changed, since these changes were computed, what they would change. Computing them
    /// again may succeed.
    #[error("could not serialize access due to concurrent update")]
    Conflict,
    /// What is to be changed at once exceeds a bound.
    #[error("{0}")]
    TooLarge(String),
    /// Open transactions hold as many changes as they may.
    #[error("open transactions hold {0} MiB of changes together, which is all they may")]
    TooMuchUncommitted(u64),
    /// The caller withdrew the request.
    #[error("canceled on request")]
    Cancelled,
    /// What was to be done would have left no record, or the records cannot be read.
    #[error("the audit log cannot be used; the server's log says why")]
    Unrecorded(#[from] AuditError),
    /// A malfunction; details are for the log, not for callers.
    #[error("internal error")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}

impl EngineError {
    /// Why a write to `gallery` failed; it may have been dropped since it was looked up.
    pub(super) fn of_write(error: WriteError, gallery: &str) -> Self {
        match error {
            WriteError::NoSuchGallery(_) => Self::GalleryNotFound(gallery.to_owned()),
            other => other.into(),
        }
    }

    /// A bound of `what` was broken.
    pub fn invalid(what: &'static str, why: impl Into<String>) -> Self {
        Self::InvalidValue { what, why: why.into() }
    }
}

impl From<EmbeddingError> for EngineError {
    /// Numbers of a caller that are no embedding.
    fn from(why: EmbeddingError) -> Self {
        let why = match why {
            EmbeddingError::ZeroLength => "has length zero, and so no direction".to_owned(),
            EmbeddingError::NotFinite { position } => {
                format!("has a component that is not finite, at place {position} counted from 0")
            }
            other => format!("cannot be used: {other}"),
        };
        Self::invalid("embedding", why)
    }
}

impl From<VisionError> for EngineError {
    fn from(error: VisionError) -> Self {
        match error {
            VisionError::Image(image) => Self::Image(image),
            other => Self::Internal(Box::new(other)),
        }
    }
}

impl From<WriteError> for EngineError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::GalleryExists { name, .. } => Self::GalleryExists(name.into()),
            WriteError::DuplicateTemplate(id) => Self::FaceExists(FaceId::from_u128(id.get())),
            WriteError::ReadOnly { .. } | WriteError::Io(_) => Self::ReadOnly(error),
            WriteError::Corruption(corruption) => Self::Damaged(corruption),
            WriteError::TooLarge { .. } => Self::TooLarge(error.to_string()),
            // It was there when the changes were computed.
            WriteError::Conflict | WriteError::NoSuchGallery(_) => Self::Conflict,
            other => Self::Internal(Box::new(other)),
        }
    }
}

impl From<ReadError> for EngineError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Cancelled => Self::Cancelled,
            ReadError::Corruption(corruption) => Self::Damaged(corruption),
            other => Self::Internal(Box::new(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use likeness_storage::GalleryId;

    use super::*;

    #[test]
    fn a_gallery_dropped_under_a_write_is_reported_as_absent() {
        let error = EngineError::of_write(WriteError::NoSuchGallery(GalleryId::new(7)), "users");
        assert!(matches!(error, EngineError::GalleryNotFound(name) if name == "users"));
    }
}
