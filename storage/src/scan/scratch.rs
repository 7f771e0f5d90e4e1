//! Memory of one thread that scans, used again from search to search.

use std::ops::Range;

use crate::code::GROUP_ROWS;

/// A value for each row of a group.
pub(crate) type Lanes<T> = [T; GROUP_ROWS];

/// Probes that may go through the same rows side by side.
pub(crate) const SIDE_BY_SIDE: usize = 4;

/// The memory of a thread.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// One for each probe at work.
    pub(crate) boards: [Board; SIDE_BY_SIDE],
}

/// Sums, bounds and undecided rows of the rows at hand, group by group, for one probe.
#[derive(Debug, Default)]
pub(crate) struct Board {
    /// One bit per row that may still be found.
    pub(crate) undecided: Vec<u16>,
    /// One bit per row that probably will be found.
    pub(crate) likely: Vec<u16>,
    /// The sums of all planes so far, each plane counting twice the next.
    pub(crate) totals: Vec<Lanes<u32>>,
    /// The highest score each row can have.
    pub(crate) bounds: Vec<Lanes<f32>>,
    /// Rows that the planes left.
    pub(crate) left: Vec<u32>,
    /// The sums of products of their refinements.
    pub(crate) products: Vec<i32>,
    /// Rows to be scored, with their bounds.
    pub(crate) rows: Vec<(f32, u32)>,
}

impl Board {
    /// Makes room for so many groups.
    pub(crate) fn fit(&mut self, groups: usize) {
        self.undecided.resize(groups, 0);
        self.totals.resize(groups, Lanes::default());
        self.bounds.resize(groups, Lanes::default());
    }

    /// The highest score that a row can have.
    pub(crate) fn bound(&self, row: u32) -> f32 {
        lane(&self.bounds, row).unwrap_or(f32::INFINITY)
    }

    /// Takes a row off those that may still be found.
    pub(crate) fn decide(&mut self, row: u32) {
        if let Some(mask) = self.undecided.get_mut(row as usize / GROUP_ROWS) {
            *mask &= !(1 << (row as usize % GROUP_ROWS));
        }
    }
}

/// What a row has.
pub(crate) fn lane<T: Copy>(groups: &[Lanes<T>], row: u32) -> Option<T> {
    let group = groups.get(row as usize / GROUP_ROWS)?;
    group.get(row as usize % GROUP_ROWS).copied()
}

/// Masks that are looked at together on the way to one that has a bit.
const STRIDE: usize = 32;

/// The next groups in a row, at `from` or behind, that have a row whose bit is set.
pub(crate) fn next_run(masks: &[u16], from: usize) -> Option<Range<usize>> {
    let rest = masks.get(from..)?;
    let empty = |masks: &&[u16; STRIDE]| masks.iter().fold(0, |all, mask| all | mask) == 0;
    let skipped = STRIDE * rest.as_chunks().0.iter().take_while(empty).count();
    let rest = rest.get(skipped..)?;
    let start = from + skipped + rest.iter().position(|&mask| mask != 0)?;
    let length = masks.get(start..)?.iter().take_while(|mask| **mask != 0).count();
    Some(start..start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_the_groups_with_a_row() {
        let masks = [0, 1, 0x8000, 0, 0, 7];
        assert_eq!(next_run(&masks, 0), Some(1..3));
        assert_eq!(next_run(&masks, 2), Some(2..3));
        assert_eq!(next_run(&masks, 3), Some(5..6));
        assert_eq!(next_run(&masks, 6), None);
        assert_eq!(next_run(&masks, 7), None);
        let mut masks = vec![0; 5 * STRIDE];
        masks[3 * STRIDE - 1..=3 * STRIDE].fill(1);
        for from in 0..3 * STRIDE {
            assert_eq!(next_run(&masks, from), Some(3 * STRIDE - 1..3 * STRIDE + 1));
        }
        assert_eq!(next_run(&masks, 3 * STRIDE + 1), None);
    }
}
