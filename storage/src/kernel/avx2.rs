//! The kernels for AVX2 with FMA and F16C.
//!
//! A shuffle of bytes looks up 16 entries of one table, but the four bytes of a word have a table
//! each: so there are four shuffles for a vector, of each of which a quarter counts.
#![expect(unsafe_code, reason = "vector loads, and calls of code for this instruction set")]

use std::arch::is_x86_feature_detected;
use std::arch::x86_64::{
    __m256, __m256i, _MM_HINT_T0, _mm_loadu_si128, _mm_prefetch, _mm256_add_epi16,
    _mm256_add_epi32, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cvtph_ps,
    _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_or_si256, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_ps,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_storeu_ps,
    _mm256_storeu_si256,
};

use super::bounds::{self, Judged, Plane};
use super::{
    FieldWeights, GROUP_ROWS, HALF_BYTES, LINE_BYTES, PARTIAL_SUMS, Records, TableLine, scalar,
};

/// Floats of a vector.
const WIDTH: usize = 8;
/// Rows between the one at hand and the one whose record is asked for from memory.
const AHEAD_ROWS: usize = 12;
/// Most lines of memory that are asked for at once; the machine goes on by itself.
const PREFETCHED_LINES: usize = 6;

pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
        && is_x86_feature_detected!("popcnt")
}

