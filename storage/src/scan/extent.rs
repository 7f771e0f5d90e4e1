//! The rows of one extent of a segment, searched for every target.

use super::probe::ReadError;
use super::report::{EMBEDDING, Tally};
use super::scratch::{Scratch, count, rows_of};
use super::stages::Stages;
use super::target::Target;
use super::tile::{Extent, Tile};
use crate::code::GROUP_ROWS;

/// Groups that are searched for one probe after the other where there are several: few enough
/// that their codes stay in the second level of a core's cache.
const TILE_GROUPS: usize = 64;

/// Searches the extent for every target.
pub(crate) fn search(
    extent: &Extent<'_>,
    targets: &[Target],
    scratch: &mut Scratch,
    tally: &mut Tally,
) -> Result<(), ReadError> {
    let groups = extent.rows().div_ceil(GROUP_ROWS);
    let tile = if targets.len() > 1 { TILE_GROUPS } else { groups.max(1) };
    for start in (0..groups).step_by(tile) {
        let tile = Tile { extent: *extent, start, groups: tile.min(groups - start) };
        scratch.fit(tile.groups);
        for target in targets.iter().filter(|target| !target.is_hopeless()) {
            target.check_cancelled()?;
            search_tile(&tile, target, scratch, tally)?;
        }
    }
    Ok(())
}

fn search_tile(
    tile: &Tile<'_>,
    target: &Target,
    scratch: &mut Scratch,
    tally: &mut Tally,
) -> Result<(), ReadError> {
    tile.mark_permitted(&target.probe, &mut scratch.undecided)?;
    let permitted = count(&scratch.undecided);
    tally.rows += permitted;
    if permitted == 0 {
        return Ok(());
    }
    match &target.codes {
        Some(codes) if tile.extent.view.segment.has_codes() => {
            Stages { tile: *tile, target, codes }.run(scratch, tally)
        }
        _ => score_all(tile, target, scratch, tally),
    }
}

/// Scores every permitted row: what is left to do without codes.
fn score_all(
    tile: &Tile<'_>,
    target: &Target,
    scratch: &Scratch,
    tally: &mut Tally,
) -> Result<(), ReadError> {
    let mut scored = 0;
    for (at, row) in rows_of(&scratch.undecided).enumerate() {
        if at % 1024 == 0 {
            target.check_cancelled()?;
        }
        scored += 1;
        tile.score(target, row)?;
    }
    let bytes = scored * size_of_val(target.probe.embedding.as_slice()) as u64;
    tally.count(EMBEDDING, scored, scored, bytes);
    Ok(())
}
