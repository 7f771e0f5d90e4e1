//! The planes of a tile's codes, one after the other, for the rows that are still undecided.

use std::num::NonZeroU32;
use std::time::Instant;

use super::probe::ReadError;
use super::report::{EMBEDDING, Tally};
use super::scratch::{Board, SIDE_BY_SIDE};
use super::seeds;
use super::settle;
use super::target::{CodeProbe, Target};
use super::tile::Tile;
use super::waiting::{FEW_ROWS, Waiting, keep_possible};
use crate::code::{PLANES, record_bytes};
use crate::kernel::{Judged, Plane};
use crate::version::GalleryView;

/// One probe's way through a tile.
pub(crate) struct Pass<'a> {
    pub(crate) tile: Tile<'a>,
    pub(crate) target: &'a Target,
    pub(crate) codes: &'a CodeProbe,
    pub(crate) board: &'a mut Board,
    /// Rows that are undecided.
    pub(crate) left: u64,
}

/// Takes all probes through the tile. Rows that the planes leave undecided wait until there are
/// more of them, or no more tiles.
pub(crate) fn run(
    passes: &mut [Pass<'_>],
    view: &GalleryView,
    tally: &mut Tally,
) -> Result<(), ReadError> {
    for plane in 0..PLANES {
        bound(plane, passes, tally)?;
        for pass in &mut *passes {
            pass.take_stock(plane, tally)?;
        }
    }
    for pass in passes {
        pass.put_off(view, tally)?;
    }
    Ok(())
}

/// Reads a plane and gives up the rows that can no longer reach the bar. Probes to which most
/// groups matter read them together.
fn bound(plane: usize, passes: &mut [Pass<'_>], tally: &mut Tally) -> Result<(), ReadError> {
    let began = Instant::now();
    let mut bytes = 0;
    let undecided = passes.iter_mut().filter(|pass| pass.needs(plane));
    let (mut dense, mut alone): (Vec<_>, Vec<_>) = undecided.partition(|pass| pass.is_dense());
    let (together, rest) = dense.as_chunks_mut::<SIDE_BY_SIDE>();
    for passes in together {
        bytes += judge(plane, passes)?;
    }
    for pass in rest.iter_mut().chain(&mut alone) {
        bytes += judge(plane, &mut [&mut **pass])?;
    }
    tally.count(plane, 0, 0, bytes);
    tally.spend(plane, began.elapsed());
    Ok(())
}

/// Bounds the rows of the groups that have an undecided row, or of all where there are several
/// probes, and gives up those that cannot reach the bar; says how many bytes that took.
fn judge<const N: usize>(plane: usize, passes: &mut [&mut Pass<'_>; N]) -> Result<u64, ReadError> {
    let Some(first) = passes.first_mut() else { return Ok(0) };
    let Tile { extent, start, .. } = first.tile;
    let groups = first.board.take_groups(N > 1);
    let segment = &extent.view.segment;
    let records = segment.codes(extent.number, plane, start, &groups)?;
    let record_bytes = record_bytes(segment.dim());
    let judged = passes.each_mut().map(|pass| Judged {
        table: &pass.codes.table,
        line: pass.codes.line(plane),
        least: pass.target.bar(),
        totals: &mut pass.board.totals,
        bounds: &mut pass.board.bounds,
        undecided: &mut pass.board.undecided,
    });
    extent.kernel.judge(Plane { records, record_bytes, is_first: plane == 0 }, &groups, judged);
    let bytes = groups.len() * record_bytes;
    if let Some(first) = passes.first_mut() {
        first.board.groups = groups;
    }
    Ok(bytes as u64)
}

impl Pass<'_> {
    /// Whether a plane is worth reading.
    fn needs(&self, plane: usize) -> bool {
        self.left > if plane == 0 { 0 } else { FEW_ROWS }
    }

    /// Whether most groups have an undecided row.
    fn is_dense(&self) -> bool {
        self.left >= self.tile.groups as u64
    }

    /// Counts the rows that a plane left. After the last, a first bar is found where there is none.
    fn take_stock(&mut self, plane: usize, tally: &mut Tally) -> Result<(), ReadError> {
        if !self.needs(plane) {
            return Ok(());
        }
        let began = Instant::now();
        let before = self.left;
        self.left = self.tile.extent.kernel.count(&self.board.undecided);
        let mut scored = 0;
        if plane == PLANES - 1 {
            self.board.has_all_planes = true;
            if seeds::are_worthwhile(self.target, self.left) {
                scored = self.score_seeds(tally)?;
            }
        }
        tally.count(plane, before, before - self.left - scored, 0);
        tally.spend(plane, began.elapsed());
        Ok(())
    }

    /// Scores the most promising rows, so that the others are judged by a good bar; says how many.
    fn score_seeds(&mut self, tally: &mut Tally) -> Result<u64, ReadError> {
        let seeds = seeds::most_promising(self.board, self.target);
        let lead = self.score_now(&seeds, tally)?;
        self.target.set_lead(lead / seeds.len() as f32);
        let (kernel, board) = (self.tile.extent.kernel, &mut *self.board);
        kernel.prune(&board.bounds, self.target.bar(), &mut board.undecided);
        self.left = kernel.count(&board.undecided);
        Ok(seeds.len() as u64)
    }

    /// Scores some rows and takes them off the board; says how much their bounds are above their
    /// scores, all together.
    fn score_now(&mut self, rows: &[u32], tally: &mut Tally) -> Result<f32, ReadError> {
        for &row in rows {
            self.tile.prefetch(row);
        }
        let mut lead = 0.0;
        for &row in rows {
            lead += self.board.bound(row) - self.tile.score(self.target, row)?;
            self.board.decide(row);
        }
        let scored = rows.len() as u64;
        let bytes = self.tile.extent.view.segment.embedding_bytes() as u64;
        tally.count_scored(scored, scored, bytes);
        Ok(lead)
    }

    /// Scores the undecided rows that are more likely than not to enter the list, and puts the
    /// others to those that wait; settles these where there are many.
    fn put_off(&mut self, view: &GalleryView, tally: &mut Tally) -> Result<(), ReadError> {
        self.target.check_cancelled()?;
        if self.left == 0 {
            return Ok(());
        }
        let (kernel, began) = (self.tile.extent.kernel, Instant::now());
        let mut rows = std::mem::take(&mut self.board.left);
        let mut waiting = std::mem::take(&mut self.board.waiting);
        kernel.rows(&self.board.undecided, &mut rows);
        waiting.clear();
        let lead = self.target.lead().filter(|_| self.board.has_all_planes);
        let likely = lead.map_or(f32::INFINITY, |lead| self.target.bar() + lead);
        let (segment, first) = (self.tile.extent.segment, self.tile.first_row());
        let Board { bounds, totals, has_all_planes, .. } = &*self.board;
        let (bounds, totals) = (bounds.as_flattened(), totals.as_flattened());
        rows.retain(|&row| {
            let at = row as usize;
            let (Some(&bound), Some(&total)) = (bounds.get(at), totals.get(at)) else {
                return false;
            };
            if bound >= likely {
                return true;
            }
            let total = NonZeroU32::new(total).filter(|_| *has_all_planes);
            waiting.push(Waiting { segment, row: first + row, bound, total });
            false
        });
        self.score_now(&rows, tally)?;
        keep_possible(&mut waiting, self.target.bar());
        let settled = self.target.wait(&waiting);
        (self.board.left, self.board.waiting) = (rows, waiting);
        tally.spend(EMBEDDING, began.elapsed());
        if let Some(rows) = settled {
            settle::settle(view, kernel, self.target, rows, self.board, tally)?;
        }
        Ok(())
    }
}
