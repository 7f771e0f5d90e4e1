//! From integers to bounds: one body, compiled for each instruction set by its own module.
#![expect(clippy::inline_always, reason = "a body takes the instruction set of its caller")]

use super::{GROUP_ROWS, LINE_BYTES};

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

/// The records of some groups, for the lines of factors that follow the words of each: the
/// correction factors, and in planes behind the first the residual norms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Factors<'a> {
    /// One record after the other.
    pub(crate) records: &'a [u8],
    /// Bytes of a record.
    pub(crate) record_bytes: usize,
    /// Where in a record the factors begin.
    pub(crate) offset: usize,
    /// Whether residual norms follow the correction factors.
    pub(crate) residuals: bool,
}

#[inline(always)]
pub(super) fn accumulate(sums: &[[u32; GROUP_ROWS]], totals: &mut [[u32; GROUP_ROWS]]) {
    for (totals, sums) in totals.iter_mut().zip(sums) {
        for (total, sum) in totals.iter_mut().zip(sums) {
            *total = 2 * *total + *sum;
        }
    }
}

#[inline(always)]
pub(super) fn bound(
    line: &Line,
    factors: Factors<'_>,
    totals: &[[u32; GROUP_ROWS]],
    bounds: &mut [[f32; GROUP_ROWS]],
) {
    let Factors { records, record_bytes, offset, residuals } = factors;
    let groups = records.chunks_exact(record_bytes).zip(totals).zip(bounds);
    for ((record, totals), bounds) in groups {
        let Some(corrections) = floats(record, offset) else { return };
        for row in 0..GROUP_ROWS {
            bounds[row] = corrections[row] * (line.slope * totals[row] as f32 + line.offset);
        }
        if residuals {
            let Some(norms) = floats(record, offset + LINE_BYTES) else { return };
            for row in 0..GROUP_ROWS {
                bounds[row] += line.residual_scale * norms[row];
            }
        }
        for bound in bounds {
            *bound += line.slack;
        }
    }
}

#[inline(always)]
fn floats(record: &[u8], offset: usize) -> Option<[f32; GROUP_ROWS]> {
    let line = record.get(offset..)?.first_chunk::<LINE_BYTES>()?;
    let (words, _) = line.as_chunks::<4>();
    let mut floats = [0.0; GROUP_ROWS];
    for (float, word) in floats.iter_mut().zip(words) {
        *float = f32::from_le_bytes(*word);
    }
    Some(floats)
}

#[inline(always)]
pub(super) fn prune(bounds: &[[f32; GROUP_ROWS]], least: f32, undecided: &mut [u16]) {
    for (bounds, mask) in bounds.iter().zip(undecided) {
        let mut below = 0;
        for (row, bound) in bounds.iter().enumerate() {
            below |= u16::from(*bound < least) << row;
        }
        *mask &= !below;
    }
}
