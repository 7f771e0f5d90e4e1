//! YuNet: anchor-free predictions at three strides, classification and objectness apart.

use super::super::error::ModelError;
use super::candidate::FaceCandidate;
use super::grid::output;
use crate::onnx::Outputs;

/// Input pixels per cell at each level.
const STRIDES: [u32; 3] = [8, 16, 32];

/// Candidates of at least `threshold` on an input of this size (width, height), overlaps included.
///
/// # Errors
/// When the outputs are not those of YuNet for this input size.
pub(super) fn decode(
    outputs: &Outputs,
    (width, height): (u32, u32),
    threshold: f32,
) -> Result<Vec<FaceCandidate>, ModelError> {
    let mut candidates = Vec::new();
    for stride in STRIDES {
        let (columns, rows) = ((width / stride) as usize, (height / stride) as usize);
        let cells = columns * rows;
        let level =
            |name: &str, values| output(outputs, &format!("{name}_{stride}"), cells, values);
        let (classes, objects) = (level("cls", 1)?, level("obj", 1)?);
        let (boxes, points) = (level("bbox", 4)?, level("kps", 10)?);
        let scale = stride as f32;
        let per_cell = boxes.chunks_exact(4).zip(points.chunks_exact(10));
        let scores = classes.iter().zip(objects);
        for (cell, ((class, object), (edges, points))) in scores.zip(per_cell).enumerate() {
            let score = (class.clamp(0.0, 1.0) * object.clamp(0.0, 1.0)).sqrt();
            if score < threshold {
                continue;
            }
            let (x, y) = ((cell % columns) as f32, (cell / columns) as f32);
            let centre = [(x + edges[0]) * scale, (y + edges[1]) * scale];
            let half = [edges[2].exp() * scale / 2.0, edges[3].exp() * scale / 2.0];
            candidates.push(FaceCandidate {
                top_left: [centre[0] - half[0], centre[1] - half[1]],
                bottom_right: [centre[0] + half[0], centre[1] + half[1]],
                landmarks: std::array::from_fn(|point| {
                    [(points[2 * point] + x) * scale, (points[2 * point + 1] + y) * scale]
                }),
                score,
            });
        }
    }
    Ok(candidates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::Tensor;

    /// Outputs for an input of 96 x 64 with one hot cell at stride 16, column 4, row 2.
    fn outputs() -> Outputs {
        let mut named = Vec::new();
        for stride in [8, 16, 32] {
            let columns = 96 / stride;
            let cells = columns * (64 / stride);
            for (name, values) in [("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)] {
                let mut data = vec![0.0; cells * values];
                if stride == 16 {
                    let hot = 2 * columns + 4;
                    let row: &[f32] = match name {
                        "cls" => &[0.81],
                        "obj" => &[1.0],
                        "bbox" => &[0.5, 0.25, std::f32::consts::LN_2, 0.0],
                        _ => &[0.1, 0.2, 0.9, 0.2, 0.5, 0.5, 0.2, 0.8, 0.8, 0.8],
                    };
                    data[hot * values..(hot + 1) * values].copy_from_slice(row);
                }
                let tensor = Tensor { shape: vec![1, cells, values], data };
                named.push((format!("{name}_{stride}"), tensor));
            }
        }
        Outputs::new(named)
    }

    #[test]
    fn a_hot_cell_becomes_its_box_and_points() {
        let faces = decode(&outputs(), (96, 64), 0.6).unwrap();
        let [face] = faces[..] else { panic!("one face, not {faces:?}") };
        // Centre (4.5 * 16, 2.25 * 16) = (72, 36), 32 wide and 16 high.
        let near = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).abs() + (a[1] - b[1]).abs() < 1e-3;
        assert!(near(face.top_left, [56.0, 28.0]), "{face:?}");
        assert!(near(face.bottom_right, [88.0, 44.0]), "{face:?}");
        assert!(near(face.landmarks[0], [65.6, 35.2]), "{face:?}");
        assert!(near(face.landmarks[3], [67.2, 44.8]), "{face:?}");
        assert!((face.score - 0.9).abs() < 1e-6);
    }

    #[test]
    fn a_face_below_the_threshold_is_not_reported() {
        assert!(decode(&outputs(), (96, 64), 0.95).unwrap().is_empty());
    }

    #[test]
    fn a_model_without_these_outputs_is_refused() {
        let refused = decode(&Outputs::new(Vec::new()), (96, 64), 0.6);
        assert!(matches!(refused, Err(ModelError::Run(_))), "{refused:?}");
    }
}
