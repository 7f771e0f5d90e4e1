//! The kernels without any particular instruction set: the definition of their results.

use super::bounds::{Judged, Plane};
use super::{FieldWeights, GROUP_ROWS, HALF_BYTES, LINE_BYTES, PARTIAL_SUMS, TableLine};
use crate::half;

/// See [`super::Kernel::dot`].
pub(super) fn dot(left: &[f32], right: &[f32]) -> f32 {
    dot_of(left, right, |value| value)
}

/// See [`super::Kernel::dot_half`].
pub(super) fn dot_half(left: &[f32], right: &[[u8; HALF_BYTES]]) -> f32 {
    dot_of(left, right, widen)
}

/// The value of a stored half.
#[inline]
pub(super) fn widen(half: [u8; HALF_BYTES]) -> f32 {
    half::widen(u16::from_le_bytes(half))
}

fn dot_of<T: Copy>(left: &[f32], right: &[T], value: impl Fn(T) -> f32) -> f32 {
    let mut sums = [0.0f32; PARTIAL_SUMS];
    for (left, right) in left.chunks(PARTIAL_SUMS).zip(right.chunks(PARTIAL_SUMS)) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum = left.mul_add(value(*right), *sum);
        }
    }
    fold(&mut sums)
}

/// Adds the upper half of a power of two of sums to the lower, until one is left.
#[inline]
pub(super) fn fold(sums: &mut [f32]) -> f32 {
    let mut length = sums.len();
    while length > 1 {
        length /= 2;
        let (lower, upper) = sums.split_at_mut(length);
        for (lower, upper) in lower.iter_mut().zip(upper) {
            *lower += *upper;
        }
    }
    // Adding zero turns -0.0 into 0.0.
    sums[0] + 0.0
}

/// See [`super::Kernel::judge`].
pub(super) fn judge(plane: Plane<'_>, groups: &[u32], mut judged: Judged<'_>) {
    for &group in groups {
        let of = |records| sums(judged.table, plane.record_of(records, group), plane.lines());
        let before = plane.records_before().map(of);
        let sums = of(plane.records);
        judged.judge(group, &sums, before.as_ref(), plane);
    }
}

/// The sums of one record of so many lines of codes.
fn sums(table: &[TableLine], record: &[u8], lines: usize) -> [u32; GROUP_ROWS] {
    let mut sums = [0; GROUP_ROWS];
    let codes = record.as_chunks::<LINE_BYTES>().0.iter().take(lines);
    for (line, [low, high]) in codes.zip(table.as_chunks::<2>().0) {
        for (column, codes) in line.as_chunks::<GROUP_ROWS>().0.iter().enumerate() {
            for (sum, code) in sums.iter_mut().zip(codes) {
                *sum += u32::from(low.0[16 * column + usize::from(code & 15)]);
                *sum += u32::from(high.0[16 * column + usize::from(code >> 4)]);
            }
        }
    }
    sums
}

/// See [`super::Kernel::refine`]: the sum of products of one row.
pub(super) fn product(weights: &[FieldWeights], fields: &[u8]) -> i32 {
    let mut sum = 0;
    for (part, weights) in fields.chunks(LINE_BYTES).zip(weights) {
        for (field, weights) in weights.0.iter().enumerate() {
            for (byte, weight) in part.iter().zip(weights) {
                sum += i32::from(byte >> (2 * field) & 3) * i32::from(*weight);
            }
        }
    }
    sum
}
