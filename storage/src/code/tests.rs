//! Codes against the theory: estimates, their bounds and the spread of their errors.

use proptest::prelude::*;

use super::*;
use crate::half;
use crate::io::memory::Random;

/// The planes and the refinement.
const STAGES: usize = PLANES + 1;

/// What the planes up to one, or all bits, say of the product of a probe with a coded embedding,
/// and by how much it may be off.
fn estimate(extent: &[u8], dim: Dim, stage: usize, probe: &[f32]) -> (f64, f64) {
    let (mut total, mut start) = (vec![0i32; probe.len()], 0);
    for _ in 0..PLANES.min(stage + 1) {
        for (at, total) in total.iter_mut().enumerate() {
            let byte = extent[start + at / 8 * GROUP_ROWS];
            *total = 2 * *total + if byte >> (at % 8) & 1 == 1 { 1 } else { -1 };
        }
        start += record_bytes(dim);
    }
    let mut factors = start - record_bytes(dim) + columns_bytes(dim);
    if stage == PLANES {
        let fields = probe.len() / 4;
        for (at, total) in total.iter_mut().enumerate() {
            let field = extent[start + at % fields] >> (2 * (at / fields)) & 3;
            *total = 4 * *total + 2 * i32::from(field) - 3;
        }
        factors = start + field_bytes(dim);
    }
    let [correction, residual] = [0, 2].map(|at| {
        half::widen(u16::from_le_bytes([extent[factors + at], extent[factors + at + 1]]))
    });
    let product: f64 =
        total.iter().zip(probe).map(|(&code, &value)| f64::from(code) * f64::from(value)).sum();
    (product * f64::from(correction), f64::from(residual))
}

fn unit(mut values: Vec<f32>) -> Vec<f32> {
    let length = squared_length(&values).sqrt() as f32;
    for value in &mut values {
        *value /= length;
    }
    values
}

fn random(numbers: &mut Random, dim: usize) -> Vec<f32> {
    // The sum of four uniform numbers is round enough.
    let mut uniform = || (numbers.next() >> 40) as f32 / (1u64 << 24) as f32 - 0.5;
    unit((0..dim).map(|_| uniform() + uniform() + uniform() + uniform()).collect())
}

fn coded(embedding: &[f32]) -> Vec<u8> {
    let dim = Dim::new(embedding.len()).unwrap();
    let (mut encoder, mut extent) = (Encoder::new(dim), Vec::new());
    encoder.begin(1, &mut extent);
    encoder.put(&mut extent, 1, 0, embedding);
    extent
}

fn rotated(values: &[f32]) -> Vec<f32> {
    let rotation = Rotation::new(Dim::new(values.len()).unwrap());
    let mut out = vec![0.0; rotation.padded()];
    rotation.apply(values, &mut out);
    out
}

