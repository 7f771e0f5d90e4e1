//! The console in a real browser: everything it offers, done once by hand of a machine.

use std::path::{Path, PathBuf};

use crate::browser::Browser;
use crate::portraits::Portraits;
use crate::support::{ServerBuilder, TestServer};

/// What `WebDriver` takes for the control key, and for letting it go.
const CONTROL: char = '\u{e009}';
const ENTER: char = '\u{e007}';

/// Controls that nobody could tell apart by ear, and pictures without a word.
pub(crate) const NAMELESS: &str = "
    const named = (node) => node.labels?.length || node.textContent.trim()
        || node.getAttribute('aria-label') || node.getAttribute('title');
    const controls = 'button, a, input, select, textarea, [role=button]';
    const mute = [...document.querySelectorAll(controls)].filter((node) => !named(node));
    const blind = [...document.images].filter((image) => !image.hasAttribute('alt'));
    return [...mute, ...blind].map((node) => node.outerHTML);";

/// A browser at the console of a server, and photos to choose.
pub(crate) struct Desk {
    pub(crate) browser: Browser,
    pub(crate) server: TestServer,
    pub(crate) person: PathBuf,
    again: PathBuf,
    stranger: PathBuf,
    pub(crate) folder: tempfile::TempDir,
}

impl Desk {
    pub(crate) async fn new() -> Option<Self> {
        let browser = Browser::start().await?;
        let server = ServerBuilder::new().with_models().start().await;
        let portraits = Portraits::new(&server.rest(&server.first_key())).await;
        let folder = tempfile::tempdir().unwrap();
        let photo = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let person = photo("person.jpg", &portraits.person);
        let again = photo("again.jpg", &portraits.again);
        let stranger = photo("stranger.jpg", &portraits.stranger);
        browser.open(&format!("http://{}/console", server.http)).await;
        Some(Self { browser, server, person, again, stranger, folder })
    }

    pub(crate) async fn log_in(&self, key: &str) {
        self.browser.wait_for("document.querySelector('form.login')").await;
        self.browser.type_into(".login input", key).await;
        self.browser.click(".login button").await;
    }

    /// Goes to a view by its shortcut, and looks whether all of it can be heard.
    pub(crate) async fn view(&self, key: &str, title: &str) {
        self.browser.run("document.activeElement.blur()").await;
        self.browser.type_into("body", key).await;
        let arrived = format!("document.querySelector('h1')?.textContent === '{title}'");
        self.browser.wait_for(&arrived).await;
        assert_eq!(self.browser.run(NAMELESS).await, serde_json::json!([]), "{title}");
    }

    pub(crate) async fn choose(&self, place: &str, photo: &Path) {
        let input = format!("section[aria-label=\"{place}\"] input[type=file]");
        self.browser.type_into(&input, photo.to_str().unwrap()).await;
    }

    pub(crate) async fn holds(&self, text: &str) {
        let text = serde_json::to_string(text).unwrap();
        self.browser.wait_for(&format!("document.body.innerText.includes({text})")).await;
    }

    /// Waits for the heading of the hits; what is announced stays in the page for longer.
    async fn finds(&self, heading: &str) {
        let said = "document.querySelector('.results h2')?.textContent";
        self.browser.wait_for(&format!("{said} === '{heading}'")).await;
    }

