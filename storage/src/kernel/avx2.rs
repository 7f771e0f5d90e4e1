//! The kernels for AVX2 with FMA.
//!
//! A shuffle of bytes looks up 16 entries of one table in each half of a vector, but the four bytes
//! of a word have a table each. So the bytes of two groups are sorted by their place in the word
//! first: 32 rows to a vector, all of them to be looked up in one table.
#![expect(unsafe_code, reason = "vector loads, and calls of code for this instruction set")]

use std::arch::is_x86_feature_detected;
use std::arch::x86_64::{
    __m256i, _CMP_LT_OQ, _MM_HINT_T0, _mm_loadu_si128, _mm_prefetch, _mm_setr_epi8,
    _mm256_add_epi8, _mm256_add_epi16, _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256,
    _mm256_broadcastsi128_si256, _mm256_castsi256_ps, _mm256_cmp_ps, _mm256_cvtepi32_ps,
    _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_movemask_ps, _mm256_mul_ps, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_slli_epi16,
    _mm256_slli_epi32, _mm256_srli_epi16, _mm256_srli_epi32, _mm256_storeu_ps, _mm256_storeu_si256,
    _mm256_sub_epi16, _mm256_unpackhi_epi16, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64,
    _mm256_unpacklo_epi16, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
};

use super::bounds::{self, Judged, Plane};
use super::{FieldWeights, GROUP_ROWS, LINE_BYTES, PARTIAL_SUMS, Records, TableLine, scalar};
use crate::half;

/// Floats of a vector.
const WIDTH: usize = 8;
/// Bits that the mantissa of a half is shorter than that of a single-precision number.
const SHORTER: i32 = half::SHORTER.cast_signed();
/// Groups between the one at hand and the one that is asked for from memory.
const AHEAD_GROUPS: usize = 4;
/// Rows between the one at hand and the one whose record is asked for from memory.
const AHEAD_ROWS: usize = 12;
/// Most lines of memory that are asked for at once; the machine goes on by itself.
const PREFETCHED_LINES: usize = 6;

pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("popcnt")
}