fn product(left: &[f32], right: &[f32]) -> f64 {
    left.iter().zip(right).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

/// Vectors of all kinds: smooth, sparse, of two values.
fn vectors() -> impl Strategy<Value = Vec<f32>> {
    let dims = prop_oneof![Just(64usize), Just(96), Just(100), Just(128), Just(600)];
    dims.prop_flat_map(|dim| {
        prop_oneof![
            prop::collection::vec(-1.0f32..1.0, dim),
            (0..dim).prop_map(move |at| (0..dim).map(|d| f32::from(u8::from(d == at))).collect()),
            prop::collection::vec(prop_oneof![Just(-1.0f32), Just(1.0)], dim),
            Just(vec![1.0; dim]),
        ]
    })
    .prop_filter("a direction", |values| squared_length(values) > 0.1)
}

proptest! {
    #[test]
    fn no_estimate_is_off_by_more_than_the_residual_norm(
        embedding in vectors(),
        seed in any::<u64>(),
        alike in prop_oneof![Just(0.0f32), 0.0f32..4.0],
    ) {
        let embedding = unit(embedding);
        let dim = Dim::new(embedding.len()).unwrap();
        let noise = random(&mut Random::new(seed), embedding.len());
        let probe = unit(noise.iter().zip(&embedding).map(|(n, e)| n + alike * e).collect());
        let (extent, turned) = (coded(&embedding), rotated(&probe));
        for stage in 0..STAGES {
            let (estimate, residual) = estimate(&extent, dim, stage, &turned);
            let error = (estimate - product(&embedding, &probe)).abs();
            let rounding = half::ROUNDING * (1.0 + residual) + 1e-5;
            prop_assert!(error <= residual + rounding, "stage {stage}: {error} > {residual}");
        }
    }
}

#[test]
fn errors_spread_as_the_theory_says() {
    // The design's table, from a compromise of cells; and the spread that each row predicts.
    let expected = [0.0334, 0.0170, 0.0050];
    let (dims, mut numbers) = (512, Random::new(7));
    let dim = Dim::new(dims).unwrap();
    let probes: Vec<_> = (0..200).map(|_| random(&mut numbers, dims)).collect();
    let turned: Vec<_> = probes.iter().map(|probe| rotated(probe)).collect();
    let (mut errors, mut scores) = ([0.0f64; STAGES], [0.0f64; STAGES]);
    let mut worst = 0.0f64;
    let rows = 200;
    for _ in 0..rows {
        let embedding = random(&mut numbers, dims);
        let extent = coded(&embedding);
        for (probe, turned) in probes.iter().zip(&turned) {
            let truth = product(probe, &embedding);
            for stage in 0..STAGES {
                let (estimate, residual) = estimate(&extent, dim, stage, turned);
                let score = (estimate - truth) / (residual / (dims as f64 - 1.0).sqrt());
                errors[stage] += (estimate - truth).powi(2);
                scores[stage] += score * score;
                worst = worst.max(score.abs());
            }
        }
    }
    let pairs = f64::from(rows) * probes.len() as f64;
    for stage in 0..STAGES {
        let (spread, score) = ((errors[stage] / pairs).sqrt(), (scores[stage] / pairs).sqrt());
        let expected = expected[stage];
        assert!((spread / expected - 1.0).abs() < 0.05, "stage {stage}: {spread}");
        assert!((score - 1.0).abs() < 0.02, "stage {stage}: {score}");
    }
    assert!((3.5..6.0).contains(&worst), "{worst}");
}

/// The spread of errors in units of the one predicted, stage by stage, for embeddings whose first
/// components are the largest, as those of a principal component analysis are.
fn spread_of_uneven(dims: usize) -> [f64; STAGES] {
    let (dim, mut numbers) = (Dim::new(dims).unwrap(), Random::new(dims as u64));
    let mut uneven = || {
        let even = random(&mut numbers, dims).into_iter().enumerate();
        unit(even.map(|(at, value)| value / (1.0 + at as f32 / 40.0)).collect())
    };
    let probes: Vec<_> = (0..200).map(|_| uneven()).collect();
    let turned: Vec<_> = probes.iter().map(|probe| rotated(probe)).collect();
    let mut sums = [0.0; STAGES];
    for _ in 0..200 {
        let embedding = uneven();
        let extent = coded(&embedding);
        for (probe, turned) in probes.iter().zip(&turned) {
            for (stage, sum) in sums.iter_mut().enumerate() {
                let (estimate, residual) = estimate(&extent, dim, stage, turned);
                let predicted = residual / (turned.len() as f64 - 1.0).sqrt();
                *sum += ((estimate - product(probe, &embedding)) / predicted).powi(2);
            }
        }
    }
    sums.map(|sum| (sum / 40_000.0).sqrt())
}

#[test]
fn uneven_embeddings_spread_errors_as_the_theory_says_whatever_the_dimension() {
    // Just below a power of two the two transforms of a round hardly overlap.
    for dims in [160, 512, 768, 992, 2016] {
        let spread = spread_of_uneven(dims);
        assert!(spread.iter().all(|spread| (0.95..1.04).contains(spread)), "{dims}: {spread:?}");
    }
}

#[test]
fn a_damaged_embedding_is_coded_without_a_panic() {
    for bad in [f32::NAN, f32::INFINITY, 0.0, 1e30] {
        assert_eq!(coded(&[bad; 64]).len(), code_bytes(Dim::new(64).unwrap(), 1));
    }
}
