//! The codes of a tile stage by stage, and the embeddings of the rows they leave.

use std::ops::Range;
use std::time::Instant;

use super::probe::ReadError;
use super::report::{EMBEDDING, REFINEMENT, Tally};
use super::scratch::{Board, SIDE_BY_SIDE, next_run};
use super::seeds;
use super::target::{CodeProbe, Target};
use super::tile::Tile;
use crate::code::{self, GROUP_ROWS, PLANES, record_bytes, refinement_bytes};
use crate::kernel::{self, Judged, Plane, Records};

/// With so few rows undecided, the next stage costs more than their embeddings.
const FEW_ROWS: u64 = 8;
/// Runs of undecided groups between the one that is read and the one that is asked for from memory.
const RUNS_AHEAD: usize = 4;
/// Rows between the one that is scored and the one that is asked for from memory.
const AHEAD: usize = 4;
/// Rows that are scored between two looks at the caller's cancellation flag.
pub(crate) const CANCEL_ROWS: usize = 1024;

/// One probe's way through a tile.
pub(crate) struct Pass<'a> {
    pub(crate) tile: Tile<'a>,
    pub(crate) target: &'a Target,
    pub(crate) codes: &'a CodeProbe,
    pub(crate) board: &'a mut Board,
    /// Rows that are undecided.
    pub(crate) left: u64,
}

