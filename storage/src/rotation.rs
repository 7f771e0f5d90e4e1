//! The rotation that spreads an embedding evenly over its dimensions before it is coded.
//!
//! Three rounds; each changes signs at random and applies the Walsh-Hadamard transform to the
//! leading components, as many as a power of two; then, where some are left, to the trailing ones.
//! These two may overlap in a few components only, which would leave an embedding whose first
//! components are the largest uneven: so a step of Kac's walk (1956) mixes the halves. All of it is
//! orthogonal, so inner products stay what they are. The signs are part of the format: every
//! gallery, segment and search uses the same.

use std::f32::consts::FRAC_1_SQRT_2;

use crate::embedding::Dim;

/// The rotated form has a multiple of so many components: the dimensions of one word of a code.
const PADDING: usize = 32;
const ROUNDS: u64 = 3;
/// The first state of the generator of signs.
const SEED: u64 = 0x4C69_6B65_6E65_7373;

/// An orthogonal map from the dimensions of a gallery to `padded` dimensions.
#[derive(Clone, Debug)]
pub(crate) struct Rotation {
    padded: usize,
    /// Signs of the components, for each transform in the order of application.
    signs: Vec<Box<[f32]>>,
}

impl Rotation {
    /// The rotation of embeddings with this dimension.
    pub(crate) fn new(dim: Dim) -> Self {
        let padded = dim.get().next_multiple_of(PADDING);
        let transforms = if padded.is_power_of_two() { 1 } else { 2 };
        let mut state = SEED;
        let mut sign = || if split_mix(&mut state) >> 63 == 0 { 1.0 } else { -1.0 };
        let signs = (0..ROUNDS * transforms).map(|_| (0..padded).map(|_| sign()).collect());
        Self { padded, signs: signs.collect() }
    }

    /// Components of a rotated embedding.
    pub(crate) fn padded(&self) -> usize {
        self.padded
    }

    /// Rotates an embedding into `out`, which has [`Rotation::padded`] components.
    pub(crate) fn apply(&self, embedding: &[f32], out: &mut [f32]) {
        let (filled, rest) = out.split_at_mut(embedding.len().min(out.len()));
        filled.iter_mut().zip(embedding).for_each(|(out, value)| *out = *value);
        rest.fill(0.0);
        let block = if self.padded.is_power_of_two() {
            self.padded
        } else {
            self.padded.next_power_of_two() / 2
        };
        for (at, signs) in self.signs.iter().enumerate() {
            out.iter_mut().zip(signs).for_each(|(value, sign)| *value *= sign);
            let leading = self.padded == block || at % 2 == 0;
            let start = if leading { 0 } else { self.padded - block };
            transform(out.get_mut(start..start + block).unwrap_or_default());
            if !leading {
                mix_halves(out);
            }
        }
    }
}

/// Sums and differences of the halves, scaled to keep lengths.
fn mix_halves(values: &mut [f32]) {
    let (lower, upper) = values.split_at_mut(values.len() / 2);
    for (lower, upper) in lower.iter_mut().zip(upper) {
        let (sum, difference) = (*lower + *upper, *lower - *upper);
        (*lower, *upper) = (sum * FRAC_1_SQRT_2, difference * FRAC_1_SQRT_2);
    }
}

/// The next number of Steele, Lea and Flood's `SplitMix64`.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// The Walsh-Hadamard transform of a power of two of values, four at least, scaled to keep
/// lengths: sums and differences of values 1, 2, 4, ... apart. Two of these steps are taken at
/// once, which saves half of the loads and stores and changes no bit.
fn transform(values: &mut [f32]) {
    let scale = 1.0 / (values.len() as f32).sqrt();
    for quad in values.as_chunks_mut::<4>().0 {
        *quad = two_steps(*quad);
    }
    let mut apart = 4;
    while 4 * apart <= values.len() {
        for block in values.chunks_exact_mut(4 * apart) {
            let (lower, upper) = block.split_at_mut(2 * apart);
            let ((a, b), (c, d)) = (lower.split_at_mut(apart), upper.split_at_mut(apart));
            for ((a, b), (c, d)) in a.iter_mut().zip(b).zip(c.iter_mut().zip(d)) {
                [*a, *b, *c, *d] = two_steps([*a, *b, *c, *d]);
            }
        }
        apart *= 4;
    }
    let (lower, upper) = values.split_at_mut(apart.min(values.len()));
    for (lower, upper) in lower.iter_mut().zip(upper) {
        (*lower, *upper) = (*lower + *upper, *lower - *upper);
    }
    for value in values {
        *value *= scale;
    }
}

fn two_steps([a, b, c, d]: [f32; 4]) -> [f32; 4] {
    let (ab, cd) = ([a + b, a - b], [c + d, c - d]);
    [ab[0] + cd[0], ab[1] + cd[1], ab[0] - cd[0], ab[1] - cd[1]]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rotate(values: &[f32]) -> Vec<f32> {
        let rotation = Rotation::new(Dim::new(values.len()).unwrap());
        let mut out = vec![7.0; rotation.padded()];
        rotation.apply(values, &mut out);
        out
    }

    fn product(left: &[f32], right: &[f32]) -> f64 {
        left.iter().zip(right).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    }

    proptest! {
        #[test]
        fn inner_products_stay_what_they_are(
            pairs in prop::collection::vec((-1.0f32..1.0, -1.0f32..1.0), 1..300),
        ) {
            let (left, right): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let before = product(&left, &right);
            let after = product(&rotate(&left), &rotate(&right));
            prop_assert!((before - after).abs() < 1e-3, "{before} became {after}");
        }
    }

    #[test]
    fn one_component_is_spread_over_all() {
        for dim in [64, 96, 512, 600] {
            let mut values = vec![0.0; dim];
            values[dim / 3] = 1.0;
            let rotated = rotate(&values);
            let most = rotated.iter().fold(0.0f32, |most, value| most.max(value.abs()));
            assert!(most < 6.0 / (dim as f32).sqrt(), "{dim}: {most}");
            assert!(rotated.iter().filter(|value| **value != 0.0).count() > dim / 2, "{dim}");
        }
    }

    #[test]
    fn the_rotation_is_the_one_that_the_format_describes() {
        let values: Vec<f32> = (0..96).map(|at| at as f32 / 96.0).collect();
        let bits: Vec<u32> = rotate(&values).iter().take(4).map(|value| value.to_bits()).collect();
        assert_eq!(bits, [3_214_546_056, 1_058_953_117, 3_205_710_030, 1_049_678_357]);
    }
}
