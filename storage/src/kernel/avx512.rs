//! The kernels for AVX-512 with VBMI and VNNI.
//!
//! A line of codes is 64 bytes: one word of 16 rows. Four bits of a byte, together with the two
//! bits that say which byte of the word it is, are an index into the 64 entries of a table line,
//! so one permutation of bytes looks up 64 entries and one dot product with ones adds the four
//! bytes of each row.
#![expect(unsafe_code, reason = "vector loads, and calls of code for this instruction set")]

use std::arch::is_x86_feature_detected;
use std::arch::x86_64::{
    __m512, __m512i, _CMP_LT_OQ, _MM_HINT_T0, _mm_prefetch, _mm256_loadu_si256,
    _mm256_maskz_loadu_epi16, _mm512_add_epi32, _mm512_add_ps, _mm512_and_si512,
    _mm512_castsi512_ps, _mm512_cmp_ps_mask, _mm512_cvtepi32_ps, _mm512_cvtph_ps,
    _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_maskz_compress_epi32, _mm512_maskz_loadu_epi8, _mm512_maskz_loadu_ps, _mm512_mul_ps,
    _mm512_permutexvar_epi8, _mm512_reduce_add_epi32, _mm512_set1_epi8, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_slli_epi32, _mm512_srli_epi16,
    _mm512_srli_epi32, _mm512_storeu_ps, _mm512_storeu_si512, _mm512_ternarylogic_epi32,
};

use super::bounds::{Judged, Plane};
use super::{
    FIELDS, FieldWeights, GROUP_ROWS, HALF_BYTES, LINE_BYTES, PARTIAL_SUMS, Records, TableLine,
    scalar,
};
use crate::half;

/// Floats of a vector.
const WIDTH: usize = 16;
/// Groups whose sums grow side by side, so that one need not wait for the other.
const SIDE_BY_SIDE: usize = 4;
/// The same where several probes share the groups.
const SIDE_BY_SIDE_SHARED: usize = 2;
/// Blocks between the one at hand and the one that is asked for from memory.
const AHEAD_BLOCKS: usize = 2;
/// Rows between the one at hand and the one whose record is asked for from memory.
const AHEAD_ROWS: usize = 12;
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
        && is_x86_feature_detected!("popcnt")
}

pub(super) fn dot(left: &[f32], right: &[f32]) -> f32 {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { dot_here(left, right) }
}

pub(super) fn dot_half(left: &[f32], right: &[[u8; HALF_BYTES]]) -> f32 {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { dot_half_here(left, right) }
}

