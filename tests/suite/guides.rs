//! The guides' promise: their commands do what they say.

use std::process::Command;

use serde_json::{Deserializer, Value};

use crate::portraits::Portraits;
use crate::support::ServerBuilder;

const GUIDES: [(&str, &str); 4] = [
    ("onboarding-match", include_str!("../../docs/guides/onboarding-match.md")),
    ("duplicate-detection", include_str!("../../docs/guides/duplicate-detection.md")),
    ("returning-customer", include_str!("../../docs/guides/returning-customer.md")),
    ("upload-check", include_str!("../../docs/guides/upload-check.md")),
];

/// The blocks of code of a document: their language and their text.
fn blocks(document: &str) -> Vec<(&str, &str)> {
    let fenced = document.split("\n```").skip(1).step_by(2);
    fenced.filter_map(|block| block.split_once('\n')).collect()
}

fn values(text: &str) -> Vec<Value> {
    let values = Deserializer::from_str(text).into_iter().collect::<Result<_, _>>();
    values.unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Whether an answer is what a guide shows: the same fields, words and counts; measured numbers,
/// ids and times are of their kind.
fn alike(shown: &Value, answered: &Value) -> bool {
    match (shown, answered) {
        (Value::Object(shown), Value::Object(answered)) => {
            shown.len() == answered.len()
                && shown.iter().all(|(name, value)| {
                    answered.get(name).is_some_and(|answered| alike(value, answered))
                })
        }
        (Value::Array(shown), Value::Array(answered)) => {
            shown.len() == answered.len()
                && shown.iter().zip(answered).all(|(shown, answered)| alike(shown, answered))
        }
        (Value::Number(shown), Value::Number(answered)) => {
            !shown.is_i64() && answered.is_f64() || shown == answered
        }
        (Value::String(shown), Value::String(answered)) => {
            let made = |text: &str| text.starts_with("f_") || text.ends_with('Z');
            shown == answered || (made(shown) && shown.len() == answered.len())
        }
        (shown, answered) => shown == answered,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_guides_answer_as_the_guides_show() {
    for program in ["curl", "jq"] {
        if Command::new(program).arg("--version").output().is_err() {
            println!("{program} is not installed: the guides' commands were not run");
            return;
        }
    }
    let server = ServerBuilder::new().with_models().start().await;
    let portraits = Portraits::new(&server.rest(&server.first_key())).await;
    for (name, guide) in GUIDES {
        let folder = tempfile::tempdir().unwrap();
        for (file, bytes) in [
            ("liveness.jpg", &portraits.person),
            ("id-photo.jpg", &portraits.again),
            ("new-user.jpg", &portraits.again),
            ("selfie.jpg", &portraits.again),
            ("upload.jpg", &portraits.person),
            ("stranger.jpg", &portraits.stranger),
            ("landscape.png", &crate::bad_images::png(320, 240)),
        ] {
            std::fs::write(folder.path().join(file), bytes).unwrap();
        }
        let key = server.create_key(name, name, "admin").await;
        let blocks = blocks(guide);
        let mut shown = 0;
        for pair in blocks.windows(2) {
            let [("sh", commands), ("json", expected)] = pair else { continue };
            let output = Command::new("sh")
                .args(["-eu", "-c", commands])
                .current_dir(folder.path())
                .env("LIKENESS", format!("http://{}/api/v2", server.http))
                .env("KEY", &key)
                .output()
                .unwrap();
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name}: {commands}\n{complaint}");
            let answered = values(&String::from_utf8_lossy(&output.stdout));
            let expected = values(expected);
            let same = expected.len() == answered.len()
                && expected.iter().zip(&answered).all(|(shown, answered)| alike(shown, answered));
            assert!(same, "{name}: {commands}\n{answered:#?}");
            shown += 1;
        }
        let commands = blocks.iter().filter(|(language, _)| *language == "sh").count();
        assert!(shown >= 3 && shown == commands, "{name}: each command is followed by its answer");
    }
}
