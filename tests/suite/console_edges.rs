//! The console where things are not as usual: keys that end, odd names, phones, turned photos.

use std::path::{Path, PathBuf};

use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ExtendedColorType};
use likeness_storage::{Dim, GalleryDraft, Precision, Store, StoreOptions, WriteBatch};
use serde_json::json;

use crate::console::{Desk, NAMELESS};
use crate::support::{ServerBuilder, likeness};

/// A WebP file whose EXIF says that its picture is to be turned to the right.
fn webp_to_be_turned(upright: &DynamicImage) -> Vec<u8> {
    let stored = upright.rotate270().into_rgb8();
    let (width, height) = stored.dimensions();
    let mut plain = Vec::new();
    let encoder = WebPEncoder::new_lossless(&mut plain);
    encoder.encode(stored.as_raw(), width, height, ExtendedColorType::Rgb8).unwrap();
    let chunk = |name: &[u8; 4], data: &[u8]| {
        let padding = &[0][..data.len() % 2];
        [name, &(data.len() as u32).to_le_bytes()[..], data, padding].concat()
    };
    let side = |pixels: u32| (pixels - 1).to_le_bytes()[..3].to_vec();
    let has_exif = vec![0x08, 0, 0, 0];
    let header = chunk(b"VP8X", &[has_exif, side(width), side(height)].concat());
    let exif =
        chunk(b"EXIF", b"MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0");
    // The picture stands behind the heading of the file that was encoded.
    chunk(b"RIFF", &[b"WEBP", &header[..], &plain[12..], &exif[..]].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_box_lies_on_the_face_also_where_the_browser_does_not_turn_the_photo() {
    let Some(desk) = Desk::new().await else { return };
    let upright = image::open(&desk.person).unwrap();
    let turned: PathBuf = desk.folder.path().join("turned.webp");
    std::fs::write(&turned, webp_to_be_turned(&upright)).unwrap();
    desk.log_in(&desk.server.first_key()).await;
    desk.holds("Everything that tenant default keeps").await;
    desk.view("2", "Photo").await;
    let mut boxes = Vec::new();
    for photo in [&desk.person, &turned] {
        desk.choose("Photo", photo).await;
        let name = photo.file_name().unwrap().to_str().unwrap();
        let seen = "document.querySelectorAll('.overlay .face').length === 1";
        desk.browser
            .wait_for(&format!("document.querySelector('.frame img')?.alt === '{name}' && {seen}"))
            .await;
        let place = "const box = document.querySelector('.overlay .box');
            const image = document.querySelector('.frame img');
            return [image.naturalWidth, image.naturalHeight,
                ...['x', 'y', 'width', 'height'].map((side) => Number(box.getAttribute(side)))];";
        let place = desk.browser.run(place).await;
        let place: Vec<f64> =
            place.as_array().unwrap().iter().map(|side| side.as_f64().unwrap()).collect();
        boxes.push(place);
    }
    let [first, second] = &boxes[..] else { panic!("{boxes:?}") };
    assert_eq!(first[..2], second[..2], "both are shown upright");
    let near = |(a, b): (&f64, &f64)| (a - b).abs() < first[0] / 20.0;
    assert!(first.iter().zip(second).all(near), "{boxes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_taken_any_more_is_told_with_the_reason() {
    let Some(desk) = Desk::new().await else { return };
    let (browser, data) = (&desk.browser, desk.server.data());
    let acme = desk.server.create_key("acme", "desk", "admin").await;
    desk.log_in(&acme).await;
    desk.holds("Everything that tenant acme keeps").await;
    assert!(likeness(&data, &["tenants", "suspend", "acme"]).await.status.success());
    browser.run("location.reload()").await;
    desk.holds("the account of this API key is suspended").await;
    assert!(likeness(&data, &["tenants", "resume", "acme"]).await.status.success());
    desk.clicked(".login button[type=button]", "Everything that tenant acme keeps").await;

    browser.run("location.hash = '#/collections/%E0%A4%A'").await;
    desk.holds("collection \"%E0%A4%A\" does not exist").await;

    let listed = likeness(&data, &["keys", "list"]).await;
    let listed = String::from_utf8(listed.stdout).unwrap();
    let id = listed.lines().find(|line| line.contains(" acme ")).unwrap();
    let id = id.split(' ').next().unwrap();
    assert!(likeness(&data, &["keys", "revoke", id]).await.status.success());
    browser.run("document.activeElement.blur()").await;
    browser.type_into("body", "1").await;
    browser.wait_for("document.querySelector('form.login')").await;
    desk.holds("Invalid or revoked API key").await;
    assert_eq!(browser.run("return sessionStorage.length").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_deletion_the_count_is_right_and_the_keyboard_goes_on_from_there() {
    let Some(desk) = Desk::new().await else { return };
    let (browser, client) = (&desk.browser, desk.server.admin().await);
    client.batch_execute("CREATE COLLECTION pair WITH (dimensions = 2)").await.unwrap();
    let insert = "INSERT INTO pair (external_face_id, embedding) \
                  VALUES ('ann', '[1,0]'), ('bob', '[0,1]')";
    client.batch_execute(insert).await.unwrap();
    desk.log_in(&desk.server.first_key()).await;
    desk.holds("Everything that tenant default keeps").await;
    browser.run("location.hash = '#/collections/pair'").await;
    desk.holds("2 faces, created").await;
    let ranks = "return [...document.querySelectorAll('main :is(h1, h2, h3)')]
        .map((heading) => heading.tagName).join(' ')";
    assert_eq!(browser.run(ranks).await, "H1 H2 H3 H3");
    browser.click("button[aria-label='Delete ann']").await;
    desk.clicked("dialog button.danger", "1 face, created").await;
    let focus = "document.activeElement.getAttribute('aria-label') === 'Details of bob'";
    browser.wait_for(focus).await;
    browser.click("button[aria-label='Delete bob']").await;
    desk.clicked("dialog button.danger", "No faces yet.").await;
    desk.holds("0 faces, created").await;
    browser.wait_for("document.activeElement.tagName === 'H1'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_shows_everything_without_scrolling_sideways_whatever_things_are_called() {
    let Some(desk) = Desk::new().await else { return };
    let (browser, client) = (&desk.browser, desk.server.admin().await);
    let (long, longer) = ("n".repeat(120), "d".repeat(300));
    for name in ["customers", " ", &long] {
        let create =
            format!("CREATE COLLECTION \"{name}\" WITH (dimensions = 2, description = '{longer}')");
        client.batch_execute(&create).await.unwrap();
    }
    browser.narrow().await;
    desk.log_in(&desk.server.first_key()).await;
    desk.holds("Everything that tenant default keeps").await;
    desk.holds("default / ").await;
    assert_eq!(browser.run(NAMELESS).await, json!([]), "a name of spaces is shown as one");
    let outside = "return [document.documentElement.scrollWidth,
        ...[...document.querySelectorAll('nav a, main a, main button, #who button')]
            .filter((node) => node.getBoundingClientRect().right > 360)
            .map((node) => node.outerHTML)]";
    for hash in ["#/collections".to_owned(), format!("#/collections/{long}")] {
        browser.run(&format!("location.hash = '{hash}'")).await;
        browser.wait_for("document.querySelector('main .lead')?.textContent").await;
        browser.picture("phone").await;
        assert_eq!(browser.run(outside).await, json!([360]), "{hash}");
    }
}

/// Makes a collection of a name that none can be given any more, as earlier versions did.
fn keep_from_earlier(data: &Path, name: &str) {
    let (store, _) = Store::open(data, StoreOptions::default()).unwrap();
    let mut batch = WriteBatch::new();
    batch.create_gallery(GalleryDraft {
        tenant: "default".into(),
        name: name.into(),
        description: None,
        model: "external".into(),
        dim: Dim::new(2).unwrap(),
        precision: Precision::default(),
        thumbnails: false,
        created_at_us: 0,
    });
    store.write(batch).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_that_no_address_can_name_is_told_and_renamed_in_sql() {
    let Some(mut desk) = Desk::new().await else { return };
    let (key, data) = (desk.server.first_key(), desk.server.data());
    assert!(desk.server.terminate().await);
    for name in [".", ".."] {
        keep_from_earlier(&data, name);
    }
    desk.server = ServerBuilder::new().errors_only().on(&desk.server).start().await;
    let browser = &desk.browser;
    browser.open(&format!("http://{}/console", desk.server.http)).await;
    desk.log_in(&key).await;
    desk.holds("Browsers take the name “..” out of every address").await;
    let links = "return [...document.querySelectorAll('tbody a')].map((a) => a.textContent)";
    assert_eq!(browser.run(links).await, json!(["Rename it in SQL", "Rename it in SQL"]));
    browser.run("location.hash = '#/collections/.'").await;
    browser.wait_for("document.querySelector('h1').textContent === '“.”'").await;
    browser.click("main .note a").await;
    browser.wait_for("document.querySelector('h1').textContent === 'SQL'").await;
    let statement = browser.run("return document.querySelector('textarea').value").await;
    assert_eq!(statement, r#"ALTER COLLECTION "." RENAME TO renamed"#);
    browser.click("form.panel button.primary").await;
    browser.wait_for("document.querySelector('.results')?.innerText.includes('ALTER')").await;
    browser.run("location.hash = '#/collections/renamed'").await;
    desk.holds("0 faces, created").await;
    desk.view("3", "Search").await;
    browser.wait_for("document.querySelectorAll('option').length > 0").await;
    let offered = "return [...document.querySelectorAll('option')].map((one) => one.value)";
    assert_eq!(browser.run(offered).await, json!(["renamed"]));
}
