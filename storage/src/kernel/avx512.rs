//! The kernels for AVX-512 with VNNI.
//!
//! A shuffle of bytes looks up 16 entries of one table in each quarter of a vector: that is a
//! column of codes, a byte of each of 16 rows, with the column's table.
#![expect(unsafe_code, reason = "vector loads, and calls of code for this instruction set")]

use std::arch::is_x86_feature_detected;
use std::arch::x86_64::{
    __m128i, __m512, __m512i, _CMP_LT_OQ, _mm_add_epi16, _mm256_add_epi16, _mm256_castsi256_si128,
    _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_maskz_loadu_epi16, _mm256_set_m128i,
    _mm512_add_epi8, _mm512_add_epi16, _mm512_add_epi32, _mm512_add_ps, _mm512_and_si512,
    _mm512_castps_si512, _mm512_castsi512_ps, _mm512_castsi512_si256, _mm512_cmp_ps_mask,
    _mm512_cvtepi32_ps, _mm512_cvtepu16_epi32, _mm512_cvtph_ps, _mm512_dpbusd_epi32,
    _mm512_extracti64x4_epi64, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_maskz_compress_epi32, _mm512_maskz_loadu_epi8, _mm512_maskz_loadu_ps, _mm512_mul_ps,
    _mm512_reduce_add_epi32, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_setzero_ps, _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_slli_epi16,
    _mm512_slli_epi32, _mm512_srli_epi16, _mm512_srli_epi32, _mm512_storeu_ps, _mm512_storeu_si512,
    _mm512_sub_epi16, _mm512_unpackhi_epi16, _mm512_unpacklo_epi16,
};
use std::ops::Range;

use super::avx2::prefetch_line;
use super::bounds::{self, Before, Judged, Plane};
use super::{
    FIELDS, FieldWeights, GROUP_ROWS, HALF_BYTES, LINE_BYTES, Listed, PARTIAL_SUMS, Refinements,
    Refining, TableLine, scalar,
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

pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
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

pub(super) fn prune(bounds: &[[f32; GROUP_ROWS]], least: f32, undecided: &mut [u16]) {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { prune_here(bounds, least, undecided) }
}

pub(super) fn list(
    masks: &[u16],
    first: u32,
    bounds: &[[f32; GROUP_ROWS]],
    totals: &[[u32; GROUP_ROWS]],
    listed: &mut Listed,
) {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { list_here(masks, first, bounds, totals, listed) }
}

pub(super) fn compact(listed: &mut Listed, range: Range<usize>, to: usize, least: f32) -> usize {
    debug_assert!(is_available());
    // SAFETY: `Kernel` calls this where the instruction set is available.
    unsafe { compact_here(listed, range, to, least) }
}

#[target_feature(enable = "avx512f,popcnt")]
fn list_here(
    masks: &[u16],
    first: u32,
    bounds: &[[f32; GROUP_ROWS]],
    totals: &[[u32; GROUP_ROWS]],
    listed: &mut Listed,
) {
    let lanes = load_words(&std::array::from_fn(|lane| lane as u32));
    let rows: usize = masks.iter().map(|mask| mask.count_ones() as usize).sum();
    let mut end = listed.len();
    // Whole vectors are written; what is too much of the last is taken back.
    listed.grow(rows + WIDTH);
    for (group, &mask) in masks.iter().enumerate().filter(|(_, mask)| **mask != 0) {
        let start = first + (group * GROUP_ROWS) as u32;
        let numbers = _mm512_add_epi32(_mm512_set1_epi32(start.cast_signed()), lanes);
        let values = [numbers, load_bits(&bounds[group]), load_words(&totals[group])];
        put(listed, end, mask, values);
        end += mask.count_ones() as usize;
    }
    listed.truncate(end);
}

#[target_feature(enable = "avx512f,popcnt")]
fn compact_here(listed: &mut Listed, range: Range<usize>, to: usize, least: f32) -> usize {
    let (below, mut end) = (_mm512_set1_ps(least), to);
    let whole = range.start + range.len() / WIDTH * WIDTH;
    for at in (range.start..whole).step_by(WIDTH) {
        let bounds = chunk(&listed.bounds, at);
        let mask = !_mm512_cmp_ps_mask::<_CMP_LT_OQ>(load_floats(bounds), below);
        let [rows, totals] = [&listed.rows, &listed.totals].map(|words| chunk(words, at));
        let values = [load_words(rows), load_bits(bounds), load_words(totals)];
        // All of these rows are loaded, and those behind them begin no earlier than this ends.
        put(listed, end, mask, values);
        end += mask.count_ones() as usize;
    }
    end - to + listed.compact(whole..range.end, end, least)
}

/// Puts the values whose bits are set side by side, from a place on where 16 have room: those not
/// set are overwritten.
#[inline]
#[target_feature(enable = "avx512f")]
fn put(listed: &mut Listed, at: usize, mask: u16, [rows, bounds, totals]: [__m512i; 3]) {
    store_words(chunk_mut(&mut listed.rows, at), _mm512_maskz_compress_epi32(mask, rows));
    store_words(chunk_mut(&mut listed.totals, at), _mm512_maskz_compress_epi32(mask, totals));
    let bounds = _mm512_castsi512_ps(_mm512_maskz_compress_epi32(mask, bounds));
    // SAFETY: the array has room for 16 floats.
    unsafe { _mm512_storeu_ps(chunk_mut(&mut listed.bounds, at).as_mut_ptr(), bounds) };
}

/// A vector's worth of values from a place on, where there are as many.
#[inline]
fn chunk<T>(values: &[T], at: usize) -> &[T; WIDTH] {
    &values[at..].as_chunks().0[0]
}

#[inline]
fn chunk_mut<T>(values: &mut [T], at: usize) -> &mut [T; WIDTH] {
    &mut values[at..].as_chunks_mut().0[0]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_bits(floats: &[f32; WIDTH]) -> __m512i {
    _mm512_castps_si512(load_floats(floats))
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

#[target_feature(enable = "avx512f,avx512bw")]
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
            SIDE_BY_SIDE_SHARED.. => {
                judge_block::<PROBES, SIDE_BY_SIDE_SHARED>(plane, rest, &mut judged)
            }
            _ => judge_block::<PROBES, 1>(plane, rest, &mut judged),
        };
        rest = &rest[done..];
    }
}

