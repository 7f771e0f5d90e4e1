//! The planes of the codes one after the other, and the embeddings of the rows they leave.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::time::Instant;

use super::probe::ReadError;
use super::report::{EMBEDDING, Tally};
use super::scratch::{Lanes, Scratch, count, next_run, rows_of};
use super::target::{CodeProbe, Target};
use super::tile::Tile;
use crate::code::{GROUP_ROWS, PLANES, record_bytes, words_bytes};
use crate::kernel::{self, Factors};

/// Rows that a search scores after its first look at a first plane: times the length of its list,
/// and at least.
const SEEDS_PER_HIT: usize = 2;
const SEEDS_MIN: usize = 32;
/// So many undecided rows for each seed make it worth its while.
const SEEDING_GAIN: u64 = 4;
/// With so few rows undecided, the next plane costs more than their embeddings.
const FEW_ROWS: u64 = 8;
/// Groups whose sums are judged while they are in the first level of the cache.
const BLOCK_GROUPS: usize = 64;
/// Rows between the one that is scored and the one that is asked for from memory.
const AHEAD: usize = 4;
/// Rows that are scored between two looks at the caller's cancellation flag.
const CANCEL_ROWS: usize = 1024;

/// One probe against one tile.
pub(crate) struct Stages<'a> {
    pub(crate) tile: Tile<'a>,
    pub(crate) target: &'a Target,
    pub(crate) codes: &'a CodeProbe,
}

