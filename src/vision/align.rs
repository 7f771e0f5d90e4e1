//! Landmarks to a canonical face chip: least-squares similarity transforms and image warping.
//!
//! Pure geometry. Points are pixel positions with the centre of the first pixel at (0, 0).

use ::image::{Rgb, RgbImage};

/// A position in pixels: x to the right, y downwards.
pub(super) type Point = [f32; 2];

/// Rotation, uniform scale and translation: `p -> [[c, -d], [d, c]] p + t`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SimilarityTransform {
    c: f32,
    d: f32,
    t: Point,
}

/// Where the five landmarks belong in a square chip that an embedder was trained on.
#[derive(Debug, PartialEq)]
pub(super) struct ChipTemplate {
    /// Side of the chip in pixels.
    pub(super) side: u32,
    /// Eyes, nose tip and mouth corners in the order of `LandmarkKind::FIVE`.
    points: [Point; 5],
}

/// dlib's 150-pixel chip with its padding of 0.25, from its mean face shape.
pub(super) static DLIB_CHIP: ChipTemplate = ChipTemplate {
    side: 150,
    points: [
        [47.549, 46.599],
        [100.476, 46.599],
        [74.013, 76.562],
        [50.415, 103.023],
        [97.610, 103.023],
    ],
};

/// The 112-pixel chip of ArcFace, shared by SFace and most recent embedders.
pub(super) static ARCFACE_CHIP: ChipTemplate = ChipTemplate {
    side: 112,
    points: [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
};

impl ChipTemplate {
    /// The chip of the face in `image` whose landmarks are given, upright and centred.
    pub(super) fn cut(&self, image: &RgbImage, landmarks: &[Point; 5]) -> RgbImage {
        let placement = SimilarityTransform::fit(landmarks, &self.points);
        warp(image, &placement, self.side, self.side)
    }
}

impl SimilarityTransform {
    /// The transform that brings `from` closest to `to` in the least-squares sense, without
    /// reflection. Points that all but coincide give an arbitrary but finite transform.
    pub(super) fn fit(from: &[Point; 5], to: &[Point; 5]) -> Self {
        let (from_mean, to_mean) = (mean(from), mean(to));
        let (mut spread, mut dot, mut cross) = (0.0, 0.0, 0.0);
        for (source, target) in from.iter().zip(to) {
            let a = [source[0] - from_mean[0], source[1] - from_mean[1]];
            let b = [target[0] - to_mean[0], target[1] - to_mean[1]];
            spread += a[0] * a[0] + a[1] * a[1];
            dot += a[0] * b[0] + a[1] * b[1];
            cross += a[0] * b[1] - a[1] * b[0];
        }
        // Below one square pixel there is no face to be seen, only a division by nothing.
        let spread = spread.max(1.0);
        let (c, d) = (dot / spread, cross / spread);
        Self { c, d, t: [0.0, 0.0] }.carrying(from_mean, to_mean)
    }

    /// Scales by `scale` and turns by `angle` (radians, clockwise in the image) so that `from`
    /// comes to lie on `to`.
    pub(super) fn new(scale: f32, angle: f32, from: Point, to: Point) -> Self {
        let (sin, cos) = angle.sin_cos();
        Self { c: scale * cos, d: scale * sin, t: [0.0, 0.0] }.carrying(from, to)
    }

    /// Image of a point.
    pub(super) fn apply(&self, [x, y]: Point) -> Point {
        [self.c * x - self.d * y + self.t[0], self.d * x + self.c * y + self.t[1]]
    }

    /// Whether every point stays where it is.
    pub(super) fn is_identity(&self) -> bool {
        *self == Self { c: 1.0, d: 0.0, t: [0.0, 0.0] }
    }

    /// Length after over length before.
    pub(super) fn scale(&self) -> f32 {
        self.c.hypot(self.d)
    }

    /// The transform that undoes this one. Its scale must not be 0.
    pub(super) fn inverse(&self) -> Self {
        let square = (self.c * self.c + self.d * self.d).max(f32::MIN_POSITIVE);
        let turned = Self { c: self.c / square, d: -self.d / square, t: [0.0, 0.0] };
        turned.carrying(self.t, [0.0, 0.0])
    }

    /// The same scale and rotation with the translation that carries `from` to `to`.
    fn carrying(self, from: Point, to: Point) -> Self {
        let moved = Self { t: [0.0, 0.0], ..self }.apply(from);
        Self { t: [to[0] - moved[0], to[1] - moved[1]], ..self }
    }
}

/// The `width` x `height` pixels that `placement` (image to result) brings into view, bilinearly
/// sampled; what lies outside the image is black. A reduction below one half averages first, so
/// that no pixel is skipped.
pub(super) fn warp(
    image: &RgbImage,
    placement: &SimilarityTransform,
    width: u32,
    height: u32,
) -> RgbImage {
    let back = placement.inverse();
    if back.scale() > 2.0 {
        let (part, back) = reduce(image, back, width, height);
        return sample_all(&part, &back, width, height);
    }
    sample_all(image, &back, width, height)
}

/// The part of the image in view, halved until `back` (result to image) skips no pixel, with
/// `back` leading into it.
fn reduce(
    image: &RgbImage,
    mut back: SimilarityTransform,
    width: u32,
    height: u32,
) -> (RgbImage, SimilarityTransform) {
    let (right, bottom) = (width as f32, height as f32);
    let corners =
        [[0.0, 0.0], [right, 0.0], [0.0, bottom], [right, bottom]].map(|corner| back.apply(corner));
    // Room for the neighbours that halving and interpolation reach.
    let margin = 2.0 * back.scale() + 2.0;
    let span = |axis: usize, side: u32| {
        let values = corners.map(|corner| corner[axis]);
        let least = values.iter().copied().fold(f32::INFINITY, f32::min) - margin;
        let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max) + margin;
        let start = least.clamp(0.0, side as f32) as u32;
        (start, (most.clamp(0.0, side as f32) as u32).max(start) - start)
    };
    let ((x, w), (y, h)) = (span(0, image.width()), span(1, image.height()));
    let mut part = halve(image, x, y, w, h);
    back = halved(back, [x as f32, y as f32]);
    while back.scale() > 2.0 && part.width() > 0 && part.height() > 0 {
        part = halve(&part, 0, 0, part.width(), part.height());
        back = halved(back, [0.0, 0.0]);
    }
    (part, back)
}

