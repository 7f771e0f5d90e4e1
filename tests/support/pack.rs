//! The default model pack, installed once per test run by the command line itself.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use likeness::pack::{DEFAULT_PACK, ModelLibrary};

/// The directory of model packs with the default pack in it.
pub(crate) fn models_dir() -> PathBuf {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(install).clone()
}

/// Photos of people that come with the default pack, sorted by name.
pub(crate) fn sample_photos() -> Vec<PathBuf> {
    let photos = ModelLibrary::new(models_dir()).sample_photos(DEFAULT_PACK);
    assert!(photos.len() >= 4, "the pack brought only {} sample photos", photos.len());
    photos
}

fn install() -> PathBuf {
    let library = match std::env::var_os("LIKENESS_MODELS") {
        Some(root) => ModelLibrary::new(PathBuf::from(root)),
        None => ModelLibrary::at_default_root(),
    };
    let output = Command::new(env!("CARGO_BIN_EXE_likeness"))
        .args(["models", "install", "--models"])
        .arg(library.root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "these tests need the default model pack, and installing it failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    library.root().to_owned()
}
