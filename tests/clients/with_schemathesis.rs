//! schemathesis: requests made up from the description of the HTTP door, valid and not, each answer
//! held against it.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tokio::process::Command;

use crate::report::{Client, Report};
use crate::support::{Rest, ServerBuilder, sample_photos};
use crate::{document, notice, python};

/// Where the hooks are.
const FOLDER: &str = "schemathesis";
/// The packages, each at one version.
const PINNED: &str = include_str!("schemathesis/requirements.txt");
/// Seconds of a run, unless [`SECONDS_VARIABLE`] says otherwise.
const SECONDS: u64 = 60;
const SECONDS_VARIABLE: &str = "LIKENESS_SCHEMATHESIS_SECONDS";
/// That whatever fits the schemas is accepted: no schema says what an image or a statement is,
/// which cursors there were, and which `Idempotency-Key` was used before.
const NOT_CHECKED: &str = "positive_data_acceptance";
/// What a run says when it passes.
const CHECKED: [&str; 3] = [
    "`/openapi.json`: every operation is reached, with made up requests and in sequences",
    "every answer is one of the description's: status, headers, body",
    "no request makes the server fail, and none without a key is served",
];
/// Time that it may take to start and to report, on a slow machine.
const PATIENCE: Duration = Duration::from_mins(5);
/// The collection that half of the requests go to.
const COLLECTION: &str = "seeded";

/// Runs it against a server with a model pack and a collection with a face.
pub(crate) async fn run(client: &Client) {
    let python = match python::environment(FOLDER, PINNED) {
        Ok(python) => python,
        Err(why) => return notice::left_out(client, &why),
    };
    let server = ServerBuilder::new().with_models().start().await;
    let key = server.create_key("default", "schemathesis", "admin").await;
    let photos = sample_photos();
    let face = seed(&server.rest(&key), &photos[0]).await;
    let scratch = tempfile::tempdir().unwrap();
    let mut command = Command::new(python.with_file_name("schemathesis"));
    command
        .args(["run", &format!("http://{}/openapi.json", server.http)])
        .args(["--header", &format!("Authorization: Bearer {key}")])
        .args(["--max-time", &seconds().to_string(), "--seed", &seed_of_the_run()])
        .args(["--checks", "all"])
        .args(["--exclude-checks", NOT_CHECKED])
        .args(["--continue-on-failure", "--no-color"])
        .current_dir(scratch.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONPATH", python::scripts(FOLDER))
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("SEEDED_COLLECTION", COLLECTION)
        .env("SEEDED_FACE", face)
        .env("SEEDED_PHOTOS", photos[0].parent().unwrap())
        .kill_on_drop(true);
    let patience = PATIENCE + Duration::from_secs(seconds());
    let output = tokio::time::timeout(patience, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("schemathesis hangs")).unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{complaints}");
    let count = printed.lines().rfind(|line| line.contains(" generated"));
    notice::say(&format!("schemathesis: {}", count.expect("no summary").trim()));
    let version = PINNED.lines().find(|line| line.starts_with("schemathesis==")).unwrap();
    let passed = CHECKED.map(|check| format!("\nok {check}")).concat();
    let report = format!("pinned {}{passed}\ndone", version.replace("==", " "));
    document::hold(client, &Report::read(&report));
}

fn seconds() -> u64 {
    std::env::var(SECONDS_VARIABLE).map_or(SECONDS, |seconds| seconds.parse().unwrap())
}

/// The same for every short run, so that one does not fail by chance; a new one for a search.
fn seed_of_the_run() -> String {
    match std::env::var(SECONDS_VARIABLE) {
        Ok(_) => std::process::id().to_string(),
        Err(_) => "1".to_owned(),
    }
}

/// Creates the collection and returns the id of the only face in it.
async fn seed(rest: &Rest, photo: &Path) -> String {
    rest.post_json("/collections", &json!({ "external_id": COLLECTION })).await.unwrap();
    let faces = format!("/collections/{COLLECTION}/faces");
    let photo = std::fs::read(photo).unwrap();
    let indexed = rest.post_form(&faces, &[("image", &photo)], &[]).await.unwrap().1;
    indexed["face_id"].as_str().unwrap().to_owned()
}
