//! The kernels for NEON, which every 64-bit ARM machine has.
//!
//! A look-up takes 16 entries of one table: a column of codes, a byte of each of 16 rows, with the
//! column's table.
#![expect(unsafe_code, reason = "vector loads, a hint, and calls of code for this instruction set")]

use std::arch::aarch64::{
    int8x16_t, uint8x16_t, uint16x8_t, vaddq_u8, vaddvq_s32, vaddw_high_u8, vaddw_u8, vandq_u8,
    vdupq_n_f32, vdupq_n_s16, vdupq_n_s32, vdupq_n_u8, vdupq_n_u16, vfmaq_f32, vget_low_s8,
    vget_low_u8, vld1q_f32, vld1q_s8, vld1q_u8, vmlal_high_s8, vmlal_s8, vpadalq_s16, vqtbl1q_u8,
    vreinterpretq_s8_u8, vshrq_n_u8, vst1q_f32, vst1q_u16,
};
use std::arch::{asm, is_aarch64_feature_detected};
use std::ops::Range;

use super::bounds::{self, Judged, Plane};
use super::{
    FieldWeights, GROUP_ROWS, LINE_BYTES, Listed, PARTIAL_SUMS, Refinements, Refining, TableLine,
    scalar,
};

/// Floats of a vector.
const WIDTH: usize = 4;
/// Bytes of a vector.
const BYTES: usize = 16;
/// Groups between the one at hand and the one that is asked for from memory.
const AHEAD_GROUPS: usize = 3;
/// Most lines of memory that are asked for at once; the machine goes on by itself.
const PREFETCHED_LINES: usize = 32;

pub(super) fn is_available() -> bool {
    is_aarch64_feature_detected!("neon")
}

pub(super) fn prefetch(bytes: &[u8]) {
    for line in bytes.chunks(LINE_BYTES).take(PREFETCHED_LINES) {
        // SAFETY: a hint, which every 64-bit ARM machine knows and which changes nothing.
        unsafe {
            asm!(
                "prfm pldl1keep, [{line}]",
                line = in(reg) line.as_ptr(),
                options(readonly, nostack, preserves_flags),
            );
        }
    }
}

pub(super) fn dot(left: &[f32], right: &[f32]) -> f32 {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { dot_here(left, right) }
}

pub(super) fn judge<const PROBES: usize>(
    plane: Plane<'_>,
    groups: &[u32],
    judged: [Judged<'_>; PROBES],
) {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { judge_here(plane, groups, judged) }
}

pub(super) fn refine(
    refining: Refining<'_>,
    refinements: Refinements<'_>,
    listed: &mut Listed,
    places: Range<usize>,
) {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { refine_here(refining, refinements, listed, places) }
}

#[target_feature(enable = "neon")]
fn dot_here(left: &[f32], right: &[f32]) -> f32 {
    let mut sums = [vdupq_n_f32(0.0); PARTIAL_SUMS / WIDTH];
    let (left_blocks, left_rest) = left.as_chunks::<PARTIAL_SUMS>();
    let (right_blocks, right_rest) = right.as_chunks::<PARTIAL_SUMS>();
    for (left, right) in left_blocks.iter().zip(right_blocks) {
        let (left, right) = (left.as_chunks::<WIDTH>().0, right.as_chunks::<WIDTH>().0);
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            // SAFETY: the array has 4 floats.
            let left = unsafe { vld1q_f32(left.as_ptr()) };
            // SAFETY: the array has 4 floats.
            let right = unsafe { vld1q_f32(right.as_ptr()) };
            *sum = vfmaq_f32(*sum, left, right);
        }
    }
    let mut scalars = [0.0f32; PARTIAL_SUMS];
    for (place, sum) in scalars.as_chunks_mut::<WIDTH>().0.iter_mut().zip(sums) {
        // SAFETY: the array has room for 4 floats.
        unsafe { vst1q_f32(place.as_mut_ptr(), sum) };
    }
    for ((sum, left), right) in scalars.iter_mut().zip(left_rest).zip(right_rest) {
        *sum = left.mul_add(*right, *sum);
    }
    scalar::fold(&mut scalars)
}

