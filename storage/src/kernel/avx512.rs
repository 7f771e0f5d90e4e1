//! The kernels for AVX-512 with VBMI and VNNI.
//!
//! A line of codes is 64 bytes: one word of 16 rows. Four bits of a byte, together with the two
//! bits that say which byte of the word it is, are an index into the 64 entries of a table line,
//! so one permutation of bytes looks up 64 entries and one dot product with ones adds the four
//! bytes of each row.
#![expect(unsafe_code, reason = "vector loads, and calls of code for this instruction set")]

use std::arch::is_x86_feature_detected;
use std::arch::x86_64::{
    __m512i, _MM_HINT_T0, _mm_prefetch, _mm512_add_epi32, _mm512_add_ps, _mm512_dpbusd_epi32,
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_maskz_loadu_ps,
    _mm512_permutexvar_epi8, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_setzero_ps,
    _mm512_setzero_si512, _mm512_srli_epi16, _mm512_storeu_ps, _mm512_storeu_si512,
    _mm512_ternarylogic_epi32,
};

use super::bounds::{self, Factors, Line};
use super::{GROUP_ROWS, LINE_BYTES, PARTIAL_SUMS, TableLine, scalar};

/// Floats of a vector.
const WIDTH: usize = 16;
/// Groups whose sums grow side by side, so that one need not wait for the other.
const SIDE_BY_SIDE: usize = 4;
/// Blocks between the one at hand and the one that is asked for from memory.
const AHEAD_BLOCKS: usize = 3;
/// Which byte of its word a byte is, times the entries of one.
const BYTE_PLACES: i32 = 0x3020_1000;
/// `(first & second) | third` as a truth table.
const AND_OR: i32 = 0xEA;

pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("avx512vnni")
}

pub(super) fn dot(left: &[f32], right: &[f32]) -> f32 {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { dot_here(left, right) }
}

pub(super) fn sums(
    table: &[TableLine],
    records: &[u8],
    record_bytes: usize,
    sums: &mut [[u32; GROUP_ROWS]],
) {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { sums_here(table, records, record_bytes, sums) }
}

pub(super) fn accumulate(sums: &[[u32; GROUP_ROWS]], totals: &mut [[u32; GROUP_ROWS]]) {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { accumulate_here(sums, totals) }
}

pub(super) fn bound(
    line: &Line,
    factors: Factors<'_>,
    totals: &[[u32; GROUP_ROWS]],
    bounds: &mut [[f32; GROUP_ROWS]],
) {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { bound_here(line, factors, totals, bounds) }
}

