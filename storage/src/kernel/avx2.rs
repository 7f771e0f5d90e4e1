//! The kernels for AVX2 with FMA and F16C.
//!
//! A shuffle of bytes looks up 16 entries of one table in each half of a vector: that is a column
//! of codes, a byte of each of 16 rows, with the column's table.
#![expect(unsafe_code, reason = "vector loads, and calls of code for this instruction set")]

use std::arch::is_x86_feature_detected;
use std::arch::x86_64::{
    __m256, __m256i, _CMP_LT_OQ, _MM_HINT_T0, _mm_add_epi16, _mm_loadu_si128, _mm_prefetch,
    _mm_unpackhi_epi16, _mm_unpacklo_epi16, _mm256_add_epi8, _mm256_add_epi16, _mm256_add_epi32,
    _mm256_add_ps, _mm256_and_si256, _mm256_castsi256_ps, _mm256_castsi256_si128, _mm256_cmp_ps,
    _mm256_cvtepi32_ps, _mm256_cvtepu16_epi32, _mm256_cvtph_ps, _mm256_extracti128_si256,
    _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_movemask_ps, _mm256_mul_ps, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_slli_epi16,
    _mm256_slli_epi32, _mm256_srli_epi16, _mm256_srli_epi32, _mm256_storeu_ps, _mm256_storeu_si256,
    _mm256_sub_epi16,
};
use std::ops::Range;

use super::bounds::{self, Before, Judged, Plane};
use super::{
    FieldWeights, GROUP_ROWS, HALF_BYTES, LINE_BYTES, Listed, PARTIAL_SUMS, Refinements, Refining,
    TableLine, scalar,
};
use crate::half;

/// Floats of a vector.
const WIDTH: usize = 8;
/// Bits that the mantissa of a half is shorter than that of a single-precision number.
const SHORTER: i32 = half::SHORTER.cast_signed();
/// Groups between the one at hand and the one that is asked for from memory.
const AHEAD_GROUPS: usize = 3;
/// Groups whose sums grow side by side, so that they share the tables.
const SIDE_BY_SIDE: usize = 2;
/// Most lines of memory that are asked for at once; the machine goes on by itself.
const PREFETCHED_LINES: usize = 32;

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

