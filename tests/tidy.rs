//! The house rules that a machine can check: floors, sizes, bans. Depends on nothing but std, so
//! that it runs in a second and says what to do instead.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Modules of one crate from the ground up. A module may use the floors below its own, and itself.
struct House {
    sources: &'static str,
    floors: &'static [&'static [&'static str]],
    /// Edges that the floors would allow and the design forbids: (from, to).
    forbidden: &'static [(&'static str, &'static str)],
}

const SERVER: House = House {
    sources: "src",
    floors: &[
        &["biometric", "onnx"],
        &["pack"],
        &["vision"],
        &["engine"],
        &["sql"],
        &["pg", "rest"],
        &["config", "telemetry"],
        &["server"],
        &["demo"],
        &["cli"],
        &["lib", "main"],
    ],
    forbidden: &[
        ("rest", "sql"),
        ("rest", "vision"),
        ("rest", "onnx"),
        ("rest", "pack"),
        ("pg", "vision"),
        ("pg", "onnx"),
        ("pg", "pack"),
        ("sql", "vision"),
        ("sql", "onnx"),
        ("sql", "pack"),
    ],
};

const STORAGE: House = House {
    sources: "storage/src",
    floors: &[
        &["id", "limits"],
        &["checksum", "codec", "error", "kernel"],
        &["embedding", "io"],
        &["gallery", "row", "topk"],
        &["batch", "change", "options"],
        &["manifest", "memtable", "segment", "wal"],
        &["version"],
        &["checkpoint", "gc", "snapshot"],
        &["recovery"],
        &["committer"],
        &["store"],
        &["format_document", "lib"],
    ],
    forbidden: &[],
};

/// Crates that one module keeps to itself, or that a whole floor must not see.
const CRATE_OWNERS: &[(&str, &[&str])] = &[
    ("ort", &["onnx"]),
    ("prost", &["onnx"]),
    ("image", &["vision"]),
    ("axum", &["rest"]),
    ("pgwire", &["pg"]),
    ("datafusion", &["sql", "pg"]),
    ("clap", &["config", "cli", "main"]),
    ("likeness_storage", &["pack", "vision", "engine", "sql", "server"]),
];

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_CHARS_MAX: usize = 100;

/// Where unsafe code may stand.
const UNSAFE_HOMES: &[&str] = &["storage/src/kernel/", "storage/src/io/mmap.rs"];

struct Source {
    path: String,
    lines: Vec<String>,
}

impl Source {
    /// The lines before the file's unit tests.
    fn product(&self) -> &[String] {
        if self.is_test() {
            return &[];
        }
        let tests = self.lines.iter().position(|line| line.trim() == "#[cfg(test)]");
        &self.lines[..tests.unwrap_or(self.lines.len())]
    }

    fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests")
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folders: &[&str]) -> Vec<Source> {
    fn visit(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    for folder in folders {
        visit(&root().join(folder), &mut paths);
    }
    paths.sort();
    assert!(paths.len() > 1, "no sources found below {folders:?}");
    let read = |path: &PathBuf| Source {
        path: path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(),
        lines: fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect(),
    };
    paths.iter().map(read).collect()
}

fn everything() -> Vec<Source> {
    sources(&["src", "storage/src", "storage/tests", "tests"])
}

fn report(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// The module a source file belongs to: its top folder, or its own name.
fn module<'a>(path: &'a str, sources: &str) -> &'a str {
    let inside = path.strip_prefix(sources).unwrap().trim_start_matches('/');
    let first = inside.split('/').next().unwrap();
    first.strip_suffix(".rs").unwrap_or(first)
}

/// The words that follow `prefix` wherever it occurs, groups `{a, b}` opened.
fn paths_after<'a>(code: &'a str, prefix: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let word = |text: &'a str| {
            let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
            &text[..end.unwrap_or(text.len())]
        };
        match rest.strip_prefix('{') {
            Some(group) => {
                let group = &group[..group.find('}').unwrap_or(group.len())];
                found.extend(group.split(',').map(|part| word(part.trim())));
            }
            None => found.push(word(rest)),
        }
    }
    found
}

fn without_comments(lines: &[String]) -> String {
    let code = |line: &String| line.split("//").next().unwrap_or("").to_owned();
    lines.iter().map(code).collect::<Vec<_>>().join("\n")
}

fn edges(house: &House) -> BTreeMap<String, BTreeSet<(String, String)>> {
    let known: BTreeSet<&str> = house.floors.iter().copied().flatten().copied().collect();
    let mut edges: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for source in sources(&[house.sources]) {
        let from = module(&source.path, house.sources).to_owned();
        for to in paths_after(&without_comments(source.product()), "crate::") {
            if known.contains(to) && to != from {
                let place = (to.to_owned(), source.path.clone());
                edges.entry(from.clone()).or_default().insert(place);
            }
        }
    }
    edges
}

fn check_floors(house: &House) {
    let floor = |module: &str| house.floors.iter().position(|names| names.contains(&module));
    let mut complaints = Vec::new();
    for source in sources(&[house.sources]) {
        let name = module(&source.path, house.sources);
        if floor(name).is_none() {
            complaints.push(format!("{}: {name} has no floor; add it to tidy", source.path));
        }
    }
    for (from, targets) in edges(house) {
        for (to, path) in targets {
            let (Some(upper), Some(lower)) = (floor(&from), floor(&to)) else { continue };
            let banned = house.forbidden.contains(&(from.as_str(), to.as_str()));
            if lower >= upper || banned {
                complaints.push(format!(
                    "{path}: {from} (floor {upper}) must not use {to} (floor {lower}): \
                     see docs/architecture.md"
                ));
            }
        }
    }
    report(&complaints);
}