pub(super) fn prefetch(bytes: &[u8]) {
    for line in bytes.chunks(LINE_BYTES).take(PREFETCHED_LINES) {
        // SAFETY: a hint, which every x86-64 machine knows and which changes nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
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

pub(super) fn judge(plane: Plane<'_>, groups: usize, judged: Judged<'_>) {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { judge_here(plane, groups, judged) }
}

pub(super) fn prune(bounds: &[[f32; GROUP_ROWS]], least: f32, undecided: &mut [u16]) {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { prune_here(bounds, least, undecided) }
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

pub(super) fn count(masks: &[u16]) -> u64 {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { count_here(masks) }
}

#[target_feature(enable = "popcnt")]
fn count_here(masks: &[u16]) -> u64 {
    bounds::count(masks)
}

#[target_feature(enable = "avx2")]
fn prune_here(bounds: &[[f32; GROUP_ROWS]], least: f32, undecided: &mut [u16]) {
    bounds::prune(bounds, least, undecided);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn dot_here(left: &[f32], right: &[f32]) -> f32 {
    dot_of(left, right, |floats| load_floats(floats), |value| value)
}

#[target_feature(enable = "avx2,fma,f16c")]
fn dot_half_here(left: &[f32], right: &[[u8; HALF_BYTES]]) -> f32 {
    dot_of(left, right, |halves| load_halves(halves), scalar::widen)
}

/// The inner product with numbers of any format, of which `load` widens eight and `value` one.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn dot_of<T: Copy>(
    left: &[f32],
    right: &[T],
    load: impl Fn(&[T; WIDTH]) -> __m256,
    value: impl Fn(T) -> f32,
) -> f32 {
    let mut sums = [_mm256_setzero_ps(); PARTIAL_SUMS / WIDTH];
    let (left_blocks, left_rest) = left.as_chunks::<PARTIAL_SUMS>();
    let (right_blocks, right_rest) = right.as_chunks::<PARTIAL_SUMS>();
    for (left, right) in left_blocks.iter().zip(right_blocks) {
        let (left, right) = (left.as_chunks::<WIDTH>().0, right.as_chunks::<WIDTH>().0);
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum = _mm256_fmadd_ps(load_floats(left), load(right), *sum);
        }
    }
    let mut scalars = [0.0f32; PARTIAL_SUMS];
    for (place, sum) in scalars.as_chunks_mut::<WIDTH>().0.iter_mut().zip(sums) {
        // SAFETY: the array has room for 8 floats.
        unsafe { _mm256_storeu_ps(place.as_mut_ptr(), sum) };
    }
    for ((sum, left), right) in scalars.iter_mut().zip(left_rest).zip(right_rest) {
        *sum = left.mul_add(value(*right), *sum);
    }
    scalar::fold(&mut scalars)
}

#[target_feature(enable = "avx2")]
fn judge_here(plane: Plane<'_>, groups: usize, mut judged: Judged<'_>) {
    for group in 0..groups {
        let record = &plane.records[group * plane.record_bytes..][..plane.record_bytes];
        let sums = sums(judged.table, record);
        judged.judge(group, &sums, plane);
    }
}

/// The sums of one record.
#[inline]
#[target_feature(enable = "avx2")]
fn sums(table: &[TableLine], record: &[u8]) -> [u32; GROUP_ROWS] {
    let nibble = _mm256_set1_epi8(15);
    let (pairs, words) = (_mm256_set1_epi8(1), _mm256_set1_epi16(1));
    // Eight rows each.
    let mut growing = [_mm256_setzero_si256(); 2];
    let lines = record.as_chunks::<LINE_BYTES>().0.iter();
    for (line, [low, high]) in lines.zip(table.as_chunks::<2>().0) {
        for (sum, half) in growing.iter_mut().zip(line.as_chunks::<32>().0) {
            let codes = load(half);
            let lows = _mm256_and_si256(codes, nibble);
            let highs = _mm256_and_si256(_mm256_srli_epi16::<4>(codes), nibble);
            for (values, tables) in [(lows, low), (highs, high)] {
                let entries = look_up(values, tables);
                // Bytes to pairs to words: 4 entries of at most 255 fit.
                let entries = _mm256_maddubs_epi16(entries, pairs);
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(entries, words));
            }
        }
    }
    let mut sums = [0; GROUP_ROWS];
    for (place, sum) in sums.as_chunks_mut::<8>().0.iter_mut().zip(growing) {
        // SAFETY: the array has room for 8 integers of 32 bits.
        unsafe { _mm256_storeu_si256(place.as_mut_ptr().cast(), sum) };
    }
    sums
}

#[target_feature(enable = "avx2")]
fn products_here(
    weights: &[FieldWeights],
    records: Records<'_>,
    rows: &[u32],
    sums: &mut Vec<i32>,
) {
    for (at, &row) in rows.iter().enumerate() {
        if let Some(&row) = rows.get(at + AHEAD_ROWS) {
            prefetch(records.get(row));
        }
        sums.push(product(weights, records.get(row)));
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn product(weights: &[FieldWeights], fields: &[u8]) -> i32 {
    let mut sums = _mm256_setzero_si256();
    for (part, weights) in fields.chunks(LINE_BYTES).zip(weights) {
        let mut line = [0; LINE_BYTES];
        line[..part.len()].copy_from_slice(part);
        for (half, part) in line.as_chunks().0.iter().enumerate() {
            sums = with_products(sums, load(part), weights, half);
        }
    }
    let mut lanes = [0i32; 8];
    // SAFETY: the array has room for 8 integers of 32 bits.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sums) };
    lanes.iter().sum()
}

/// The sums with the products of one half of 64 bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn with_products(sums: __m256i, half: __m256i, weights: &FieldWeights, number: usize) -> __m256i {
    let (field, words) = (_mm256_set1_epi8(3), _mm256_set1_epi16(1));
    let (mut fields, mut pairs) = (half, _mm256_setzero_si256());
    for weights in &weights.0 {
        let weights = load(&weights.as_chunks().0[number]);
        // Four fields of two products of at most 3 times 128 fit into 16 bits.
        let products = _mm256_maddubs_epi16(_mm256_and_si256(fields, field), weights);
        pairs = _mm256_add_epi16(pairs, products);
        fields = _mm256_srli_epi16::<2>(fields);
    }
    _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, words))
}

/// The entries of values below 16, each from the table of its byte's place in the word.
#[inline]
#[target_feature(enable = "avx2")]
fn look_up(values: __m256i, tables: &TableLine) -> __m256i {
    let mut entries = _mm256_setzero_si256();
    for (place, table) in tables.0.as_chunks::<16>().0.iter().enumerate() {
        // SAFETY: the array has 16 bytes.
        let table = unsafe { _mm_loadu_si128(table.as_ptr().cast()) };
        let found = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), values);
        let here = _mm256_set1_epi32(0xFF << (8 * place));
        entries = _mm256_or_si256(entries, _mm256_and_si256(found, here));
    }
    entries
}

#[inline]
#[target_feature(enable = "avx2")]
fn load<T>(bytes: &[T; 32]) -> __m256i {
    const { assert!(size_of::<T>() == 1) };
    // SAFETY: the array has 32 bytes.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_floats(floats: &[f32; WIDTH]) -> __m256 {
    // SAFETY: the array has 8 floats.
    unsafe { _mm256_loadu_ps(floats.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx2,f16c")]
fn load_halves(halves: &[[u8; HALF_BYTES]; WIDTH]) -> __m256 {
    // SAFETY: the array has 16 bytes.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(halves.as_ptr().cast()) })
}
