//! Writes a photo again whose longer side has so many pixels: `shrink FROM TO PIXELS`.

use std::error::Error;

use image::ImageReader;
use image::imageops::FilterType;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to, pixels] = arguments.as_slice() else {
        return Err("usage: shrink FROM TO PIXELS".into());
    };
    let pixels = pixels.parse()?;
    let photo = ImageReader::open(from)?.with_guessed_format()?.decode()?;
    photo.resize(pixels, pixels, FilterType::Triangle).into_rgb8().save(to)?;
    Ok(())
}
