//! What a search looks for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::embedding::{Dim, Embedding};
use crate::error::Corruption;
use crate::exactness::Exactness;
use crate::id::{GalleryId, TemplateId};
use crate::template_set::TemplateSet;

/// Rows that are scored between two looks at the caller's cancellation flag.
pub(crate) const CANCEL_ROWS: usize = 1024;

/// What to look for, and within what bounds.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The embedding searched with.
    pub embedding: Embedding,
    /// Most candidates to return.
    pub limit: usize,
    /// Lowest score of a candidate, inclusive; negative infinity for none.
    pub min_score: f32,
    /// A template that is no candidate.
    pub exclude: Option<TemplateId>,
    /// The templates that may be candidates; `None` for all.
    pub only: Option<Arc<TemplateSet>>,
    /// What may be left to chance.
    pub exactness: Exactness,
    /// Set by another thread to give up, which takes about a millisecond.
    pub cancelled: Option<Arc<AtomicBool>>,
}

impl Probe {
    /// Searches with `embedding` for at most `limit` candidates of any score.
    pub fn new(embedding: Embedding, limit: usize) -> Self {
        Self {
            embedding,
            limit,
            min_score: f32::NEG_INFINITY,
            exclude: None,
            only: None,
            exactness: Exactness::default(),
            cancelled: None,
        }
    }

    /// Whether a template may be a candidate.
    pub(crate) fn permits(&self, id: TemplateId) -> bool {
        self.exclude != Some(id) && self.only.as_ref().is_none_or(|only| only.contains(id))
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed))
    }
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