#[test]
fn imports_of_the_server_run_downwards_only() {
    check_floors(&SERVER);
}

#[test]
fn imports_of_the_storage_crate_run_downwards_only() {
    check_floors(&STORAGE);
}

#[test]
fn outside_crates_stay_in_the_modules_that_own_them() {
    let mut complaints = Vec::new();
    for source in sources(&["src"]) {
        let code = without_comments(source.product());
        let module = module(&source.path, "src");
        for (name, owners) in CRATE_OWNERS {
            let used = !paths_after(&code, &format!("{name}::")).is_empty();
            if used && !owners.contains(&module) {
                complaints.push(format!(
                    "{}: {module} must not use the crate {name}, only {owners:?} may",
                    source.path
                ));
            }
        }
    }
    report(&complaints);
}

#[test]
fn every_file_says_what_it_is_responsible_for() {
    let silent = |source: &Source| {
        !source.lines.first().is_some_and(|line| line.starts_with("//! ") && line.len() > 20)
    };
    let complaints: Vec<_> = everything()
        .iter()
        .filter(|source| silent(source))
        .map(|source| format!("{}: the first line must be //! and a sentence", source.path))
        .collect();
    report(&complaints);
}

#[test]
fn files_functions_and_lines_stay_short() {
    let mut complaints = Vec::new();
    for source in everything() {
        if source.product().len() > FILE_LINES_MAX {
            let lines = source.product().len();
            complaints.push(format!("{}: {lines} lines; split it by nouns", source.path));
        }
        for (number, line) in source.lines.iter().enumerate() {
            if line.chars().count() > LINE_CHARS_MAX && !line.contains("http") {
                complaints.push(format!("{}:{}: longer than 100", source.path, number + 1));
            }
        }
        complaints.extend(long_functions(&source));
    }
    report(&complaints);
}

/// Functions are found by indentation, which rustfmt guarantees.
fn long_functions(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut open: Option<(usize, usize, String)> = None;
    for (number, line) in source.lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let head = line.trim_start();
        let is_head = ["fn ", "pub fn ", "async fn ", "pub async fn ", "pub(super) fn "]
            .iter()
            .any(|start| head.starts_with(start));
        if is_head && open.is_none() && !head.ends_with(';') {
            let name = head.split('(').next().unwrap_or(head).to_owned();
            open = Some((number, indent, name));
        } else if let Some((start, depth, name)) = &open
            && indent == *depth
            && (head == "}" || head.ends_with(';'))
        {
            let length = number - start + 1;
            if length > FUNCTION_LINES_MAX {
                complaints.push(format!(
                    "{}:{}: {name} has {length} lines",
                    source.path,
                    start + 1
                ));
            }
            open = None;
        }
    }
    complaints
}

#[test]
fn unsafe_code_stands_only_in_the_kernels_and_the_mapping() {
    let mut complaints = Vec::new();
    for source in everything() {
        let allowed = UNSAFE_HOMES.iter().any(|home| source.path.starts_with(home));
        for (number, line) in source.lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            let words = || code.split(|c: char| !c.is_alphanumeric() && c != '_');
            if !allowed && source.path != "tests/tidy.rs" && words().any(|word| word == "unsafe") {
                complaints.push(format!("{}:{}: unsafe", source.path, number + 1));
            }
        }
    }
    report(&complaints);
}

#[test]
fn tests_can_fail_and_nothing_is_left_half_done() {
    let bans: &[(&str, &str)] = &[
        (concat!("#[", "ignore"), "run the test or delete it"),
        (concat!("#[", "should_panic"), "assert on a Result instead"),
        (concat!("TO", "DO"), "file an issue or write a decision"),
        (concat!("FIX", "ME"), "fix it or file an issue"),
        (concat!("unimplemented", "!"), "answer with an error that names the thing"),
        (concat!("assert!(", "true)"), "assert something that can fail"),
    ];
    let mut complaints = Vec::new();
    for source in everything() {
        for (number, line) in source.lines.iter().enumerate() {
            for (word, instead) in bans.iter().filter(|(word, _)| line.contains(word)) {
                complaints.push(format!("{}:{}: {word}: {instead}", source.path, number + 1));
            }
            let bare =
                line.trim_start().starts_with("matches!(") && line.trim_end().ends_with(");");
            if bare && source.is_test() {
                complaints.push(format!("{}:{}: a bare matches!", source.path, number + 1));
            }
        }
    }
    report(&complaints);
}

#[test]
fn every_relative_link_in_the_documents_leads_somewhere() {
    let mut complaints = Vec::new();
    let mut documents = vec![root().join("README.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                documents.push(path);
            }
        }
    }
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or("");
            let outside = target.contains("://") || target.is_empty();
            if !outside && !document.parent().unwrap().join(target).exists() {
                complaints.push(format!("{}: {link} leads nowhere", document.display()));
            }
        }
    }
    report(&complaints);
}
