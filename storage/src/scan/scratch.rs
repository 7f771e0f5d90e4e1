//! Memory of one thread that scans, used again from search to search.

use crate::code::GROUP_ROWS;
use crate::kernel::Listed;

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
    /// The sums of all planes so far, each plane counting twice the next.
    pub(crate) totals: Vec<Lanes<u32>>,
    /// The highest score each row can have.
    pub(crate) bounds: Vec<Lanes<f32>>,
    /// Whether these are the sums of all planes.
    pub(crate) has_all_planes: bool,
    /// Groups at work.
    pub(crate) groups: Vec<u32>,
    /// Rows that are scored.
    pub(crate) left: Vec<u32>,
    /// Rows that are put off.
    pub(crate) listed: Listed,
}

impl Board {
    /// Makes room for so many groups.
    pub(crate) fn fit(&mut self, groups: usize) {
        self.undecided.resize(groups, 0);
        self.totals.resize(groups, Lanes::default());
        self.bounds.resize(groups, Lanes::default());
        self.has_all_planes = false;
    }

    /// The list of the groups that have an undecided row, or of all. The caller puts it back.
    pub(crate) fn take_groups(&mut self, all: bool) -> Vec<u32> {
        let mut groups = std::mem::take(&mut self.groups);
        groups.clear();
        let numbered = (0..).zip(&self.undecided);
        groups.extend(numbered.filter(|(_, mask)| all || **mask != 0).map(|(group, _)| group));
        groups
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
fn lane<T: Copy>(groups: &[Lanes<T>], row: u32) -> Option<T> {
    let group = groups.get(row as usize / GROUP_ROWS)?;
    group.get(row as usize % GROUP_ROWS).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_at_work_are_those_with_an_undecided_row() {
        let mut board = Board { undecided: vec![0, 1, 0x8000, 0, 7], ..Board::default() };
        for _ in 0..2 {
            let groups = board.take_groups(false);
            assert_eq!(groups, [1, 2, 4]);
            board.groups = groups;
        }
        assert_eq!(board.take_groups(true), [0, 1, 2, 3, 4]);
    }
}
