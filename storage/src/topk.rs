//! A bounded list of the best candidates, in a total order: score descending, then id ascending.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::id::{RowOrdinal, TemplateId};

/// A template and its similarity to the probe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The template.
    pub id: TemplateId,
    /// Inner product of the two embeddings: -1 to 1 up to rounding, higher is more alike.
    pub score: f32,
}

/// Where a row is in the version of a gallery that is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a table in memory.
    Memory,
    /// In a segment, by its place among the gallery's.
    Segment(u32, RowOrdinal),
}

/// A candidate, and where it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hit {
    pub(crate) scored: Scored,
    pub(crate) place: Place,
}

/// Orders the better candidate before the worse one.
fn better_first(left: &Scored, right: &Scored) -> Ordering {
    right.score.total_cmp(&left.score).then(left.id.cmp(&right.id))
}

/// A candidate in the heap, whose greatest element is the worst candidate kept.
#[derive(Clone, Copy, Debug)]
struct Kept(Hit);

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Kept {}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> Ordering {
        better_first(&self.0.scored, &other.0.scored)
    }
}

/// Keeps the best `limit` candidates of all that are offered, in whatever order they are offered.
#[derive(Debug, Default)]
pub(crate) struct TopK {
    limit: usize,
    min_score: f32,
    kept: BinaryHeap<Kept>,
}

impl TopK {
    /// An empty list of at most `limit` candidates with scores of at least `min_score`.
    pub(crate) fn new(limit: usize, min_score: f32) -> Self {
        Self { limit, min_score, kept: BinaryHeap::new() }
    }

    /// Whether a candidate of this score could enter; where not, its id need not be looked up.
    /// A score that is not a number never enters.
    pub(crate) fn admits(&self, score: f32) -> bool {
        if self.kept.len() < self.limit {
            return score >= self.min_score;
        }
        self.kept.peek().is_some_and(|worst| score >= worst.0.scored.score)
    }

    /// Offers a candidate.
    pub(crate) fn offer(&mut self, candidate: Hit) {
        if !self.admits(candidate.scored.score) {
            return;
        }
        if self.kept.len() < self.limit {
            self.kept.push(Kept(candidate));
        } else if let Some(mut worst) = self.kept.peek_mut()
            && better_first(&candidate.scored, &worst.0.scored) == Ordering::Less
        {
            *worst = Kept(candidate);
        }
    }

    /// The score that a further candidate must reach; none while there is room for any.
    pub(crate) fn worst_when_full(&self) -> Option<f32> {
        let full = self.kept.len() >= self.limit;
        self.kept.peek().filter(|_| full).map(|worst| worst.0.scored.score)
    }

    /// The candidates kept, best first.
    pub(crate) fn into_sorted(self) -> Vec<Hit> {
        self.kept.into_sorted_vec().into_iter().map(|kept| kept.0).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scored(id: u128, score: f32) -> Scored {
        Scored { id: TemplateId::new(id), score }
    }

    fn best_of(candidates: &[Scored], limit: usize, min_score: f32) -> Vec<Scored> {
        let mut list = TopK::new(limit, min_score);
        for candidate in candidates {
            list.offer(Hit { scored: *candidate, place: Place::Memory });
        }
        list.into_sorted().into_iter().map(|hit| hit.scored).collect()
    }

    #[test]
    fn equal_scores_are_ordered_by_id() {
        let candidates = [scored(3, 0.5), scored(1, 0.5), scored(2, 0.9)];
        assert_eq!(best_of(&candidates, 2, -1.0), [scored(2, 0.9), scored(1, 0.5)]);
    }

    #[test]
    fn the_lowest_score_is_inclusive() {
        let candidates = [scored(1, 0.5), scored(2, 0.49)];
        assert_eq!(best_of(&candidates, 9, 0.5), [scored(1, 0.5)]);
    }

    #[test]
    fn a_score_that_is_not_a_number_never_enters() {
        let candidates = [scored(1, f32::NAN), scored(2, -0.5)];
        assert_eq!(best_of(&candidates, 9, f32::NEG_INFINITY), [scored(2, -0.5)]);
        assert_eq!(best_of(&candidates, 9, f32::NAN), []);
    }

    #[test]
    fn a_list_of_no_candidates_stays_empty() {
        assert_eq!(best_of(&[scored(1, 1.0)], 0, -1.0), []);
    }

    proptest! {
        #[test]
        fn the_list_equals_a_full_sort_cut_off(
            scores in prop::collection::vec(-8i8..8, 0..60),
            limit in 0usize..20,
            min_score in -8i8..8,
        ) {
            let candidates: Vec<Scored> = scores
                .iter()
                .enumerate()
                .map(|(id, &score)| scored(id as u128, f32::from(score)))
                .collect();
            let mut expected = candidates.clone();
            expected.retain(|candidate| candidate.score >= f32::from(min_score));
            expected.sort_by(better_first);
            expected.truncate(limit);
            let mut reversed = candidates.clone();
            reversed.reverse();
            prop_assert_eq!(&best_of(&candidates, limit, f32::from(min_score)), &expected);
            prop_assert_eq!(&best_of(&reversed, limit, f32::from(min_score)), &expected);
        }
    }
}
