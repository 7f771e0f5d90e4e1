//! From integers to bounds: one body, compiled for each instruction set by its own module.
#![expect(clippy::inline_always, reason = "a body takes the instruction set of its caller")]

use std::ops::Range;

use super::{
    FieldWeights, GROUP_ROWS, LINE_BYTES, Listed, Refinements, Refining, TableLine, prefetch,
};
use crate::half;

/// Rows between the one at hand and the one whose refinement is asked for from memory.
const AHEAD_ROWS: usize = 24;

/// How the total `A` of a row becomes the highest score that the row can have:
/// `g * (slope * A + offset) + residual_scale * E + slack`, with the correction factor `g` and the
/// residual norm `E` of the row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// What one unit of the total stands for.
    pub(crate) slope: f32,
    /// What the total is short of, with the table's rounding.
    pub(crate) offset: f32,
    /// How much of the residual norm the score may be off by.
    pub(crate) residual_scale: f32,
    /// What no factor applies to.
    pub(crate) slack: f32,
}

/// How the total `A` of the planes and the sum of products `P` of a row's refinement become the
/// highest score that the row can have: with its factors `g` and `E`,
/// `g * (slope * A + weight_slope * P + offset) + residual_scale * E + slack`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefinedLine {
    /// What one unit of the total stands for.
    pub(crate) slope: f32,
    /// What one unit of the sum of products stands for.
    pub(crate) weight_slope: f32,
    /// What the sum is short of, with the rounding of table and weights.
    pub(crate) offset: f32,
    /// How much of the residual norm the score may be off by.
    pub(crate) residual_scale: f32,
    /// What no factor applies to.
    pub(crate) slack: f32,
}

impl RefinedLine {
    #[inline(always)]
    fn bound(&self, total: u32, products: i32, [correction, residual]: [f32; 2]) -> f32 {
        let total = total.cast_signed() as f32;
        let sum = self.slope * total + self.weight_slope * products as f32 + self.offset;
        correction * sum + self.residual_scale * residual + self.slack
    }
}

/// One plane of some groups: a record for each, with the line of factors behind those of codes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plane<'a> {
    /// One record after the other.
    pub(crate) records: &'a [u8],
    /// Bytes of a record.
    pub(crate) record_bytes: usize,
    /// What comes before it.
    pub(crate) before: Before<'a>,
}

/// What comes before a plane.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Before<'a> {
    /// It is the first.
    Nothing,
    /// The totals of the planes before it.
    Totals,
    /// The records of the first plane, where it is the second: both are read at once.
    Records(&'a [u8]),
}

impl<'a> Plane<'a> {
    /// The number of records.
    pub(super) fn groups(self) -> usize {
        let before = self.records_before().map_or(usize::MAX, <[u8]>::len);
        before.min(self.records.len()) / self.record_bytes
    }

    /// The record of a group.
    #[inline(always)]
    pub(super) fn record(self, group: u32) -> &'a [u8] {
        self.record_of(self.records, group)
    }

    /// The record of a group among those of any plane.
    #[inline(always)]
    pub(super) fn record_of(self, records: &'a [u8], group: u32) -> &'a [u8] {
        &records[group as usize * self.record_bytes..][..self.record_bytes]
    }

    /// The records of the plane before it, where both are read at once.
    #[inline(always)]
    pub(super) fn records_before(self) -> Option<&'a [u8]> {
        match self.before {
            Before::Records(records) => Some(records),
            Before::Nothing | Before::Totals => None,
        }
    }

    /// Lines of codes in a record.
    #[inline(always)]
    pub(super) fn lines(self) -> usize {
        self.record_bytes / LINE_BYTES - 1
    }
}

/// What a probe knows of some groups, and what it takes to learn more from a plane.
#[derive(Debug)]
pub(crate) struct Judged<'a> {
    /// The probe's table: two lines for each line of codes, and as many of zeros as make it even.
    pub(crate) table: &'a [TableLine],
    /// How totals become bounds.
    pub(crate) line: &'a Line,
    /// The least bound of a row that stays undecided.
    pub(crate) least: f32,
    /// The sums of all planes so far, each plane counting twice the next.
    pub(crate) totals: &'a mut [[u32; GROUP_ROWS]],
    /// The highest score each row can have.
    pub(crate) bounds: &'a mut [[f32; GROUP_ROWS]],
    /// One bit per row that may still be found.
    pub(crate) undecided: &'a mut [u16],
}

