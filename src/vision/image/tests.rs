//! Every format decodes to upright RGB; limits hold before allocation; no partial image passes.

use ::image::codecs::jpeg::JpegEncoder;
use ::image::codecs::png::PngEncoder;
use ::image::codecs::webp::WebPEncoder;
use ::image::{ExtendedColorType, ImageEncoder, Rgb};

use super::*;

/// A picture that every format keeps recognisable: left half red, right half blue.
fn halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| {
        if x < width / 2 { Rgb([250, 5, 5]) } else { Rgb([5, 5, 250]) }
    })
}

/// Encodes 8-bit RGB with a codec of the image crate.
fn encoded(image: &RgbImage, write: impl FnOnce(&mut Vec<u8>, &[u8], u32, u32)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, image.as_raw(), image.width(), image.height());
    bytes
}

fn jpeg(image: &RgbImage) -> Vec<u8> {
    encoded(image, |bytes, data, w, h| {
        let encoder = JpegEncoder::new_with_quality(bytes, 95);
        encoder.write_image(data, w, h, ExtendedColorType::Rgb8).unwrap();
    })
}

fn png(image: &RgbImage) -> Vec<u8> {
    encoded(image, |bytes, data, w, h| {
        PngEncoder::new(bytes).write_image(data, w, h, ExtendedColorType::Rgb8).unwrap();
    })
}

fn webp(image: &RgbImage) -> Vec<u8> {
    encoded(image, |bytes, data, w, h| {
        WebPEncoder::new_lossless(bytes).encode(data, w, h, ExtendedColorType::Rgb8).unwrap();
    })
}

/// Noise that no codec compresses to nothing.
fn noise(width: u32, height: u32) -> RgbImage {
    let mut state = 1_u32;
    RgbImage::from_fn(width, height, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Rgb([(state >> 24) as u8, (state >> 16) as u8, (state >> 8) as u8])
    })
}

/// A PNG whose header announces `width` x `height` pixels of one bit, with hardly any data.
fn announced(width: u32, height: u32) -> Vec<u8> {
    announced_as(width, height, [1, 0])
}

/// As [`announced`], with this bit depth and colour type.
fn announced_as(width: u32, height: u32, depth_and_colour: [u8; 2]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = b"IHDR".to_vec();
    header.extend_from_slice(&width.to_be_bytes());
    header.extend_from_slice(&height.to_be_bytes());
    header.extend_from_slice(&depth_and_colour);
    header.extend_from_slice(&[0, 0, 0]);
    for chunk in [header, [b"IDAT".as_slice(), &[0; 3000]].concat(), b"IEND".to_vec()] {
        bytes.extend_from_slice(&(chunk.len() as u32 - 4).to_be_bytes());
        bytes.extend_from_slice(&chunk);
        bytes.extend_from_slice(&crc32(&chunk).to_be_bytes());
    }
    bytes
}

/// The checksum of PNG chunks, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1)))
    })
}

/// The JPEG with an EXIF segment that carries nothing but this orientation.
fn oriented(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend_from_slice(&[orientation, 0, 0, 0, 0, 0, 0]);
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, &exif, &jpeg[2..]].concat()
}

fn is_red(image: &RgbImage, x: u32, y: u32) -> bool {
    let [red, _, blue] = image.get_pixel(x, y).0;
    red > 200 && blue < 60
}

#[test]
fn every_supported_format_decodes_to_the_same_picture() {
    let picture = halves(64, 32);
    for (name, bytes) in
        [("jpeg", jpeg(&picture)), ("png", png(&picture)), ("webp", webp(&picture))]
    {
        let decoded = decode(&bytes).unwrap();
        assert_eq!(decoded.dimensions(), (64, 32), "{name}");
        assert!(is_red(&decoded, 10, 16) && !is_red(&decoded, 50, 16), "{name}");
    }
}

#[test]
fn no_bytes_and_too_many_bytes_are_refused_as_such() {
    assert!(matches!(decode(&[]), Err(ImageError::Empty)));
    let many = vec![0xFF; IMAGE_BYTES_MAX + 1];
    assert!(matches!(decode(&many), Err(ImageError::TooLarge { bytes }) if bytes == many.len()));
}

#[test]
fn other_bytes_are_unsupported() {
    for bytes in [b"GIF89a\x01\0\x01\0".as_slice(), b"hello", b"BM", b"RIFF\0\0\0\0WAVE", &[0xFF]] {
        assert!(matches!(decode(bytes), Err(ImageError::Unsupported)), "{bytes:?}");
    }
}

