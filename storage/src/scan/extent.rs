//! The rows of one extent of a segment, searched for every target.

use super::probe::{CANCEL_ROWS, ReadError};
use super::report::Tally;
use super::scratch::{Board, SIDE_BY_SIDE, Scratch};
use super::stages::{self, Pass};
use super::target::Target;
use super::tile::{Extent, Tile};
use crate::code::GROUP_ROWS;
use crate::kernel;
use crate::version::GalleryView;

/// Groups that are searched for some probes after the others where there are several: few enough
/// that their codes stay in the second level of a core's cache. For one probe the first so many say
/// how to go through the others.
const TILE_GROUPS: usize = 128;

/// Searches the extent for every target.
pub(crate) fn search(
    view: &GalleryView,
    extent: &Extent<'_>,
    targets: &[Target],
    scratch: &mut Scratch,
    tally: &mut Tally,
) -> Result<(), ReadError> {
    let groups = extent.rows().div_ceil(GROUP_ROWS);
    let mut start = 0;
    while start < groups {
        let most = if start > 0 && targets.len() == 1 { groups } else { TILE_GROUPS };
        let tile = Tile { extent: *extent, start, groups: most.min(groups - start) };
        for targets in targets.chunks(SIDE_BY_SIDE) {
            search_tile(view, &tile, targets, scratch, tally)?;
        }
        start += tile.groups;
    }
    Ok(())
}

fn search_tile(
    view: &GalleryView,
    tile: &Tile<'_>,
    targets: &[Target],
    scratch: &mut Scratch,
    tally: &mut Tally,
) -> Result<(), ReadError> {
    let mut passes = Vec::with_capacity(SIDE_BY_SIDE);
    let targets = targets.iter().filter(|target| !target.is_hopeless());
    for (target, board) in targets.zip(&mut scratch.boards) {
        target.check_cancelled()?;
        board.fit(tile.groups);
        tile.mark_permitted(target, &mut board.undecided)?;
        let left = tile.extent.kernel.count(&board.undecided);
        tally.rows += left;
        if left == 0 {
            continue;
        }
        match &target.codes {
            Some(codes) if tile.extent.view.segment.has_codes() => {
                passes.push(Pass::new(*tile, target, codes, board, left));
            }
            _ => score_all(tile, target, board, tally)?,
        }
    }
    stages::run(&mut passes, view, tally)
}

/// Scores every permitted row: what is left to do without codes.
fn score_all(
    tile: &Tile<'_>,
    target: &Target,
    board: &mut Board,
    tally: &mut Tally,
) -> Result<(), ReadError> {
    let Board { undecided, left, .. } = board;
    kernel::rows(undecided, left);
    for (at, &row) in left.iter().enumerate() {
        if at % CANCEL_ROWS == 0 {
            target.check_cancelled()?;
        }
        tile.score(target, row)?;
    }
    let scored = left.len() as u64;
    let bytes = tile.extent.view.segment.embedding_bytes() as u64;
    tally.count_scored(scored, scored, bytes);
    Ok(())
}
