//! `docs/clients.md`: a section per client, compared with what a run printed, or written by it.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use crate::report::{Client, Report};

/// Sections are written by tests that run beside each other.
static WRITING: Mutex<()> = Mutex::new(());

/// Holds the document and a run against each other.
pub(crate) fn hold(client: &Client, report: &Report) {
    let section = section(client, report);
    if writes() {
        write(client, &section);
        return;
    }
    let document = fs::read_to_string(path()).unwrap();
    let (_, written, _) = split(&document, client);
    let how = "LIKENESS_UPDATE=1 writes docs/clients.md anew";
    assert!(!written.is_empty(), "docs/clients.md has no section {}; {how}", client.name);
    let checks = |section: &str| {
        let lines = section.lines().filter(|line| line.starts_with("* ")).map(str::to_owned);
        lines.collect::<Vec<_>>()
    };
    assert_eq!(checks(&section), checks(written), "{}: other checks ran; {how}", client.name);
    for version in &report.pinned {
        assert!(written.contains(version), "{version} ran, the document has another; {how}");
    }
}

/// Whether the run writes the document.
fn writes() -> bool {
    std::env::var_os("LIKENESS_UPDATE").is_some()
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/clients.md")
}

fn section(client: &Client, report: &Report) -> String {
    let versions = [&report.pinned[..], &report.machine].concat().join(", ");
    format!("## {}\n\n{versions}\n\n* {}\n", client.name, report.passed.join("\n* "))
}

/// The document before, in and behind a client's section, which is empty where there is none.
fn split<'a>(document: &'a str, client: &Client) -> (&'a str, &'a str, &'a str) {
    let heading = format!("## {}\n", client.name);
    let Some(start) = document.find(&heading) else { return (document, "", "") };
    let behind = document[start..].find("\n## ").map_or(document.len(), |at| start + at + 1);
    (&document[..start], &document[start..behind], &document[behind..])
}

fn write(client: &Client, section: &str) {
    let _writing = WRITING.lock().unwrap();
    let document = fs::read_to_string(path()).unwrap();
    let (before, _, behind) = split(&document, client);
    let gap = if behind.is_empty() { "" } else { "\n" };
    let whole = format!("{}\n\n{section}{gap}{behind}", before.trim_end());
    fs::write(path(), whole).unwrap();
}

/// Every test of the matrix names its client in `main.rs`, and the document has no other.
#[test]
fn every_section_of_the_document_has_a_client() {
    if writes() {
        return;
    }
    let document = fs::read_to_string(path()).unwrap();
    let clients = include_str!("main.rs");
    let sections: Vec<&str> =
        document.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let named = clients.matches("Client::new(").count();
    assert_eq!(sections.len(), named, "{sections:?}");
    for section in sections {
        assert!(clients.contains(&format!("Client::new(\"{section}\")")), "{section}");
    }
}
