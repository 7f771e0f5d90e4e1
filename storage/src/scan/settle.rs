//! The rows that the planes left undecided: their refinements, and the embeddings of what these
//! leave.
//!
//! Such rows wait until there are many of them or every plane is read: the longer they wait, the
//! better the bar they are judged by, and the fewer are read.

use std::time::Instant;

use super::probe::ReadError;
use super::report::{EMBEDDING, REFINEMENT, Tally};
use super::scratch::Board;
use super::seeds;
use super::stages::{CANCEL_ROWS, FEW_ROWS};
use super::target::{CodeProbe, Target};
use super::tile::Extent;
use crate::code::{self, EXTENT_ROWS, GROUP_ROWS, PLANES, refinement_bytes};
use crate::error::Corruption;
use crate::id::RowOrdinal;
use crate::kernel::{self, Kernel, Records};
use crate::version::GalleryView;

/// Rows that wait at most.
pub(crate) const WAITING_MAX: usize = 8192;
/// Rows between the one that is scored and the one that is asked for from memory.
const AHEAD: usize = 4;
/// Rows between the one whose factors are read and the one whose are asked for from memory.
const AHEAD_FACTORS: usize = 16;

/// A row that waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    /// The place of its segment among the gallery's.
    pub(crate) segment: u32,
    /// Its place in the segment.
    pub(crate) row: u32,
    /// The highest score it can have.
    pub(crate) bound: f32,
    /// The sum of all planes, where all were read.
    pub(crate) total: Option<u32>,
}

impl Waiting {
    fn is_beside(&self, other: &Self) -> bool {
        self.segment == other.segment
            && self.row / EXTENT_ROWS as u32 == other.row / EXTENT_ROWS as u32
    }

    fn extent<'a>(&self, view: &'a GalleryView, kernel: Kernel) -> Option<Extent<'a>> {
        let number = self.row / EXTENT_ROWS as u32;
        let of_segment = view.segments.get(self.segment as usize)?;
        Some(Extent { view: of_segment, segment: self.segment, number, kernel })
    }
}

/// Settles rows: scores those that belong into the list, and as few others as possible.
pub(crate) fn settle(
    view: &GalleryView,
    kernel: Kernel,
    target: &Target,
    mut rows: Vec<Waiting>,
    board: &mut Board,
    tally: &mut Tally,
) -> Result<(), ReadError> {
    let Some(codes) = &target.codes else { return Ok(()) };
    let settling = Settling { view, kernel, target, codes };
    settling.score_best(&mut rows, tally)?;
    settling.prune(&mut rows, PLANES - 1, tally);
    if rows.len() as u64 > FEW_ROWS {
        settling.refine(&mut rows, board, tally)?;
        settling.prune(&mut rows, REFINEMENT, tally);
    }
    settling.score_rest(&mut rows, tally)?;
    Ok(())
}

struct Settling<'a> {
    view: &'a GalleryView,
    kernel: Kernel,
    target: &'a Target,
    codes: &'a CodeProbe,
}