    pub(crate) async fn clicked(&self, selector: &str, then: &str) {
        self.browser.click(selector).await;
        self.holds(then).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_is_seen_indexed_found_and_compared_in_a_browser() {
    let Some(desk) = Desk::new().await else { return };
    let browser = &desk.browser;
    desk.log_in("iksk_live_wrong").await;
    desk.holds("Invalid or revoked API key").await;
    browser.run("document.querySelector('.login input').value = ''").await;
    desk.log_in(&desk.server.first_key()).await;
    desk.holds("Everything that tenant default keeps").await;

    browser.type_into("form input[required]", "team").await;
    browser.click("form button.primary").await;
    browser.wait_for("document.querySelector('tbody th')?.textContent === 'team'").await;
    browser.picture("collections").await;

    desk.view("2", "Photo").await;
    desk.choose("Photo", &desk.person).await;
    browser.wait_for("document.querySelectorAll('.overlay .face').length === 1").await;
    let drawn = "const box = document.querySelector('.overlay .box').getBoundingClientRect();
                 const photo = document.querySelector('.frame img').getBoundingClientRect();
                 return box.width > 40 && box.left > photo.left && box.right < photo.right
                     && document.querySelectorAll('.overlay .mark').length === 5";
    assert_eq!(browser.run(drawn).await, true, "the box lies on the photo, with its landmarks");
    desk.holds("Sharpness").await;
    browser.type_into("form.panel input[placeholder='user-17']", "ann").await;
    browser.picture("photo").await;
    desk.clicked("form.panel button.primary", "1 face indexed into team").await;

    browser.click(".found article button").await;
    browser.wait_for("document.querySelector('h1').textContent === 'Search'").await;
    desk.finds("1 hit").await;

    desk.view("2", "Photo").await;
    desk.view("3", "Search").await;
    browser.type_into("#purpose", "Tür 7").await;
    desk.choose("Photo to search with", &desk.again).await;
    desk.finds("1 hit").await;
    let hit = "const card = document.querySelector('.gallery .card');
               return [card.querySelector('h3').textContent, !!card.querySelector('canvas')]";
    assert_eq!(browser.run(hit).await, serde_json::json!(["ann", true]));
    desk.holds("comparisons of two different people").await;
    let highest = "const slider = document.getElementById('threshold');
                   slider.value = 1; slider.dispatchEvent(new Event('input'))";
    browser.run(highest).await;
    desk.finds("Nobody").await;
    desk.choose("Photo to search with", &desk.stranger).await;
    desk.holds("No face of team reaches").await;

    desk.view("4", "Compare").await;
    desk.choose("First photo", &desk.person).await;
    desk.choose("Second photo", &desk.again).await;
    desk.holds("Likely the same person").await;
    browser.picture("compare").await;
    desk.choose("Second photo", &desk.stranger).await;
    desk.holds("Not taken for the same person").await;
    let recorded = "SELECT count(*) FROM likeness.audit WHERE purpose = 'Tür 7'";
    let recorded = desk.server.admin().await.query_one(recorded, &[]).await.unwrap();
    assert!(recorded.get::<_, i64>(0) >= 3, "searches and comparisons say what for");
    let severe = browser.complaints().await;
    assert!(severe.iter().all(|message| message.contains("status of 401")), "{severe:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn thumbnails_are_shown_in_galleries_long_after_the_photo_is_gone() {
    let Some(desk) = Desk::new().await else { return };
    let browser = &desk.browser;
    desk.log_in(&desk.server.first_key()).await;
    desk.holds("Everything that tenant default keeps").await;
    browser.type_into("form input[required]", "faces").await;
    browser.click("form input[name=thumbnails]").await;
    browser.click("form button.primary").await;
    browser.wait_for("document.querySelector('tbody th')?.textContent === 'faces'").await;
    desk.view("2", "Photo").await;
    for (photo, name) in [(&desk.person, "ann"), (&desk.stranger, "bob")] {
        desk.choose("Photo", photo).await;
        let file = photo.file_name().unwrap().to_str().unwrap();
        let seen = format!(
            "document.querySelector('.frame img')?.alt === '{file}'
                && document.querySelectorAll('.overlay .face').length === 1"
        );
        browser.wait_for(&seen).await;
        let anew = "document.querySelector('input[placeholder=\"user-17\"]').value = '';
                    document.querySelector('form.panel .note')?.remove()";
        browser.run(anew).await;
        browser.type_into("form.panel input[placeholder='user-17']", name).await;
        desk.clicked("form.panel button.primary", "1 face indexed into faces").await;
    }
    // Another page knows nothing of these photos, except the thumbnails that are kept.
    browser.open(&format!("http://{}/console#/collections/faces", desk.server.http)).await;
    browser.run("location.reload()").await;
    let shown = "[...document.querySelectorAll('.gallery .picture img')]
        .filter((image) => image.complete && image.naturalWidth === 112)
        .map((image) => image.alt).join() === 'Face of ann,Face of bob'";
    browser.wait_for(shown).await;
    desk.holds("2 faces, created").await;
    assert_eq!(browser.run(NAMELESS).await, serde_json::json!([]));
    browser.picture("faces").await;
    browser.click(".gallery .card button").await;
    browser.wait_for("document.querySelector('dialog .picture img')?.naturalWidth === 112").await;
    browser.click("dialog button").await;

    desk.view("3", "Search").await;
    desk.choose("Photo to search with", &desk.again).await;
    desk.finds("1 hit").await;
    let found = "document.querySelector('.results .picture img')?.alt === 'Face of ann'";
    browser.wait_for(found).await;
    browser.picture("search").await;
    let seen = "SELECT count(DISTINCT face_ids[1]) FROM likeness.audit \
                WHERE action = 'export' AND collection = 'faces'";
    let seen = desk.server.admin().await.query_one(seen, &[]).await.unwrap();
    assert_eq!(seen.get::<_, i64>(0), 2, "each picture that was shown is recorded");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_runs_collections_go_and_a_key_is_forgotten_in_a_browser() {
    let Some(desk) = Desk::new().await else { return };
    let browser = &desk.browser;
    let client = desk.server.admin().await;
    client.batch_execute("CREATE COLLECTION tall WITH (dimensions = 2)").await.unwrap();
    let insert = "INSERT INTO tall (external_face_id, embedding) VALUES ('<b>ann</b>', '[1, 0]')";
    client.batch_execute(insert).await.unwrap();
    desk.log_in(&desk.server.first_key()).await;
    desk.holds("Everything that tenant default keeps").await;
    let kept =
        "return [sessionStorage.length, localStorage.length, document.cookie, location.search]";
    assert_eq!(browser.run(kept).await, serde_json::json!([1, 0, "", ""]));

    desk.view("5", "SQL").await;
    browser.run("document.querySelector('textarea').value = ''").await;
    let statement = "SELECT external_face_id, 41 + 1 AS answer FROM tall";
    browser.type_into("textarea", &format!("{statement}{CONTROL}{ENTER}{CONTROL}")).await;
    browser.wait_for("document.querySelectorAll('.grid tbody td').length === 2").await;
    let cells = "return [...document.querySelectorAll('.grid td')].map((cell) => cell.textContent)";
    assert_eq!(
        browser.run(cells).await,
        serde_json::json!(["<b>ann</b>", "42"]),
        "text, not markup"
    );
    browser.picture("sql").await;
    browser.run("document.querySelector('textarea').value = 'SELECT 1 FRM x'").await;
    browser.click("form button.primary").await;
    desk.holds("42601").await;
    browser.wait_for("document.querySelector('textarea').selectionStart === 13").await;

    desk.view("1", "Collections").await;
    browser.wait_for("document.querySelector('tbody th')?.textContent === 'tall'").await;
    browser.click("button[aria-label='Delete tall']").await;
    browser.wait_for("document.querySelector('dialog button.danger').disabled").await;
    browser.type_into("dialog input", "tall").await;
    desk.clicked("dialog button.danger", "There is no collection yet").await;

    let reader = desk.server.create_key("default", "reader", "read").await;
    browser.click("#who button").await;
    assert_eq!(browser.run("return sessionStorage.length").await, 0, "the key is forgotten");
    desk.log_in(&reader).await;
    desk.holds("There is no collection yet. An administrator").await;
    assert_eq!(browser.run("return document.querySelectorAll('form').length").await, 0);
    let severe = browser.complaints().await;
    assert!(severe.iter().all(|message| message.contains("status of 400")), "{severe:?}");
}