pub(super) fn prune(bounds: &[[f32; GROUP_ROWS]], least: f32, undecided: &mut [u16]) {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { prune_here(bounds, least, undecided) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn accumulate_here(sums: &[[u32; GROUP_ROWS]], totals: &mut [[u32; GROUP_ROWS]]) {
    bounds::accumulate(sums, totals);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn bound_here(
    line: &Line,
    factors: Factors<'_>,
    totals: &[[u32; GROUP_ROWS]],
    bounds: &mut [[f32; GROUP_ROWS]],
) {
    bounds::bound(line, factors, totals, bounds);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn prune_here(bounds: &[[f32; GROUP_ROWS]], least: f32, undecided: &mut [u16]) {
    bounds::prune(bounds, least, undecided);
}

#[target_feature(enable = "avx512f")]
fn dot_here(left: &[f32], right: &[f32]) -> f32 {
    let mut sums = [_mm512_setzero_ps(); PARTIAL_SUMS / WIDTH];
    let (left_blocks, left_rest) = left.as_chunks::<PARTIAL_SUMS>();
    let (right_blocks, right_rest) = right.as_chunks::<PARTIAL_SUMS>();
    for (left, right) in left_blocks.iter().zip(right_blocks) {
        let (left, right) = (left.as_chunks::<WIDTH>().0, right.as_chunks::<WIDTH>().0);
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            // SAFETY: the array has 16 floats.
            let left = unsafe { _mm512_loadu_ps(left.as_ptr()) };
            // SAFETY: the array has 16 floats.
            let right = unsafe { _mm512_loadu_ps(right.as_ptr()) };
            *sum = _mm512_fmadd_ps(left, right, *sum);
        }
    }
    let rest = left_rest.chunks(WIDTH).zip(right_rest.chunks(WIDTH));
    for (sum, (left, right)) in sums.iter_mut().zip(rest) {
        let present = u16::MAX >> (WIDTH - left.len().min(right.len()));
        // SAFETY: only the floats that are present are read.
        let left = unsafe { _mm512_maskz_loadu_ps(present, left.as_ptr()) };
        // SAFETY: only the floats that are present are read.
        let right = unsafe { _mm512_maskz_loadu_ps(present, right.as_ptr()) };
        *sum = _mm512_fmadd_ps(left, right, *sum);
    }
    let [a, b, c, d] = sums;
    let folded = _mm512_add_ps(_mm512_add_ps(a, c), _mm512_add_ps(b, d));
    let mut sums = [0.0f32; WIDTH];
    // SAFETY: the array has room for 16 floats.
    unsafe { _mm512_storeu_ps(sums.as_mut_ptr(), folded) };
    scalar::fold(&mut sums)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
fn sums_here(
    table: &[TableLine],
    records: &[u8],
    record_bytes: usize,
    sums: &mut [[u32; GROUP_ROWS]],
) {
    let (blocks, rest) = sums.as_chunks_mut::<SIDE_BY_SIDE>();
    let (lots, last) = records.split_at(blocks.len() * SIDE_BY_SIDE * record_bytes);
    for (records, sums) in lots.chunks_exact(SIDE_BY_SIDE * record_bytes).zip(blocks) {
        block::<SIDE_BY_SIDE>(table, records, record_bytes, sums);
    }
    for (record, sums) in last.chunks_exact(record_bytes).zip(rest) {
        block::<1>(table, record, record_bytes, std::array::from_mut(sums));
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
fn block<const GROUPS: usize>(
    table: &[TableLine],
    records: &[u8],
    record_bytes: usize,
    sums: &mut [[u32; GROUP_ROWS]; GROUPS],
) {
    let nibble = _mm512_set1_epi8(15);
    let places = _mm512_set1_epi32(BYTE_PLACES);
    let ones = _mm512_set1_epi8(1);
    // Two sums for each group: the low and the high halves of the bytes.
    let mut growing = [[_mm512_setzero_si512(); 2]; GROUPS];
    for (word, [low, high]) in table.as_chunks::<2>().0.iter().enumerate() {
        let (low, high) = (load(&low.0), load(&high.0));
        for (group, [sum_low, sum_high]) in growing.iter_mut().enumerate() {
            let start = group * record_bytes + word * LINE_BYTES;
            let Some(line) = records.get(start..).and_then(<[u8]>::first_chunk) else { return };
            ahead(line, AHEAD_BLOCKS * GROUPS * record_bytes);
            let line = load(line);
            let index = _mm512_ternarylogic_epi32::<AND_OR>(line, nibble, places);
            let entries = _mm512_permutexvar_epi8(index, low);
            *sum_low = _mm512_dpbusd_epi32(*sum_low, entries, ones);
            let shifted = _mm512_srli_epi16::<4>(line);
            let index = _mm512_ternarylogic_epi32::<AND_OR>(shifted, nibble, places);
            let entries = _mm512_permutexvar_epi8(index, high);
            *sum_high = _mm512_dpbusd_epi32(*sum_high, entries, ones);
        }
    }
    for (sums, [low, high]) in sums.iter_mut().zip(growing) {
        let sum = _mm512_add_epi32(low, high);
        // SAFETY: the array has room for 16 integers of 32 bits.
        unsafe { _mm512_storeu_si512(sums.as_mut_ptr().cast(), sum) };
    }
}

/// Asks for the line so many bytes behind the one at hand.
#[inline]
fn ahead(line: &[u8; LINE_BYTES], bytes: usize) {
    let line = line.as_ptr().wrapping_add(bytes).cast();
    // SAFETY: a hint, which changes nothing and may be of any address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(line) };
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(bytes: &[u8; LINE_BYTES]) -> __m512i {
    // SAFETY: the array has 64 bytes.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}
