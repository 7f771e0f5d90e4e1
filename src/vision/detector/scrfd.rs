//! SCRFD with key points: two anchors per cell at three strides, distances to the four edges.
//!
//! Exports of the 500m, 2.5g and 10g models name their outputs by running numbers that differ from
//! file to file, so outputs are told apart by their shapes alone.

use super::super::error::ModelError;
use super::candidate::FaceCandidate;
use super::grid::sized;
use crate::onnx::{Outputs, Tensor};

/// Input pixels per cell at each level.
const STRIDES: [u32; 3] = [8, 16, 32];
/// Predictions per cell.
const ANCHORS: usize = 2;

/// Candidates of at least `threshold` on an input of this size (width, height), overlaps included.
///
/// # Errors
/// When the outputs are not those of SCRFD with key points for this input size.
pub(super) fn decode(
    outputs: &Outputs,
    (width, height): (u32, u32),
    threshold: f32,
) -> Result<Vec<FaceCandidate>, ModelError> {
    let mut candidates = Vec::new();
    for stride in STRIDES {
        let columns = (width / stride) as usize;
        let anchors = columns * (height / stride) as usize * ANCHORS;
        let scores = level(outputs, anchors, 1)?;
        let edges = level(outputs, anchors, 4)?;
        let points = level(outputs, anchors, 10)?;
        let scale = stride as f32;
        let per_anchor = edges.chunks_exact(4).zip(points.chunks_exact(10));
        for (anchor, (&score, (edges, points))) in scores.iter().zip(per_anchor).enumerate() {
            if score < threshold {
                continue;
            }
            let cell = anchor / ANCHORS;
            let (x, y) = ((cell % columns) as f32 * scale, (cell / columns) as f32 * scale);
            candidates.push(FaceCandidate {
                top_left: [x - edges[0] * scale, y - edges[1] * scale],
                bottom_right: [x + edges[2] * scale, y + edges[3] * scale],
                landmarks: std::array::from_fn(|point| {
                    [x + points[2 * point] * scale, y + points[2 * point + 1] * scale]
                }),
                score,
            });
        }
    }
    Ok(candidates)
}

/// The output with `values` numbers for each of `anchors` anchors, with or without a leading
/// batch dimension of 1.
fn level(outputs: &Outputs, anchors: usize, values: usize) -> Result<&[f32], ModelError> {
    let fits = |tensor: &Tensor| match *tensor.shape {
        [n, v] | [1, n, v] => n == anchors && v == values,
        _ => false,
    };
    match outputs.iter().find(|(_, tensor)| fits(tensor)) {
        Some((name, tensor)) => sized(name, tensor, anchors, values),
        None => Err(ModelError::Shape {
            output: format!("[{anchors}, {values}]"),
            shape: Vec::new(),
            expected: "one score, four edges and ten coordinates per anchor at strides 8, 16, 32",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Outputs for an input of 64 x 32 with the second anchor of one cell hot at stride 8, column
    /// 3, row 1.
    fn outputs(batched: bool) -> Outputs {
        let mut named = Vec::new();
        for values in [1, 4, 10] {
            for stride in [8, 16, 32] {
                let anchors = 64 / stride * (32 / stride) * 2;
                let mut data = vec![0.0; anchors * values];
                if stride == 8 {
                    let hot = (8 + 3) * 2 + 1;
                    let row: &[f32] = match values {
                        1 => &[0.7],
                        4 => &[1.0, 0.5, 2.0, 1.5],
                        _ => &[-0.5, 0.0, 0.5, 0.0, 0.0, 0.5, -0.4, 1.0, 0.4, 1.0],
                    };
                    data[hot * values..(hot + 1) * values].copy_from_slice(row);
                }
                let shape = if batched { vec![1, anchors, values] } else { vec![anchors, values] };
                named.push((format!("{}", 400 + named.len()), Tensor { shape, data }));
            }
        }
        Outputs::new(named)
    }

    #[test]
    fn a_hot_anchor_becomes_its_box_and_points_with_and_without_batch_dimension() {
        for batched in [false, true] {
            let faces = decode(&outputs(batched), (64, 32), 0.5).unwrap();
            let [face] = faces[..] else { panic!("one face, not {faces:?}") };
            let near = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).abs() + (a[1] - b[1]).abs() < 1e-3;
            assert!(near(face.top_left, [16.0, 4.0]), "{face:?}");
            assert!(near(face.bottom_right, [40.0, 20.0]), "{face:?}");
            assert!(near(face.landmarks[0], [20.0, 8.0]), "{face:?}");
            assert!(near(face.landmarks[2], [24.0, 12.0]), "{face:?}");
            assert!(near(face.landmarks[4], [27.2, 16.0]), "{face:?}");
            assert!((face.score - 0.7).abs() < 1e-6);
        }
    }

    #[test]
    fn a_model_without_key_points_is_refused() {
        let boxes_only: Vec<_> = outputs(false)
            .iter()
            .filter(|(_, tensor)| tensor.shape[1] != 10)
            .map(|(name, tensor)| (name.to_owned(), tensor.clone()))
            .collect();
        let refused = decode(&Outputs::new(boxes_only), (64, 32), 0.5);
        assert!(matches!(refused, Err(ModelError::Shape { .. })), "{refused:?}");
    }
}