impl Judged<'_> {
    /// The groups that there is room for.
    pub(super) fn groups(&self) -> usize {
        self.totals.len().min(self.bounds.len()).min(self.undecided.len())
    }

    /// Takes in the sums of a plane of one group, and those of the plane before it where both are
    /// read at once.
    #[inline(always)]
    pub(super) fn judge(
        &mut self,
        group: u32,
        sums: &[u32; GROUP_ROWS],
        sums_before: Option<&[u32; GROUP_ROWS]>,
        plane: Plane<'_>,
    ) {
        let Some(words) = words(plane.record(group), plane.lines() * LINE_BYTES) else { return };
        let group = group as usize;
        let (totals, bounds) = (&mut self.totals[group], &mut self.bounds[group]);
        for row in 0..GROUP_ROWS {
            let before = match (sums_before, plane.before) {
                (Some(sums), _) => sums[row],
                (None, Before::Totals) => totals[row],
                (None, _) => 0,
            };
            totals[row] = 2 * before + sums[row];
            let [correction, residual] = factors(words[row]);
            // Totals have 24 bits at most; signed ones are converted by every instruction set.
            let sum = self.line.slope * totals[row].cast_signed() as f32 + self.line.offset;
            bounds[row] = correction * sum + self.line.residual_scale * residual + self.line.slack;
        }
        prune(&self.bounds[group..=group], self.least, &mut self.undecided[group..=group]);
    }
}

/// Bounds the rows listed at some places by their refinements. `product` adds up the products of
/// weights with the fields of some bytes.
#[inline(always)]
pub(super) fn refine(
    refining: Refining<'_>,
    refinements: Refinements<'_>,
    listed: &mut Listed,
    places: Range<usize>,
    product: impl Fn(&[FieldWeights], &[u8]) -> i32,
) {
    for at in places {
        if let Some(&row) = listed.rows.get(at + AHEAD_ROWS) {
            prefetch(refinements.get(row));
        }
        let refinement = refinements.get(listed.rows[at]);
        if let Some((fields, last)) = refinement.split_last_chunk() {
            let products = product(refining.weights, fields);
            listed.bounds[at] = refining.line.bound(listed.totals[at], products, factors(*last));
        }
    }
}

/// The correction factor and the residual norm of a row: two half-precision numbers.
#[inline(always)]
pub(super) fn factors(word: [u8; 4]) -> [f32; 2] {
    let word = u32::from_le_bytes(word);
    [half::decode(word & 0xFFFF), half::decode(word >> 16)]
}

#[inline(always)]
fn words(record: &[u8], offset: usize) -> Option<&[[u8; 4]; GROUP_ROWS]> {
    record.get(offset..)?.first_chunk::<LINE_BYTES>()?.as_chunks().0.first_chunk()
}

#[inline(always)]
pub(super) fn prune(bounds: &[[f32; GROUP_ROWS]], least: f32, undecided: &mut [u16]) {
    let undecided = undecided.iter_mut().zip(bounds).filter(|(mask, _)| **mask != 0);
    for (mask, bounds) in undecided {
        let mut below = 0;
        for (row, bound) in bounds.iter().enumerate() {
            below |= u16::from(*bound < least) << row;
        }
        *mask &= !below;
    }
}

#[inline(always)]
pub(super) fn count(masks: &[u16]) -> u64 {
    let (fours, rest) = masks.as_chunks::<4>();
    let ones = |masks: &[u16]| masks.iter().map(|mask| u64::from(mask.count_ones())).sum::<u64>();
    let mut sum = ones(rest);
    for masks in fours {
        sum += u64::from(word(masks).count_ones());
    }
    sum
}

/// The masks of four groups as one.
#[inline(always)]
fn word([a, b, c, d]: &[u16; 4]) -> u64 {
    u64::from(*a) | u64::from(*b) << 16 | u64::from(*c) << 32 | u64::from(*d) << 48
}

/// Finds the rows whose bits are set, ascending.
#[inline(always)]
pub(super) fn rows(masks: &[u16], mut found: impl FnMut(u32)) {
    // Four groups at a time: most have few rows.
    let (fours, last) = masks.as_chunks::<4>();
    let words = fours.iter().map(word);
    let padded = std::array::from_fn(|at| last.get(at).copied().unwrap_or_default());
    let words = words.chain([word(&padded)]).enumerate().filter(|(_, word)| *word != 0);
    for (at, mut rest) in words {
        while rest != 0 {
            found((at * 4 * GROUP_ROWS) as u32 + rest.trailing_zeros());
            rest &= rest - 1;
        }
    }
}
