//! Rows that the planes left undecided, until they are settled.

use std::ops::Range;

use crate::kernel::{Kernel, Listed};

/// Rows that wait at most.
pub(crate) const WAITING_MAX: usize = 8192;
/// The same of a probe of a join, whose bar never rises and which is one of hundreds: so many take
/// a mebibyte together, and not 25.
pub(crate) const PAIRING_WAITING_MAX: usize = 256;
/// With so few rows undecided, the next stage costs more than their embeddings.
pub(crate) const FEW_ROWS: u64 = 2;

/// Rows that wait, extent by extent as they came.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    runs: Vec<Run>,
    pub(crate) listed: Listed,
}

/// Rows of one extent that wait side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// The place of their segment among the gallery's.
    pub(crate) segment: u32,
    /// The number of their extent, in which they are counted.
    pub(crate) extent: u32,
    /// Whether their totals are those of all planes.
    pub(crate) has_all_planes: bool,
    rows: usize,
}

impl Run {
    pub(crate) fn new(segment: u32, extent: u32, has_all_planes: bool) -> Self {
        Self { segment, extent, has_all_planes, rows: 0 }
    }
}

impl Waiting {
    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.listed.len()
    }

    /// Adds rows of an extent.
    pub(crate) fn push(&mut self, run: Run, rows: &Listed) {
        if rows.len() > 0 {
            self.runs.push(Run { rows: rows.len(), ..run });
            self.listed.extend(rows);
        }
    }

    /// The runs, each with the places of its rows.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (Run, Range<usize>)> + use<> {
        let mut end = 0;
        self.runs.clone().into_iter().map(move |run| {
            end += run.rows;
            (run, end - run.rows..end)
        })
    }

    /// Gives up the rows that cannot reach a bar.
    pub(crate) fn prune(&mut self, kernel: Kernel, bar: f32) {
        let (mut from, mut to) = (0, 0);
        for run in &mut self.runs {
            let range = from..from + run.rows;
            from = range.end;
            run.rows = kernel.compact(&mut self.listed, range, to, bar);
            to += run.rows;
        }
        self.listed.truncate(to);
        self.runs.retain(|run| run.rows > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_may_reach_the_bar_are_kept_with_their_extents() {
        let bounds = [0.4, 0.5, f32::NAN, 0.6, f32::NEG_INFINITY];
        for kernel in Kernel::available() {
            let mut waiting = Waiting::default();
            for extent in 0..3 {
                let rows = (0..20 * extent).collect::<Vec<u32>>();
                let bounds = rows.iter().map(|row| bounds[*row as usize % 5]).collect();
                let listed = Listed { totals: rows.clone(), rows, bounds };
                waiting.push(Run::new(1, extent, true), &listed);
            }
            assert_eq!((waiting.len(), waiting.runs.len()), (60, 2));
            waiting.prune(kernel, 0.5);
            let runs: Vec<_> = waiting.runs().map(|(run, places)| (run.extent, places)).collect();
            assert_eq!(runs, [(1, 0..12), (2, 12..36)], "{kernel}");
            let kept = |row: &u32| (1..=3).contains(&(row % 5));
            let expected: Vec<u32> = (0..20).chain(0..40).filter(kept).collect();
            assert_eq!(waiting.listed.rows, expected);
            assert_eq!(waiting.listed.totals, expected);
            waiting.prune(kernel, 0.7);
            assert!(waiting.listed.bounds.iter().all(|bound| bound.is_nan()));
            assert_eq!(waiting.len(), 12);
        }
    }
}