pub(super) fn prefetch(bytes: &[u8]) {
    for line in bytes.chunks(LINE_BYTES).take(PREFETCHED_LINES) {
        // SAFETY: a hint, which every x86-64 machine knows and which changes nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
}

/// Asks for a line of a record, or some other one: a hint.
#[inline]
pub(super) fn prefetch_line(record: &[u8], line: usize) {
    let line = record.as_ptr().wrapping_add(line * LINE_BYTES);
    // SAFETY: a hint, which every x86-64 machine knows and which changes nothing.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) };
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

#[target_feature(enable = "avx2,fma")]
fn dot_here(left: &[f32], right: &[f32]) -> f32 {
    let mut sums = [_mm256_setzero_ps(); PARTIAL_SUMS / WIDTH];
    let (left_blocks, left_rest) = left.as_chunks::<PARTIAL_SUMS>();
    let (right_blocks, right_rest) = right.as_chunks::<PARTIAL_SUMS>();
    for (left, right) in left_blocks.iter().zip(right_blocks) {
        let (left, right) = (left.as_chunks::<WIDTH>().0, right.as_chunks::<WIDTH>().0);
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            // SAFETY: the array has 8 floats.
            let left = unsafe { _mm256_loadu_ps(left.as_ptr()) };
            // SAFETY: the array has 8 floats.
            let right = unsafe { _mm256_loadu_ps(right.as_ptr()) };
            *sum = _mm256_fmadd_ps(left, right, *sum);
        }
    }
    let mut scalars = [0.0f32; PARTIAL_SUMS];
    for (place, sum) in scalars.as_chunks_mut::<WIDTH>().0.iter_mut().zip(sums) {
        // SAFETY: the array has room for 8 floats.
        unsafe { _mm256_storeu_ps(place.as_mut_ptr(), sum) };
    }
    for ((sum, left), right) in scalars.iter_mut().zip(left_rest).zip(right_rest) {
        *sum = left.mul_add(*right, *sum);
    }
    scalar::fold(&mut scalars)
}

#[target_feature(enable = "avx2")]
fn judge_here<const PROBES: usize>(
    plane: Plane<'_>,
    groups: &[u32],
    mut judged: [Judged<'_>; PROBES],
) {
    let mut tables: [&[TableLine]; PROBES] = [&[]; PROBES];
    for probe in 0..PROBES {
        tables[probe] = judged[probe].table;
    }
    for (at, pair) in groups.chunks(2).enumerate() {
        let [first, second] = match *pair {
            [first, second] => [first, second],
            // A group without another one is its own.
            _ => [pair[0]; 2],
        };
        let ahead = groups[2 * at..].get(AHEAD_GROUPS..).unwrap_or_default();
        let ahead =
            [ahead.first(), ahead.get(1)].map(|group| plane.record(*group.unwrap_or(&first)));
        let sums = sums(&tables, plane.record(first), plane.record(second), ahead);
        for probe in 0..PROBES {
            for at in 0..pair.len() {
                judge_group(&mut judged[probe], pair[at] as usize, sums[probe][at], plane);
            }
        }
    }
}

/// Takes in the sums of a plane of one group: see [`Judged::judge`].
#[inline]
#[target_feature(enable = "avx2")]
fn judge_group(judged: &mut Judged<'_>, group: usize, sums: [__m256i; 2], plane: Plane<'_>) {
    let factors = &plane.record(group as u32)[judged.table.len() / 2 * LINE_BYTES..];
    let (factors, line) = (factors.as_chunks::<32>().0, judged.line);
    let least = _mm256_set1_ps(judged.least);
    let mut below = 0;
    for half in 0..2 {
        let totals = &mut judged.totals[group].as_chunks_mut::<WIDTH>().0[half];
        let mut total = sums[half];
        if !plane.is_first {
            total = _mm256_add_epi32(total, _mm256_slli_epi32::<1>(load_words(totals)));
        }
        store_words(totals, total);
        let words = load(&factors[half]);
        let low = _mm256_srli_epi32::<{ 16 - SHORTER }>(_mm256_slli_epi32::<16>(words));
        let high = _mm256_slli_epi32::<SHORTER>(_mm256_srli_epi32::<16>(words));
        let bias = _mm256_set1_ps(half::BIAS);
        let correction = _mm256_mul_ps(_mm256_castsi256_ps(low), bias);
        let residual = _mm256_mul_ps(_mm256_castsi256_ps(high), bias);
        let total = _mm256_mul_ps(_mm256_set1_ps(line.slope), _mm256_cvtepi32_ps(total));
        let sum = _mm256_add_ps(total, _mm256_set1_ps(line.offset));
        let error = _mm256_mul_ps(_mm256_set1_ps(line.residual_scale), residual);
        let bound = _mm256_add_ps(_mm256_mul_ps(correction, sum), error);
        let bound = _mm256_add_ps(bound, _mm256_set1_ps(line.slack));
        let bounds = &mut judged.bounds[group].as_chunks_mut::<WIDTH>().0[half];
        // SAFETY: the array has room for 8 floats.
        unsafe { _mm256_storeu_ps(bounds.as_mut_ptr(), bound) };
        let is_below = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(bound, least));
        below |= is_below << (WIDTH * half);
    }
    judged.undecided[group] &= !(below as u16);
}

/// The sums of two records, for each table: of rows 0-7 and 8-15 of the first, then of the second.
///
/// Loops over places instead of iterators: those are not always inlined here, and then the sums
/// live in memory.
#[inline]
#[target_feature(enable = "avx2")]
fn sums<const PROBES: usize>(
    tables: &[&[TableLine]; PROBES],
    first: &[u8],
    second: &[u8],
    ahead: [&[u8]; 2],
) -> [[[__m256i; 2]; 2]; PROBES] {
    let words = tables[0].len() / 2;
    let first = &first.as_chunks::<LINE_BYTES>().0[..words];
    let second = &second.as_chunks::<LINE_BYTES>().0[..words];
    let odd = _mm256_set1_epi16(0x0100);
    // For each probe, the sums of rows at even and odd places with a carry from these to those,
    // and the sums of rows at odd places. All entries of `WORDS_MAX` words fit.
    let mut growing = [[_mm256_setzero_si256(); 2]; PROBES];
    for word in 0..words {
        prefetch_line(ahead[0], word);
        prefetch_line(ahead[1], word);
        let indices = indices(&first[word], &second[word]);
        for probe in 0..PROBES {
            for half in 0..2 {
                let entries = entries(&indices[half], &tables[probe][2 * word + half]);
                let odds = _mm256_maddubs_epi16(entries, odd);
                growing[probe][0] = _mm256_add_epi16(growing[probe][0], entries);
                growing[probe][1] = _mm256_add_epi16(growing[probe][1], odds);
            }
        }
    }
    let mut sums = [[[_mm256_setzero_si256(); 2]; 2]; PROBES];
    for probe in 0..PROBES {
        sums[probe] = in_words(growing[probe]);
    }
    sums
}

/// The four bits of every byte of a line of two groups: for the low and the high halves of the
/// bytes, one vector for each place of a byte in its word.
///
/// A vector's rows are 0-3 and 8-11 of the first group and of the second one, then 4-7 and 12-15.
#[inline]
#[target_feature(enable = "avx2")]
fn indices(first: &[u8; LINE_BYTES], second: &[u8; LINE_BYTES]) -> [[__m256i; 4]; 2] {
    let by_place = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,
    ));
    let nibble = _mm256_set1_epi8(15);
    let (first, second) = (first.as_chunks::<32>().0, second.as_chunks::<32>().0);
    let a = _mm256_shuffle_epi8(load(&first[0]), by_place);
    let b = _mm256_shuffle_epi8(load(&first[1]), by_place);
    let c = _mm256_shuffle_epi8(load(&second[0]), by_place);
    let d = _mm256_shuffle_epi8(load(&second[1]), by_place);
    let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
    let (upper_ab, upper_cd) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
    let places = [
        _mm256_unpacklo_epi64(ab, cd),
        _mm256_unpackhi_epi64(ab, cd),
        _mm256_unpacklo_epi64(upper_ab, upper_cd),
        _mm256_unpackhi_epi64(upper_ab, upper_cd),
    ];
    let mut halves = [places; 2];
    for place in 0..4 {
        halves[0][place] = _mm256_and_si256(places[place], nibble);
        halves[1][place] = _mm256_and_si256(_mm256_srli_epi16::<4>(places[place]), nibble);
    }
    halves
}

