//! The rows that the planes left undecided: their refinements, and the embeddings of what these
//! leave.
//!
//! Such rows wait until there are many of them or every plane is read: the longer they wait, the
//! better the bar they are judged by, and the fewer are read.

use std::ops::Range;
use std::time::Instant;

use super::probe::{CANCEL_ROWS, ReadError};
use super::report::{EMBEDDING, REFINEMENT, Tally};
use super::target::{CodeProbe, Target};
use super::tile::Extent;
use super::waiting::{FEW_ROWS, Run, Waiting};
use crate::code::{PLANES, field_bytes, refinement_bytes};
use crate::id::RowOrdinal;
use crate::kernel::{Kernel, Refinements, Refining};
use crate::version::GalleryView;

/// Rows between the one that is scored and the one that is asked for from memory.
const AHEAD: usize = 4;

/// Settles rows: scores those that belong into the list, and as few others as possible.
pub(crate) fn settle(
    view: &GalleryView,
    kernel: Kernel,
    target: &Target,
    mut waiting: Waiting,
    tally: &mut Tally,
) -> Result<(), ReadError> {
    let Some(codes) = &target.codes else { return Ok(()) };
    let settling = Settling { view, kernel, target, codes };
    settling.prune(&mut waiting, PLANES - 1, tally);
    if waiting.len() as u64 > FEW_ROWS {
        settling.refine(&mut waiting, tally)?;
        settling.prune(&mut waiting, REFINEMENT, tally);
    }
    settling.score_rest(&waiting, tally)
}

struct Settling<'a> {
    view: &'a GalleryView,
    kernel: Kernel,
    target: &'a Target,
    codes: &'a CodeProbe,
}

/// A row that may belong into the list.
struct Promising<'a> {
    extent: Extent<'a>,
    row: RowOrdinal,
    /// The highest score it can have.
    bound: f32,
}

impl<'a> Settling<'a> {
    /// Gives up the rows that cannot reach the bar.
    fn prune(&self, waiting: &mut Waiting, stage: usize, tally: &mut Tally) {
        let before = waiting.len();
        waiting.prune(self.kernel, self.target.bar());
        tally.count(stage, 0, (before - waiting.len()) as u64, 0);
    }

    /// Bounds rows by all bits of their codes.
    fn refine(&self, waiting: &mut Waiting, tally: &mut Tally) -> Result<(), ReadError> {
        let began = Instant::now();
        for (run, places) in waiting.runs().filter(|(run, _)| run.has_all_planes) {
            self.target.check_cancelled()?;
            if let Some(extent) = self.extent(run) {
                self.refine_extent(&extent, waiting, places, tally)?;
            }
        }
        tally.spend(REFINEMENT, began.elapsed());
        Ok(())
    }

    /// Bounds rows of one extent.
    fn refine_extent(
        &self,
        extent: &Extent<'_>,
        waiting: &mut Waiting,
        places: Range<usize>,
        tally: &mut Tally,
    ) -> Result<(), ReadError> {
        let (segment, rows) = (&extent.view.segment, places.len());
        let (dim, bytes) = (segment.dim(), segment.refinements(extent.number)?);
        let refining = Refining { weights: &self.codes.weights, line: &self.codes.refined_line };
        let refinements = Refinements { bytes, field_bytes: field_bytes(dim) };
        self.kernel.refine(refining, refinements, &mut waiting.listed, places);
        tally.count(REFINEMENT, rows as u64, 0, (rows * refinement_bytes(dim)) as u64);
        Ok(())
    }

    /// Scores rows, the most promising first: once one cannot reach the bar any more, none behind
    /// it can.
    fn score_rest(&self, waiting: &Waiting, tally: &mut Tally) -> Result<(), ReadError> {
        let began = Instant::now();
        let mut rows = self.promising(waiting);
        rows.sort_unstable_by(|left, right| right.bound.total_cmp(&left.bound));
        let mut scored = 0;
        for (at, Promising { extent, row, bound }) in rows.iter().enumerate() {
            if *bound < self.target.bar() {
                break;
            }
            if at % CANCEL_ROWS == 0 {
                self.target.check_cancelled()?;
            }
            if let Some(next) = rows.get(at + AHEAD) {
                next.extent.view.segment.prefetch(next.row);
            }
            extent.score(self.target, *row)?;
            scored += 1;
        }
        let bytes = self.view.descriptor.embedding_bytes() as u64;
        tally.count_scored(rows.len() as u64, scored, bytes);
        tally.spend(EMBEDDING, began.elapsed());
        Ok(())
    }

    fn promising(&self, waiting: &Waiting) -> Vec<Promising<'a>> {
        let mut rows = Vec::with_capacity(waiting.len());
        let mut listed = waiting.listed.rows.iter().zip(&waiting.listed.bounds);
        for (run, places) in waiting.runs() {
            let extent = self.extent(run);
            let of_run = listed.by_ref().take(places.len());
            rows.extend(of_run.filter_map(|(row, bound)| {
                let extent = extent?;
                let row = RowOrdinal::new(extent.first_row() + row);
                Some(Promising { extent, row, bound: *bound })
            }));
        }
        rows
    }

    fn extent(&self, run: Run) -> Option<Extent<'a>> {
        let view = self.view.segments.get(run.segment as usize)?;
        let Run { segment, extent: number, .. } = run;
        Some(Extent { view, segment, number, kernel: self.kernel })
    }
}
