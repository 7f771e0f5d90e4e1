//! The similarity join: all pairs of templates that are alike, as a stream in bounded memory.
//!
//! The templates of the left gallery are probes, taken in the order of their identities in blocks;
//! a block goes through the right gallery in one pass. Pairs come in the order of the left template
//! and, of one left template, in that of the right, so that the last pair received says where to go
//! on. A block that has more pairs than may be held at once yields the first of them; the next pass
//! begins behind the last and takes fewer probes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::exactness::{Exactness, FailureProbability};
use crate::id::{GalleryId, TemplateId};
use crate::row::RowRef;
use crate::scan::{Pair, PairProbe, Probe, ReadError};
use crate::snapshot::Snapshot;

/// Probes of the first block: few, so that the first pairs come soon.
const FIRST_PROBES: usize = 16;
/// Most probes of a block.
const PROBES_MAX: usize = 256;
/// Most pairs held at once, 48 bytes each.
const PAIRS_MAX: usize = 1 << 16;

/// Two templates that are alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoredPair {
    /// The template of the left gallery.
    pub left: TemplateId,
    /// The template of the right gallery; within one gallery the one with the larger identity.
    pub right: TemplateId,
    /// Inner product of the two embeddings: -1 to 1 up to rounding, higher is more alike.
    pub score: f32,
}

/// A place in the order of pairs, whether or not there is a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinCursor {
    /// The left template of the last pair received.
    pub left: TemplateId,
    /// The right template of that pair; none to go on behind all pairs of the left one.
    pub right: Option<TemplateId>,
}

/// Which templates to compare, and how alike the pairs are that are wanted.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    /// The gallery whose templates are searched with.
    pub left: GalleryId,
    /// The gallery searched. If it is the left one, each pair of different templates comes once.
    pub right: GalleryId,
    /// Lowest score of a pair, inclusive.
    pub min_score: f32,
    /// What may be left to chance: for the probability given, the whole join misses a pair.
    pub exactness: Exactness,
    /// Only pairs behind this place come, in whatever snapshot it was reached.
    pub after: Option<JoinCursor>,
    /// Set by another thread to give up, which takes some milliseconds.
    pub cancelled: Option<Arc<AtomicBool>>,
}

/// A join under way: an iterator over its pairs, some at a time, none of them empty. It does
/// nothing until it is asked, then blocks for the scan, in which idle threads of the store take
/// part. An error is its last item.
#[derive(Debug)]
pub struct SimilarityJoin {
    snapshot: Snapshot,
    request: JoinRequest,
    /// Where the next block begins.
    after: Option<JoinCursor>,
    /// Probes of the next block.
    probes: usize,
    probes_max: usize,
    pairs_max: usize,
    is_over: bool,
}

impl Snapshot {
    /// All pairs of templates of two galleries, or of one, with scores of at least
    /// [`JoinRequest::min_score`]: in the order of the left template, then of the right. Scores are
    /// those that [`Snapshot::identify`] gives, to the bit.
    ///
    /// # Errors
    /// [`ReadError::NoSuchGallery`], [`ReadError::DimensionMismatch`]. The join itself may end with
    /// [`ReadError::Cancelled`] or [`ReadError::Corruption`].
    pub fn join(&self, request: JoinRequest) -> Result<SimilarityJoin, ReadError> {
        let gallery = |id| self.gallery(id).ok_or(ReadError::NoSuchGallery(id));
        let [actual, expected] = [gallery(request.left)?.dim, gallery(request.right)?.dim];
        if actual != expected {
            return Err(ReadError::DimensionMismatch { expected, actual });
        }
        let exactness = share(request.exactness, self.row_count(request.left));
        Ok(SimilarityJoin {
            snapshot: self.clone(),
            after: request.after,
            request: JoinRequest { exactness, ..request },
            probes: FIRST_PROBES,
            probes_max: PROBES_MAX,
            pairs_max: PAIRS_MAX,
            is_over: self.row_count(request.right) == 0 || request.min_score.is_nan(),
        })
    }
}

/// What one of so many probes may leave to chance, so that all of them together leave to chance
/// what is given.
fn share(exactness: Exactness, probes: u64) -> Exactness {
    let Exactness::Probable(probability) = exactness else { return exactness };
    let share = FailureProbability::new(probability.get() / probes.max(1) as f64);
    share.map_or(Exactness::Deterministic, Exactness::Probable)
}

impl SimilarityJoin {
    /// Most pairs that come at once.
    pub const PAIRS_MAX: usize = PAIRS_MAX;

    /// The pairs of the next block, or the first of them.
    fn advance(&mut self) -> Result<Vec<ScoredPair>, ReadError> {
        let cancelled = self.request.cancelled.as_ref();
        if cancelled.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(ReadError::Cancelled);
        }
        let (lefts, probes) = self.block()?;
        let Some(&last) = lefts.last() else {
            self.is_over = true;
            return Ok(Vec::new());
        };
        let found = self.snapshot.pairs(self.request.right, probes, self.pairs_max)?;
        let are_all = found.len() < self.pairs_max;
        let complete = found.last().map_or(0, |pair| pair.place);
        let pair = |Pair { place, found }| {
            let left = lefts.get(place).copied();
            left.map(|left| ScoredPair { left, right: found.id, score: found.score })
        };
        let pairs: Vec<ScoredPair> = found.into_iter().filter_map(pair).collect();
        if are_all {
            self.after = Some(JoinCursor { left: last, right: None });
            if pairs.len() <= self.pairs_max / 2 {
                self.probes = (self.probes * 2).min(self.probes_max);
            }
        } else {
            let cursor =
                |pair: &ScoredPair| JoinCursor { left: pair.left, right: Some(pair.right) };
            self.after = pairs.last().map(cursor);
            self.probes = complete.max(1);
        }
        Ok(pairs)
    }

    /// The next probes and their identities.
    fn block(&self) -> Result<(Vec<TemplateId>, Vec<PairProbe>), ReadError> {
        let gallery = self.request.left;
        let again = self.after.filter(|after| after.right.is_some());
        let again = again.map(|after| self.snapshot.get(gallery, after.left)).transpose()?;
        let behind = self.snapshot.rows(gallery, self.after.map(|after| after.left));
        let rows = again.flatten().map(Ok).into_iter().chain(behind);
        let probes = rows.take(self.probes).map(|row| {
            let row = row?;
            Ok((row.id, self.probe(&row)))
        });
        probes.collect()
    }

    fn probe(&self, row: &RowRef<'_>) -> PairProbe {
        let JoinRequest { left, right, min_score, exactness, ref cancelled, .. } = self.request;
        let itself = (left == right).then_some(row.id);
        let resumed = self.after.filter(|after| after.left == row.id);
        let probe = Probe {
            min_score,
            exactness,
            cancelled: cancelled.clone(),
            ..Probe::new(row.embedding.to_embedding(), usize::MAX)
        };
        PairProbe { probe, behind: itself.max(resumed.and_then(|after| after.right)) }
    }
}

impl Iterator for SimilarityJoin {
    type Item = Result<Vec<ScoredPair>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over {
            match self.advance() {
                Ok(pairs) if pairs.is_empty() => {}
                Ok(pairs) => return Some(Ok(pairs)),
                Err(error) => {
                    self.is_over = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
