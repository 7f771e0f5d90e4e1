//! 8-bit RGB pixels to the colour planes that networks take as input.

use ::image::RgbImage;

use crate::onnx::Tensor;

/// How a network wants its colours: in which order, and `(value - mean) / divisor`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Encoding {
    /// Which of red, green and blue comes first, second, third.
    channels: [usize; 3],
    /// Subtracted from 0..=255.
    mean: f32,
    /// What the difference is divided by.
    divisor: f32,
}

impl Encoding {
    /// Red, green, blue as they are, 0..=255.
    pub(super) const RGB_RAW: Self = Self { channels: [0, 1, 2], mean: 0.0, divisor: 1.0 };
    /// Blue, green, red as they are, 0..=255.
    pub(super) const BGR_RAW: Self = Self { channels: [2, 1, 0], mean: 0.0, divisor: 1.0 };

    /// Red, green, blue, centred on 127.5 and divided.
    pub(super) const fn rgb_centred(divisor: f32) -> Self {
        Self { channels: [0, 1, 2], mean: 127.5, divisor }
    }
}

/// `[1, 3, height, width]` with the image at the left upper corner of `size` (width, height) and
/// black elsewhere. The image must not be larger than `size`.
pub(super) fn write_planes(image: &RgbImage, size: (u32, u32), encoding: Encoding) -> Tensor {
    let (width, height) = (size.0 as usize, size.1 as usize);
    let plane = width * height;
    let encode = |value: u8| (f32::from(value) - encoding.mean) / encoding.divisor;
    let mut data = vec![encode(0); 3 * plane];
    let row_bytes = image.width() as usize * 3;
    for (y, row) in image.as_raw().chunks_exact(row_bytes.max(1)).enumerate().take(height) {
        for (index, channel) in encoding.channels.into_iter().enumerate() {
            let start = index * plane + y * width;
            let values = row.iter().skip(channel).step_by(3);
            for (target, &value) in data[start..start + width].iter_mut().zip(values) {
                *target = encode(value);
            }
        }
    }
    Tensor { shape: vec![1, 3, height, width], data }
}

#[cfg(test)]
mod tests {
    use ::image::Rgb;

    use super::*;

    #[test]
    fn planes_follow_each_other_in_the_order_asked_for() {
        let image = RgbImage::from_pixel(1, 1, Rgb([1, 2, 3]));
        assert_eq!(write_planes(&image, (1, 1), Encoding::RGB_RAW).data, [1.0, 2.0, 3.0]);
        assert_eq!(write_planes(&image, (1, 1), Encoding::BGR_RAW).data, [3.0, 2.0, 1.0]);
    }

    #[test]
    fn padding_is_black_after_encoding_too() {
        let image = RgbImage::from_pixel(1, 2, Rgb([255, 255, 255]));
        let tensor = write_planes(&image, (2, 3), Encoding::rgb_centred(127.5));
        assert_eq!(tensor.shape, [1, 3, 3, 2]);
        assert_eq!(tensor.data[..6], [1.0, -1.0, 1.0, -1.0, -1.0, -1.0]);
    }
}
