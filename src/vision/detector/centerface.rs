//! CenterFace: one heat map of face centres at a quarter of the input's size.

use super::super::error::ModelError;
use super::candidate::FaceCandidate;
use super::grid::output;
use crate::onnx::Outputs;

/// Input pixels per cell.
const STRIDE: u32 = 4;

/// Candidates of at least `threshold` on an input of this size (width, height), overlaps included.
///
/// # Errors
/// When the outputs are not those of CenterFace for this input size.
pub(super) fn decode(
    outputs: &Outputs,
    (width, height): (u32, u32),
    threshold: f32,
) -> Result<Vec<FaceCandidate>, ModelError> {
    let (columns, rows) = ((width / STRIDE) as usize, (height / STRIDE) as usize);
    let cells = columns * rows;
    let heat = output(outputs, "537", cells, 1)?;
    let size = output(outputs, "538", cells, 2)?;
    let offset = output(outputs, "539", cells, 2)?;
    let points = output(outputs, "540", cells, 10)?;
    let stride = STRIDE as f32;
    let found = heat.iter().enumerate().filter(|&(_, &score)| score >= threshold);
    let candidates = found.map(|(cell, &score)| {
        let (x, y) = ((cell % columns) as f32, (cell / columns) as f32);
        // Every pair of planes is vertical first, horizontal second.
        let (box_height, box_width) =
            (stride * size[cell].exp(), stride * size[cells + cell].exp());
        let centre_y = stride * (y + offset[cell] + 0.5);
        let centre_x = stride * (x + offset[cells + cell] + 0.5);
        let (left, top) = (centre_x - box_width / 2.0, centre_y - box_height / 2.0);
        let landmarks = std::array::from_fn(|point| {
            let down = points[2 * point * cells + cell];
            let right = points[(2 * point + 1) * cells + cell];
            [left + box_width * right, top + box_height * down]
        });
        FaceCandidate {
            top_left: [left, top],
            bottom_right: [left + box_width, top + box_height],
            landmarks,
            score,
        }
    });
    Ok(candidates.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::Tensor;

    /// Outputs for an input of 64 x 32 with one hot cell at column 5, row 3.
    fn outputs(score: f32) -> Outputs {
        let (columns, rows) = (16, 8);
        let cells = columns * rows;
        let hot = 3 * columns + 5;
        let planes = |values: &[f32]| {
            let mut data = vec![0.0; cells * values.len()];
            for (plane, &value) in values.iter().enumerate() {
                data[plane * cells + hot] = value;
            }
            Tensor { shape: vec![1, values.len(), rows, columns], data }
        };
        let points = [0.2, 0.1, 0.25, 0.9, 0.5, 0.5, 0.8, 0.3, 0.75, 0.7];
        Outputs::new(vec![
            ("537".into(), planes(&[score])),
            ("538".into(), planes(&[4.0_f32.ln(), 2.0_f32.ln()])),
            ("539".into(), planes(&[0.25, -0.5])),
            ("540".into(), planes(&points)),
        ])
    }

    #[test]
    fn a_hot_cell_becomes_its_box_and_points() {
        let faces = decode(&outputs(0.8), (64, 32), 0.5).unwrap();
        let [face] = faces[..] else { panic!("one face, not {faces:?}") };
        // Centre (4 * (5 - 0.5 + 0.5), 4 * (3 + 0.25 + 0.5)) = (20, 15), 8 wide and 16 high.
        let near = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).abs() + (a[1] - b[1]).abs() < 1e-4;
        assert!(near(face.top_left, [16.0, 7.0]), "{face:?}");
        assert!(near(face.bottom_right, [24.0, 23.0]), "{face:?}");
        assert!(near(face.landmarks[0], [16.8, 10.2]), "{face:?}");
        assert!(near(face.landmarks[1], [23.2, 11.0]), "{face:?}");
        assert!(near(face.landmarks[4], [21.6, 19.0]), "{face:?}");
        assert!((face.score - 0.8).abs() < 1e-6);
    }

    #[test]
    fn cold_cells_are_no_faces() {
        assert!(decode(&outputs(0.4), (64, 32), 0.5).unwrap().is_empty());
    }

    #[test]
    fn outputs_of_another_size_are_refused() {
        let refused = decode(&outputs(0.8), (64, 64), 0.5);
        assert!(matches!(refused, Err(ModelError::Shape { .. })), "{refused:?}");
    }
}
