//! A row that the planes left undecided, until it is settled.

use std::num::NonZeroU32;

use crate::code::EXTENT_ROWS;

/// Rows that wait at most.
pub(crate) const WAITING_MAX: usize = 6144;
/// The same of a probe of a join, whose bar never rises and which is one of hundreds: so many take
/// a mebibyte together, and not 25.
pub(crate) const PAIRING_WAITING_MAX: usize = 256;
/// With so few rows undecided, the next stage costs more than their embeddings.
pub(crate) const FEW_ROWS: u64 = 8;

/// A row that waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    /// The place of its segment among the gallery's.
    pub(crate) segment: u32,
    /// Its place in the segment.
    pub(crate) row: u32,
    /// The highest score it can have.
    pub(crate) bound: f32,
    /// The sum of all planes, where all were read and it is not zero.
    pub(crate) total: Option<NonZeroU32>,
}

impl Waiting {
    /// The number of its extent.
    pub(crate) fn extent(&self) -> u32 {
        self.row / EXTENT_ROWS as u32
    }

    /// Whether another row is of the same extent.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        (self.segment, self.extent()) == (other.segment, other.extent())
    }
}

/// Keeps the rows that can reach the bar; a bound that is no number is below nothing.
pub(crate) fn keep_possible(rows: &mut Vec<Waiting>, bar: f32) {
    rows.retain(|row| row.bound >= bar || row.bound.is_nan());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(segment: u32, row: u32, bound: f32) -> Waiting {
        Waiting { segment, row, bound, total: None }
    }

    #[test]
    fn rows_of_one_extent_are_beside_each_other() {
        let row = waiting(1, 16_383, 0.0);
        assert!(row.is_beside(&waiting(1, 0, 0.0)));
        assert!(!row.is_beside(&waiting(1, 16_384, 0.0)));
        assert!(!row.is_beside(&waiting(2, 16_383, 0.0)));
    }

    #[test]
    fn rows_that_may_reach_the_bar_are_kept() {
        let bounds = [0.4, 0.5, f32::NAN, 0.6, f32::NEG_INFINITY];
        let mut rows = bounds.map(|bound| waiting(0, 0, bound)).to_vec();
        keep_possible(&mut rows, 0.5);
        let kept: Vec<u32> = rows.iter().map(|row| row.bound.to_bits()).collect();
        assert_eq!(kept, [0.5f32, f32::NAN, 0.6].map(f32::to_bits));
        keep_possible(&mut rows, f32::NEG_INFINITY);
        assert_eq!(rows.len(), 3);
    }
}
