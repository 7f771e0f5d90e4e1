//! Goal: what is installed is exactly what was published and tried out, or nothing is. Method: a
//! recipe of small files, with the trial played by the test, and files on disk looked at.

use super::*;
use crate::pack::manifest::{DetectorKind, EmbedderKind};
use crate::pack::{ModelLibrary, NoProgress};
use tempfile::TempDir;

const ABC: SourceFile = SourceFile {
    path: "a/abc.bin",
    bytes: 3,
    sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
};

const SMALL: Recipe = Recipe {
    id: "small",
    version: "7",
    name: "small files",
    detector: (DetectorKind::YuNet, "detector.onnx"),
    embedder: (EmbedderKind::SFace, "embedder.onnx", 4),
    similarity: &[(0.1, 0.5)],
    calibration: Some(FalseMatchRates { points: &[(0.2, 0.1), (0.3, 0.01)], least: 0.001 }),
    licence: "none",
    weaknesses: &["everything"],
    sources: &[Source { origin: Origin::Https { url: "https://localhost/" }, files: &[ABC] }],
    products: &[
        Product::Copy { from: ABC.path, to: "detector.onnx" },
        Product::Copy { from: ABC.path, to: "embedder.onnx" },
        Product::Copy { from: ABC.path, to: "samples/one.jpg" },
    ],
    golden: None,
};

fn small_files() -> Vec<(&'static str, Vec<u8>)> {
    products(&SMALL, &Contents::from([(ABC.path, b"abc".to_vec())])).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn refusal() -> PackError {
    PackError::Platform { platform: "test".to_owned() }
}

#[test]
fn only_the_published_bytes_are_passed_on() {
    assert_eq!(checked(&ABC, b"abc".to_vec()).unwrap(), b"abc");
    for wrong in [&b"abd"[..], b"ab", b"abcd", b""] {
        let error = checked(&ABC, wrong.to_vec()).unwrap_err();
        assert!(matches!(error, PackError::Damaged { .. }), "{error:?}");
        assert!(error.to_string().contains(ABC.path), "{error}");
    }
}

#[test]
fn a_published_pack_opens_verifies_and_lists_its_photos() {
    let root = TempDir::new().unwrap();
    publish(&SMALL, &small_files(), root.path(), |_| Ok(())).unwrap();
    let library = ModelLibrary::new(root.path().to_owned());
    let pack = library.verify("small").unwrap();
    assert_eq!(pack.manifest.model(), "small@7");
    assert_eq!(pack.manifest.similarity, [(0.1, 0.5)]);
    let rates = pack.manifest.calibration().unwrap().unwrap();
    assert!((rates.at(0.01).unwrap().cosine - 0.3).abs() < 1e-6);
    assert_eq!(library.sample_photos("small"), [pack.dir.join("samples/one.jpg")]);
}

#[test]
fn the_pack_is_complete_when_it_is_tried_out_and_not_yet_visible() {
    let root = TempDir::new().unwrap();
    let library = ModelLibrary::new(root.path().to_owned());
    publish(&SMALL, &small_files(), root.path(), |folder| {
        assert!(folder.join(MANIFEST).is_file() && folder.join("samples/one.jpg").is_file());
        assert!(library.open("small").is_err());
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_pack_that_fails_its_trial_leaves_nothing() {
    let root = TempDir::new().unwrap();
    let refused = publish(&SMALL, &small_files(), root.path(), |_| Err(refusal()));
    assert!(matches!(refused, Err(PackError::Platform { .. })), "{refused:?}");
    assert_eq!(names(&root.path().join("packs")), Vec::<String>::new());
}

#[test]
fn a_failed_replacement_leaves_the_old_pack() {
    let root = TempDir::new().unwrap();
    publish(&SMALL, &small_files(), root.path(), |_| Ok(())).unwrap();
    let newer = Recipe { version: "8", ..SMALL };
    assert!(publish(&newer, &small_files(), root.path(), |_| Err(refusal())).is_err());
    let library = ModelLibrary::new(root.path().to_owned());
    assert_eq!(library.verify("small").unwrap().manifest.version, "7");
    publish(&newer, &small_files(), root.path(), |_| Ok(())).unwrap();
    assert_eq!(library.verify("small").unwrap().manifest.version, "8");
    assert_eq!(names(&root.path().join("packs")), ["small"]);
}

#[test]
fn models_of_another_form_are_not_converted() {
    let recipe = Recipe {
        products: &[Product::CenterFace { from: ABC.path, to: "d", sha256_patched: "" }],
        ..SMALL
    };
    let error = products(&recipe, &Contents::from([(ABC.path, b"abc".to_vec())])).unwrap_err();
    assert!(matches!(error, PackError::Convert { file: "a/abc.bin", .. }), "{error:?}");
}

#[test]
fn a_second_process_waits_for_the_first() {
    let root = TempDir::new().unwrap();
    let first = InstallLock::acquire(root.path(), &NoProgress).unwrap();
    let waits = Waits { first: parking_lot::Mutex::new(Some(first)) };
    let second = InstallLock::acquire(root.path(), &waits);
    assert!(second.is_ok(), "{second:?}");
    assert!(waits.first.lock().is_none(), "the second did not wait");
}

/// Releases the first lock as soon as the second is reported to wait.
struct Waits {
    first: parking_lot::Mutex<Option<InstallLock>>,
}

impl Progress for Waits {
    fn begin(&self, step: &str, _bytes: Option<u64>) {
        assert!(step.contains("waiting"), "{step}");
        self.first.lock().take();
    }
    fn advance(&self, _bytes: u64) {}
    fn finish(&self) {}
}
