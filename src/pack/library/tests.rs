//! Goal: the library shows what is in the directory and refuses what is damaged. Method: packs
//! written by hand, as somebody with models of their own would.

use std::fmt::Write;

use super::*;
use crate::pack::NoProgress;
use crate::pack::digest::sha256;
use tempfile::TempDir;

/// A library with one hand-made pack of this id.
fn with_pack(id: &str) -> (TempDir, ModelLibrary) {
    let root = TempDir::new().unwrap();
    let folder = root.path().join("packs").join(id);
    fs::create_dir_all(&folder).unwrap();
    let mut text = format!(
        "schema = 1\nid = \"{id}\"\nversion = \"3\"\nname = \"own\"\nnormalisation = \"l2\"\n\
         licence = \"own\"\n\
         detector = {{ kind = \"scrfd\", file = \"d.onnx\" }}\n\
         embedder = {{ kind = \"arcface\", file = \"e.onnx\", dimensions = 512 }}\n"
    );
    for file in ["d.onnx", "e.onnx"] {
        fs::write(folder.join(file), file).unwrap();
        let digest = sha256(file.as_bytes());
        write!(text, "[[files]]\npath = \"{file}\"\nbytes = 6\nsha256 = \"{digest}\"\n").unwrap();
    }
    fs::write(folder.join(MANIFEST), text).unwrap();
    let library = ModelLibrary::new(root.path().to_owned());
    (root, library)
}

#[test]
fn an_empty_library_offers_the_catalogue_and_creates_nothing() {
    let root = TempDir::new().unwrap();
    let library = ModelLibrary::new(root.path().join("absent"));
    let listed = library.list().unwrap();
    let ids: Vec<_> = listed.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["dlib-centerface", "opencv"]);
    assert!(listed.iter().all(|entry| !entry.installed));
    assert!(!library.root().exists());
}

#[test]
fn a_hand_made_pack_is_listed_opened_and_verified() {
    let (_root, library) = with_pack("own");
    let entry = library.list().unwrap().pop().unwrap();
    assert_eq!((entry.id.as_str(), entry.version.as_str(), entry.installed), ("own", "3", true));
    assert_eq!(entry.problem, None);
    assert_eq!(
        library.verify("own").unwrap(),
        library.open_or_install("own", &NoProgress).unwrap()
    );
    assert_eq!(library.install("own", &NoProgress).unwrap().manifest.model(), "own@3");
}

#[test]
fn a_pack_installed_before_its_error_rates_were_known_has_them() {
    let (root, library) = with_pack("dlib-centerface");
    let path = root.path().join("packs/dlib-centerface").join(MANIFEST);
    let text = fs::read_to_string(&path).unwrap().replace("version = \"3\"", "version = \"1\"");
    fs::write(&path, &text).unwrap();
    let rates = || library.open("dlib-centerface").unwrap().manifest.calibration().unwrap();
    assert_eq!(rates(), None, "a pack of another name holds other models");
    let name = catalogue::recipe("dlib-centerface").unwrap().name;
    fs::write(&path, text.replace("name = \"own\"", &format!("name = \"{name}\""))).unwrap();
    assert!((rates().unwrap().at(0.0011).unwrap().cosine - 0.65).abs() < 1e-6);
}

#[test]
fn a_hand_made_pack_may_stand_in_for_one_of_the_catalogue() {
    let (_root, library) = with_pack("opencv");
    let listed = library.list().unwrap();
    let installed: Vec<_> = listed.iter().filter(|entry| entry.installed).collect();
    assert_eq!(installed.len(), 1);
    assert_eq!((listed.len(), installed[0].version.as_str()), (2, "3"));
}

#[test]
fn changed_bytes_are_found_and_named() {
    let (_root, library) = with_pack("own");
    let file = library.open("own").unwrap().dir.join("e.onnx");
    fs::write(&file, "E.onnx").unwrap();
    assert!(library.open("own").is_ok());
    let error = library.verify("own").unwrap_err();
    assert!(error.to_string().contains("e.onnx is damaged"), "{error}");
    fs::write(&file, "cut").unwrap();
    let error = library.open("own").unwrap_err();
    assert!(error.to_string().contains("3 bytes instead of 6 bytes"), "{error}");
}

#[test]
fn a_damaged_pack_is_listed_with_its_problem_beside_the_others() {
    let (_root, library) = with_pack("own");
    fs::write(library.open("own").unwrap().dir.join("e.onnx"), "cut").unwrap();
    let broken = library.root().join("packs/broken");
    fs::create_dir(&broken).unwrap();
    fs::write(broken.join(MANIFEST), "schema = 1\nid = 2\n").unwrap();

    let listed = library.list().unwrap();
    let installed: Vec<_> = listed.iter().filter(|entry| entry.installed).collect();
    let found: Vec<_> = installed.iter().map(|e| (e.id.as_str(), e.version.as_str())).collect();
    assert_eq!(found, [("broken", ""), ("own", "3")]);
    for (entry, expected) in installed.iter().zip(["pack manifest", "e.onnx is damaged"]) {
        let problem = entry.problem.as_deref().unwrap_or_default();
        assert!(problem.contains(expected), "{problem}");
    }
}

#[test]
fn absent_packs_are_told_apart_from_unknown_ones() {
    let (_root, library) = with_pack("own");
    let error = library.open("opencv").unwrap_err();
    assert!(matches!(&error, PackError::NotInstalled { id } if id == "opencv"), "{error:?}");
    for id in ["nothing", "../packs/own", "", "."] {
        let error = library.open_or_install(id, &NoProgress).unwrap_err();
        assert!(matches!(&error, PackError::Unknown { id: named, .. } if named == id), "{error:?}");
        assert!(error.to_string().contains("dlib-centerface, opencv"), "{error}");
    }
}

#[test]
fn a_manifest_in_a_directory_of_another_name_is_refused() {
    let (root, library) = with_pack("own");
    fs::rename(root.path().join("packs/own"), root.path().join("packs/other")).unwrap();
    let error = library.open("other").unwrap_err();
    assert!(matches!(&error, PackError::Misplaced { found, .. } if found == "own"), "{error:?}");
}

#[test]
fn unfinished_installations_are_not_listed() {
    let (root, library) = with_pack("own");
    let packs = root.path().join("packs");
    fs::rename(packs.join("own"), packs.join(".new-own")).unwrap();
    assert!(library.list().unwrap().iter().all(|entry| !entry.installed));
}