impl Stages<'_> {
    pub(crate) fn run(&self, scratch: &mut Scratch, tally: &mut Tally) -> Result<(), ReadError> {
        let mut left = count(&scratch.undecided);
        for plane in 0..PLANES {
            if left == 0 || (plane > 0 && left <= FEW_ROWS) {
                break;
            }
            let began = Instant::now();
            let bytes = self.bound(plane, scratch)?;
            let mut kept = self.prune(scratch);
            let mut seeds = 0;
            if plane == 0 && self.lacks_a_bar(kept) {
                seeds = self.seed(scratch, tally)?;
                kept = self.prune(scratch);
            }
            tally.count(plane, left, left - kept - seeds, bytes);
            tally.spend(plane, began.elapsed());
            left = kept;
        }
        let began = Instant::now();
        self.score_rest(scratch, tally)?;
        tally.spend(EMBEDDING, began.elapsed());
        Ok(())
    }

    /// Reads a plane of the groups that have an undecided row, and bounds the scores of their
    /// rows; says how many bytes that took.
    fn bound(&self, plane: usize, scratch: &mut Scratch) -> Result<u64, ReadError> {
        let (mut next, mut bytes) = (next_run(&scratch.undecided, 0), 0);
        while let Some(run) = next {
            next = next_run(&scratch.undecided, run.end);
            if let Some(next) = &next {
                self.prefetch(plane, next.start);
            }
            for start in run.clone().step_by(BLOCK_GROUPS) {
                let block = start..run.end.min(start + BLOCK_GROUPS);
                bytes += self.bound_block(plane, block, scratch)?;
            }
        }
        Ok(bytes)
    }

    /// Asks for the record of a group that is about to be read.
    fn prefetch(&self, plane: usize, group: usize) {
        let Tile { extent, start, .. } = self.tile;
        let group = start + group;
        if let Ok(record) = extent.view.segment.codes(extent.number, plane, group..group + 1) {
            kernel::prefetch(record);
        }
    }

    fn bound_block(
        &self,
        plane: usize,
        groups: Range<usize>,
        scratch: &mut Scratch,
    ) -> Result<u64, ReadError> {
        let Tile { extent, start, .. } = self.tile;
        let (segment, kernel) = (&extent.view.segment, extent.kernel);
        let (record_bytes, offset) =
            (record_bytes(segment.dim(), plane), words_bytes(segment.dim()));
        let stored = start + groups.start..start + groups.end;
        let records = segment.codes(extent.number, plane, stored)?;
        let factors = Factors { records, record_bytes, offset, residuals: plane > 0 };
        let Scratch { sums, totals, bounds, .. } = scratch;
        let (Some(totals), Some(bounds)) =
            (totals.get_mut(groups.clone()), bounds.get_mut(groups.clone()))
        else {
            return Ok(0);
        };
        if plane == 0 {
            kernel.sums(&self.codes.table, records, record_bytes, totals);
        } else {
            let sums = sums.get_mut(groups).unwrap_or_default();
            kernel.sums(&self.codes.table, records, record_bytes, sums);
            kernel.accumulate(sums, totals);
        }
        if let Some(line) = self.codes.lines.get(plane) {
            kernel.bound(line, factors, totals, bounds);
        }
        Ok(records.len() as u64)
    }

    /// Whether so many undecided rows call for a better bar before they go on.
    fn lacks_a_bar(&self, undecided: u64) -> bool {
        undecided / SEEDING_GAIN > self.seeds() as u64 && self.target.take_seeding()
    }

    fn seeds(&self) -> usize {
        self.target.probe.limit.saturating_mul(SEEDS_PER_HIT).max(SEEDS_MIN)
    }

    /// Scores the most promising rows, so that the others are judged by a good bar; says how many.
    fn seed(&self, scratch: &mut Scratch, tally: &mut Tally) -> Result<u64, ReadError> {
        let best = most_promising(scratch, self.seeds());
        for &row in &best {
            self.tile.score(self.target, row)?;
            if let Some(mask) = scratch.undecided.get_mut(row as usize / GROUP_ROWS) {
                *mask &= !(1 << (row as usize % GROUP_ROWS));
            }
        }
        let scored = best.len() as u64;
        self.count_scored(scored, scored, tally);
        Ok(scored)
    }

    /// Gives up the rows that can no longer reach the bar; says how many are left.
    fn prune(&self, scratch: &mut Scratch) -> u64 {
        let least = self.target.bar();
        self.tile.extent.kernel.prune(&scratch.bounds, least, &mut scratch.undecided);
        count(&scratch.undecided)
    }

    /// Scores the rows that the planes left, the most promising first: once one cannot reach the
    /// bar any more, none behind it can.
    fn score_rest(&self, scratch: &mut Scratch, tally: &mut Tally) -> Result<(), ReadError> {
        let Scratch { undecided, bounds, rows, .. } = scratch;
        rows.clear();
        rows.extend(rows_of(undecided).map(|row| (bound_of(bounds, row), row)));
        rows.sort_unstable_by(|left, right| right.0.total_cmp(&left.0));
        let segment = &self.tile.extent.view.segment;
        let mut scored = 0;
        for (at, &(bound, row)) in rows.iter().enumerate() {
            if bound < self.target.bar() {
                break;
            }
            if at % CANCEL_ROWS == 0 {
                self.target.check_cancelled()?;
            }
            if let Some(&(_, next)) = rows.get(at + AHEAD) {
                segment.prefetch(self.tile.ordinal(next));
            }
            self.tile.score(self.target, row)?;
            scored += 1;
        }
        self.count_scored(rows.len() as u64, scored, tally);
        Ok(())
    }

    fn count_scored(&self, rows: u64, scored: u64, tally: &mut Tally) {
        let bytes = size_of_val(self.target.probe.embedding.as_slice()) as u64;
        tally.count(EMBEDDING, rows, scored, scored * bytes);
    }
}

/// The undecided rows with the highest bounds.
fn most_promising(scratch: &Scratch, wanted: usize) -> Vec<u32> {
    let mut best = BinaryHeap::with_capacity(wanted + 1);
    for (group, (bounds, mask)) in scratch.bounds.iter().zip(&scratch.undecided).enumerate() {
        for (lane, &bound) in bounds.iter().enumerate() {
            // Positive bounds order as their bits do; the others promise nothing.
            let rank = bound.max(0.0).to_bits();
            let room = best.len() < wanted;
            let better = best.peek().is_none_or(|&Reverse((least, _))| rank > least);
            if (room || better) && mask >> lane & 1 == 1 {
                best.push(Reverse((rank, (group * GROUP_ROWS + lane) as u32)));
                if best.len() > wanted {
                    best.pop();
                }
            }
        }
    }
    best.into_iter().map(|Reverse((_, row))| row).collect()
}

fn bound_of(bounds: &[Lanes<f32>], row: u32) -> f32 {
    let group = bounds.get(row as usize / GROUP_ROWS);
    let bound = group.and_then(|group| group.get(row as usize % GROUP_ROWS));
    bound.copied().filter(|bound| !bound.is_nan()).unwrap_or(f32::INFINITY)
}
