//! Codes: what four bits per dimension say of an embedding, in two planes and a refinement.
//!
//! `docs/format.md` has the layout and the formulas.

use crate::embedding::{Dim, squared_length};
use crate::half;
use crate::kernel::{FACTORS_BYTES, GROUP_ROWS as KERNEL_ROWS, LINE_BYTES};
use crate::rotation::Rotation;

/// Bits per dimension.
pub(crate) const BITS: usize = 4;
/// The highest of them, each a plane of its own.
pub(crate) const PLANES: usize = 2;
/// The others, which stand row by row.
pub(crate) const REFINEMENT_BITS: usize = BITS - PLANES;
/// Rows whose codes stand side by side: a group.
pub(crate) const GROUP_ROWS: usize = KERNEL_ROWS;
/// Rows of an extent, whose planes stand one behind the other.
pub(crate) const EXTENT_ROWS: usize = 16_384;
/// Least dimension that is worth coding: below, embeddings are hardly longer than codes.
pub(crate) const CODED_DIM_MIN: usize = 64;
/// Width of a cell in units of the standard deviation of a rotated component, a compromise of the
/// best ones for the first two, three and four planes (for a normal distribution 0.249, 0.293 and
/// 0.335).
pub(crate) const CELL: f64 = 0.29;

/// Least residual norm in units of the correction factor and the square root of the dimensions:
/// less than an ordinary one has (0.6 to 0.75), so that a probe's rounding is small next to it.
pub(crate) const RESIDUAL_LEAST: f64 = 0.25;

/// Dimensions of one word.
const WORD_DIMS: usize = 32;
/// The bits of a field.
const FIELD: u8 = (1 << REFINEMENT_BITS) - 1;
/// Values of a code.
const LEVELS: i32 = 1 << BITS;

/// Whether galleries of this dimension have codes.
pub(crate) fn has_codes(dim: Dim) -> bool {
    dim.get() >= CODED_DIM_MIN
}

/// The bytes of one plane of a group: its columns and its factors.
pub(crate) fn record_bytes(dim: Dim) -> usize {
    columns_bytes(dim) + LINE_BYTES
}

/// The bytes of a record's columns, behind which its factors stand.
pub(crate) fn columns_bytes(dim: Dim) -> usize {
    dim.get().div_ceil(WORD_DIMS) * LINE_BYTES
}

/// The bytes of a row's refinement: its fields and its factors.
pub(crate) fn refinement_bytes(dim: Dim) -> usize {
    field_bytes(dim) + FACTORS_BYTES
}

/// The bytes of a refinement's fields, behind which its factors stand.
pub(crate) fn field_bytes(dim: Dim) -> usize {
    dim.get().next_multiple_of(WORD_DIMS) * REFINEMENT_BITS / 8
}

/// The bytes of the codes of so many groups.
pub(crate) fn code_bytes(dim: Dim, groups: usize) -> usize {
    (PLANES * record_bytes(dim) + GROUP_ROWS * refinement_bytes(dim)) * groups
}

/// Codes the embeddings of an extent.
#[derive(Debug)]
pub(crate) struct Encoder {
    dim: Dim,
    rotation: Rotation,
    rotated: Vec<f32>,
    levels: Vec<u8>,
    /// Least residual norm in units of the correction factor.
    least_residual: f64,
    /// Of the components at each level: their sum and their number.
    sums: [[f64; 2]; LEVELS as usize],
}

impl Encoder {
    /// An encoder for embeddings of this dimension.
    pub(crate) fn new(dim: Dim) -> Self {
        let rotation = Rotation::new(dim);
        let padded = rotation.padded();
        let (rotated, levels) = (vec![0.0; padded], vec![0; padded]);
        let least_residual = (padded as f64).sqrt() * RESIDUAL_LEAST;
        Self { dim, rotation, rotated, levels, least_residual, sums: Default::default() }
    }

    /// Makes room for the codes of so many rows.
    pub(crate) fn begin(&self, rows: usize, extent: &mut Vec<u8>) {
        extent.clear();
        extent.resize(code_bytes(self.dim, rows.div_ceil(GROUP_ROWS)), 0);
    }

