//! The upright square picture of one face that quality is measured on, and the thumbnail of it.

use std::fmt;

use ::image::codecs::jpeg::JpegEncoder;
use ::image::{ExtendedColorType, RgbImage};
use likeness_storage::Thumbnail;

/// Qualities of JPEG, best first. With the last one any picture fits.
const QUALITIES: [u8; 6] = [88, 75, 60, 40, 20, 5];

/// A face as it was cut from its image: 112 pixels wide and high.
#[derive(Clone)]
pub struct Chip(RgbImage);

impl Chip {
    pub(super) fn new(pixels: RgbImage) -> Self {
        Self(pixels)
    }

    /// A JPEG of it, as good as fits a thumbnail.
    pub fn thumbnail(&self) -> Option<Thumbnail> {
        QUALITIES.into_iter().find_map(|quality| {
            let mut file = Vec::new();
            let (pixels, width, height) = (self.0.as_raw(), self.0.width(), self.0.height());
            JpegEncoder::new_with_quality(&mut file, quality)
                .encode(pixels, width, height, ExtendedColorType::Rgb8)
                .ok()?;
            Thumbnail::new(file)
        })
    }
}

impl fmt::Debug for Chip {
    /// Leaves the picture out: it is biometric data and has no place in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chip({} x {})", self.0.width(), self.0.height())
    }
}

#[cfg(test)]
mod tests {
    use ::image::Rgb;
    use likeness_storage::limits::THUMBNAIL_BYTES_MAX;

    use super::*;

    fn chip(pixel: impl Fn(u32, u32) -> [u8; 3]) -> Chip {
        Chip::new(RgbImage::from_fn(112, 112, |x, y| Rgb(pixel(x, y))))
    }

    fn decoded(thumbnail: &Thumbnail) -> RgbImage {
        ::image::load_from_memory(thumbnail.as_bytes()).unwrap().into_rgb8()
    }

    #[test]
    fn a_thumbnail_shows_what_the_chip_does() {
        let smooth = chip(|x, y| [x as u8 * 2, y as u8 * 2, 80]);
        let shown = decoded(&smooth.thumbnail().unwrap());
        assert_eq!(shown.dimensions(), (112, 112));
        for (pixel, shown) in smooth.0.pixels().zip(shown.pixels()) {
            let off = pixel.0.iter().zip(shown.0).map(|(a, b)| a.abs_diff(b)).max().unwrap();
            assert!(off < 16, "{pixel:?} became {shown:?}");
        }
    }

    #[test]
    fn what_is_hard_to_compress_is_kept_less_well_and_fits_all_the_same() {
        let mut state = 1_u32;
        let noise: Vec<u8> = (0..112 * 112 * 3)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        let at = |x: u32, y: u32| (y * 112 + x) as usize * 3;
        let noise = chip(|x, y| noise[at(x, y)..at(x, y) + 3].try_into().unwrap());
        let thumbnail = noise.thumbnail().unwrap();
        assert!(thumbnail.as_bytes().len() <= THUMBNAIL_BYTES_MAX);
        assert_eq!(decoded(&thumbnail).dimensions(), (112, 112));
    }

    #[test]
    fn debug_output_shows_no_picture() {
        assert_eq!(format!("{:?}", chip(|_, _| [7; 3])), "Chip(112 x 112)");
    }
}
