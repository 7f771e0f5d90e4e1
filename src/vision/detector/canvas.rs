//! The part of an image that a detector looks at, and how it becomes the network's input.

use ::image::RgbImage;

use super::super::align::{SimilarityTransform, warp};
use super::super::planes::{Encoding, write_planes};
use super::candidate::FaceCandidate;
use crate::onnx::Tensor;

/// Longest side of the canvas: beyond it detectors gain little but time.
const SIDE_MAX: u32 = 640;
/// Networks halve their input up to five times, so its sides must be multiples of this.
const SIDE_STEP: u32 = 32;
/// Side of the upright crop in which a rolled face is looked at again.
const UPRIGHT_SIDE: u32 = 320;
/// Longest side of a face's box in that crop.
const UPRIGHT_FACE_SIDE: f32 = 160.0;
/// Most that a small picture is enlarged for a second look.
const ENLARGEMENT_MAX: f32 = 4.0;

/// A view of an image: which pixels are shown to the network, at which scale and rotation.
#[derive(Debug)]
pub(super) struct Canvas {
    /// From the image to the canvas.
    placement: SimilarityTransform,
    /// Pixels shown, without the padding.
    content: (u32, u32),
    /// Input size of the network.
    input: (u32, u32),
}

impl Canvas {
    /// The whole image at the left upper corner, shrunk to fit but never enlarged. `fixed` is the
    /// input size (width, height) of a network that accepts no other.
    pub(super) fn letterbox(image: &RgbImage, fixed: Option<(u32, u32)>) -> Self {
        let (width, height) = image.dimensions();
        let scale = fit(image, fixed).min(1.0);
        let side = |pixels: u32| ((pixels as f32 * scale).round() as u32).max(1);
        let content = (side(width), side(height));
        Self { placement: resize(scale, 0.0, 0.0), content, input: padded(content, fixed) }
    }

    /// The whole image with a black border of a quarter of its sides all around, enlarged or
    /// shrunk to fill the canvas: for faces so close that they touch the edges.
    pub(super) fn bordered(image: &RgbImage, fixed: Option<(u32, u32)>) -> Self {
        let scale = (fit(image, fixed) / 1.5).min(ENLARGEMENT_MAX);
        let (width, height) = (image.width() as f32 * scale, image.height() as f32 * scale);
        let side = |pixels: f32| ((pixels * 1.5).floor() as u32).max(1);
        let content = (side(width), side(height));
        let placement = resize(scale, width / 4.0, height / 4.0);
        Self { placement, content, input: padded(content, fixed) }
    }

    /// The surroundings of one face, turned so that its eyes are level.
    pub(super) fn upright(face: &FaceCandidate, fixed: Option<(u32, u32)>) -> Self {
        let [width, height] = face.size();
        let scale = UPRIGHT_FACE_SIDE / width.max(height);
        let middle = UPRIGHT_SIDE as f32 / 2.0;
        let content = (UPRIGHT_SIDE, UPRIGHT_SIDE);
        let to = [middle, middle];
        let placement = SimilarityTransform::new(scale, -face.roll(), face.centre(), to);
        Self { placement, content, input: padded(content, fixed) }
    }

    /// The network's input `[1, 3, height, width]`; the padding is black.
    pub(super) fn tensor(&self, image: &RgbImage, encoding: Encoding) -> Tensor {
        if self.placement.is_identity() && self.content == image.dimensions() {
            return write_planes(image, self.input, encoding);
        }
        let (width, height) = self.content;
        let shown = warp(image, &self.placement, width, height);
        write_planes(&shown, self.input, encoding)
    }

    /// Width and height of the network's input.
    pub(super) fn input(&self) -> (u32, u32) {
        self.input
    }

    /// A candidate found on the canvas, in pixels of the image. The box stays upright: a turned
    /// canvas turns its centre and size only.
    pub(super) fn to_image(&self, found: &FaceCandidate) -> FaceCandidate {
        let back = self.placement.inverse();
        let [x, y] = back.apply(found.centre());
        let [half_width, half_height] = found.size().map(|side| side * back.scale() / 2.0);
        FaceCandidate {
            top_left: [x - half_width, y - half_height],
            bottom_right: [x + half_width, y + half_height],
            landmarks: found.landmarks.map(|point| back.apply(point)),
            score: found.score,
        }
    }
}

/// The scale at which the image just fills the canvas.
fn fit(image: &RgbImage, fixed: Option<(u32, u32)>) -> f32 {
    let (width, height) = fixed.unwrap_or((SIDE_MAX, SIDE_MAX));
    let (width, height) = (width.min(SIDE_MAX) as f32, height.min(SIDE_MAX) as f32);
    (width / image.width() as f32).min(height / image.height() as f32)
}

