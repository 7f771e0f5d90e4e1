//! The table of a probe: what each four bits of a code add to the probe's product with it.

use super::margin::Precision;
use crate::kernel::{FIELDS, FieldWeights, TableLine};

/// Dimensions that one entry sums up, and the number of patterns their signs have.
const NIBBLE: usize = 4;
const PATTERNS: usize = 1 << NIBBLE;
/// Dimensions of one word of a code.
const WORD_DIMS: usize = 32;

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
    let nibbles = rotated.as_chunks::<NIBBLE>().0;
    let absolute = |nibble: &[f32; NIBBLE]| nibble.iter().map(|value| value.abs()).sum::<f32>();
    let widest = nibbles.iter().map(absolute).fold(0.0f32, f32::max);
    let step = (2.0 * widest / f32::from(u8::MAX)).max(f32::MIN_POSITIVE);
    let mut table = vec![TableLine([0; 64]); rotated.len() / WORD_DIMS * 2];
    for (at, nibble) in nibbles.iter().enumerate() {
        // Eight nibbles to a word: the low one of each byte first, then the high one.
        let (word, byte, half) = (at / 8, at % 8 / 2, at % 2);
        let line = table.get_mut(2 * word + half);
        let places = line.and_then(|line| line.0.get_mut(PATTERNS * byte..));
        for (pattern, place) in places.unwrap_or_default().iter_mut().take(PATTERNS).enumerate() {
            // The product with the pattern's signs is twice this, less the absolute sum.
            let set = nibble.iter().enumerate().filter(|(bit, _)| pattern >> bit & 1 == 1);
            let sum: f32 = set.map(|(_, value)| value).sum();
            let least: f32 = nibble.iter().filter(|value| **value < 0.0).sum();
            // Rounds, which has no instruction of its own everywhere.
            *place = (2.0 * (sum - least) / step + 0.5) as u8;
        }
    }
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
            prop_assert_eq!(lines.len(), 6);
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
            let estimate = precision.step * sum - precision.absolute_sum;
            let worst = precision.step / 2.0 * 24.0 + 1e-4;
            prop_assert!((estimate - product).abs() <= worst, "{estimate} {product}");
        }
    }
}
