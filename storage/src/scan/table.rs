//! The table of a probe: what each four bits of a code add to the probe's product with it.

use super::margin::Precision;
use crate::kernel::TableLine;

/// Dimensions that one entry sums up, and the number of patterns their signs have.
const NIBBLE: usize = 4;
const PATTERNS: usize = 1 << NIBBLE;
/// Dimensions of one word of a code.
const WORD_DIMS: usize = 32;

/// The table of the rotated probe, in the layout of the kernels, and what is known of it.
///
/// With `s` a vector of signs, `<probe, s>` is about `step * sum - absolute_sum`, where `sum` adds
/// the entries of all nibbles of `s`.
pub(crate) fn build(rotated: &[f32]) -> (Vec<TableLine>, Precision) {
    let nibbles = rotated.as_chunks::<NIBBLE>().0;
    let absolute = |nibble: &[f32; NIBBLE]| nibble.iter().map(|value| value.abs()).sum::<f32>();
    let widest = nibbles.iter().map(absolute).fold(0.0f32, f32::max);
    let step = (2.0 * widest / f32::from(u8::MAX)).max(f32::MIN_POSITIVE);
    let mut lines = vec![TableLine([0; 64]); rotated.len() / WORD_DIMS * 2];
    for (at, nibble) in nibbles.iter().enumerate() {
        // Eight nibbles to a word: the low one of each byte first, then the high one.
        let (word, byte, half) = (at / 8, at % 8 / 2, at % 2);
        let line = lines.get_mut(2 * word + half);
        let places = line.and_then(|line| line.0.get_mut(PATTERNS * byte..));
        for (pattern, place) in places.unwrap_or_default().iter_mut().take(PATTERNS).enumerate() {
            // The product with the pattern's signs is twice this, less the absolute sum.
            let set = nibble.iter().enumerate().filter(|(bit, _)| pattern >> bit & 1 == 1);
            let sum: f32 = set.map(|(_, value)| value).sum();
            let least: f32 = nibble.iter().filter(|value| **value < 0.0).sum();
            *place = (2.0 * (sum - least) / step).round() as u8;
        }
    }
    let doubles = || rotated.iter().copied().map(f64::from);
    let precision = Precision {
        dims: rotated.len(),
        length: doubles().map(|value| value * value).sum::<f64>().sqrt(),
        absolute_sum: doubles().map(f64::abs).sum(),
        step: f64::from(step),
    };
    (lines, precision)
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
            let (lines, precision) = build(&probe);
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
