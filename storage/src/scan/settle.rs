//! The rows that the planes left undecided: their refinements, and the embeddings of what these
//! leave.
//!
//! Such rows wait until there are many of them or every plane is read: the longer they wait, the
//! better the bar they are judged by, and the fewer are read.

use std::time::Instant;

use super::probe::{CANCEL_ROWS, ReadError};
use super::report::{EMBEDDING, REFINEMENT, Tally};
use super::scratch::Board;
use super::target::{CodeProbe, Target};
use super::tile::Extent;
use super::waiting::{FEW_ROWS, Waiting, keep_possible};
use crate::code::{PLANES, field_bytes, refinement_bytes};
use crate::error::Corruption;
use crate::id::RowOrdinal;
use crate::kernel::{self, Kernel, Records};
use crate::version::GalleryView;

/// Rows between the one that is scored and the one that is asked for from memory.
const AHEAD: usize = 4;

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
    /// Gives up the rows that cannot reach the bar.
    fn prune(&self, rows: &mut Vec<Waiting>, stage: usize, tally: &mut Tally) {
        let before = rows.len();
        keep_possible(rows, self.target.bar());
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
            let extent = rows.first().and_then(|row| self.extent(row));
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
        let (Board { left, products, .. }, first) = (board, extent.first_row());
        left.clear();
        left.extend(rows.iter().map(|row| row.row - first));
        let bytes = segment.refinements(extent.number)?;
        let (record_bytes, field_bytes) = (refinement_bytes(dim), field_bytes(dim));
        let records = Records { bytes, record_bytes, field_bytes };
        self.kernel.products(&self.codes.weights, records, left, products);
        for ((row, in_extent), &products) in rows.iter_mut().zip(&*left).zip(&*products) {
            let factors = bytes.get(*in_extent as usize * record_bytes + field_bytes..);
            let factors = factors.and_then(<[u8]>::first_chunk);
            if let (Some(factors), Some(total)) = (factors, row.total) {
                let factors = kernel::factors(*factors);
                row.bound = self.codes.refined_line.bound(total.get(), products, factors);
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
        let bytes = self.view.descriptor.embedding_bytes() as u64;
        tally.count_scored(rows.len() as u64, scored, bytes);
        tally.spend(EMBEDDING, began.elapsed());
        Ok(())
    }

    fn extent(&self, row: &Waiting) -> Option<Extent<'_>> {
        let (segment, number, kernel) = (row.segment, row.extent(), self.kernel);
        let view = self.view.segments.get(segment as usize)?;
        Some(Extent { view, segment, number, kernel })
    }

    fn prefetch(&self, row: &Waiting) {
        if let Some(extent) = self.extent(row) {
            extent.view.segment.prefetch(RowOrdinal::new(row.row));
        }
    }

    fn score(&self, row: &Waiting) -> Result<(), Corruption> {
        if let Some(extent) = self.extent(row) {
            extent.score(self.target, RowOrdinal::new(row.row))?;
        }
        Ok(())
    }
}
