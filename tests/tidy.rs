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
        &["biometric", "causes", "fuzz", "onnx", "tls"],
        &["audit", "pack"],
        &["vision"],
        &["engine"],
        &["sql"],
        &["pg", "rest"],
        &["native", "web"],
        &["config", "safekeeping", "telemetry"],
        &["server"],
        &["bench", "demo"],
        &["cli"],
        &["lib", "main"],
    ],
    forbidden: &[
        ("rest", "sql"),
        ("rest", "vision"),
        ("rest", "onnx"),
        ("rest", "pack"),
        ("native", "onnx"),
        ("native", "pack"),
        ("native", "vision"),
        ("web", "engine"),
        ("web", "pg"),
        ("web", "sql"),
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
        &["half", "id", "limits"],
        &[
            "checksum",
            "codec",
            "error",
            "exactness",
            "kernel",
            "numbers",
            "precision",
            "template_set",
        ],
        &["embedding", "io", "thumbnail"],
        &["gallery", "rotation", "row", "topk"],
        &["batch", "change", "code", "options"],
        &["manifest", "memtable", "segment", "wal"],
        &["inventory", "version"],
        &["attachment", "gc", "scan", "sealed"],
        &["checkpoint", "prepare", "recovery", "snapshot"],
        &["check", "compaction", "join", "transaction"],
        &["activity", "backup", "erasure", "worker"],
        &["committer", "restore"],
        &["loader"],
        &["store"],
        &["format_document", "fuzz", "lib"],
    ],
    forbidden: &[],
};

/// Crates that one module keeps to itself, or that a whole floor must not see.
const CRATE_OWNERS: &[(&str, &[&str])] = &[
    ("ort", &["onnx"]),
    ("prost", &["onnx"]),
    ("image", &["vision"]),
    ("axum", &["native", "rest", "web"]),
    ("pgwire", &["pg"]),
    ("postgres_types", &["pg"]),
    ("pulldown_cmark", &["web"]),
    ("datafusion", &["sql", "pg"]),
    ("tokio_rustls", &["tls"]),
    ("utoipa", &["biometric", "engine", "native", "rest"]),
    ("clap", &["bench", "config", "cli", "main", "safekeeping"]),
    ("likeness_storage", &["bench", "pack", "vision", "engine", "sql", "server", "safekeeping"]),
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
    /// The lines that are compiled into the product: without items under `#[cfg(test)]`.
    fn product(&self) -> Vec<&str> {
        let mut product = Vec::new();
        if self.is_test() {
            return product;
        }
        let mut lines = self.lines.iter().map(String::as_str);
        while let Some(line) = lines.next() {
            if line.trim() == "#[cfg(test)]" {
                let depth = indent(line);
                let ends = |line: &&str| {
                    let attribute = line.trim_start().starts_with("#[");
                    indent(line) == depth && !attribute && line.ends_with([';', '}', ','])
                };
                lines.find(ends);
            } else {
                product.push(line);
            }
        }
        product
    }

    fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests")
    }
}

/// How far a line is indented, which rustfmt makes meaningful.
fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
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

/// The words that follow `prefix` wherever it occurs, groups `{a, b::{c}}` opened.
fn paths_after<'a>(code: &'a str, prefix: &str) -> Vec<&'a str> {
    let paths = starts_of(code, prefix).flat_map(|at| paths_at(&mut &code[at + prefix.len()..]));
    paths.filter_map(|path| path.first().copied()).collect()
}

/// The paths that begin with `word`, itself included.
fn paths_from<'a>(code: &'a str, word: &'a str) -> Vec<Vec<&'a str>> {
    starts_of(code, word).flat_map(|at| paths_at(&mut &code[at..])).collect()
}