/// Scaling about the corner of the first pixel, not its centre, then moving.
fn resize(scale: f32, right: f32, down: f32) -> SimilarityTransform {
    let half = -0.5;
    SimilarityTransform::new(scale, 0.0, [half, half], [right + half, down + half])
}

/// The input size that holds the content.
fn padded(content: (u32, u32), fixed: Option<(u32, u32)>) -> (u32, u32) {
    let step = |side: u32| side.div_ceil(SIDE_STEP) * SIDE_STEP;
    fixed.unwrap_or((step(content.0), step(content.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: Encoding = Encoding::RGB_RAW;

    #[test]
    fn a_small_image_is_padded_but_never_enlarged() {
        let image = RgbImage::from_pixel(250, 100, ::image::Rgb([9, 9, 9]));
        let canvas = Canvas::letterbox(&image, None);
        assert_eq!(canvas.input(), (256, 128));
        let tensor = canvas.tensor(&image, RAW);
        assert_eq!(tensor.shape, [1, 3, 128, 256]);
        let nines = tensor.data.iter().filter(|&&value| value > 0.0).count();
        assert_eq!(nines, 3 * 250 * 100);
    }

    #[test]
    fn a_large_image_is_shrunk_to_640_keeping_its_aspect() {
        let canvas = Canvas::letterbox(&RgbImage::new(2000, 1000), None);
        assert_eq!(canvas.content, (640, 320));
        assert_eq!(canvas.input(), (640, 320));
        let line = Canvas::letterbox(&RgbImage::new(10_000, 1), None);
        assert_eq!(line.input(), (640, 32));
    }

    #[test]
    fn a_fixed_network_gets_its_size_whatever_the_image() {
        let image = RgbImage::new(1280, 300);
        let canvas = Canvas::letterbox(&image, Some((640, 640)));
        assert_eq!(canvas.content, (640, 150));
        assert_eq!(canvas.tensor(&image, RAW).shape, [1, 3, 640, 640]);
        let small = Canvas::bordered(&image, Some((320, 320)));
        assert!(small.content.0 <= 320 && small.content.1 <= 320);
    }

    #[test]
    fn what_is_found_on_the_canvas_returns_to_its_place_in_the_image() {
        let image = RgbImage::new(1280, 960);
        let face = FaceCandidate {
            top_left: [400.0, 300.0],
            bottom_right: [500.0, 420.0],
            landmarks: [
                [430.0, 340.0],
                [470.0, 360.0],
                [450.0, 370.0],
                [430.0, 390.0],
                [455.0, 400.0],
            ],
            score: 0.9,
        };
        let views = [
            Canvas::letterbox(&image, None),
            Canvas::bordered(&image, None),
            Canvas::upright(&face, None),
        ];
        for canvas in views {
            let scale = canvas.placement.scale();
            let [x, y] = canvas.placement.apply(face.centre());
            let [w, h] = face.size().map(|side| side * scale / 2.0);
            let seen = FaceCandidate {
                top_left: [x - w, y - h],
                bottom_right: [x + w, y + h],
                landmarks: face.landmarks.map(|point| canvas.placement.apply(point)),
                score: 0.9,
            };
            let back = canvas.to_image(&seen);
            assert!(back.overlap(&face) > 0.999, "{canvas:?}: {back:?}");
            for (a, b) in back.landmarks.iter().zip(&face.landmarks) {
                assert!((a[0] - b[0]).abs() + (a[1] - b[1]).abs() < 0.01, "{canvas:?}: {back:?}");
            }
        }
    }

    #[test]
    fn the_upright_view_levels_the_eyes_and_centres_the_face() {
        let face = FaceCandidate {
            top_left: [100.0, 100.0],
            bottom_right: [180.0, 180.0],
            landmarks: [
                [140.0, 110.0],
                [140.0, 150.0],
                [130.0, 130.0],
                [120.0, 115.0],
                [120.0, 145.0],
            ],
            score: 0.9,
        };
        let canvas = Canvas::upright(&face, None);
        let [left, right, nose, ..] = face.landmarks.map(|point| canvas.placement.apply(point));
        assert!((left[1] - right[1]).abs() < 0.01 && right[0] > left[0]);
        assert!(nose[1] > left[1], "the nose is below the eyes");
        let centre = canvas.placement.apply(face.centre());
        assert!((centre[0] - 160.0).abs() < 0.01 && (centre[1] - 160.0).abs() < 0.01);
    }
}