#[target_feature(enable = "neon")]
fn judge_here<const PROBES: usize>(
    plane: Plane<'_>,
    groups: &[u32],
    mut judged: [Judged<'_>; PROBES],
) {
    for (at, &group) in groups.iter().enumerate() {
        if let Some(&ahead) = groups.get(at + AHEAD_GROUPS) {
            prefetch(plane.record(ahead));
        }
        let tables = judged.each_ref().map(|judged| judged.table);
        let of = |records| sums(&tables, plane.record_of(records, group), plane.lines());
        let (before, sums) = (plane.records_before().map(of), of(plane.records));
        for (probe, judged) in judged.iter_mut().enumerate() {
            let before = before.as_ref().map(|before| &before[probe]);
            judged.judge(group, &sums[probe], before, plane);
        }
    }
}

/// The sums of one record of so many lines of codes for each table.
#[inline]
#[target_feature(enable = "neon")]
fn sums<const PROBES: usize>(
    tables: &[&[TableLine]; PROBES],
    record: &[u8],
    lines: usize,
) -> [[u32; GROUP_ROWS]; PROBES] {
    let codes = &record.as_chunks::<LINE_BYTES>().0[..lines];
    // Of rows 0-7 and 8-15: all entries of `LINES_MAX` lines fit.
    let mut growing = [[vdupq_n_u16(0); 2]; PROBES];
    for first in (0..lines).step_by(2) {
        for column in 0..LINE_BYTES / BYTES {
            // The entries of a column of two lines fit into a byte.
            let mut added = [vdupq_n_u8(0); PROBES];
            for line in first..lines.min(first + 2) {
                let codes = load(&codes[line].as_chunks().0[column]);
                let (low, high) = (vandq_u8(codes, vdupq_n_u8(15)), vshrq_n_u8::<4>(codes));
                for (added, table) in added.iter_mut().zip(tables) {
                    let of_low = load(&table[2 * line].0.as_chunks().0[column]);
                    let of_high = load(&table[2 * line + 1].0.as_chunks().0[column]);
                    let entries = vaddq_u8(vqtbl1q_u8(of_low, low), vqtbl1q_u8(of_high, high));
                    *added = vaddq_u8(*added, entries);
                }
            }
            for ([front, back], added) in growing.iter_mut().zip(added) {
                *front = vaddw_u8(*front, vget_low_u8(added));
                *back = vaddw_high_u8(*back, added);
            }
        }
    }
    growing.map(in_words)
}

/// Sums of 8 rows each, one after the other.
fn in_words(halves: [uint16x8_t; 2]) -> [u32; GROUP_ROWS] {
    let mut sums = [0; GROUP_ROWS];
    for (sums, half) in sums.as_chunks_mut::<8>().0.iter_mut().zip(halves) {
        let mut short = [0u16; 8];
        // SAFETY: the array has room for 8 integers of 16 bits, and every machine has NEON.
        unsafe { vst1q_u16(short.as_mut_ptr(), half) };
        *sums = short.map(u32::from);
    }
    sums
}

#[target_feature(enable = "neon")]
fn refine_here(
    refining: Refining<'_>,
    refinements: Refinements<'_>,
    listed: &mut Listed,
    places: Range<usize>,
) {
    let of = |weights: &[FieldWeights], fields: &[u8]| product(weights, fields);
    bounds::refine(refining, refinements, listed, places, of);
}

#[inline]
#[target_feature(enable = "neon")]
fn product(weights: &[FieldWeights], fields: &[u8]) -> i32 {
    let field = vdupq_n_u8(3);
    let mut sums = vdupq_n_s32(0);
    for (part, weights) in fields.chunks(LINE_BYTES).zip(weights) {
        let mut line = [0; LINE_BYTES];
        line[..part.len()].copy_from_slice(part);
        // Per line, four fields of four vectors add a product of at most 3 times 128: 16 bits do.
        let (mut front, mut back) = (vdupq_n_s16(0), vdupq_n_s16(0));
        for (number, part) in line.as_chunks::<BYTES>().0.iter().enumerate() {
            let mut fields = load(part);
            for weights in &weights.0 {
                let weights = load_signed(&weights.as_chunks::<BYTES>().0[number]);
                let factors = vreinterpretq_s8_u8(vandq_u8(fields, field));
                front = vmlal_s8(front, vget_low_s8(factors), vget_low_s8(weights));
                back = vmlal_high_s8(back, factors, weights);
                fields = vshrq_n_u8::<2>(fields);
            }
        }
        sums = vpadalq_s16(vpadalq_s16(sums, front), back);
    }
    vaddvq_s32(sums)
}

#[inline]
#[target_feature(enable = "neon")]
fn load(bytes: &[u8; BYTES]) -> uint8x16_t {
    // SAFETY: the array has 16 bytes.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn load_signed(bytes: &[i8; BYTES]) -> int8x16_t {
    // SAFETY: the array has 16 bytes.
    unsafe { vld1q_s8(bytes.as_ptr()) }
}