#[test]
fn a_small_file_that_unfolds_into_a_huge_image_is_refused_by_its_header() {
    let bomb = announced(30_000, 30_000);
    assert!(bomb.len() < 4096);
    let refused = decode(&bomb);
    assert!(
        matches!(refused, Err(ImageError::TooManyPixels { width: 30_000, height: 30_000 })),
        "{refused:?}"
    );
    for (width, height) in [(SIDE_MAX + 1, 1), (16_000, 4_001), (u32::MAX >> 1, u32::MAX >> 1)] {
        let refused = decode(&announced(width, height));
        let by_size = matches!(refused, Err(ImageError::TooManyPixels { .. }));
        // Beyond 2^31 the decoder itself says no.
        assert!(by_size || width > 1 << 30, "{width} x {height}: {refused:?}");
    }
}

#[test]
fn truncation_anywhere_in_the_pixels_is_an_error_in_every_format() {
    let picture = noise(97, 61);
    for (name, bytes) in
        [("jpeg", jpeg(&picture)), ("png", png(&picture)), ("webp", webp(&picture))]
    {
        assert!(decode(&bytes).is_ok(), "{name}");
        for percent in [5, 20, 50, 80, 95, 99] {
            let cut = &bytes[..bytes.len() * percent / 100];
            let refused = decode(cut);
            assert!(refused.is_err(), "{name} decodes with {percent} % of its bytes");
        }
    }
    let whole = jpeg(&picture);
    let endless = decode(&whole[..whole.len() - 2]);
    assert!(matches!(endless, Err(ImageError::Truncated { format: "JPEG" })), "{endless:?}");
}

#[test]
fn damaged_files_decode_or_are_refused_but_never_panic() {
    let picture = noise(33, 21);
    let mut state = 7_u64;
    let mut random = move |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for whole in [jpeg(&picture), png(&picture), webp(&picture), four_components(2)] {
        for _ in 0..300 {
            let mut damaged = whole.clone();
            for _ in 0..=random(4) {
                let at = random(damaged.len());
                damaged[at] = random(256) as u8;
            }
            if let Ok(image) = decode(&damaged) {
                assert!(image.width() <= SIDE_MAX && image.height() <= SIDE_MAX);
            }
        }
    }
}

#[test]
fn garbage_behind_a_good_first_few_bytes_is_malformed() {
    let starts: [&[u8]; 3] = [&[0xFF, 0xD8, 0xFF], b"\x89PNG\r\n\x1a\n", b"RIFF\x20\0\0\0WEBP"];
    for start in starts {
        for filler in [0_u8, 0x5A, 0xFF] {
            let bytes = [start, &[filler; 200]].concat();
            let refused = decode(&bytes);
            assert!(matches!(refused, Err(ImageError::Malformed { .. })), "{refused:?}");
        }
    }
}

#[test]
fn exif_orientation_turns_the_picture_upright() {
    let bytes = jpeg(&halves(64, 32));
    // Orientation 6: the camera was turned, rotate by 90 degrees clockwise; left becomes top.
    let turned = decode(&oriented(&bytes, 6)).unwrap();
    assert_eq!(turned.dimensions(), (32, 64));
    assert!(is_red(&turned, 16, 5) && !is_red(&turned, 16, 60));
    let flipped = decode(&oriented(&bytes, 3)).unwrap();
    assert!(!is_red(&flipped, 5, 16) && is_red(&flipped, 60, 16));
    let nonsense = decode(&oriented(&bytes, 99)).unwrap();
    assert!(is_red(&nonsense, 5, 16));
}

#[test]
fn transparency_is_laid_on_white() {
    let mut bytes = Vec::new();
    let pixels = [0, 0, 0, 0, 10, 20, 30, 255, 0, 0, 0, 128];
    let encoder = PngEncoder::new(&mut bytes);
    encoder.write_image(&pixels, 3, 1, ExtendedColorType::Rgba8).unwrap();
    let flat = decode(&bytes).unwrap();
    assert_eq!(flat.as_raw()[..6], [255, 255, 255, 10, 20, 30]);
    assert_eq!(flat.get_pixel(2, 0).0, [127; 3]);
}

#[test]
fn grey_and_16_bit_pixels_become_8_bit_rgb() {
    let mut grey = Vec::new();
    PngEncoder::new(&mut grey).write_image(&[7, 200], 2, 1, ExtendedColorType::L8).unwrap();
    assert_eq!(decode(&grey).unwrap().as_raw()[..], [7, 7, 7, 200, 200, 200]);
    let mut deep = Vec::new();
    let samples: Vec<u8> = [0_u16, 32_896, 65_535].iter().flat_map(|s| s.to_ne_bytes()).collect();
    PngEncoder::new(&mut deep).write_image(&samples, 1, 1, ExtendedColorType::Rgb16).unwrap();
    assert_eq!(decode(&deep).unwrap().as_raw()[..], [0, 128, 255]);
    let mut grey_jpeg = Vec::new();
    let encoder = JpegEncoder::new(&mut grey_jpeg);
    encoder.write_image(&[90; 64], 8, 8, ExtendedColorType::L8).unwrap();
    assert_eq!(decode(&grey_jpeg).unwrap().get_pixel(4, 4).0, [90; 3]);
}

