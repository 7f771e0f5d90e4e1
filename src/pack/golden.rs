//! Confirms that an installed embedder computes what was measured when its recipe was written.

use std::path::Path;

use super::PackError;
use crate::onnx::{OnnxRuntime, Tensor};

/// Some numbers of an embedding of a synthetic picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Golden {
    /// Width and height of the picture in pixels.
    pub(super) side: usize,
    /// Position and value.
    pub(super) expected: &'static [(usize, f32)],
    /// Largest absolute difference.
    pub(super) tolerance: f32,
}

impl Golden {
    /// Runs the model on the picture.
    ///
    /// # Errors
    /// [`PackError::Runtime`] if the model cannot be run, [`PackError::Golden`] if it computes
    /// something else.
    pub(super) fn check(&self, runtime: &OnnxRuntime, model: &Path) -> Result<(), PackError> {
        let outputs = runtime.session_pool(model, 1)?.run(picture(self.side))?;
        self.compare(model, &outputs.first()?.data)
    }

    fn compare(&self, model: &Path, embedding: &[f32]) -> Result<(), PackError> {
        let actual: Vec<f32> =
            self.expected.iter().filter_map(|&(at, _)| embedding.get(at).copied()).collect();
        let (positions, expected): (Vec<_>, Vec<_>) = self.expected.iter().copied().unzip();
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= self.tolerance;
        if actual.len() == expected.len() && actual.iter().zip(&expected).all(near) {
            return Ok(());
        }
        Err(PackError::Golden { file: model.display().to_string(), positions, expected, actual })
    }
}

/// The picture whose k-th byte, in rows of RGB pixels, is `7919 k mod 256`, as `[1, 3, side,
/// side]`.
fn picture(side: usize) -> Tensor {
    let pixels = side * side;
    let value = |at: usize| {
        let (colour, pixel) = (at / pixels, at % pixels);
        ((pixel * 3 + colour) * 7919 % 256) as f32
    };
    Tensor { shape: vec![1, 3, side, side], data: (0..3 * pixels).map(value).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: Golden = Golden { side: 2, expected: &[(0, 0.5), (2, -0.25)], tolerance: 0.01 };

    #[test]
    fn the_picture_is_in_planes() {
        let picture = picture(2);
        assert_eq!(picture.shape, [1, 3, 2, 2]);
        assert_eq!(picture.data[..3], [0.0, (3.0 * 7919.0) % 256.0, (6.0 * 7919.0) % 256.0]);
        assert_eq!(picture.data[4].to_bits(), (7919.0_f32 % 256.0).to_bits());
    }

    #[test]
    fn small_differences_pass_and_others_are_shown() {
        let model = Path::new("embedder.onnx");
        assert!(GOLDEN.compare(model, &[0.505, 9.0, -0.255]).is_ok());
        for wrong in [&[0.52, 0.0, -0.25][..], &[0.5, 0.0], &[0.5, 0.0, f32::NAN]] {
            let error = GOLDEN.compare(model, wrong).unwrap_err();
            assert!(error.to_string().contains("embedder.onnx"), "{error}");
        }
    }
}
