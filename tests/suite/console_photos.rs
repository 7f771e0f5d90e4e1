//! How photos come into the console beside being chosen: dropped, pasted, taken with a camera.

use crate::console::Desk;

/// Hands the photo that is shown over to an event, under another name, as browsers do.
const HAND_OVER: &str = "
    const image = document.querySelector('.frame img');
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    canvas.getContext('2d').drawImage(image, 0, 0);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg'));
    const data = new DataTransfer();
    data.items.add(new File([blob], name, { type: blob.type }));
    place.dispatchEvent(event(data));";

async fn handed_over(desk: &Desk, name: &str, place: &str, event: &str) {
    let start = format!("const [name, place] = ['{name}', {place}];");
    let event = format!("const event = (data) => new {event};");
    desk.browser.run(&format!("return (async () => {{ {start} {event} {HAND_OVER} }})()")).await;
    sees(desk, name).await;
}

/// Waits until the photo of this name is shown, with the face that was found on it.
async fn sees(desk: &Desk, name: &str) {
    let shown = format!("document.querySelector('.frame img')?.alt === '{name}'");
    let found = "document.querySelectorAll('.overlay .face').length === 1";
    desk.browser.wait_for(&format!("{shown} && {found}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_is_dropped_pasted_and_taken_with_the_camera() {
    let Some(desk) = Desk::new().await else { return };
    let browser = &desk.browser;
    desk.log_in(&desk.server.first_key()).await;
    desk.holds("Everything that tenant default keeps").await;
    desk.view("2", "Photo").await;
    desk.choose("Photo", &desk.person).await;
    sees(&desk, "person.jpg").await;

    let place = "document.querySelector('section.photo')";
    let dropped = "DragEvent('drop', { dataTransfer: data, cancelable: true })";
    handed_over(&desk, "dropped.jpg", place, dropped).await;
    let pasted = "ClipboardEvent('paste', { clipboardData: data })";
    handed_over(&desk, "pasted.jpg", "document", pasted).await;

    let camera = "[...document.querySelectorAll('section.photo button')]
        .find((button) => button.textContent === 'Camera').click()";
    browser.run(camera).await;
    browser.wait_for("document.querySelector('dialog video')?.videoWidth > 0").await;
    browser.click("dialog button.primary").await;
    browser.wait_for("document.querySelector('.frame img')?.alt === 'camera.jpg'").await;
    browser.wait_for("!document.querySelector('dialog')").await;
}