/// Takes all probes through the tile.
pub(crate) fn run(passes: &mut [Pass<'_>], tally: &mut Tally) -> Result<(), ReadError> {
    for plane in 0..PLANES {
        bound(plane, passes, tally)?;
        for pass in &mut *passes {
            pass.take_stock(plane, tally)?;
        }
    }
    for pass in passes {
        pass.target.check_cancelled()?;
        pass.refine(tally)?;
        pass.score_rest(tally)?;
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
        let groups = passes.first().map_or(0, |pass| pass.tile.groups);
        bytes += bound_run(plane, 0..groups, passes)?;
    }
    for pass in rest.iter_mut().chain(&mut alone) {
        bytes += pass.bound(plane)?;
    }
    tally.count(plane, 0, 0, bytes);
    tally.spend(plane, began.elapsed());
    Ok(())
}

/// Bounds the rows of a run of groups, and gives up those that cannot reach the bar.
fn bound_run<const N: usize>(
    plane: usize,
    run: Range<usize>,
    passes: &mut [&mut Pass<'_>; N],
) -> Result<u64, ReadError> {
    let Some(Tile { extent, start, .. }) = passes.first().map(|pass| pass.tile) else {
        return Ok(0);
    };
    let segment = &extent.view.segment;
    let records = segment.codes(extent.number, plane, start + run.start..start + run.end)?;
    let record_bytes = record_bytes(segment.dim(), plane);
    let judged = passes.each_mut().map(|pass| {
        let Board { totals, bounds, undecided, .. } = &mut *pass.board;
        Judged {
            table: &pass.codes.table,
            line: pass.codes.line(plane),
            least: pass.target.bar(),
            totals: totals.get_mut(run.clone()).unwrap_or_default(),
            bounds: bounds.get_mut(run.clone()).unwrap_or_default(),
            undecided: undecided.get_mut(run.clone()).unwrap_or_default(),
        }
    });
    extent.kernel.judge(Plane { records, record_bytes, is_first: plane == 0 }, judged);
    Ok(records.len() as u64)
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

    /// Reads a plane of the groups that have an undecided row; says how many bytes that took.
    fn bound(&mut self, plane: usize) -> Result<u64, ReadError> {
        let (mut at, mut asked, mut bytes) = (0, 0, 0);
        for _ in 0..RUNS_AHEAD {
            asked = self.prefetch_run(plane, asked);
        }
        while let Some(run) = next_run(&self.board.undecided, at) {
            at = run.end;
            asked = self.prefetch_run(plane, asked);
            bytes += bound_run(plane, run, &mut [&mut *self])?;
        }
        Ok(bytes)
    }

    /// Asks for the first record of the next run behind a group; says where that run ends.
    fn prefetch_run(&self, plane: usize, behind: usize) -> usize {
        let Some(run) = next_run(&self.board.undecided, behind) else { return usize::MAX };
        self.prefetch(plane, run.start);
        run.end
    }

    /// Asks for the record of a group that is about to be read.
    fn prefetch(&self, plane: usize, group: usize) {
        let Tile { extent, start, .. } = self.tile;
        let group = start + group;
        if let Ok(record) = extent.view.segment.codes(extent.number, plane, group..group + 1) {
            kernel::prefetch(record);
        }
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
        if plane == PLANES - 1 && seeds::are_worthwhile(self.target, self.left) {
            scored = self.score_seeds(tally)?;
            let (kernel, board) = (self.tile.extent.kernel, &mut *self.board);
            kernel.prune(&board.bounds, self.target.bar(), &mut board.undecided);
            self.left = kernel.count(&board.undecided);
        }
        tally.count(plane, before, before - self.left - scored, 0);
        tally.spend(plane, began.elapsed());
        Ok(())
    }

    /// Scores the most promising rows, so that the others are judged by a good bar; says how many.
    fn score_seeds(&mut self, tally: &mut Tally) -> Result<u64, ReadError> {
        let seeds = seeds::most_promising(self.board, self.target);
        let lead = self.score_now(&seeds, tally)? / seeds.len() as f32;
        self.target.set_lead(lead);
        Ok(seeds.len() as u64)
    }

    /// Scores the rows that are more likely than not to enter the list, so that the others are
    /// judged by a better bar.
    fn score_likely(&mut self, tally: &mut Tally) -> Result<(), ReadError> {
        let Some(lead) = self.target.lead() else { return Ok(()) };
        let (kernel, board) = (self.tile.extent.kernel, &mut *self.board);
        board.likely.clone_from(&board.undecided);
        kernel.prune(&board.bounds, self.target.bar() + lead, &mut board.likely);
        kernel.rows(&board.likely, &mut board.left);
        let likely = std::mem::take(&mut board.left);
        self.score_now(&likely, tally)?;
        let board = &mut *self.board;
        kernel.prune(&board.bounds, self.target.bar(), &mut board.undecided);
        let left = kernel.count(&board.undecided);
        tally.count(PLANES - 1, 0, self.left - left - likely.len() as u64, 0);
        self.left = left;
        board.left = likely;
        Ok(())
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
        self.count_scored(scored, scored, tally);
        Ok(lead)
    }

    /// Lists the rows to be scored: those that are undecided after their refinements were read.
    fn refine(&mut self, tally: &mut Tally) -> Result<(), ReadError> {
        let began = Instant::now();
        if self.left > FEW_ROWS {
            self.score_likely(tally)?;
        }
        let Board { undecided, left, .. } = &mut *self.board;
        self.tile.extent.kernel.rows(undecided, left);
        let mut rows = std::mem::take(&mut self.board.rows);
        rows.clear();
        if self.left <= FEW_ROWS {
            rows.extend(self.board.left.iter().map(|&row| (self.board.bound(row), row)));
        } else {
            let bytes = self.refine_rows(&mut rows)?;
            tally.count(REFINEMENT, self.left, self.left - rows.len() as u64, bytes);
        }
        tally.spend(REFINEMENT, began.elapsed());
        self.board.rows = rows;
        Ok(())
    }

    fn refine_rows(&mut self, rows: &mut Vec<(f32, u32)>) -> Result<u64, ReadError> {
        let Tile { extent, start, groups } = self.tile;
        let (segment, dim) = (&extent.view.segment, extent.view.segment.dim());
        let record_bytes = refinement_bytes(dim);
        let refinements = segment.refinements(extent.number)?;
        let bytes = refinements.get(start * GROUP_ROWS * record_bytes..).unwrap_or_default();
        let Board { left, products, totals, .. } = &mut *self.board;
        let records = Records { bytes, record_bytes };
        extent.kernel.products(&self.codes.weights, records, left, products);
        // Their factors are in the records of the last plane.
        let plane = PLANES - 1;
        let in_plane = code::record_bytes(dim, plane);
        let records = segment.codes(extent.number, plane, start..start + groups)?;
        let (bar, line) = (self.target.bar(), &self.codes.refined_line);
        for (&row, &products) in left.iter().zip(&*products) {
            let (group, lane) = (row as usize / GROUP_ROWS, row as usize % GROUP_ROWS);
            let record = records.get(group * in_plane..).unwrap_or_default();
            let factors = code::refinement_factors(dim, record, lane);
            let total = totals.get(group).and_then(|totals| totals.get(lane));
            let (Some(factors), Some(&total)) = (factors, total) else { continue };
            let bound = line.bound(total, products, factors);
            if bound >= bar {
                rows.push((bound, row));
            }
        }
        Ok(self.left * record_bytes as u64)
    }

    /// Scores the rows that the codes left, the most promising first: once one cannot reach the
    /// bar any more, none behind it can.
    fn score_rest(&mut self, tally: &mut Tally) -> Result<(), ReadError> {
        let began = Instant::now();
        let rows = &mut self.board.rows;
        rows.sort_unstable_by(|left, right| right.0.total_cmp(&left.0));
        let mut scored = 0;
        for (at, &(bound, row)) in rows.iter().enumerate() {
            if bound < self.target.bar() {
                break;
            }
            if at % CANCEL_ROWS == 0 {
                self.target.check_cancelled()?;
            }
            if let Some(&(_, next)) = rows.get(at + AHEAD) {
                self.tile.prefetch(next);
            }
            self.tile.score(self.target, row)?;
            scored += 1;
        }
        self.count_scored(self.board.rows.len() as u64, scored, tally);
        tally.spend(EMBEDDING, began.elapsed());
        Ok(())
    }

    fn count_scored(&self, rows: u64, scored: u64, tally: &mut Tally) {
        let bytes = self.tile.extent.view.segment.embedding_bytes() as u64;
        tally.count(EMBEDDING, rows, scored, scored * bytes);
    }
}
