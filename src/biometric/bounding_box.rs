//! Where a face is in its image, in units that do not depend on the image's size.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Width and height of an image in pixels, after its EXIF orientation was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageSize {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

/// An upright box in fractions of the image's width and height, each 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BoundingBox {
    /// Left edge as a fraction of the image's width.
    #[schema(minimum = 0, maximum = 1)]
    pub left: f32,
    /// Top edge as a fraction of the image's height.
    #[schema(minimum = 0, maximum = 1)]
    pub top: f32,
    /// Width as a fraction of the image's width.
    #[schema(minimum = 0, maximum = 1)]
    pub width: f32,
    /// Height as a fraction of the image's height.
    #[schema(minimum = 0, maximum = 1)]
    pub height: f32,
}

impl BoundingBox {
    /// The part of the pixel box (`x0`, `y0`)–(`x1`, `y1`) that lies inside the image.
    pub fn from_pixels(x0: f32, y0: f32, x1: f32, y1: f32, image: ImageSize) -> Self {
        let (w, h) = (image.width.max(1) as f32, image.height.max(1) as f32);
        let left = (x0 / w).clamp(0.0, 1.0);
        let top = (y0 / h).clamp(0.0, 1.0);
        let right = (x1 / w).clamp(left, 1.0);
        let bottom = (y1 / h).clamp(top, 1.0);
        Self { left, top, width: right - left, height: bottom - top }
    }

    /// Share of the image's area, 0..=1. Orders faces of one image by size.
    pub fn area(&self) -> f32 {
        self.width * self.height
    }

    /// `[left, top, width, height]`, the order in which the box is stored and shown in SQL.
    pub fn to_array(self) -> [f32; 4] {
        [self.left, self.top, self.width, self.height]
    }

    /// The inverse of [`BoundingBox::to_array`].
    pub fn from_array([left, top, width, height]: [f32; 4]) -> Self {
        Self { left, top, width, height }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_that_sticks_out_is_cut_at_the_image_edge() {
        let image = ImageSize { width: 200, height: 100 };
        let cut = BoundingBox::from_pixels(-20.0, 50.0, 100.0, 150.0, image);
        assert_eq!(cut, BoundingBox { left: 0.0, top: 0.5, width: 0.5, height: 0.5 });
        assert!((cut.area() - 0.25).abs() < 1e-6);
    }

    #[test]
    fn a_box_outside_the_image_is_empty() {
        let image = ImageSize { width: 10, height: 10 };
        let outside = BoundingBox::from_pixels(20.0, 20.0, 30.0, 30.0, image);
        assert!(outside.area() == 0.0);
    }
}
