//! The table of a probe: what each four bits of a code add to the probe's product with it.

use super::margin::Precision;
use crate::kernel::{FIELDS, FieldWeights, TableLine};

/// Dimensions that one entry sums up, and the number of patterns their signs have.
const NIBBLE: usize = 4;
const PATTERNS: usize = 1 << NIBBLE;
/// Dimensions of one word of a code, and the lines of the table that it has.
const WORD_DIMS: usize = 32;
const LINES: usize = 2;
/// Columns of a line, and dimensions of one.
const COLUMNS: usize = 4;
const COLUMN_DIMS: usize = WORD_DIMS / COLUMNS;
/// What the largest entries of a column in two lines may add up to before each of the four is
/// rounded up by a half at most.
const COLUMN_SUM_MAX: f32 = 252.5;

/// A rotated probe in the numbers of the kernels.
#[derive(Debug)]
pub(crate) struct Numbers {
    /// The table, in the layout of the kernels.
    pub(crate) table: Vec<TableLine>,
    /// The components as integers of eight bits, in the layout of the kernels.
    pub(crate) weights: Vec<FieldWeights>,
    /// What is known of both.
    pub(crate) precision: Precision,
}

/// The table of the rotated probe and its weights.
///
/// With `s` a vector of signs, `<probe, s>` is about `step * sum - absolute_sum`, where `sum` adds
/// the entries of all nibbles of `s`.
pub(crate) fn build(rotated: &[f32]) -> Numbers {
    let words = rotated.as_chunks::<WORD_DIMS>().0;
    let widest = words.chunks(2).flat_map(absolute_sums).fold(0.0f32, f32::max);
    let step = (2.0 * widest / COLUMN_SUM_MAX).max(f32::MIN_POSITIVE);
    let mut table = Vec::with_capacity(words.len() * LINES);
    for word in words {
        for line in 0..LINES {
            let mut entries = [0; 64];
            let places = entries.as_chunks_mut::<PATTERNS>().0.iter_mut();
            for (entries, nibble) in places.zip(nibbles(word, line)) {
                fill(entries, nibble, step);
            }
            table.push(TableLine(entries));
        }
    }
    // The kernels take two words at a time.
    table.resize(table.len().next_multiple_of(2 * LINES), TableLine([0; 64]));
    let highest = rotated.iter().fold(0.0f32, |highest, value| highest.max(value.abs()));
    let weight_step = (highest / f32::from(i8::MAX)).max(f32::MIN_POSITIVE);
    let weights: Vec<i8> = rotated
        .iter()
        .map(|value| (value / weight_step + 128.5) as u8)
        .map(|value| value.wrapping_sub(128).cast_signed())
        .collect();
    let doubles = || rotated.iter().copied().map(f64::from);
    let precision = Precision {
        dims: rotated.len(),
        length: doubles().map(|value| value * value).sum::<f64>().sqrt(),
        absolute_sum: doubles().map(f64::abs).sum(),
        step: f64::from(step),
        weight_step: f64::from(weight_step),
        weight_sum: weights.iter().map(|weight| f64::from(*weight)).sum(),
    };
    Numbers { table, weights: in_lines(&weights), precision }
}

/// The nibbles of a line: the low ones of each byte of the word, or the high ones.
fn nibbles(word: &[f32; WORD_DIMS], line: usize) -> impl Iterator<Item = &[f32; NIBBLE]> {
    word.as_chunks().0.iter().skip(line).step_by(LINES)
}

/// For each column of some words, the sum of the absolute values of its components.
fn absolute_sums(words: &[[f32; WORD_DIMS]]) -> [f32; COLUMNS] {
    let mut sums = [0.0; COLUMNS];
    for word in words {
        for (sum, column) in sums.iter_mut().zip(word.as_chunks::<COLUMN_DIMS>().0) {
            *sum += column.iter().map(|value| value.abs()).sum::<f32>();
        }
    }
    sums
}

/// What the patterns of a nibble add to a sum.
fn fill(entries: &mut [u8; PATTERNS], nibble: &[f32; NIBBLE], step: f32) {
    let least: f32 = nibble.iter().filter(|value| **value < 0.0).sum();
    for (pattern, entry) in entries.iter_mut().enumerate() {
        // The product with the pattern's signs is twice this, less the absolute sum.
        let set = nibble.iter().enumerate().filter(|(bit, _)| pattern >> bit & 1 == 1);
        let sum: f32 = set.map(|(_, value)| value).sum();
        // Rounds, which has no instruction of its own everywhere.
        *entry = (2.0 * (sum - least) / step + 0.5) as u8;
    }
}

/// Sorts weights by the place of their fields: a quarter of the dimensions are the first fields of
/// all bytes, and so on.
fn in_lines(weights: &[i8]) -> Vec<FieldWeights> {
    let bytes = weights.len() / FIELDS;
    let mut lines = vec![FieldWeights([[0; 64]; FIELDS]); bytes.div_ceil(64)];
    for (field, weights) in weights.chunks(bytes.max(1)).enumerate() {
        for (part, weights) in lines.iter_mut().zip(weights.chunks(64)) {
            let places = part.0.get_mut(field).and_then(|line| line.get_mut(..weights.len()));
            places.unwrap_or_default().copy_from_slice(weights);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn entries_add_up_to_the_product_with_the_signs(
            probe in prop::collection::vec(-1.0f32..1.0, 96),
            signs in prop::collection::vec(any::<u32>(), 3),
        ) {
            let Numbers { table: lines, precision, .. } = build(&probe);
            // For the three words and, of zeros, for a fourth.
            prop_assert_eq!(lines.len(), 8);
            prop_assert!(lines[6..].iter().all(|line| line.0 == [0; 64]));
            let mut sum = 0.0;
            let mut product = 0.0;
            for (at, value) in probe.iter().enumerate() {
                let set = signs[at / 32] >> (at % 32) & 1 == 1;
                product += if set { f64::from(*value) } else { -f64::from(*value) };
            }
            for (word, bits) in signs.iter().enumerate() {
                for (byte, bits) in bits.to_le_bytes().into_iter().enumerate() {
                    sum += f64::from(lines[2 * word].0[16 * byte + usize::from(bits & 15)]);
                    sum += f64::from(lines[2 * word + 1].0[16 * byte + usize::from(bits >> 4)]);
                }
            }
            for lines in lines.chunks(4) {
                for column in 0..4 {
                    let entries = |line: &TableLine| line.0[16 * column..][..16].to_vec();
                    let largest = lines.iter().map(|line| entries(line).into_iter().max().unwrap());
                    prop_assert!(largest.map(u32::from).sum::<u32>() <= 255);
                }
            }
            let estimate = precision.step * sum - precision.absolute_sum;
            let worst = precision.step / 2.0 * 24.0 + 1e-4;
            prop_assert!((estimate - product).abs() <= worst, "{estimate} {product}");
        }
    }
}
