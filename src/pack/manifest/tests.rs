//! Goal: what one version writes it reads back, and a manifest that could mislead is refused by
//! the name of the field. Method: one valid text, and the same text with one thing changed.

use super::*;

const VALID: &str = r#"
schema = 1
id = "my-pack"
version = "2024.1"
name = "SCRFD and ArcFace"
normalisation = "l2"
similarity = [[0.05, 0.27], [0.3, 0.65]]
licence = "ask the authors"

[detector]
kind = "scrfd"
file = "scrfd.onnx"

[embedder]
kind = "arcface"
file = "models/arcface.onnx"
dimensions = 512

[[files]]
path = "scrfd.onnx"
bytes = 1
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

[[files]]
path = "models/arcface.onnx"
bytes = 2
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"#;

/// The error for the valid manifest with `from` replaced by `to`.
#[track_caller]
fn refused(from: &str, to: &str) -> ManifestError {
    assert!(VALID.contains(from), "{from}");
    PackManifest::parse(&VALID.replacen(from, to, 1)).unwrap_err()
}

#[test]
fn a_manifest_written_is_read_back_as_it_was() {
    let manifest = PackManifest::parse(VALID).unwrap();
    assert_eq!(manifest.model(), "my-pack@2024.1");
    assert_eq!(manifest.detector.kind, DetectorKind::Scrfd);
    assert_eq!(manifest.embedder.kind, EmbedderKind::ArcFace);
    let text = toml::to_string_pretty(&manifest).unwrap();
    assert!(text.contains("0.27") && !text.contains("0.27000"), "{text}");
    assert_eq!(PackManifest::parse(&text).unwrap(), manifest);
}

#[test]
fn measured_error_rates_are_read_written_and_checked() {
    let rates = "[calibration]\nleast = 1e-5\npoints = [[0.3, 0.02], [0.4, 0.001]]\n\n[detector]";
    let text = VALID.replacen("[detector]", rates, 1);
    let manifest = PackManifest::parse(&text).unwrap();
    let calibration = manifest.calibration().unwrap().unwrap();
    assert_eq!(calibration.range(), (1e-5, 0.02));
    let written = toml::to_string_pretty(&manifest).unwrap();
    assert!(written.contains("0.3") && !written.contains("0.30000"), "{written}");
    assert_eq!(PackManifest::parse(&written).unwrap(), manifest);
    let text = text.replacen("[0.4, 0.001]", "[0.4, 0.03]", 1);
    assert!(matches!(PackManifest::parse(&text), Err(ManifestError::Calibration(_))));
    assert_eq!(PackManifest::parse(VALID).unwrap().calibration().unwrap(), None);
}

#[test]
fn the_threshold_of_packs_of_earlier_versions_is_read_and_has_no_effect() {
    let text = VALID.replacen("licence", "default_threshold = 0.65\nlicence", 1);
    assert_eq!(PackManifest::parse(&text).unwrap(), PackManifest::parse(VALID).unwrap());
}

#[test]
fn fields_with_impossible_values_are_named() {
    let cases = [
        ("id = \"my-pack\"", "id = \"../x\"", "id"),
        ("id = \"my-pack\"", "id = \".new-x\"", "id"),
        ("id = \"my-pack\"", "id = \"\"", "id"),
        ("version = \"2024.1\"", "version = \"a b\"", "version"),
        ("dimensions = 512", "dimensions = 0", "embedder.dimensions"),
        ("dimensions = 512", "dimensions = 4097", "embedder.dimensions"),
        ("sha256 = \"ba", "sha256 = \"BA", "files[0].sha256"),
    ];
    for (from, to, expected) in cases {
        let error = refused(from, to);
        assert!(
            matches!(&error, ManifestError::Field { field, .. } if field == expected),
            "{to}: {error:?}"
        );
    }
}

#[test]
fn files_outside_the_pack_are_refused() {
    let outside = ["../scrfd.onnx", "/scrfd.onnx", "a/../../b", "./b", "", "a\\\\..\\\\b", "c:b"];
    for path in outside {
        let error = refused("path = \"scrfd.onnx\"", &format!("path = \"{path}\""));
        assert!(
            matches!(&error, ManifestError::Field { field, .. } if field == "files[0].path"),
            "{path}: {error:?}"
        );
    }
}

#[test]
fn models_must_be_among_the_files() {
    let error = refused("file = \"scrfd.onnx\"", "file = \"../other.onnx\"");
    assert_eq!(error.to_string(), "detector.file = \"../other.onnx\" is not listed in files");
    let error = refused("file = \"models/arcface.onnx\"", "file = \"arcface.onnx\"");
    assert!(matches!(error, ManifestError::Unlisted { field: "embedder.file", .. }), "{error:?}");
}

#[test]
fn anchors_that_do_not_ascend_are_refused() {
    let error = refused("[0.3, 0.65]", "[0.01, 0.65]");
    assert!(matches!(error, ManifestError::Similarity(_)), "{error:?}");
}

#[test]
fn a_later_schema_is_refused_before_its_fields_are() {
    let error = refused("schema = 1", "schema = 2\nfuture = true");
    assert!(matches!(error, ManifestError::Schema(2)), "{error:?}");
}

#[test]
fn misspelt_fields_and_unknown_kinds_are_refused() {
    for (from, to, named) in [
        ("licence =", "license =", "license"),
        ("kind = \"scrfd\"", "kind = \"mtcnn\"", "mtcnn"),
        ("normalisation = \"l2\"", "normalisation = \"none\"", "none"),
    ] {
        let error = refused(from, to);
        let ManifestError::Form(cause) = &error else { panic!("{error:?}") };
        assert!(cause.to_string().contains(named), "{cause}");
    }
}
