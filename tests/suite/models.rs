//! The models command: what it lists, and that no changed byte escapes it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use likeness::pack::{DEFAULT_PACK, ModelLibrary};
use tempfile::TempDir;

use crate::support::models_dir;

/// A models directory with a copy of the default pack and nothing else.
fn copied_pack() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let pack = ModelLibrary::new(models_dir()).open(DEFAULT_PACK).unwrap();
    let copy = root.path().join("packs").join(DEFAULT_PACK);
    let files = pack.manifest.files.iter().map(|file| file.path.as_str());
    for file in files.chain(["pack.toml"]) {
        fs::create_dir_all(copy.join(file).parent().unwrap()).unwrap();
        fs::copy(pack.dir.join(file), copy.join(file)).unwrap();
    }
    root
}

fn models(root: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_likeness"));
    command.arg("models").args(arguments).arg("--models").arg(root).output().unwrap()
}

fn printed(output: &Output) -> &str {
    assert!(output.status.success(), "{}", complaint(output));
    str::from_utf8(&output.stdout).unwrap()
}

fn complaint(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn an_installed_pack_is_listed_for_people_and_for_programs() {
    let root = copied_pack();
    let listed = models(root.path(), &["list"]);
    let line = printed(&listed).lines().find(|line| line.starts_with(DEFAULT_PACK)).unwrap();
    assert!(line.contains(" installed "), "{line}");

    let listed = models(root.path(), &["list", "--json"]);
    let entries: Vec<serde_json::Value> =
        printed(&listed).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let entry = entries.iter().find(|entry| entry["id"] == DEFAULT_PACK).unwrap();
    assert_eq!((&entry["installed"], &entry["problem"]), (&true.into(), &().into()));
    assert!(entries.iter().any(|entry| entry["installed"] == false), "{entries:?}");
}

#[test]
fn one_changed_byte_of_a_model_is_found_and_the_file_named() {
    let root = copied_pack();
    let verified = models(root.path(), &["verify"]);
    assert!(printed(&verified).contains(DEFAULT_PACK), "{verified:?}");

    let model = root.path().join("packs").join(DEFAULT_PACK).join("embedder.onnx");
    let mut bytes = fs::read(&model).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&model, bytes).unwrap();
    let verified = models(root.path(), &["verify"]);
    assert_eq!(verified.status.code(), Some(1));
    assert!(complaint(&verified).contains("embedder.onnx is damaged"), "{verified:?}");
}

#[test]
fn a_damaged_pack_hides_no_other() {
    let root = copied_pack();
    let packs = root.path().join("packs");
    fs::create_dir(packs.join("broken")).unwrap();
    fs::write(packs.join("broken/pack.toml"), "schema = 1").unwrap();
    fs::remove_file(packs.join(DEFAULT_PACK).join("detector.onnx")).unwrap();

    let listed = models(root.path(), &["list"]);
    let damaged = printed(&listed).lines().filter(|line| line.contains(" damaged ")).count();
    assert_eq!(damaged, 2, "{listed:?}");
    let verified = models(root.path(), &["verify"]);
    assert_eq!(verified.status.code(), Some(1));
    for file in ["broken/pack.toml", "detector.onnx"] {
        assert!(complaint(&verified).contains(file), "{verified:?}");
    }
}