/// Short sums, in the order of [`indices`], as those of two groups.
#[inline]
#[target_feature(enable = "avx2")]
fn in_words([both, odds]: [__m256i; 2]) -> [[__m256i; 2]; 2] {
    let evens = _mm256_sub_epi16(both, _mm256_slli_epi16::<8>(odds));
    let zero = _mm256_setzero_si256();
    let groups = [_mm256_unpacklo_epi16(evens, odds), _mm256_unpackhi_epi16(evens, odds)];
    let mut sums = [groups; 2];
    for group in 0..2 {
        sums[group][0] = _mm256_unpacklo_epi16(groups[group], zero);
        sums[group][1] = _mm256_unpackhi_epi16(groups[group], zero);
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

/// What a line of the table adds to the sum of each row: its four entries fit into a byte.
#[inline]
#[target_feature(enable = "avx2")]
fn entries(indices: &[__m256i; 4], line: &TableLine) -> __m256i {
    let tables = line.0.as_chunks::<16>().0;
    let lower = _mm256_add_epi8(look_up(&tables[0], indices[0]), look_up(&tables[1], indices[1]));
    let upper = _mm256_add_epi8(look_up(&tables[2], indices[2]), look_up(&tables[3], indices[3]));
    _mm256_add_epi8(lower, upper)
}

#[inline]
#[target_feature(enable = "avx2")]
fn look_up(table: &[u8; 16], values: __m256i) -> __m256i {
    // SAFETY: the array has 16 bytes.
    let table = unsafe { _mm_loadu_si128(table.as_ptr().cast()) };
    _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), values)
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_words(words: &[u32; WIDTH]) -> __m256i {
    // SAFETY: the array has 8 integers of 32 bits.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store_words(words: &mut [u32; WIDTH], value: __m256i) {
    // SAFETY: the array has room for 8 integers of 32 bits.
    unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), value) };
}

#[inline]
#[target_feature(enable = "avx2")]
fn load<T>(bytes: &[T; 32]) -> __m256i {
    const { assert!(size_of::<T>() == 1) };
    // SAFETY: the array has 32 bytes.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}
