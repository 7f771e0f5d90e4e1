//! Untrusted image bytes to upright RGB pixels, with every limit checked before memory is spent.

use std::io::Cursor;

use ::image::metadata::Orientation;
use ::image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use super::jpeg;

/// Most bytes of one encoded image: 8 MiB.
pub const IMAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Most pixels of one image: 64 megapixels, more than today's phone cameras deliver.
pub const PIXELS_MAX: u64 = 64_000_000;

/// Longest side of an image in pixels.
pub const SIDE_MAX: u32 = 16_384;

/// Most bytes of decoded pixels: `PIXELS_MAX` at 8-bit RGBA, half of that at 16-bit.
const DECODED_BYTES_MAX: u64 = 4 * PIXELS_MAX;

/// Why bytes are not an image that can be searched for faces.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// There are no bytes at all.
    #[error("the image is empty")]
    Empty,
    /// More than [`IMAGE_BYTES_MAX`] bytes.
    #[error("the image has {bytes} bytes, the limit is {IMAGE_BYTES_MAX}")]
    TooLarge {
        /// Bytes given.
        bytes: usize,
    },
    /// The header announces more than [`PIXELS_MAX`] pixels or a side above [`SIDE_MAX`].
    #[error(
        "the image unfolds to {width} x {height} pixels, the limits are {PIXELS_MAX} pixels and \
         {SIDE_MAX} per side"
    )]
    TooManyPixels {
        /// Pixels from left to right, before EXIF orientation.
        width: u32,
        /// Pixels from top to bottom, before EXIF orientation.
        height: u32,
    },
    /// The pixels are few enough, but so deep that they would not fit the memory for one image.
    #[error(
        "the image unfolds to {width} x {height} pixels in {bytes} bytes, the limit is \
         {DECODED_BYTES_MAX} bytes; send it with 8 bits per channel"
    )]
    TooDeep {
        /// Pixels from left to right, before EXIF orientation.
        width: u32,
        /// Pixels from top to bottom, before EXIF orientation.
        height: u32,
        /// Bytes that they take.
        bytes: u64,
    },
    /// The bytes begin like none of the supported formats.
    #[error("the image is not JPEG, PNG or WebP")]
    Unsupported,
    /// The file ends before its image does.
    #[error("the {format} image is truncated")]
    Truncated {
        /// Name of the format.
        format: &'static str,
    },
    /// The bytes begin like a supported format but cannot be decoded.
    #[error("the {format} image cannot be decoded")]
    Malformed {
        /// Name of the format.
        format: &'static str,
        /// What the decoder objects to.
        source: ::image::ImageError,
    },
}

/// Decodes JPEG, PNG or WebP, told apart by their first bytes, to upright 8-bit RGB.
///
/// EXIF orientation is applied; transparent pixels are laid on white, as most viewers show them;
/// of an animation the first frame counts; grey, palette, 16-bit and CMYK pixels are converted.
/// Size limits are checked on the header, before pixels are allocated.
///
/// # Errors
/// [`ImageError`]; never a partial image.
pub(super) fn decode(bytes: &[u8]) -> Result<RgbImage, ImageError> {
    if bytes.is_empty() {
        return Err(ImageError::Empty);
    }
    if bytes.len() > IMAGE_BYTES_MAX {
        return Err(ImageError::TooLarge { bytes: bytes.len() });
    }
    let (format, name) = sniff(bytes).ok_or(ImageError::Unsupported)?;
    let (image, orientation) = unfold(bytes, format, name)?;
    let mut upright = DynamicImage::ImageRgb8(flatten(image));
    upright.apply_orientation(orientation);
    Ok(upright.into_rgb8())
}

/// The format by its first bytes, with the name used in messages.
fn sniff(bytes: &[u8]) -> Option<(ImageFormat, &'static str)> {
    if bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
        Some((ImageFormat::Jpeg, "JPEG"))
    } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some((ImageFormat::Png, "PNG"))
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some((ImageFormat::WebP, "WebP"))
    } else {
        None
    }
}

/// Reads the header, checks the limits, then reads the pixels.
fn unfold(
    bytes: &[u8],
    format: ImageFormat,
    name: &'static str,
) -> Result<(DynamicImage, Orientation), ImageError> {
    let malformed = |source| ImageError::Malformed { format: name, source };
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(malformed)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if width.max(height) > SIDE_MAX || pixels > PIXELS_MAX {
        return Err(ImageError::TooManyPixels { width, height });
    }
    let unfolded = decoder.total_bytes();
    if limits.reserve(unfolded).is_err() {
        return Err(ImageError::TooDeep { width, height, bytes: unfolded });
    }
    // The JPEG decoder fills whatever is missing with grey; a face must not be judged by that.
    if format == ImageFormat::Jpeg && !jpeg::is_complete(bytes) {
        return Err(ImageError::Truncated { format: name });
    }
    decoder.set_limits(limits).map_err(malformed)?;
    // Unreadable EXIF is no reason to refuse readable pixels.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(malformed)?;
    Ok((image, orientation))
}

/// 8-bit RGB, transparency laid on white.
fn flatten(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let rgba = image.into_rgba8();
    let (width, height) = rgba.dimensions();
    let mut rgb = Vec::with_capacity(rgba.len() / 4 * 3);
    for pixel in rgba.pixels() {
        let [r, g, b, alpha] = pixel.0.map(u16::from);
        let on_white = |c: u16| ((c * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        rgb.extend_from_slice(&[on_white(r), on_white(g), on_white(b)]);
    }
    // The buffer holds three bytes per pixel by construction, so an empty image cannot happen.
    RgbImage::from_raw(width, height, rgb).unwrap_or_default()
}

#[cfg(test)]
mod tests;
