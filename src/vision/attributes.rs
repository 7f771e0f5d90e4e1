//! Estimates about a face beside its identity: head pose, brightness, sharpness.

use ::image::RgbImage;

use super::align::Point;
use crate::biometric::Pose;

/// Rows and columns of the 112-pixel chip that show face rather than hair and background.
const FACE_ROWS: std::ops::Range<usize> = 16..108;
const FACE_COLUMNS: std::ops::Range<usize> = 16..96;

/// Light and focus of one face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Photometry {
    /// Mean grey level, 0..=1; photographs lie between 0.3 and 0.7.
    pub(super) brightness: f32,
    /// Focus, 0..=1; good from 0.55, poor below 0.35.
    pub(super) sharpness: f32,
}

impl Photometry {
    /// Measures an [`ARCFACE_CHIP`](super::align::ARCFACE_CHIP), 112 pixels square.
    pub(super) fn measure(chip: &RgbImage) -> Self {
        let grey: Vec<f32> = chip
            .as_raw()
            .chunks_exact(3)
            .map(|p| 0.299 * f32::from(p[0]) + 0.587 * f32::from(p[1]) + 0.114 * f32::from(p[2]))
            .collect();
        let width = chip.width() as usize;
        let (mut light, mut edges, mut edges_squared) = (0.0, 0.0, 0.0);
        for y in FACE_ROWS {
            for at in FACE_COLUMNS.map(|x| y * width + x) {
                let around = grey[at - 1] + grey[at + 1] + grey[at - width] + grey[at + width];
                let laplacian = around - 4.0 * grey[at];
                light += f64::from(grey[at]);
                edges += f64::from(laplacian);
                edges_squared += f64::from(laplacian * laplacian);
            }
        }
        let count = (FACE_ROWS.len() * FACE_COLUMNS.len()) as f64;
        let variance = edges_squared / count - (edges / count).powi(2);
        // Variance 5 is a smear, 500 a crisp photograph; what the eye calls twice as sharp lies
        // on a logarithm between.
        let sharpness = ((variance.max(f64::MIN_POSITIVE) / 5.0).ln() / 100.0_f64.ln()).max(0.0);
        Self { brightness: (light / count / 255.0) as f32, sharpness: sharpness.min(1.0) as f32 }
    }
}

/// Head pose from five points in pixels.
///
/// Against a dense face mesh the median error is 2 degrees for roll and yaw; pitch follows the
/// true pitch only loosely (correlation 0.4), because the height of the nose differs as much
/// between people as between poses.
pub(super) fn pose(landmarks: &[Point; 5]) -> Pose {
    let [left_eye, right_eye, nose, mouth_left, mouth_right] = *landmarks;
    let eyes = midpoint(left_eye, right_eye);
    let mouth = midpoint(mouth_left, mouth_right);
    let between = [right_eye[0] - left_eye[0], right_eye[1] - left_eye[1]];
    let distance = between[0].hypot(between[1]).max(f32::MIN_POSITIVE);
    let across = between.map(|part| part / distance);
    let down = [-across[1], across[0]];
    let middle = midpoint(eyes, mouth);
    let sideways = dot([nose[0] - middle[0], nose[1] - middle[1]], across);
    let nose_drop = dot([nose[0] - eyes[0], nose[1] - eyes[1]], down);
    let mouth_drop = dot([mouth[0] - eyes[0], mouth[1] - eyes[1]], down);
    // Eyes and mouth on one line have no up and down; read as level.
    let drop = if mouth_drop.abs() > 1e-3 { nose_drop / mouth_drop } else { 0.57 };
    Pose {
        roll: between[1].atan2(between[0]).to_degrees(),
        yaw: (-81.5 * sideways / distance).clamp(-90.0, 90.0),
        pitch: (116.5 * drop - 57.9 - 8.5).clamp(-90.0, 90.0),
    }
}

fn midpoint(a: Point, b: Point) -> Point {
    [a[0].midpoint(b[0]), a[1].midpoint(b[1])]
}

fn dot(a: Point, b: Point) -> f32 {
    a[0] * b[0] + a[1] * b[1]
}

#[cfg(test)]
mod tests {
    use ::image::Rgb;

    use super::*;

    const FRONTAL: [Point; 5] =
        [[40.0, 40.0], [80.0, 40.0], [60.0, 62.8], [44.0, 80.0], [76.0, 80.0]];

    #[test]
    fn a_symmetric_upright_face_looks_straight_ahead() {
        let pose = pose(&FRONTAL);
        assert!(
            pose.roll.abs() < 0.1 && pose.yaw.abs() < 0.1 && pose.pitch.abs() < 1.0,
            "{pose:?}"
        );
    }

    #[test]
    fn turning_the_picture_turns_roll_only() {
        // Clockwise by 90 degrees: right becomes down.
        let turned = FRONTAL.map(|[x, y]| [-y, x]);
        let (before, after) = (pose(&FRONTAL), pose(&turned));
        assert!((after.roll - 90.0).abs() < 0.1, "{after:?}");
        assert!((after.yaw - before.yaw).abs() < 0.1 && (after.pitch - before.pitch).abs() < 0.1);
    }

    #[test]
    fn a_nose_to_the_left_is_positive_yaw_and_a_low_nose_positive_pitch() {
        let mut face = FRONTAL;
        face[2] = [52.0, 70.0];
        let pose = pose(&face);
        assert!(pose.yaw > 10.0 && pose.pitch > 10.0, "{pose:?}");
    }

    #[test]
    fn degenerate_points_give_finite_angles() {
        let pose = pose(&[[5.0, 5.0]; 5]);
        assert!(pose.roll.is_finite() && pose.yaw.is_finite() && pose.pitch.is_finite());
    }

    #[test]
    fn an_even_chip_is_as_bright_as_its_grey_and_not_sharp_at_all() {
        let grey = Photometry::measure(&RgbImage::from_pixel(112, 112, Rgb([102, 102, 102])));
        assert!((grey.brightness - 0.4).abs() < 1e-4 && grey.sharpness == 0.0, "{grey:?}");
    }

    #[test]
    fn finer_detail_is_sharper() {
        let stripes = |period: u32| {
            let chip = RgbImage::from_fn(112, 112, |x, _| {
                let phase = x as f32 / period as f32 * std::f32::consts::TAU;
                Rgb([(128.0 + 30.0 * phase.sin()) as u8; 3])
            });
            Photometry::measure(&chip).sharpness
        };
        assert!(stripes(4) > stripes(8) && stripes(8) > stripes(16));
        assert!(stripes(4) > 0.9 && stripes(16) < 0.5, "{} {}", stripes(4), stripes(16));
    }
}
