//! Portraits cut out of the default pack's sample photos: of one person twice, and of another.

use image::{DynamicImage, ImageFormat};

use crate::support::{Rest, sample_photos};

/// Photos of two people, as JPEG.
pub(crate) struct Portraits {
    /// One person.
    pub(crate) person: Vec<u8>,
    /// The same person in another light, seen from the other side of a mirror.
    pub(crate) again: Vec<u8>,
    /// Another person.
    pub(crate) stranger: Vec<u8>,
}

impl Portraits {
    /// Cuts them around the faces that the server finds.
    pub(crate) async fn new(rest: &Rest) -> Self {
        let photos = sample_photos();
        let person = largest_face(rest, &std::fs::read(&photos[2]).unwrap()).await;
        let stranger = largest_face(rest, &std::fs::read(&photos[5]).unwrap()).await;
        let again = person.fliph().brighten(12);
        Self { person: jpeg(&person), again: jpeg(&again), stranger: jpeg(&stranger) }
    }
}

/// The part of a photo around its largest face, with as much room around it as a passport has.
async fn largest_face(rest: &Rest, photo: &[u8]) -> DynamicImage {
    let found = rest.post_form("/faces:detect", &[("image", photo)], &[]).await.unwrap().1;
    let image = image::load_from_memory(photo).unwrap();
    let (width, height) = (f64::from(image.width()), f64::from(image.height()));
    let side = |name: &str| found["faces"][0]["bounding_box"][name].as_f64().unwrap();
    let (w, h) = (side("width") * width, side("height") * height);
    let (x, y) = (side("left") * width - w * 0.4, side("top") * height - h * 0.4);
    let pixels = |length: f64| length.max(0.0) as u32;
    image.crop_imm(pixels(x), pixels(y), pixels(w * 1.8), pixels(h * 1.8))
}

fn jpeg(image: &DynamicImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}