/// Where `prefix` begins a path.
fn starts_of<'a>(code: &'a str, prefix: &'a str) -> impl Iterator<Item = usize> + 'a {
    let begins = |at: &usize| {
        let before = code[..*at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    };
    code.match_indices(prefix).map(|(at, _)| at).filter(begins)
}

/// The paths of a `use` tree, which is taken off `rest`: `a::{b, c}` is `a::b` and `a::c`.
fn paths_at<'a>(rest: &mut &'a str) -> Vec<Vec<&'a str>> {
    *rest = rest.trim_start();
    if let Some(inside) = rest.strip_prefix('{') {
        *rest = inside;
        let mut paths = Vec::new();
        loop {
            paths.extend(paths_at(rest));
            // Over `as name` and `*`, to the next branch or the end of the group.
            let Some(end) = rest.find([',', '}']) else { return paths };
            let closed = rest[end..].starts_with('}');
            *rest = &rest[end + 1..];
            if closed {
                return paths;
            }
        }
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    *rest = after;
    if word.is_empty() {
        return vec![Vec::new()];
    }
    let Some(inside) = rest.strip_prefix("::") else { return vec![vec![word]] };
    *rest = inside;
    let longer = |path: Vec<&'a str>| [&[word][..], &path].concat();
    paths_at(rest).into_iter().map(longer).collect()
}

fn without_comments(lines: &[&str]) -> String {
    let code = |line: &&str| line.split("//").next().unwrap_or("").to_owned();
    lines.iter().map(code).collect::<Vec<_>>().join("\n")
}