/// Judges the first of some groups; says how many.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn judge_block<const PROBES: usize, const GROUPS: usize>(
    plane: Plane<'_>,
    groups: &[u32],
    judged: &mut [Judged<'_>; PROBES],
) -> usize {
    let mut tables: [&[[TableLine; 4]]; PROBES] = [&[]; PROBES];
    for probe in 0..PROBES {
        tables[probe] = judged[probe].table.as_chunks().0;
    }
    let mut totals = [[_mm512_setzero_si512(); GROUPS]; PROBES];
    match plane.before {
        Before::Nothing => {}
        Before::Totals => {
            for probe in 0..PROBES {
                for at in 0..GROUPS {
                    totals[probe][at] = load_words(&judged[probe].totals[groups[at] as usize]);
                }
            }
        }
        Before::Records(records) => totals = sums(&tables, plane, records, groups),
    }
    let sums = sums::<PROBES, GROUPS>(&tables, plane, plane.records, groups);
    for at in 0..GROUPS {
        let [correction, residual] = factors(plane, groups[at]);
        for probe in 0..PROBES {
            let judged = &mut judged[probe];
            let (line, place) = (judged.line, groups[at] as usize);
            let doubled = _mm512_slli_epi32::<1>(totals[probe][at]);
            let total = _mm512_add_epi32(sums[probe][at], doubled);
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

/// The correction factors and the residual norms of a group, behind the codes of its record: see
/// [`super::bounds::factors`].
#[inline]
#[target_feature(enable = "avx512f")]
fn factors(plane: Plane<'_>, group: u32) -> [__m512; 2] {
    let words = load(&plane.record(group)[plane.lines() * LINE_BYTES..].as_chunks().0[0]);
    let low = _mm512_srli_epi32::<{ 16 - half::SHORTER }>(_mm512_slli_epi32::<16>(words));
    let high = _mm512_slli_epi32::<{ half::SHORTER }>(_mm512_srli_epi32::<16>(words));
    let bias = _mm512_set1_ps(half::BIAS);
    [low, high].map(|bits| _mm512_mul_ps(_mm512_castsi512_ps(bits), bias))
}

/// The sums of the first of some groups for each table.
///
/// Loops over places instead of iterators: those are not always inlined here, and then the sums
/// live in memory.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn sums<'a, const PROBES: usize, const GROUPS: usize>(
    tables: &[&[[TableLine; 4]]; PROBES],
    plane: Plane<'a>,
    records: &'a [u8],
    groups: &[u32],
) -> [[__m512i; GROUPS]; PROBES] {
    let pairs = plane.lines().div_ceil(2);
    let mut codes: [&[[[u8; LINE_BYTES]; 2]]; GROUPS] = [&[]; GROUPS];
    let mut ahead: [&[u8]; GROUPS] = [&[]; GROUPS];
    for at in 0..GROUPS {
        let record = plane.record_of(records, groups[at]);
        // The line behind an odd number of lines is looked up in a table of zeros.
        codes[at] = &record.as_chunks().0.as_chunks().0[..pairs];
        let ahead_of = groups[groups.len().min(AHEAD_BLOCKS * GROUPS + at + 1) - 1];
        ahead[at] = plane.record_of(records, ahead_of);
    }
    let mut growing = [[[_mm512_setzero_si512(); 2]; GROUPS]; PROBES];
    for pair in 0..pairs {
        for record in &ahead {
            prefetch_line(record, 2 * pair);
            prefetch_line(record, 2 * pair + 1);
        }
        let added = entries(tables, &codes, pair);
        for probe in 0..PROBES {
            for group in 0..GROUPS {
                growing[probe][group] = grown(growing[probe][group], added[probe][group]);
            }
        }
    }
    let mut sums = [[_mm512_setzero_si512(); GROUPS]; PROBES];
    for probe in 0..PROBES {
        for group in 0..GROUPS {
            sums[probe][group] = in_words(growing[probe][group]);
        }
    }
    sums
}

/// What the four columns of two lines of codes add to the sums of the rows: a column in each
/// quarter of a vector. The entries of two lines fit into a byte.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn entries<const PROBES: usize, const GROUPS: usize>(
    tables: &[&[[TableLine; 4]]; PROBES],
    codes: &[&[[[u8; LINE_BYTES]; 2]]; GROUPS],
    pair: usize,
) -> [[__m512i; GROUPS]; PROBES] {
    let nibble = _mm512_set1_epi8(15);
    let mut entries = [[_mm512_setzero_si512(); GROUPS]; PROBES];
    for line in 0..2 {
        let (mut low, mut high) = ([nibble; GROUPS], [nibble; GROUPS]);
        for group in 0..GROUPS {
            let codes = load(&codes[group][pair][line]);
            low[group] = _mm512_and_si512(codes, nibble);
            high[group] = _mm512_and_si512(_mm512_srli_epi16::<4>(codes), nibble);
        }
        for probe in 0..PROBES {
            let of_low = load(&tables[probe][pair][2 * line].0);
            let of_high = load(&tables[probe][pair][2 * line + 1].0);
            for group in 0..GROUPS {
                let lower = _mm512_shuffle_epi8(of_low, low[group]);
                let both = _mm512_add_epi8(lower, _mm512_shuffle_epi8(of_high, high[group]));
                entries[probe][group] = _mm512_add_epi8(entries[probe][group], both);
            }
        }
    }
    entries
}

/// Adds bytes to short sums: of the rows at even and odd places, with a carry from these to those,
/// and of the rows at odd places. All entries of [`super::LINES_MAX`] lines fit.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn grown([both, odds]: [__m512i; 2], added: __m512i) -> [__m512i; 2] {
    let odd = _mm512_srli_epi16::<8>(added);
    [_mm512_add_epi16(both, added), _mm512_add_epi16(odds, odd)]
}

/// The sums of the rows from the short sums of their columns.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn in_words([both, odds]: [__m512i; 2]) -> __m512i {
    let evens = _mm512_sub_epi16(both, _mm512_slli_epi16::<8>(odds));
    // Rows 0-7 and 8-15 of a column; the sums of all four columns fit into 16 bits.
    let (lower, upper) = (_mm512_unpacklo_epi16(evens, odds), _mm512_unpackhi_epi16(evens, odds));
    let (lower, upper) = (whole(lower), whole(upper));
    _mm512_cvtepu16_epi32(_mm256_set_m128i(upper, lower))
}

/// The sum of the quarters of a vector.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn whole(quarters: __m512i) -> __m128i {
    let lower = _mm512_castsi512_si256(quarters);
    let halves = _mm256_add_epi16(lower, _mm512_extracti64x4_epi64::<1>(quarters));
    _mm_add_epi16(_mm256_castsi256_si128(halves), _mm256_extracti128_si256::<1>(halves))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
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
