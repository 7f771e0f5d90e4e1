//! The planes of a tile's codes, one after the other, for the rows that are still undecided.

use std::time::Instant;

use super::probe::ReadError;
use super::report::{EMBEDDING, Tally};
use super::scratch::{Board, SIDE_BY_SIDE};
use super::seeds;
use super::settle;
use super::target::{CodeProbe, Target};
use super::tile::Tile;
use super::waiting::{FEW_ROWS, Run, Waiting};
use crate::code::{GROUP_ROWS, PLANES, record_bytes};
use crate::kernel::{Before, Judged, Plane};
use crate::version::GalleryView;

/// Of the groups at hand before plane 1, the share that it must leave for the other to be read at
/// once: then what it would spare is less than what it costs to look twice.
const MOST: (usize, usize) = (7, 8);

/// One probe's way through a tile.
pub(crate) struct Pass<'a> {
    pub(crate) tile: Tile<'a>,
    pub(crate) target: &'a Target,
    pub(crate) codes: &'a CodeProbe,
    pub(crate) board: &'a mut Board,
    /// Rows that are undecided.
    pub(crate) left: u64,
    /// Whether both planes are read at once.
    at_once: bool,
    /// Groups that were judged last.
    judged: usize,
}

/// Takes all probes through the tile. Rows that the planes leave undecided wait until there are
/// more of them, or no more tiles.
pub(crate) fn run(
    passes: &mut [Pass<'_>],
    view: &GalleryView,
    tally: &mut Tally,
) -> Result<(), ReadError> {
    agree(passes);
    for plane in 0..PLANES {
        let began = Instant::now();
        bound(plane, passes, tally)?;
        for pass in &mut *passes {
            pass.take_stock(plane, tally)?;
        }
        tally.spend(plane, began.elapsed());
    }
    let (began, mut many) = (Instant::now(), Vec::new());
    for pass in passes {
        if let Some(waiting) = pass.put_off(tally)? {
            many.push((pass.tile.extent.kernel, pass.target, waiting));
        }
    }
    tally.spend(EMBEDDING, began.elapsed());
    for (kernel, target, waiting) in many {
        settle::settle(view, kernel, target, waiting, tally)?;
    }
    Ok(())
}

/// Lets all probes read both planes at once where that is best for half of them: so they do it
/// together.
fn agree(passes: &mut [Pass<'_>]) {
    let at_once = passes.iter().filter(|pass| pass.at_once).count();
    if 2 * at_once >= passes.len() {
        for pass in passes {
            pass.at_once = pass.left > FEW_ROWS;
        }
    }
}

/// Reads a plane and gives up the rows that can no longer reach the bar. Probes to which most
/// groups matter read them together.
fn bound(plane: usize, passes: &mut [Pass<'_>], tally: &mut Tally) -> Result<(), ReadError> {
    let undecided = passes.iter_mut().filter(|pass| pass.reads(plane));
    let (mut dense, mut alone): (Vec<_>, Vec<_>) = undecided.partition(|pass| pass.is_dense());
    dense.sort_by_key(|pass| pass.at_once);
    for alike in dense.chunk_by_mut(|pass, next| pass.at_once == next.at_once) {
        let (together, rest) = alike.as_chunks_mut::<SIDE_BY_SIDE>();
        for passes in together {
            judge(plane, passes, tally)?;
        }
        alone.extend(rest.iter_mut().map(|pass| &mut **pass));
    }
    for pass in alone {
        judge(plane, &mut [pass], tally)?;
    }
    Ok(())
}

/// Bounds the rows of the groups that have an undecided row, or of all where there are several
/// probes, and gives up those that cannot reach the bar. All probes must agree in whether they read
/// both planes at once.
fn judge<const N: usize>(
    plane: usize,
    passes: &mut [&mut Pass<'_>; N],
    tally: &mut Tally,
) -> Result<(), ReadError> {
    let Some(first) = passes.first_mut() else { return Ok(()) };
    let (Tile { extent, start, .. }, at_once) = (first.tile, first.at_once);
    let groups = first.board.take_groups(N > 1);
    let segment = &extent.view.segment;
    let record_bytes = record_bytes(segment.dim());
    let bytes = (groups.len() * record_bytes) as u64;
    let codes = |plane| segment.codes(extent.number, plane, start, &groups);
    let before = match plane {
        0 => Before::Nothing,
        _ if at_once => Before::Records(codes(plane - 1)?),
        _ => Before::Totals,
    };
    if let Before::Records(_) = before {
        tally.count(plane - 1, 0, 0, bytes);
    }
    tally.count(plane, 0, 0, bytes);
    let plane_read = Plane { records: codes(plane)?, record_bytes, before };
    let judged = passes.each_mut().map(|pass| Judged {
        table: &pass.codes.table,
        line: pass.codes.line(plane),
        least: pass.target.bar(),
        totals: &mut pass.board.totals,
        bounds: &mut pass.board.bounds,
        undecided: &mut pass.board.undecided,
    });
    extent.kernel.judge(plane_read, &groups, judged);
    for pass in &mut *passes {
        pass.judged = groups.len();
    }
    if let Some(first) = passes.first_mut() {
        first.board.groups = groups;
    }
    Ok(())
}

impl<'a> Pass<'a> {
    /// Begins with so many undecided rows.
    pub(crate) fn new(
        tile: Tile<'a>,
        target: &'a Target,
        codes: &'a CodeProbe,
        board: &'a mut Board,
        left: u64,
    ) -> Self {
        // At the begin of an extent it is found out anew: bars rise.
        let at_once = tile.start > 0 && target.reads_planes_at_once() && left > FEW_ROWS;
        Self { tile, target, codes, board, left, at_once, judged: 0 }
    }

    /// Whether a plane is worth reading by itself, or together with the one before.
    fn reads(&self, plane: usize) -> bool {
        if plane == 0 { self.left > 0 && !self.at_once } else { self.left > FEW_ROWS }
    }

    /// Whether most groups have an undecided row.
    fn is_dense(&self) -> bool {
        self.left >= self.tile.groups as u64
    }

    /// Counts the rows that a plane left. After the last, a first bar is found where there is none.
    fn take_stock(&mut self, plane: usize, tally: &mut Tally) -> Result<(), ReadError> {
        if !self.reads(plane) {
            let passed = if plane == 0 { self.left } else { 0 };
            tally.count(plane, passed, 0, 0);
            return Ok(());
        }
        let before = self.left;
        self.left = self.tile.extent.kernel.count(&self.board.undecided);
        let mut scored = 0;
        if plane == 0 && self.tile.start == 0 {
            let left = self.board.undecided.iter().filter(|mask| **mask != 0).count();
            self.target.read_planes_at_once(left * MOST.1 >= self.judged * MOST.0);
        }
        if plane == PLANES - 1 {
            self.board.has_all_planes = true;
            if seeds::are_worthwhile(self.target, self.left) {
                scored = self.score_seeds(tally)?;
            }
        }
        tally.count(plane, before, before - self.left - scored, 0);
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
    /// others to those that wait; returns all these where they are many.
    fn put_off(&mut self, tally: &mut Tally) -> Result<Option<Waiting>, ReadError> {
        self.target.check_cancelled()?;
        if self.left == 0 {
            return Ok(None);
        }
        let (extent, bar) = (self.tile.extent, self.target.bar());
        let mut rows = std::mem::take(&mut self.board.left);
        let mut listed = std::mem::take(&mut self.board.listed);
        listed.clear();
        let Board { undecided, bounds, totals, has_all_planes, .. } = &*self.board;
        let run = Run::new(extent.segment, extent.number, *has_all_planes);
        let first = (self.tile.start * GROUP_ROWS) as u32;
        extent.kernel.list(undecided, first, bounds, totals, &mut listed);
        rows.clear();
        if let Some(lead) = self.target.lead().filter(|_| run.has_all_planes) {
            let likely = |(_, bound): &(&u32, &mut f32)| **bound >= bar + lead;
            for (row, bound) in listed.rows.iter().zip(&mut listed.bounds).filter(likely) {
                rows.push(row - first);
                *bound = f32::NEG_INFINITY;
            }
        }
        self.score_now(&rows, tally)?;
        let all = 0..listed.len();
        // Rows that were scored are no more, also where there is no bar yet.
        let bar = self.target.bar().max(f32::MIN);
        let kept = extent.kernel.compact(&mut listed, all, 0, bar);
        listed.truncate(kept);
        let settled = self.target.wait(run, &listed);
        (self.board.left, self.board.listed) = (rows, listed);
        Ok(settled)
    }
}