impl Settling<'_> {
    /// Scores the rows with the highest bounds where that makes a better bar for many others.
    fn score_best(&self, rows: &mut Vec<Waiting>, tally: &mut Tally) -> Result<(), ReadError> {
        let began = Instant::now();
        let Some(least) = seeds::least_promising(self.target, rows) else { return Ok(()) };
        let mut best = Vec::new();
        rows.retain(|row| {
            let is_best = row.bound >= least;
            best.extend(is_best.then_some(*row));
            !is_best
        });
        for row in &best {
            self.prefetch(row);
        }
        for row in &best {
            self.score(row)?;
        }
        let scored = best.len() as u64;
        tally.count_scored(scored, scored, self.target.embedding_bytes());
        tally.spend(EMBEDDING, began.elapsed());
        Ok(())
    }

    /// Gives up the rows that cannot reach the bar; what is no number is below nothing.
    fn prune(&self, rows: &mut Vec<Waiting>, stage: usize, tally: &mut Tally) {
        let (bar, before) = (self.target.bar(), rows.len());
        rows.retain(|row| row.bound >= bar || row.bound.is_nan());
        tally.count(stage, 0, (before - rows.len()) as u64, 0);
    }

    /// Bounds rows by all bits of their codes.
    fn refine(
        &self,
        rows: &mut [Waiting],
        board: &mut Board,
        tally: &mut Tally,
    ) -> Result<(), ReadError> {
        let began = Instant::now();
        for rows in rows.chunk_by_mut(Waiting::is_beside) {
            self.target.check_cancelled()?;
            let extent = rows.first().and_then(|row| row.extent(self.view, self.kernel));
            let Some(extent) = extent else { continue };
            let bytes = self.refine_extent(&extent, rows, board)?;
            tally.count(REFINEMENT, rows.len() as u64, 0, bytes);
        }
        tally.spend(REFINEMENT, began.elapsed());
        Ok(())
    }

    /// Bounds rows of one extent; says how many bytes that took.
    fn refine_extent(
        &self,
        extent: &Extent<'_>,
        rows: &mut [Waiting],
        board: &mut Board,
    ) -> Result<u64, ReadError> {
        let (segment, dim) = (&extent.view.segment, extent.view.segment.dim());
        let Board { left, products, groups, .. } = board;
        let first = extent.first_row();
        left.clear();
        left.extend(rows.iter().map(|row| row.row - first));
        let record_bytes = refinement_bytes(dim);
        let bytes = segment.refinements(extent.number)?;
        self.kernel.products(&self.codes.weights, Records { bytes, record_bytes }, left, products);
        // Their factors are in the records of the last plane.
        let plane = PLANES - 1;
        groups.clear();
        groups.extend(left.iter().map(|row| row / GROUP_ROWS as u32));
        groups.dedup();
        let records = segment.codes(extent.number, plane, 0, groups)?;
        let factors = |row: u32| code::refinement_factors(dim, records, row as usize);
        for (at, (row, &products)) in rows.iter_mut().zip(&*products).enumerate() {
            if let Some(bytes) = left.get(at + AHEAD_FACTORS).and_then(|&row| factors(row)) {
                kernel::prefetch(bytes);
            }
            let factors = factors(row.row - first).map(|factors| kernel::factors(*factors));
            if let (Some(factors), Some(total)) = (factors, row.total) {
                row.bound = self.codes.refined_line.bound(total, products, factors);
            }
        }
        Ok((rows.len() * record_bytes) as u64)
    }

    /// Scores rows, the most promising first: once one cannot reach the bar any more, none behind
    /// it can.
    fn score_rest(&self, rows: &mut [Waiting], tally: &mut Tally) -> Result<(), ReadError> {
        let began = Instant::now();
        rows.sort_unstable_by(|left, right| right.bound.total_cmp(&left.bound));
        let mut scored = 0;
        for (at, row) in rows.iter().enumerate() {
            if row.bound < self.target.bar() {
                break;
            }
            if at % CANCEL_ROWS == 0 {
                self.target.check_cancelled()?;
            }
            if let Some(next) = rows.get(at + AHEAD) {
                self.prefetch(next);
            }
            self.score(row)?;
            scored += 1;
        }
        tally.count_scored(rows.len() as u64, scored, self.target.embedding_bytes());
        tally.spend(EMBEDDING, began.elapsed());
        Ok(())
    }

    fn prefetch(&self, row: &Waiting) {
        if let Some(extent) = row.extent(self.view, self.kernel) {
            extent.view.segment.prefetch(RowOrdinal::new(row.row));
        }
    }

    fn score(&self, row: &Waiting) -> Result<(), Corruption> {
        if let Some(extent) = row.extent(self.view, self.kernel) {
            extent.score(self.target, RowOrdinal::new(row.row))?;
        }
        Ok(())
    }
}
