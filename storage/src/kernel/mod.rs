//! Similarity kernels: slices in, numbers out.
//!
//! `simsimd` picks the instruction set once per process; this module is its only caller. Nothing
//! here knows embeddings, rows or files.

use simsimd::SpatialSimilarity;

/// The inner product of two slices of equal length, zero where the lengths differ.
///
/// The result depends on the values alone, not on where they lie in memory: rows of the memtable
/// and rows of a mapped segment get the same score.
pub(crate) fn dot(left: &[f32], right: &[f32]) -> f32 {
    // Adding zero turns -0.0 into 0.0, so that equal scores are equal in every order.
    f32::dot(left, right).map_or(0.0, |product| product as f32 + 0.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reference(left: &[f32], right: &[f32]) -> f64 {
        left.iter().zip(right).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    }

    proptest! {
        #[test]
        fn the_kernel_agrees_with_the_scalar_sum(
            pairs in prop::collection::vec((-1.0f32..1.0, -1.0f32..1.0), 1..700),
        ) {
            let (left, right): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let difference = f64::from(dot(&left, &right)) - reference(&left, &right);
            prop_assert!(difference.abs() < 1e-3, "off by {difference}");
        }

        #[test]
        fn the_score_does_not_depend_on_alignment(
            values in prop::collection::vec(-1.0f32..1.0, 1..200),
            shift in 0usize..16,
        ) {
            let mut shifted = vec![0.0; shift];
            shifted.extend_from_slice(&values);
            let here = dot(&values, &values);
            let there = dot(&shifted[shift..], &shifted[shift..]);
            prop_assert_eq!(here.to_bits(), there.to_bits());
        }
    }

    #[test]
    fn slices_of_different_length_have_no_product() {
        assert_eq!(dot(&[1.0, 0.0], &[1.0]).to_bits(), 0.0f32.to_bits());
    }

    #[test]
    fn a_negative_zero_becomes_zero() {
        assert_eq!(dot(&[-1.0], &[0.0]).to_bits(), 0.0f32.to_bits());
    }
}
