//! Rows of a segment side by side: where they are, which of them a probe permits, and one's score.

use super::pairs::Window;
use super::target::Target;
use crate::code::{EXTENT_ROWS, GROUP_ROWS};
use crate::error::Corruption;
use crate::id::{RowOrdinal, TemplateId};
use crate::kernel::Kernel;
use crate::template_set::TemplateSet;
use crate::topk::{Hit, Place, Scored};
use crate::version::SegmentView;

/// Rows that are as quickly stepped over as the next is searched for.
const NEAR_ROWS: usize = 64;

/// Up to [`EXTENT_ROWS`] rows of a segment.
#[derive(Clone, Copy)]
pub(crate) struct Extent<'a> {
    pub(crate) view: &'a SegmentView,
    /// The place of its segment among the gallery's.
    pub(crate) segment: u32,
    pub(crate) number: u32,
    pub(crate) kernel: Kernel,
}

impl Extent<'_> {
    /// The place in the segment of the extent's first row.
    pub(crate) fn first_row(&self) -> u32 {
        self.number * EXTENT_ROWS as u32
    }

    /// The number of rows.
    pub(crate) fn rows(&self) -> usize {
        let behind = self.view.segment.row_count().saturating_sub(self.first_row());
        (behind as usize).min(EXTENT_ROWS)
    }

    /// Scores one row of the segment by its embedding.
    pub(crate) fn score(&self, target: &Target, row: RowOrdinal) -> Result<f32, Corruption> {
        let segment = &self.view.segment;
        let score = target.score(self.kernel, segment.embedding(row)?);
        if score >= target.bar() {
            let scored = Scored { id: segment.id_at(row)?, score };
            target.offer(Hit { scored, place: Place::Segment(self.segment, row) });
        }
        Ok(score)
    }
}

/// Some groups of an extent.
#[derive(Clone, Copy)]
pub(crate) struct Tile<'a> {
    pub(crate) extent: Extent<'a>,
    /// The first group, counted from the extent's.
    pub(crate) start: usize,
    pub(crate) groups: usize,
}

impl Tile<'_> {
    /// The place in the segment of a row of the tile.
    fn ordinal(&self, row: u32) -> RowOrdinal {
        RowOrdinal::new(self.first_row() + row)
    }

    /// The place in the segment of the tile's first row.
    pub(crate) fn first_row(&self) -> u32 {
        self.extent.first_row() + (self.start * GROUP_ROWS) as u32
    }

    /// The number of rows; the last group may be short.
    fn rows(&self) -> u32 {
        let behind = self.extent.view.segment.row_count().saturating_sub(self.first_row());
        behind.min((self.groups * GROUP_ROWS) as u32)
    }

    /// Sets the bits of the rows that are neither deleted nor kept out by the probe or its join.
    pub(crate) fn mark_permitted(
        &self,
        target: &Target,
        masks: &mut [u16],
    ) -> Result<(), Corruption> {
        let (first, rows) = (self.first_row(), self.rows());
        let (segment, probe) = (&self.extent.view.segment, &target.probe);
        match &probe.only {
            None => mark_first(rows, masks),
            Some(only) => {
                masks.fill(0);
                mark_present(segment.ids(first..first + rows)?, only, masks);
            }
        }
        let window = target.window();
        if !window.is_open() {
            keep_within(segment.ids(first..first + rows)?, window, masks);
        }
        for deleted in self.extent.view.tombstones.within(first..first + rows) {
            set(masks, deleted.get() - first, false);
        }
        if let Some(excluded) = probe.exclude
            && let Some(row) = segment.find(excluded)?
            && let Some(row) = row.get().checked_sub(first).filter(|row| *row < rows)
        {
            set(masks, row, false);
        }
        Ok(())
    }

    /// Asks for the embedding of a row that is about to be scored.
    pub(crate) fn prefetch(&self, row: u32) {
        self.extent.view.segment.prefetch(self.ordinal(row));
    }

    /// Scores one row by its embedding.
    pub(crate) fn score(&self, target: &Target, row: u32) -> Result<f32, Corruption> {
        self.extent.score(target, self.ordinal(row))
    }
}

/// Sets the bits of so many rows, and of no other.
fn mark_first(rows: u32, masks: &mut [u16]) {
    let full = masks.len().min(rows as usize / GROUP_ROWS);
    let (whole, rest) = masks.split_at_mut(full);
    whole.fill(u16::MAX);
    rest.fill(0);
    if let Some(mask) = rest.first_mut() {
        *mask = (1 << (rows as usize % GROUP_ROWS)) - 1;
    }
}

/// Sets the bits of the rows whose identities are in a set.
fn mark_present(ids: &[[u8; 16]], only: &TemplateSet, masks: &mut [u16]) {
    let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return };
    let wanted = only.between(id_of(first), id_of(last));
    let are_near = wanted.len().saturating_mul(NEAR_ROWS) > ids.len();
    let mut at = 0;
    for &id in wanted {
        let rest = ids.get(at..).unwrap_or_default();
        at += if are_near {
            rest.iter().take_while(|bytes| id_of(bytes) < id).count()
        } else {
            rest.partition_point(|bytes| id_of(bytes) < id)
        };
        if ids.get(at).is_some_and(|bytes| id_of(bytes) == id) {
            set(masks, at as u32, true);
        }
    }
}

/// Clears the bits of the rows whose identities are outside a window.
fn keep_within(ids: &[[u8; 16]], window: Window, masks: &mut [u16]) {
    let start = ids.partition_point(|bytes| window.is_behind(id_of(bytes)));
    let end = ids.partition_point(|bytes| !window.is_before(id_of(bytes)));
    for (group, mask) in masks.iter_mut().enumerate() {
        let within = |row: usize| row.saturating_sub(group * GROUP_ROWS).min(GROUP_ROWS);
        *mask &= first_ones(within(end)) & !first_ones(within(start));
    }
}

/// So many bits, the lowest, set.
fn first_ones(count: usize) -> u16 {
    u16::MAX.checked_shr((GROUP_ROWS - count) as u32).unwrap_or(0)
}

fn id_of(bytes: &[u8; 16]) -> TemplateId {
    TemplateId::new(u128::from_le_bytes(*bytes))
}

fn set(masks: &mut [u16], row: u32, value: bool) {
    if let Some(mask) = masks.get_mut(row as usize / GROUP_ROWS) {
        let bit = 1 << (row as usize % GROUP_ROWS);
        *mask = if value { *mask | bit } else { *mask & !bit };
    }
}
