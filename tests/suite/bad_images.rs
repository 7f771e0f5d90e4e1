//! Images that must be refused, before they cost memory.

use crate::support::{ErrorBody, Rest, ServerBuilder, sample_photos};

/// A small grey PNG of real pixels.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let image = image::GrayImage::from_pixel(width, height, image::Luma([128]));
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A PNG that declares 30,000 x 30,000 pixels and is a few kB long.
fn bomb() -> Vec<u8> {
    let mut bytes = png(64, 64);
    let side = 30_000_u32.to_be_bytes();
    bytes[16..20].copy_from_slice(&side);
    bytes[20..24].copy_from_slice(&side);
    let checksum = crc32fast::hash(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

async fn detect(rest: &Rest, image: &[u8]) -> ErrorBody {
    rest.post_form("/faces:detect", &[("image", image)], &[]).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn unusable_images_are_refused_by_name_and_store_nothing() {
    let server = ServerBuilder::new().with_models().start().await;
    let rest = server.rest(&server.first_key());
    let photo = std::fs::read(&sample_photos()[0]).unwrap();
    let truncated = &photo[..photo.len() / 2];
    let mut nine_megabytes = photo.clone();
    nine_megabytes.resize(9 * 1024 * 1024, 0);

    let cases: [(&[u8], u16, &str); 5] = [
        (b"", 400, "empty_image"),
        (truncated, 400, "invalid_image"),
        (b"not an image at all", 400, "invalid_image"),
        (&nine_megabytes, 413, "image_too_large"),
        (&bomb(), 413, "image_too_large"),
    ];
    for (image, status, code) in cases {
        let expected = ErrorBody { status, code: code.to_owned() };
        assert_eq!(detect(&rest, image).await, expected, "{} bytes", image.len());
    }

    let client = server.admin().await;
    client.batch_execute("CREATE COLLECTION c").await.unwrap();
    let insert = "INSERT INTO c (image) VALUES ($1)";
    assert!(client.execute(insert, &[&truncated]).await.is_err());
    let count: i64 = client.query_one("SELECT count(*) FROM c", &[]).await.unwrap().get(0);
    assert_eq!(count, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pixel_bomb_is_refused_without_allocating_it() {
    let server = ServerBuilder::new().with_models().start().await;
    let rest = server.rest(&server.first_key());
    let Some(before) = server.peak_memory() else {
        println!("this system does not tell a process's peak memory: nothing was measured");
        return;
    };
    for _ in 0..4 {
        assert_eq!(detect(&rest, &bomb()).await.code, "image_too_large");
    }
    let grown = server.peak_memory().unwrap().saturating_sub(before);
    // One grey byte per pixel would already be 900 MB.
    assert!(grown < 100 * 1024 * 1024, "peak memory grew by {grown} bytes");
}