fn edges(house: &House) -> BTreeMap<String, BTreeSet<(String, String)>> {
    let known: BTreeSet<&str> = house.floors.iter().copied().flatten().copied().collect();
    let mut edges: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for source in sources(&[house.sources]) {
        let from = module(&source.path, house.sources).to_owned();
        let code = without_comments(&source.product());
        for to in paths_after(&code, "crate::") {
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

/// Which files of a crate use which: paths that begin with `crate::` or `super::`.
///
/// A file's own folders and the crate root are left out as targets: a `mod.rs` re-exports what its
/// children share, so they name it. What it takes from them counts, so that a circle through a
/// folder is seen.
fn file_uses(sources_folder: &str) -> BTreeMap<String, BTreeSet<String>> {
    let all = sources(&[sources_folder]);
    let files: BTreeMap<Vec<&str>, &str> = all
        .iter()
        .map(|source| (module_path(&source.path, sources_folder), &*source.path))
        .collect();
    let mut uses = BTreeMap::new();
    for source in all.iter().filter(|source| !source.is_test()) {
        let here = module_path(&source.path, sources_folder);
        let code = without_comments(&source.product());
        let mut named = Vec::new();
        for path in paths_from(&code, "crate::").into_iter().chain(paths_from(&code, "super::")) {
            let up = path.iter().take_while(|word| **word == "super").count();
            let base = if up == 0 { &[] } else { &here[..here.len().saturating_sub(up)] };
            named.push([base, &path[up.max(1)..]].concat());
        }
        for at in starts_of(&code, "use ") {
            let paths = paths_at(&mut &code[at + "use ".len()..]);
            named.extend(paths.into_iter().map(|path| [&here[..], &path].concat()));
        }
        let targets = named.iter().filter_map(|path| {
            let known = (1..=path.len()).rev().find_map(|n| files.get_key_value(&path[..n]))?;
            (!here.starts_with(known.0)).then(|| (*known.1).to_owned())
        });
        uses.insert(source.path.clone(), targets.collect());
    }
    uses
}

/// The module that a file is, as words: `src/sql/read/search/mod.rs` is sql, search.
fn module_path<'a>(path: &'a str, sources: &str) -> Vec<&'a str> {
    let inside = path.strip_prefix(sources).unwrap().trim_start_matches('/');
    let words = inside.strip_suffix(".rs").unwrap();
    words.split('/').filter(|word| *word != "mod").collect()
}

/// Groups of files each of which reaches all others of its group.
fn cycles(uses: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<Vec<String>> {
    let reached = |from: &String| {
        let mut reached = BTreeSet::new();
        let mut next = vec![from];
        while let Some(file) = next.pop() {
            let targets = uses.get(file).into_iter().flatten();
            next.extend(targets.filter(|target| reached.insert((*target).clone())));
        }
        reached
    };
    let reach: BTreeMap<_, _> = uses.keys().map(|file| (file, reached(file))).collect();
    let group = |file: &String| {
        let mutual = |other: &&String| reach[file].contains(*other) && reach[*other].contains(file);
        uses.keys().filter(mutual).cloned().collect::<Vec<_>>()
    };
    uses.keys().map(group).filter(|group| !group.is_empty()).collect()
}

#[test]
fn files_do_not_use_each_other_in_circles() {
    let mut complaints = Vec::new();
    for folder in [SERVER.sources, STORAGE.sources] {
        for cycle in cycles(&file_uses(folder)) {
            complaints.push(format!("a circle of imports: {}", cycle.join(", ")));
        }
    }
    report(&complaints);
}

#[test]
fn outside_crates_stay_in_the_modules_that_own_them() {
    let mut complaints = Vec::new();
    for source in sources(&["src"]) {
        let code = without_comments(&source.product());
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
        let head = line.trim_start();
        if is_function(head) && open.is_none() && !head.ends_with([';', '}']) {
            let name = head.split("fn ").nth(1).and_then(|rest| rest.split(['(', '<']).next());
            open = Some((number, indent(line), name.unwrap_or(head).to_owned()));
        } else if let Some((start, depth, name)) = &open
            && indent(line) == *depth
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

/// Whether a function's head begins here, whatever stands before its `fn`.
fn is_function(line: &str) -> bool {
    let before = line.split_once("fn ").map(|(before, _)| before);
    let qualifier = |word: &str| {
        let visible = word.starts_with("pub") && !word.contains('"');
        visible || ["async", "const", "unsafe", "extern", "\"C\""].contains(&word)
    };
    before.is_some_and(|before| before.split_whitespace().all(qualifier))
}

#[test]
fn cargo_run_has_one_binary_to_choose_from() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = manifest.lines().find_map(|line| line.strip_prefix("default-members = ["));
    let members: Vec<&str> = members.expect("no default members").split('"').collect();
    let members = members.iter().skip(1).step_by(2).map(|member| root().join(member));
    let binaries = members.filter(|member| {
        let manifest = fs::read_to_string(member.join("Cargo.toml")).unwrap();
        assert!(!manifest.contains("[[bin]]"), "{}: a named binary", member.display());
        member.join("src/main.rs").exists() || member.join("src/bin").exists()
    });
    assert_eq!(binaries.count(), 1, "the README's first command runs `cargo run`");
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

/// README.md and everything below docs/, path and text.
fn documents() -> Vec<(PathBuf, String)> {
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
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    };
    documents.into_iter().map(read).collect()
}

#[test]
fn every_relative_link_in_the_documents_leads_somewhere() {
    let mut complaints = Vec::new();
    for (document, text) in documents() {
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

#[test]
fn no_placeholder_is_left_in_the_documents() {
    let mut complaints = Vec::new();
    for (document, text) in documents() {
        for (number, _) in text.lines().enumerate().filter(|(_, line)| line.contains("@@")) {
            let place = format!("{}:{}", document.display(), number + 1);
            complaints.push(format!("{place}: @@ stands for something not written yet"));
        }
    }
    report(&complaints);
}

/// The checks above pass on a tidy tree whether they look or not; these see something.
#[test]
fn nested_groups_heads_test_items_and_circles_are_seen() {
    let code = "use krate::{a::{B, c::D}, e as f, g::*};\nkrate::h::<T>();";
    assert_eq!(paths_after(code, "krate::"), ["a", "a", "e", "g", "h"]);

    for head in ["pub(super) async fn f(", "pub(crate) const fn f(", "fn f<T>("] {
        assert!(is_function(head), "{head}");
    }
    assert!(!is_function("let f: fn (u8) = g;"));

    let text = "#[cfg(test)]\nuse a::{\n    b,\n};\nkept\n#[cfg(test)]\nmod t {\n    x;\n}\nend";
    let lines = text.lines().map(str::to_owned).collect();
    assert_eq!(Source { path: "src/a.rs".to_owned(), lines }.product(), ["kept", "end"]);

    let uses = [("a", "b"), ("b", "c"), ("c", "b")]
        .map(|(from, to)| (from.to_owned(), BTreeSet::from([to.to_owned()])));
    let circle = vec!["b".to_owned(), "c".to_owned()];
    assert_eq!(cycles(&BTreeMap::from(uses)), BTreeSet::from([circle]));
    let uses = file_uses(SERVER.sources);
    assert!(
        uses["src/sql/read/search/mod.rs"].contains("src/sql/read/search/rewrite.rs"),
        "{uses:?}"
    );
    assert!(
        uses["src/sql/read/search/arguments.rs"].contains("src/sql/grammar/marker.rs"),
        "{uses:?}"
    );
}