/// A WebP file of these chunks behind a header that announces an animated canvas.
fn animated_webp(width: u32, height: u32, chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let size = |side: u32| (side - 1).to_le_bytes()[..3].to_vec();
    let canvas = [vec![0x02, 0, 0, 0], size(width), size(height)].concat();
    let mut body = b"WEBP".to_vec();
    for (name, content) in [(b"VP8X", canvas)].iter().chain(chunks) {
        body.extend_from_slice(*name);
        body.extend_from_slice(&(content.len() as u32).to_le_bytes());
        body.extend_from_slice(content);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
}

#[test]
fn of_an_animation_the_first_frame_counts() {
    let frame = |colour: [u8; 3]| {
        let still = webp(&RgbImage::from_pixel(16, 8, Rgb(colour)));
        // Offset, size and duration of the frame, then the image chunk of the still file.
        (b"ANMF", [&[0, 0, 0, 0, 0, 0, 15, 0, 0, 7, 0, 0, 100, 0, 0, 0], &still[12..]].concat())
    };
    let frames = [(b"ANIM", vec![0; 6]), frame([250, 5, 5]), frame([5, 5, 250])];
    let first = decode(&animated_webp(16, 8, &frames)).unwrap();
    assert_eq!(first.dimensions(), (16, 8));
    assert!(is_red(&first, 8, 4));
}

#[test]
fn pixels_that_are_few_enough_but_too_deep_are_refused_with_the_limit_they_break() {
    for (width, height, depth_and_colour, bytes) in
        [(5_700, 5_700, [16, 6], 259_920_000), (7_000, 7_000, [16, 2], 294_000_000)]
    {
        let refused = decode(&announced_as(width, height, depth_and_colour)).unwrap_err();
        assert!(matches!(refused, ImageError::TooDeep { bytes: told, .. } if told == bytes));
        let message = refused.to_string();
        assert!(message.contains("the limit is 256000000 bytes"), "{message}");
    }
}

#[test]
fn huge_jpegs_and_webps_are_refused_by_their_headers_too() {
    let mut jpeg = four_components(0);
    let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xFF, 0x00, 0xFF, 0x00]);
    let webp = animated_webp(1 << 24, 1 << 4, &[(b"ANIM", vec![0; 6]), (b"ANMF", vec![0; 40])]);
    for bytes in [jpeg, webp] {
        let refused = decode(&bytes);
        assert!(matches!(refused, Err(ImageError::TooManyPixels { .. })), "{refused:?}");
    }
}

/// A baseline JPEG of 8 x 8 pixels with four components and no detail. `transform` is Adobe's
/// colour transform: 0 for CMYK, 2 for YCCK.
fn four_components(transform: u8) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xD8];
    let mut segment = |marker: u8, body: &[u8]| {
        bytes.extend_from_slice(&[0xFF, marker]);
        bytes.extend_from_slice(&(body.len() as u16 + 2).to_be_bytes());
        bytes.extend_from_slice(body);
    };
    segment(0xEE, &[b"Adobe".as_slice(), &[0, 100, 0, 0, 0, 0, transform]].concat());
    segment(0xDB, &[&[0_u8][..], &[1; 64]].concat());
    let component = |id: u8| [id, 0x11, 0];
    let components: Vec<u8> = (1..=4).flat_map(component).collect();
    segment(0xC0, &[&[8, 0, 8, 0, 8, 4][..], &components].concat());
    // One code of one bit each: "no difference" and "end of block".
    for class in [0x00, 0x10] {
        let mut lengths = [0_u8; 16];
        lengths[0] = 1;
        segment(0xC4, &[&[class][..], &lengths, &[0]].concat());
    }
    let scan: Vec<u8> = (1..=4).flat_map(|id| [id, 0]).collect();
    segment(0xDA, &[&[4][..], &scan, &[0, 63, 0]].concat());
    bytes.extend_from_slice(&[0x00, 0xFF, 0xD9]);
    bytes
}

#[test]
fn cmyk_jpegs_decode() {
    for transform in [0, 2] {
        let image = decode(&four_components(transform)).unwrap();
        assert_eq!(image.dimensions(), (8, 8));
        let [red, green, blue] = image.get_pixel(3, 3).0;
        // Half ink in every component, half black: a dark, nearly neutral grey.
        assert!(red.abs_diff(64) < 4 && green.abs_diff(64) < 4 && blue.abs_diff(64) < 4);
    }
}

#[test]
fn an_unreadable_exif_segment_does_not_spoil_the_picture() {
    let bytes = jpeg(&halves(16, 16));
    let exif = b"Exif\0\0XX nonsense";
    let length = (exif.len() as u16 + 2).to_be_bytes();
    let spoiled = [&bytes[..2], &[0xFF, 0xE1], &length, exif, &bytes[2..]].concat();
    assert!(decode(&spoiled).is_ok());
}
