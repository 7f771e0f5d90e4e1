//! Galleries: what a caller says to create one, and what the store keeps of it.

use std::sync::Arc;

use crate::embedding::Dim;
use crate::id::GalleryId;
use crate::limits::DIM_MAX;
use crate::precision::Precision;

/// Set in a gallery's stored number of dimensions where it keeps thumbnails. Builds that know none
/// take such a number for too many dimensions, and refuse the file.
pub(crate) const THUMBNAILS_BIT: u16 = 1 << 14;

// A number of dimensions is a u16 on disk, with room for the bit.
const _: () = assert!(DIM_MAX < THUMBNAILS_BIT as usize);

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
    /// Whether it keeps the thumbnails of its rows.
    pub thumbnails: bool,
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
    /// Whether it keeps the thumbnails of its rows: a row is enrolled without its own where not.
    pub thumbnails: bool,
    /// Creation time in microseconds since the Unix epoch.
    pub created_at_us: i64,
}

impl GalleryDescriptor {
    /// The gallery that `draft` becomes under the identity `id`.
    pub(crate) fn from_draft(id: GalleryId, draft: GalleryDraft) -> Self {
        let GalleryDraft { tenant, name, description, model, dim, precision, thumbnails, .. } =
            draft;
        let created_at_us = draft.created_at_us;
        Self { id, tenant, name, description, model, dim, precision, thumbnails, created_at_us }
    }

    /// Bytes of an embedding in a segment.
    pub(crate) fn embedding_bytes(&self) -> usize {
        self.dim.get() * self.precision.bytes()
    }
}