/// `back` leading into an image that starts at `origin` of the former one and was halved.
fn halved(back: SimilarityTransform, origin: Point) -> SimilarityTransform {
    // The first pixel's centre of a halved image lies between the first two of the original.
    SimilarityTransform {
        c: back.c / 2.0,
        d: back.d / 2.0,
        t: [(back.t[0] - origin[0] - 0.5) / 2.0, (back.t[1] - origin[1] - 0.5) / 2.0],
    }
}

/// The `w` x `h` part of the image at (`x`, `y`) in half size: each pixel the mean of four. An odd
/// last row or column stands in for the one that is missing.
fn halve(image: &RgbImage, x: u32, y: u32, w: u32, h: u32) -> RgbImage {
    let mut half = RgbImage::new(w.div_ceil(2), h.div_ceil(2));
    let stride = image.width() as usize * 3;
    let source = image.as_raw();
    let row = |at: u32| {
        let start = (y + at.min(h - 1)) as usize * stride + x as usize * 3;
        &source[start..start + w as usize * 3]
    };
    let pairs = w as usize / 2;
    let target_stride = half.width() as usize * 3;
    for (index, target) in half.chunks_exact_mut(target_stride.max(1)).enumerate() {
        let (upper, lower) = (row(index as u32 * 2), row(index as u32 * 2 + 1));
        let quads = upper.chunks_exact(6).zip(lower.chunks_exact(6));
        for (pixel, (a, b)) in target.chunks_exact_mut(3).zip(quads) {
            for channel in 0..3 {
                let sum = u16::from(a[channel])
                    + u16::from(a[channel + 3])
                    + u16::from(b[channel])
                    + u16::from(b[channel + 3]);
                pixel[channel] = ((sum + 2) / 4) as u8;
            }
        }
        if w % 2 == 1 {
            for channel in 0..3 {
                let at = pairs * 6 + channel;
                let sum = u16::from(upper[at]) + u16::from(lower[at]);
                target[pairs * 3 + channel] = sum.div_ceil(2) as u8;
            }
        }
    }
    half
}

/// Every pixel of the result, looked up through `back` (result to image).
fn sample_all(image: &RgbImage, back: &SimilarityTransform, width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb(sample(image, back.apply([x as f32, y as f32]))))
}

/// Bilinear interpolation between the four pixels around a position; black outside.
fn sample(image: &RgbImage, [x, y]: Point) -> [u8; 3] {
    let (width, height) = (image.width() as f32, image.height() as f32);
    if !(x > -1.0 && y > -1.0 && x < width && y < height) {
        return [0; 3];
    }
    // Both are above -1, so truncating after adding 1 rounds down.
    let (left, top) = ((x + 1.0) as i64 - 1, (y + 1.0) as i64 - 1);
    let (right_share, lower_share) = (x - left as f32, y - top as f32);
    let mut sum = [0.5_f32; 3];
    let taps = [
        (left, top, (1.0 - right_share) * (1.0 - lower_share)),
        (left + 1, top, right_share * (1.0 - lower_share)),
        (left, top + 1, (1.0 - right_share) * lower_share),
        (left + 1, top + 1, right_share * lower_share),
    ];
    for (column, row, share) in taps {
        let inside = (0..i64::from(image.width())).contains(&column)
            && (0..i64::from(image.height())).contains(&row);
        if inside && share > 0.0 {
            let at = (row as usize * image.width() as usize + column as usize) * 3;
            for (total, &value) in sum.iter_mut().zip(&image.as_raw()[at..at + 3]) {
                *total += share * f32::from(value);
            }
        }
    }
    sum.map(|value| value as u8)
}

/// Centre of mass.
fn mean(points: &[Point; 5]) -> Point {
    let sum = points.iter().fold([0.0, 0.0], |sum, p| [sum[0] + p[0], sum[1] + p[1]]);
    [sum[0] / 5.0, sum[1] / 5.0]
}

#[cfg(test)]
mod tests;