pub(super) fn dot_half(left: &[f32], right: &[[u8; HALF_BYTES]]) -> f32 {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { dot_half_here(left, right) }
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
fn judge_here<const PROBES: usize>(
    plane: Plane<'_>,
    groups: &[u32],
    mut judged: [Judged<'_>; PROBES],
) {
    let mut rest = groups;
    while !rest.is_empty() {
        // More groups than these would need more registers than there are.
        let done = match rest.len() {
            SIDE_BY_SIDE.. if PROBES == 1 => {
                judge_block::<PROBES, SIDE_BY_SIDE>(plane, rest, &mut judged)
            }
            _ => judge_block::<PROBES, 1>(plane, rest, &mut judged),
        };
        rest = &rest[done..];
    }
}

/// Judges the first of some groups; says how many.
#[inline]
#[target_feature(enable = "avx2")]
fn judge_block<const PROBES: usize, const GROUPS: usize>(
    plane: Plane<'_>,
    groups: &[u32],
    judged: &mut [Judged<'_>; PROBES],
) -> usize {
    let mut tables: [&[[TableLine; 4]]; PROBES] = [&[]; PROBES];
    for probe in 0..PROBES {
        tables[probe] = judged[probe].table.as_chunks().0;
    }
    let mut totals = [[[_mm256_setzero_si256(); 2]; GROUPS]; PROBES];
    match plane.before {
        Before::Nothing => {}
        Before::Totals => {
            for probe in 0..PROBES {
                for at in 0..GROUPS {
                    let before = judged[probe].totals[groups[at] as usize].as_chunks().0;
                    totals[probe][at] = [load_words(&before[0]), load_words(&before[1])];
                }
            }
        }
        Before::Records(records) => totals = sums(&tables, plane, records, groups),
    }
    let sums = sums::<PROBES, GROUPS>(&tables, plane, plane.records, groups);
    for probe in 0..PROBES {
        for at in 0..GROUPS {
            for half in 0..2 {
                let doubled = _mm256_slli_epi32::<1>(totals[probe][at][half]);
                totals[probe][at][half] = _mm256_add_epi32(sums[probe][at][half], doubled);
            }
            judge_group(&mut judged[probe], groups[at], totals[probe][at], plane);
        }
    }
    GROUPS
}

/// Takes in the totals of one group: see [`Judged::judge`].
#[inline]
#[target_feature(enable = "avx2")]
fn judge_group(judged: &mut Judged<'_>, group: u32, totals: [__m256i; 2], plane: Plane<'_>) {
    let factors = &plane.record(group)[plane.lines() * LINE_BYTES..];
    let (factors, line, group) = (factors.as_chunks::<32>().0, judged.line, group as usize);
    let least = _mm256_set1_ps(judged.least);
    let mut below = 0;
    for half in 0..2 {
        let total = totals[half];
        store_words(&mut judged.totals[group].as_chunks_mut().0[half], total);
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

/// The sums of the first of some groups for each table: of rows 0-7 and 8-15.
///
/// Loops over places instead of iterators: those are not always inlined here, and then the sums
/// live in memory.
#[inline]
#[target_feature(enable = "avx2")]
fn sums<'a, const PROBES: usize, const GROUPS: usize>(
    tables: &[&[[TableLine; 4]]; PROBES],
    plane: Plane<'a>,
    records: &'a [u8],
    groups: &[u32],
) -> [[[__m256i; 2]; GROUPS]; PROBES] {
    let pairs = plane.lines().div_ceil(2);
    let mut codes: [&[[[u8; LINE_BYTES]; 2]]; GROUPS] = [&[]; GROUPS];
    for at in 0..GROUPS {
        // The line behind an odd number of lines is looked up in a table of zeros.
        let record = plane.record_of(records, groups[at]);
        codes[at] = &record.as_chunks().0.as_chunks().0[..pairs];
        if let Some(ahead) = groups.get(AHEAD_GROUPS + at) {
            let ahead = plane.record_of(records, *ahead);
            for line in 0..ahead.len() / LINE_BYTES {
                prefetch_line(ahead, line);
            }
        }
    }
    let mut growing = [[[_mm256_setzero_si256(); 2]; GROUPS]; PROBES];
    for pair in 0..pairs {
        for half in 0..2 {
            let added = entries(tables, &codes, pair, half);
            for probe in 0..PROBES {
                for group in 0..GROUPS {
                    growing[probe][group] = grown(growing[probe][group], added[probe][group]);
                }
            }
        }
    }
    let mut sums = [[[_mm256_setzero_si256(); 2]; GROUPS]; PROBES];
    for probe in 0..PROBES {
        for group in 0..GROUPS {
            sums[probe][group] = in_words(growing[probe][group]);
        }
    }
    sums
}

/// What two columns of two lines of codes add to the sums of the rows: a column in each half of a
/// vector. The entries of two lines fit into a byte.
#[inline]
#[target_feature(enable = "avx2")]
fn entries<const PROBES: usize, const GROUPS: usize>(
    tables: &[&[[TableLine; 4]]; PROBES],
    codes: &[&[[[u8; LINE_BYTES]; 2]]; GROUPS],
    pair: usize,
    half: usize,
) -> [[__m256i; GROUPS]; PROBES] {
    let nibble = _mm256_set1_epi8(15);
    let mut entries = [[_mm256_setzero_si256(); GROUPS]; PROBES];
    for line in 0..2 {
        let (mut low, mut high) = ([nibble; GROUPS], [nibble; GROUPS]);
        for group in 0..GROUPS {
            let codes = load(&codes[group][pair][line].as_chunks().0[half]);
            low[group] = _mm256_and_si256(codes, nibble);
            high[group] = _mm256_and_si256(_mm256_srli_epi16::<4>(codes), nibble);
        }
        for probe in 0..PROBES {
            let of_low = load(&tables[probe][pair][2 * line].0.as_chunks().0[half]);
            let of_high = load(&tables[probe][pair][2 * line + 1].0.as_chunks().0[half]);
            for group in 0..GROUPS {
                let lower = _mm256_shuffle_epi8(of_low, low[group]);
                let both = _mm256_add_epi8(lower, _mm256_shuffle_epi8(of_high, high[group]));
                entries[probe][group] = _mm256_add_epi8(entries[probe][group], both);
            }
        }
    }
    entries
}

/// Adds bytes to short sums: of the rows at even and odd places, with a carry from these to those,
/// and of the rows at odd places. All entries of [`super::LINES_MAX`] lines fit.
#[inline]
#[target_feature(enable = "avx2")]
fn grown([both, odds]: [__m256i; 2], added: __m256i) -> [__m256i; 2] {
    let odd = _mm256_maddubs_epi16(added, _mm256_set1_epi16(0x0100));
    [_mm256_add_epi16(both, added), _mm256_add_epi16(odds, odd)]
}

/// The sums of the rows from the short sums of their columns.
#[inline]
#[target_feature(enable = "avx2")]
fn in_words([both, odds]: [__m256i; 2]) -> [__m256i; 2] {
    let evens = _mm256_sub_epi16(both, _mm256_slli_epi16::<8>(odds));
    let whole = |columns| {
        let upper = _mm256_extracti128_si256::<1>(columns);
        _mm_add_epi16(_mm256_castsi256_si128(columns), upper)
    };
    let (evens, odds) = (whole(evens), whole(odds));
    let (lower, upper) = (_mm_unpacklo_epi16(evens, odds), _mm_unpackhi_epi16(evens, odds));
    [_mm256_cvtepu16_epi32(lower), _mm256_cvtepu16_epi32(upper)]
}

#[target_feature(enable = "avx2")]
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
#[target_feature(enable = "avx2")]
fn product(weights: &[FieldWeights], fields: &[u8]) -> i32 {
    let mut sums = _mm256_setzero_si256();
    let (parts, rest) = fields.as_chunks::<LINE_BYTES>();
    for at in 0..parts.len().min(weights.len()) {
        sums = with_line(sums, &parts[at], &weights[at]);
    }
    if !rest.is_empty() && parts.len() < weights.len() {
        let mut line = [0; LINE_BYTES];
        line[..rest.len()].copy_from_slice(rest);
        sums = with_line(sums, &line, &weights[parts.len()]);
    }
    let mut lanes = [0i32; 8];
    // SAFETY: the array has room for 8 integers of 32 bits.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sums) };
    lanes.iter().sum()
}

/// The sums with the products of 64 bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn with_line(sums: __m256i, line: &[u8; LINE_BYTES], weights: &FieldWeights) -> __m256i {
    let halves = line.as_chunks::<32>().0;
    with_products(with_products(sums, load(&halves[0]), weights, 0), load(&halves[1]), weights, 1)
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