pub(super) fn judge<const PROBES: usize>(
    plane: Plane<'_>,
    groups: usize,
    judged: [Judged<'_>; PROBES],
) {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { judge_here(plane, groups, judged) }
}

pub(super) fn products(
    weights: &[FieldWeights],
    records: Records<'_>,
    rows: &[u32],
    sums: &mut Vec<i32>,
) {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { products_here(weights, records, rows, sums) }
}

pub(super) fn prune(bounds: &[[f32; GROUP_ROWS]], least: f32, undecided: &mut [u16]) {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { prune_here(bounds, least, undecided) }
}

pub(super) fn rows(masks: &[u16], rows: &mut Vec<u32>) {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { rows_here(masks, rows) }
}

#[target_feature(enable = "avx512f,popcnt")]
fn rows_here(masks: &[u16], rows: &mut Vec<u32>) {
    let lanes = load_words(&std::array::from_fn(|lane| lane as u32));
    let mut listed = [0u32; GROUP_ROWS];
    for (group, &mask) in masks.iter().enumerate().filter(|(_, mask)| **mask != 0) {
        let first = _mm512_set1_epi32(((group * GROUP_ROWS) as u32).cast_signed());
        let chosen = _mm512_maskz_compress_epi32(mask, _mm512_add_epi32(first, lanes));
        store_words(&mut listed, chosen);
        // All of them and some less: a copy of fixed length is no call.
        rows.extend_from_slice(&listed);
        rows.truncate(rows.len() - GROUP_ROWS + mask.count_ones() as usize);
    }
}

#[target_feature(enable = "avx512f")]
fn prune_here(bounds: &[[f32; GROUP_ROWS]], least: f32, undecided: &mut [u16]) {
    let least = _mm512_set1_ps(least);
    for (mask, bounds) in undecided.iter_mut().zip(bounds) {
        // SAFETY: the array has 16 floats.
        let bounds = unsafe { _mm512_loadu_ps(bounds.as_ptr()) };
        *mask &= !_mm512_cmp_ps_mask::<_CMP_LT_OQ>(bounds, least);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn dot_here(left: &[f32], right: &[f32]) -> f32 {
    dot_of(left, right, |floats| load_floats(floats), |floats| load_some_floats(floats))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn dot_half_here(left: &[f32], right: &[[u8; HALF_BYTES]]) -> f32 {
    dot_of(left, right, |halves| load_halves(halves), |halves| load_some_halves(halves))
}

/// The inner product with numbers of any format, of which `load` widens 16 and `load_some` up to
/// as many, with zeros behind them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn dot_of<T>(
    left: &[f32],
    right: &[T],
    load: impl Fn(&[T; WIDTH]) -> __m512,
    load_some: impl Fn(&[T]) -> __m512,
) -> f32 {
    let mut sums = [_mm512_setzero_ps(); PARTIAL_SUMS / WIDTH];
    let (left_blocks, left_rest) = left.as_chunks::<PARTIAL_SUMS>();
    let (right_blocks, right_rest) = right.as_chunks::<PARTIAL_SUMS>();
    for (left, right) in left_blocks.iter().zip(right_blocks) {
        let (left, right) = (left.as_chunks::<WIDTH>().0, right.as_chunks::<WIDTH>().0);
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum = _mm512_fmadd_ps(load_floats(left), load(right), *sum);
        }
    }
    let rest = left_rest.chunks(WIDTH).zip(right_rest.chunks(WIDTH));
    for (sum, (left, right)) in sums.iter_mut().zip(rest) {
        *sum = _mm512_fmadd_ps(load_some_floats(left), load_some(right), *sum);
    }
    let [a, b, c, d] = sums;
    let folded = _mm512_add_ps(_mm512_add_ps(a, c), _mm512_add_ps(b, d));
    let mut sums = [0.0f32; WIDTH];
    // SAFETY: the array has room for 16 floats.
    unsafe { _mm512_storeu_ps(sums.as_mut_ptr(), folded) };
    scalar::fold(&mut sums)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
fn judge_here<const PROBES: usize>(
    plane: Plane<'_>,
    groups: usize,
    mut judged: [Judged<'_>; PROBES],
) {
    let mut first = 0;
    while first < groups {
        // More groups than these would need more registers than there are.
        first += match groups - first {
            SIDE_BY_SIDE.. if PROBES == 1 => {
                judge_block::<PROBES, SIDE_BY_SIDE>(plane, first, &mut judged)
            }
            SIDE_BY_SIDE_SHARED.. => {
                judge_block::<PROBES, SIDE_BY_SIDE_SHARED>(plane, first, &mut judged)
            }
            _ => judge_block::<PROBES, 1>(plane, first, &mut judged),
        };
    }
}

/// Judges some groups; says how many.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
fn judge_block<const PROBES: usize, const GROUPS: usize>(
    plane: Plane<'_>,
    first: usize,
    judged: &mut [Judged<'_>; PROBES],
) -> usize {
    let records = &plane.records[first * plane.record_bytes..];
    let mut tables: [&[TableLine]; PROBES] = [&[]; PROBES];
    for probe in 0..PROBES {
        tables[probe] = judged[probe].table;
    }
    let sums = sums::<PROBES, GROUPS>(&tables, records, plane.record_bytes);
    for group in 0..GROUPS {
        let [correction, residual] = factors(&records[group * plane.record_bytes..], &tables);
        for probe in 0..PROBES {
            let judged = &mut judged[probe];
            let (line, place) = (judged.line, first + group);
            let mut total = sums[probe][group];
            if !plane.is_first {
                let before = load_words(&judged.totals[place]);
                total = _mm512_add_epi32(total, _mm512_slli_epi32::<1>(before));
            }
            store_words(&mut judged.totals[place], total);
            let total = _mm512_mul_ps(_mm512_set1_ps(line.slope), _mm512_cvtepi32_ps(total));
            let sum = _mm512_add_ps(total, _mm512_set1_ps(line.offset));
            let error = _mm512_mul_ps(_mm512_set1_ps(line.residual_scale), residual);
            let bound = _mm512_add_ps(_mm512_mul_ps(correction, sum), error);
            let bound = _mm512_add_ps(bound, _mm512_set1_ps(line.slack));
            // SAFETY: the array has room for 16 floats.
            unsafe { _mm512_storeu_ps(judged.bounds[place].as_mut_ptr(), bound) };
            let least = _mm512_set1_ps(judged.least);
            judged.undecided[place] &= !_mm512_cmp_ps_mask::<_CMP_LT_OQ>(bound, least);
        }
    }
    GROUPS
}

/// The correction factors and the residual norms of a group, behind the words of its record: see
/// [`super::factors`].
#[inline]
#[target_feature(enable = "avx512f")]
fn factors(record: &[u8], tables: &[&[TableLine]]) -> [__m512; 2] {
    let words = load(&record[tables[0].len() / 2 * LINE_BYTES..].as_chunks().0[0]);
    let low = _mm512_srli_epi32::<{ 16 - half::SHORTER }>(_mm512_slli_epi32::<16>(words));
    let high = _mm512_slli_epi32::<{ half::SHORTER }>(_mm512_srli_epi32::<16>(words));
    let bias = _mm512_set1_ps(half::BIAS);
    [low, high].map(|bits| _mm512_mul_ps(_mm512_castsi512_ps(bits), bias))
}

/// The sums of some groups for each table.
///
/// Loops over places instead of iterators: those are not always inlined here, and then the sums
/// live in memory.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
fn sums<const PROBES: usize, const GROUPS: usize>(
    tables: &[&[TableLine]; PROBES],
    records: &[u8],
    record_bytes: usize,
) -> [[__m512i; GROUPS]; PROBES] {
    let nibble = _mm512_set1_epi8(15);
    let places = _mm512_set1_epi32(BYTE_PLACES);
    let ones = _mm512_set1_epi8(1);
    let bytes_ahead = AHEAD_BLOCKS * GROUPS * record_bytes;
    let is_more = records.len() >= bytes_ahead + GROUPS * record_bytes;
    let mut groups: [&[[u8; LINE_BYTES]]; GROUPS] = [&[]; GROUPS];
    for group in 0..GROUPS {
        groups[group] = records[group * record_bytes..][..record_bytes].as_chunks().0;
    }
    // Two sums for each probe and group: the low and the high halves of the bytes.
    let mut low_sums = [[_mm512_setzero_si512(); GROUPS]; PROBES];
    let mut high_sums = [[_mm512_setzero_si512(); GROUPS]; PROBES];
    for word in 0..tables[0].len() / 2 {
        let mut low = [_mm512_setzero_si512(); GROUPS];
        let mut high = [_mm512_setzero_si512(); GROUPS];
        for group in 0..GROUPS {
            let line = &groups[group][word];
            if is_more {
                ahead(line, bytes_ahead);
            }
            let line = load(line);
            low[group] = _mm512_ternarylogic_epi32::<AND_OR>(line, nibble, places);
            let shifted = _mm512_srli_epi16::<4>(line);
            high[group] = _mm512_ternarylogic_epi32::<AND_OR>(shifted, nibble, places);
        }
        for probe in 0..PROBES {
            let low_table = load(&tables[probe][2 * word].0);
            let high_table = load(&tables[probe][2 * word + 1].0);
            for group in 0..GROUPS {
                let entries = _mm512_permutexvar_epi8(low[group], low_table);
                low_sums[probe][group] = _mm512_dpbusd_epi32(low_sums[probe][group], entries, ones);
                let entries = _mm512_permutexvar_epi8(high[group], high_table);
                high_sums[probe][group] =
                    _mm512_dpbusd_epi32(high_sums[probe][group], entries, ones);
            }
        }
    }
    for probe in 0..PROBES {
        for group in 0..GROUPS {
            low_sums[probe][group] =
                _mm512_add_epi32(low_sums[probe][group], high_sums[probe][group]);
        }
    }
    low_sums
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn products_here(
    weights: &[FieldWeights],
    records: Records<'_>,
    rows: &[u32],
    sums: &mut Vec<i32>,
) {
    for (at, &row) in rows.iter().enumerate() {
        if let Some(&row) = rows.get(at + AHEAD_ROWS) {
            super::prefetch(records.get(row));
        }
        sums.push(product(weights, records.get(row)));
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn product(weights: &[FieldWeights], fields: &[u8]) -> i32 {
    let mut sums = [_mm512_setzero_si512(); FIELDS];
    let (parts, rest) = fields.as_chunks::<LINE_BYTES>();
    for (part, weights) in parts.iter().zip(weights) {
        sums = with_products(sums, load(part), weights);
    }
    if let Some(weights) = weights.get(parts.len()) {
        let present = u64::MAX.unbounded_shr((LINE_BYTES - rest.len()) as u32);
        // SAFETY: only the bytes that are present are read.
        let part = unsafe { _mm512_maskz_loadu_epi8(present, rest.as_ptr().cast()) };
        sums = with_products(sums, part, weights);
    }
    let [a, b, c, d] = sums;
    _mm512_reduce_add_epi32(_mm512_add_epi32(_mm512_add_epi32(a, b), _mm512_add_epi32(c, d)))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn with_products(
    sums: [__m512i; FIELDS],
    part: __m512i,
    weights: &FieldWeights,
) -> [__m512i; FIELDS] {
    let field = _mm512_set1_epi8(3);
    let [mut a, mut b, mut c, mut d] = sums;
    let [of_a, of_b, of_c, of_d] = &weights.0;
    a = _mm512_dpbusd_epi32(a, _mm512_and_si512(part, field), load(of_a));
    let fields = _mm512_and_si512(_mm512_srli_epi16::<2>(part), field);
    b = _mm512_dpbusd_epi32(b, fields, load(of_b));
    let fields = _mm512_and_si512(_mm512_srli_epi16::<4>(part), field);
    c = _mm512_dpbusd_epi32(c, fields, load(of_c));
    let fields = _mm512_and_si512(_mm512_srli_epi16::<6>(part), field);
    d = _mm512_dpbusd_epi32(d, fields, load(of_d));
    [a, b, c, d]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store_words(words: &mut [u32; WIDTH], value: __m512i) {
    // SAFETY: the array has room for 64 bytes.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), value) };
}

/// Asks for the line so many bytes behind another.
#[inline]
fn ahead(line: &[u8; LINE_BYTES], bytes: usize) {
    let line = line.as_ptr().wrapping_add(bytes).cast();
    // SAFETY: a hint, which changes nothing and may be of any address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(line) };
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_words(words: &[u32; WIDTH]) -> __m512i {
    // SAFETY: the array has 64 bytes.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load<T>(bytes: &[T; LINE_BYTES]) -> __m512i {
    const { assert!(size_of::<T>() == 1) };
    // SAFETY: the array has 64 bytes.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_floats(floats: &[f32; WIDTH]) -> __m512 {
    // SAFETY: the array has 16 floats.
    unsafe { _mm512_loadu_ps(floats.as_ptr()) }
}

/// Up to 16 floats.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_some_floats(floats: &[f32]) -> __m512 {
    // SAFETY: only the floats that are present are read.
    unsafe { _mm512_maskz_loadu_ps(present(floats.len()), floats.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_halves(halves: &[[u8; HALF_BYTES]; WIDTH]) -> __m512 {
    // SAFETY: the array has 32 bytes.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(halves.as_ptr().cast()) })
}

/// Up to 16 halves.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn load_some_halves(halves: &[[u8; HALF_BYTES]]) -> __m512 {
    let present = present(halves.len());
    // SAFETY: only the halves that are present are read.
    _mm512_cvtph_ps(unsafe { _mm256_maskz_loadu_epi16(present, halves.as_ptr().cast()) })
}

/// The bits of the first so many of 16.
#[inline]
fn present(count: usize) -> u16 {
    u16::MAX.unbounded_shr(WIDTH.saturating_sub(count) as u32)
}
