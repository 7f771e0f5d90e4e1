//! Memory of one thread that scans, used again from search to search.

use std::ops::Range;

use crate::code::GROUP_ROWS;

/// A value for each row of a group.
pub(crate) type Lanes<T> = [T; GROUP_ROWS];

/// Sums, bounds and undecided rows of the rows at hand, group by group.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// One bit per row that may still be found by the probe at hand.
    pub(crate) undecided: Vec<u16>,
    /// The sums of one plane.
    pub(crate) sums: Vec<Lanes<u32>>,
    /// The sums of all planes so far, each plane counting twice the next.
    pub(crate) totals: Vec<Lanes<u32>>,
    /// The highest score each row can have.
    pub(crate) bounds: Vec<Lanes<f32>>,
    /// Rows to be scored, with their bounds.
    pub(crate) rows: Vec<(f32, u32)>,
}

impl Scratch {
    /// Makes room for so many groups.
    pub(crate) fn fit(&mut self, groups: usize) {
        self.undecided.resize(groups, 0);
        self.sums.resize(groups, Lanes::default());
        self.totals.resize(groups, Lanes::default());
        self.bounds.resize(groups, Lanes::default());
    }
}

/// The number of rows whose bit is set.
pub(crate) fn count(masks: &[u16]) -> u64 {
    masks.iter().map(|mask| u64::from(mask.count_ones())).sum()
}

/// The rows whose bit is set, ascending.
pub(crate) fn rows_of(masks: &[u16]) -> impl Iterator<Item = u32> + '_ {
    masks.iter().enumerate().filter(|(_, mask)| **mask != 0).flat_map(|(group, &mask)| {
        (0..GROUP_ROWS as u32)
            .filter(move |row| mask >> row & 1 == 1)
            .map(move |row| (group * GROUP_ROWS) as u32 + row)
    })
}

/// The next groups in a row, at `from` or behind, that have a row whose bit is set.
pub(crate) fn next_run(masks: &[u16], from: usize) -> Option<Range<usize>> {
    let rest = masks.get(from..)?;
    let start = from + rest.iter().position(|&mask| mask != 0)?;
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
        assert_eq!(count(&masks), 5);
        assert_eq!(rows_of(&masks).collect::<Vec<_>>(), [16, 47, 80, 81, 82]);
    }
}