    /// Puts the code of the embedding at `row` to its place among the codes of `rows` rows.
    pub(crate) fn put(&mut self, extent: &mut [u8], rows: usize, row: usize, embedding: &[f32]) {
        self.rotation.apply(embedding, &mut self.rotated);
        self.take_levels();
        let length = squared_length(&self.rotated);
        let groups = rows.div_ceil(GROUP_ROWS);
        let (group, lane) = (row / GROUP_ROWS, row % GROUP_ROWS);
        let mut start = 0;
        for plane in 0..PLANES {
            let bytes = record_bytes(self.dim);
            let record = extent.get_mut(start + group * bytes..).and_then(|r| r.get_mut(..bytes));
            if let Some(record) = record {
                self.put_plane(plane, length, record, lane);
            }
            start += groups * bytes;
        }
        let bytes = refinement_bytes(self.dim);
        let refinement = extent.get_mut(start + row * bytes..).and_then(|r| r.get_mut(..bytes));
        if let Some(refinement) = refinement {
            self.put_refinement(length, refinement);
        }
    }

    /// Anything but a unit vector is damage; whatever its levels are, this must not panic.
    fn take_levels(&mut self) {
        let scale = (self.rotated.len() as f64).sqrt() / CELL;
        let half = f64::from(LEVELS / 2);
        for (level, &value) in self.levels.iter_mut().zip(&self.rotated) {
            let cells = (f64::from(value) * scale).clamp(-half, half - 1.0);
            // The floor, which has no instruction of its own everywhere.
            let whole = cells as i32;
            let floor = whole - i32::from(cells < f64::from(whole));
            *level = (floor + LEVELS / 2) as u8;
        }
        self.sums = Default::default();
        for (&level, &value) in self.levels.iter().zip(&self.rotated) {
            if let Some([sum, count]) = self.sums.get_mut(usize::from(level)) {
                *sum += f64::from(value);
                *count += 1.0;
            }
        }
    }

    fn put_plane(&self, plane: usize, length: f64, record: &mut [u8], lane: usize) {
        let shift = BITS - 1 - plane;
        let (lines, _) = record.as_chunks_mut::<LINE_BYTES>();
        for (levels, line) in self.levels.as_chunks::<WORD_DIMS>().0.iter().zip(lines) {
            let columns = line.as_chunks_mut::<GROUP_ROWS>().0.iter_mut();
            for (column, bits) in columns.zip(bits(levels, shift)) {
                if let Some(place) = column.get_mut(lane) {
                    *place = bits;
                }
            }
        }
        let start = columns_bytes(self.dim) + FACTORS_BYTES * lane;
        put(record, start, self.factors(plane + 1, length));
    }

    fn put_refinement(&self, length: f64, refinement: &mut [u8]) {
        let bytes = field_bytes(self.dim);
        for (number, levels) in self.levels.chunks(bytes).enumerate() {
            for (byte, level) in refinement.iter_mut().zip(levels) {
                *byte |= (level & FIELD) << (REFINEMENT_BITS * number);
            }
        }
        put(refinement, bytes, self.factors(BITS, length));
    }

    /// The correction factor and the residual norm of the highest so many bits, as half-precision
    /// numbers: the one nearest, the other not below what it is.
    fn factors(&self, bits: usize, length: f64) -> [u8; FACTORS_BYTES] {
        let (shift, highest) = (BITS - bits, (1 << bits) - 1);
        let (mut product, mut code_length) = (0.0, 0.0);
        for (level, [sum, count]) in (0..).zip(self.sums) {
            let code = f64::from(2 * (level >> shift) - highest);
            product += code * sum;
            code_length += code * code * count;
        }
        let correction = length / product;
        let residual = (code_length * correction * correction - length).max(0.0).sqrt();
        let residual = residual.max(correction * self.least_residual);
        let halves = if residual.is_finite() {
            [half::nearest(correction), half::up(residual)]
        } else {
            [0, half::INFINITY]
        };
        let [low, high] = halves.map(u32::from);
        (low | high << 16).to_le_bytes()
    }
}

/// One bit of each of 32 levels, eight to a byte, that of the first level lowest.
fn bits(levels: &[u8; WORD_DIMS], shift: usize) -> [u8; WORD_DIMS / 8] {
    let mut word = [0; WORD_DIMS / 8];
    for (byte, levels) in word.iter_mut().zip(levels.as_chunks().0) {
        let bits = (u64::from_le_bytes(*levels) >> shift) & 0x0101_0101_0101_0101;
        // The product has bit `8 i` of these at `56 + i`.
        *byte = (bits.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8;
    }
    word
}

fn put(bytes: &mut [u8], start: usize, value: [u8; FACTORS_BYTES]) {
    if let Some(place) = bytes.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
        *place = value;
    }
}

#[cfg(test)]
mod tests;
