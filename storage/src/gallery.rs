//! Galleries: what a caller says to create one, and what the store keeps of it.

use std::sync::Arc;

use crate::embedding::Dim;
use crate::id::GalleryId;
use crate::precision::Precision;

/// What is needed to create a gallery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GalleryDraft {
    /// The tenant that owns the gallery.
    pub tenant: Box<str>,
    /// The gallery's name, unique within the tenant.
    pub name: Box<str>,
    /// Free text.
    pub description: Option<Box<str>>,
    /// The model whose embeddings the gallery holds.
    pub model: Arc<str>,
    /// Components of those embeddings.
    pub dim: Dim,
    /// How precisely it keeps them.
    pub precision: Precision,
    /// Creation time in microseconds since the Unix epoch, given by the caller.
    pub created_at_us: i64,
}

/// A gallery that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GalleryDescriptor {
    /// Identity, never used again after the gallery is dropped.
    pub id: GalleryId,
    /// The tenant that owns the gallery.
    pub tenant: Box<str>,
    /// The gallery's name, unique within the tenant.
    pub name: Box<str>,
    /// Free text.
    pub description: Option<Box<str>>,
    /// The model whose embeddings the gallery holds.
    pub model: Arc<str>,
    /// Components of those embeddings.
    pub dim: Dim,
    /// How precisely it keeps them: an embedding is rounded to this when it is enrolled.
    pub precision: Precision,
    /// Creation time in microseconds since the Unix epoch.
    pub created_at_us: i64,
}

impl GalleryDescriptor {
    /// The gallery that `draft` becomes under the identity `id`.
    pub(crate) fn from_draft(id: GalleryId, draft: GalleryDraft) -> Self {
        let GalleryDraft { tenant, name, description, model, dim, precision, created_at_us } =
            draft;
        Self { id, tenant, name, description, model, dim, precision, created_at_us }
    }

    /// Bytes of an embedding in a segment.
    pub(crate) fn embedding_bytes(&self) -> usize {
        self.dim.get() * self.precision.bytes()
    }
}
